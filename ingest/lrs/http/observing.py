"""What a server tells of itself: metrics, a line for each request, and what arrived in the last minutes. Nobody's name is in any.

Where several processes are one server, each keeps its part in files of a folder that they share, and any of them tells the whole: the
metrics by the library's own means (``PROMETHEUS_MULTIPROC_DIR``), the arrivals by a file for each process.
"""

from __future__ import annotations

import json
import os
import threading
import time
from collections import Counter, deque
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from prometheus_client import CollectorRegistry, Gauge, Histogram, generate_latest
from prometheus_client import Counter as Total
from prometheus_client.multiprocess import MultiProcessCollector
from starlette.types import ASGIApp, Message, Receive, Scope, Send

__all__ = ["Arrivals", "Observer"]

_BUCKETS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30)
#: Seconds of a slice of arrivals, and how many slices are kept.
_SLICE_S, _SLICES = 5, 180
_ARRIVALS, _TELL_S = "arrivals-", 1.0
#: Programme, kind, name and source.
Taken = tuple[str, str, str, str]


class Arrivals:
    """Counts of what was taken, by (programme, kind, name, source), over the last quarter of an hour.

    Args:
        clock: seconds, the same for all processes.
        shared: a folder in which the processes of one server tell each other theirs, at most a second late.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic, shared: Path | None = None) -> None:
        self._clock, self._lock = clock, threading.Lock()
        self._slices: deque[tuple[int, Counter[Taken]]] = deque(maxlen=_SLICES)
        self._shared, self._changed = shared, threading.Event()
        if shared is not None:
            self._own = shared / f"{_ARRIVALS}{os.getpid()}.json"
            threading.Thread(target=self._tell, name="arrivals", daemon=True).start()

    def add(self, programme_id: str, kind: str, source: str, names: Counter[str]) -> None:
        """Count ``names`` (verbs, event types) of one kind from one source."""
        now = int(self._clock() // _SLICE_S)
        with self._lock:
            if not self._slices or self._slices[-1][0] != now:
                self._slices.append((now, Counter()))
            for name, count in names.items():
                self._slices[-1][1][programme_id, kind, name, source] += count
        self._changed.set()

    def since(self, programme_id: str, seconds: float) -> list[tuple[str, str, str, int]]:
        """(kind, name, source, how many) of a programme, the most first."""
        first = (self._clock() - seconds) // _SLICE_S
        found: Counter[tuple[str, str, str]] = Counter()
        for at, (programme, *rest), count in (*self._counted(), *self._others()):
            if at > first and programme == programme_id:
                found[tuple(rest)] += count  # type: ignore[index]
        return [(*place, count) for place, count in found.most_common()]

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


class Observer:
    """Wraps the application.

    Args:
        resource_of: a path to a name of few; metrics and lines have that and no parameter, which may name people.
        log: takes a line for each request.
        shared: the folder of the processes that are one server, which PROMETHEUS_MULTIPROC_DIR names, too.
    """

    def __init__(
        self,
        resource_of: Callable[[str], str],
        log: Callable[[dict[str, Any]], None] | None = None,
        shared: Path | None = None,
    ) -> None:
        self._resource_of, self._log, self._shared = resource_of, log, shared
        self.arrivals = Arrivals(shared=shared)
        self._gauges: list[tuple[Gauge, Callable[[], float]]] = []
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

    def gauge(self, name: str, what: str, value: Callable[[], float]) -> None:
        """Tell a value as it is when it is asked for; of another process, as it was at the end of its last request."""
        gauge = Gauge(f"xueqing_{name}", what, registry=self.registry, multiprocess_mode="livesum")
        self._gauges.append((gauge, value))

    def _gauge_all(self) -> None:
        for gauge, value in self._gauges:
            gauge.set(value())

    def took(self, kind: str, status: str, count: int) -> None:
        """Count statements or events by what became of them."""
        self._taken.labels(kind, status).inc(count)

    def metrics(self) -> bytes:
        """All of them, of all processes of the server, as Prometheus reads them."""
        self._gauge_all()
        if self._shared is None:
            return generate_latest(self.registry)
        whole = CollectorRegistry()
        MultiProcessCollector(whole, str(self._shared))  # type: ignore[no-untyped-call]
        return generate_latest(whole)

    def around(self, app: ASGIApp) -> ASGIApp:
        """The application, observed."""

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
                took = time.perf_counter() - began
                resource = self._resource_of(scope["path"])
                self._requests.labels(scope["method"], resource, str(status)).inc()
                self._seconds.labels(resource).observe(took)
                if self._shared is not None:
                    self._gauge_all()
                if self._log is not None:
                    self._log(
                        {
                            "at": datetime.now(UTC).isoformat(timespec="milliseconds"), "method": scope["method"],
                            "resource": resource, "status": status, "ms": round(took * 1000, 2), "bytes": sent,
                            "key": scope.get("key_id"),
                        }
                    )  # fmt: skip

        return observed
