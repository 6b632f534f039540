"""Metrics, a line of log for each request, and counts of what arrived in the last minutes. None of them has the name of a person.

The processes of one server share a folder: each writes its part into files there, and any of them answers for all. Metrics use the
library's own files (``PROMETHEUS_MULTIPROC_DIR``), arrivals one file for each process.
"""

from __future__ import annotations

import json
import os
import threading
import time
from collections import Counter, deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from math import inf
from pathlib import Path
from typing import Any

from prometheus_client import CollectorRegistry, Gauge, Histogram, generate_latest
from prometheus_client import Counter as Total
from prometheus_client.multiprocess import MultiProcessCollector
from starlette.types import ASGIApp, Message, Receive, Scope, Send

__all__ = ["OTHERS", "Arrivals", "Observer"]

_BUCKETS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30)
#: Seconds of a slice of time in which arrivals are counted, and slices that are kept.
_SLICE_S, _SLICES = 5, 180
_ARRIVALS, _TELL_S = "arrivals-", 1.0
#: Characters of a name; different arrivals of a programme in a slice, of all programmes in a slice, and in an answer: at most.
_MOST_NAME, _MOST_NAMES, _MOST_ALL, _MOST_TOLD = 200, 100, 500, 200
#: The name and source of arrivals beyond these bounds.
OTHERS = "…"
#: Programme, kind, name and source.
Taken = tuple[str, str, str, str]


class Arrivals:
    """Counts what was stored in the last quarter of an hour, by programme, kind, name and source.

    Clients choose names, so that names are cut, and those beyond a number are counted together.

    Args:
        clock: gives seconds, the same in all processes.
        shared: a folder through which the processes of a server exchange their counts, at most a second late.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic, shared: Path | None = None) -> None:
        self._clock, self._lock = clock, threading.Lock()
        self._slices: deque[tuple[int, Counter[Taken]]] = deque(maxlen=_SLICES)
        self._kinds: Counter[str] = Counter()
        self._shared, self._changed = shared, threading.Event()
        if shared is not None:
            self._own = shared / f"{_ARRIVALS}{os.getpid()}.json"
            threading.Thread(target=self._tell, name="arrivals", daemon=True).start()

    def add(self, programme_id: str, kind: str, source: str, names: Counter[str]) -> None:
        """Count ``names`` (verbs, event types) of one kind from one source."""
        now = int(self._clock() // _SLICE_S)
        source = source[:_MOST_NAME]
        with self._lock:
            if not self._slices or self._slices[-1][0] != now:
                self._slices.append((now, Counter()))
                self._kinds = Counter()
            counts = self._slices[-1][1]
            for name, count in names.items():
                one = (programme_id, kind, name[:_MOST_NAME], source)
                if one not in counts:
                    if self._kinds[programme_id] >= _MOST_NAMES or len(counts) >= _MOST_ALL:
                        one = (programme_id, kind, OTHERS, OTHERS)
                    self._kinds[programme_id] += one not in counts
                counts[one] += count
        self._changed.set()

    def since(self, programme_id: str, seconds: float) -> list[tuple[str, str, str, int]]:
        """The kinds, names, sources and counts of a programme's arrivals, the largest count first; beyond a number together."""
        first = (self._clock() - seconds) // _SLICE_S
        found: Counter[tuple[str, str, str]] = Counter()
        for at, (programme, *rest), count in (*self._counted(), *self._others()):
            if at > first and programme == programme_id:
                found[tuple(rest)] += count  # type: ignore[index]
        ordered = found.most_common()
        others: Counter[str] = Counter()
        for (kind, _, _), count in ordered[_MOST_TOLD:]:
            others[kind] += count
        told = [(*place, count) for place, count in ordered[:_MOST_TOLD]]
        return [*told, *((kind, OTHERS, OTHERS, count) for kind, count in others.items())]

    def _counted(self) -> list[tuple[int, Taken, int]]:
        with self._lock:
            return [(at, taken, count) for at, counts in self._slices for taken, count in counts.items()]

    def _others(self) -> Iterator[tuple[int, Taken, int]]:
        for file in self._shared.glob(f"{_ARRIVALS}*.json") if self._shared is not None else ():
            if file != self._own:
                yield from json.loads(file.read_bytes())

    def _tell(self) -> None:
        while True:
            self._changed.wait()
            self._changed.clear()
            draft = self._own.with_suffix(".draft")
            draft.write_text(json.dumps(self._counted()), encoding="utf-8")
            draft.replace(self._own)
            time.sleep(_TELL_S)


@dataclass(slots=True)
class _Gauge:
    """A metric that is read from something, and when it is read next at the end of a request (of the clock ``perf_counter``)."""

    gauge: Gauge
    value: Callable[[], float]
    every_s: float
    next_s: float = -inf


class Observer:
    """Counts and logs the requests of an application.

    Args:
        resource_of: turns a path into one of a few names; metrics and lines have that name, and no parameter, which may name people.
        log: takes a line for each request.
        shared: the folder that the processes of a server share, which PROMETHEUS_MULTIPROC_DIR names, too.
    """

    def __init__(
        self,
        resource_of: Callable[[str], str],
        log: Callable[[dict[str, Any]], None] | None = None,
        shared: Path | None = None,
    ) -> None:
        self._resource_of, self._log, self._shared = resource_of, log, shared
        self.arrivals = Arrivals(shared=shared)
        self._gauges: list[_Gauge] = []
        self.registry = CollectorRegistry()
        self._requests = Total(
            "xueqing_requests", "Requests answered.", ["method", "resource", "status"], registry=self.registry
        )
        self._seconds = Histogram(
            "xueqing_request_seconds", "From a request's headers to its answer's end.", ["resource"], buckets=_BUCKETS,
            registry=self.registry,
        )  # fmt: skip
        self._taken = Total(
            "xueqing_taken",
            "Statements and events, by what became of them.",
            ["kind", "status"],
            registry=self.registry,
        )

    def gauge(
        self, name: str, what: str, value: Callable[[], float], *, every_s: float = 0.0, mode: str = "livesum"
    ) -> None:
        """Add a metric whose value is read when the metrics are; of another process, it is that at the end of its last request.

        Args:
            every_s: a value that is costly to read; at the end of requests it is read at most once in so many seconds.
            mode: how the values of several processes become that of the server, as prometheus_client names it.
        """
        gauge = Gauge(f"xueqing_{name}", what, registry=self.registry, multiprocess_mode=mode)  # type: ignore[arg-type]
        self._gauges.append(_Gauge(gauge, value, every_s))

    def _gauge_all(self, now_s: float, *, must: bool = False) -> None:
        for one in self._gauges:
            if must or now_s >= one.next_s:
                one.next_s = now_s + one.every_s
                one.gauge.set(one.value())

    def took(self, kind: str, status: str, count: int) -> None:
        """Count statements or events by their verdict."""
        self._taken.labels(kind, status).inc(count)

    def metrics(self) -> bytes:
        """The metrics of all processes of the server, as Prometheus reads them."""
        self._gauge_all(time.perf_counter(), must=True)
        if self._shared is None:
            return generate_latest(self.registry)
        whole = CollectorRegistry()
        MultiProcessCollector(whole, str(self._shared))  # type: ignore[no-untyped-call]
        return generate_latest(whole)

    def around(self, app: ASGIApp) -> ASGIApp:
        """The application with each request counted and logged."""

        async def observed(scope: Scope, receive: Receive, send: Send) -> None:
            if scope["type"] != "http":
                await app(scope, receive, send)
                return
            began, status, sent = time.perf_counter(), 500, 0

            async def told(message: Message) -> None:
                nonlocal status, sent
                if message["type"] == "http.response.start":
                    status = message["status"]
                elif message["type"] == "http.response.body":
                    sent += len(message.get("body", b""))
                await send(message)

            try:
                await app(scope, receive, told)
            finally:
                ended = time.perf_counter()
                took = ended - began
                resource = self._resource_of(scope["path"])
                self._requests.labels(scope["method"], resource, str(status)).inc()
                self._seconds.labels(resource).observe(took)
                if self._shared is not None:
                    self._gauge_all(ended)
                if self._log is not None:
                    self._log(
                        {
                            "at": datetime.now(UTC).isoformat(timespec="milliseconds"), "method": scope["method"],
                            "resource": resource, "status": status, "ms": round(took * 1000, 2), "bytes": sent,
                            "key": scope.get("key_id"),
                        }
                    )  # fmt: skip

        return observed
