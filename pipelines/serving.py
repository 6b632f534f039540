"""The server: what it opens, and how it stops."""

from __future__ import annotations

import asyncio
import gc
import ipaddress
import json
import logging
import os
import queue
import resource
import signal
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass, field, replace
from logging.handlers import RotatingFileHandler
from multiprocessing import connection, get_context, parent_process
from multiprocessing.process import BaseProcess
from multiprocessing.synchronize import Event
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import uvicorn
from prometheus_client.multiprocess import mark_process_dead
from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response
from starlette.routing import Mount, Route
from starlette.staticfiles import StaticFiles
from starlette.types import ASGIApp
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from ingest.lrs.attachments import Attachments
from ingest.lrs.http import Access, Limits, Observer, make_app, resource_of
from ingest.lrs.keys import Keys
from ingest.lrs.tokens import Tokens
from pipelines.console import errors, until_interrupted
from pipelines.reports.live import render_live
from pipelines.settings import Settings
from pipelines.statements import opened_store
from pipelines.workspace import Workspace
from warehouse.errors import BadConfiguration

__all__ = ["Listening", "check_listening", "serve"]

#: Seconds for which a connection that says nothing is kept: a player's heartbeat comes every minute.
_KEEP_ALIVE_S = 120
#: Seconds that requests under way have to end when the server is told to stop.
_GRACE_S = 30
#: A request's line and headers: bytes, and seconds in which all of them are to come.
_HEAD_BYTES, _HEAD_S = 32_768, 20.0
_LOG_BYTES, _LOGS_KEPT = 50_000_000, 5
#: Lines of so many seconds are one write.
_LOG_S = 0.2
#: So many processes in a row that end before they have begun, and it is given up.
_FAILURES = 3


def check_listening(host: str, *, has_tls: bool, is_behind_proxy: bool) -> None:
    """Secrets are not sent in the clear over a network.

    Raises:
        BadConfiguration: others could listen.
    """
    try:
        is_loopback = host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        is_loopback = False
    if not (is_loopback or has_tls or is_behind_proxy):
        raise BadConfiguration(
            f"{host} can be reached from elsewhere, and keys would travel in the clear: give --tls-certificate and"
            " --tls-key, or --behind-proxy where a proxy before it speaks TLS"
        )


@dataclass(frozen=True, slots=True)
class Listening:
    """Where and how a server listens.

    Attributes:
        base_url: where clients find it.
        tls: the files of the certificate and of its private key, as uvicorn names them; none without TLS.
        processes: how many share the work.
    """

    host: str
    port: int
    base_url: str
    tls: dict[str, Path] = field(default_factory=dict)
    processes: int = 1


@contextmanager
def opened_app(
    workspace: Workspace, listening: Listening, number: int = 1, shared: Path | None = None
) -> Iterator[ASGIApp]:
    """The application, its index caught up with the log; what was taken is written before it closes.

    Args:
        number: of the process, from 1.
        shared: a folder of all processes of the server.
    """
    settings = workspace.settings
    with ExitStack() as stack:
        keys = stack.enter_context(closing(Keys(settings.keys)))
        tokens = (
            Tokens(settings.oidc_issuer, settings.oidc_audience, settings.oidc_claim) if settings.oidc_issuer else None
        )
        store = stack.enter_context(opened_store(workspace))
        # A file for each process: one that several write to cannot be begun anew.
        name = "access.ndjson" if number == 1 else f"access-{number}.ndjson"
        log = stack.enter_context(_access_log(settings.home / "logs" / name))
        observer = Observer(resource_of, log, shared)
        limits = Limits()
        yield make_app(
            store, Access(keys, tokens), Attachments(settings.attachments), base_url=listening.base_url, observer=observer,
            pages=_pages(settings.home / "site"), limits=replace(limits, held_bytes=limits.held_bytes // listening.processes),
        )  # fmt: skip


def _pages(site: Path) -> list[Route | Mount]:
    """The start page, and the reports where their public edition has been written."""
    is_public = site.is_dir() and bool(site.stat().st_mode & 0o077)

    async def start(request: Request) -> Response:
        asked = request.query_params.get("lang") or request.headers.get("accept-language", "")
        return HTMLResponse(render_live("zh" if asked.lower().startswith("zh") else "en", has_site=is_public))

    async def to_site(request: Request) -> Response:
        return RedirectResponse("/site/")

    pages: list[Route | Mount] = [Route("/", start)]
    if is_public:
        pages += [Route("/site", to_site), Mount("/site", StaticFiles(directory=site, html=True))]
    return pages


@contextmanager
def _access_log(path: Path) -> Iterator[Callable[[dict[str, Any]], None]]:
    """Takes a line of JSON for each request, for a file that is begun anew when it is large."""
    path.parent.mkdir(parents=True, exist_ok=True)
    handler = RotatingFileHandler(path, maxBytes=_LOG_BYTES, backupCount=_LOGS_KEPT, encoding="utf-8")
    log = logging.Logger("xueqing.access", logging.INFO)
    log.addHandler(handler)
    lines: queue.SimpleQueue[dict[str, Any] | None] = queue.SimpleQueue()

    def write() -> None:
        is_open = True
        while is_open:
            some = [lines.get()]
            time.sleep(_LOG_S)
            while not lines.empty():
                some.append(lines.get())
            is_open = None not in some
            text = "\n".join(json.dumps(line, ensure_ascii=False) for line in some if line is not None)
            if text:
                log.info(text)

    writer = threading.Thread(target=write, name="access-log", daemon=True)
    writer.start()
    try:
        yield lines.put
    finally:
        lines.put(None)
        writer.join()
        handler.close()


class _Protocol(HttpToolsProtocol):
    """Bounds a request's head, which uvicorn does not, in size and in time."""

    _head_bytes = 0
    _head_timer: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self._expect_head()

    def connection_lost(self, exc: Exception | None) -> None:
        self._stop_timer()
        super().connection_lost(exc)

    def _expect_head(self) -> None:
        self._head_bytes = 0
        self._stop_timer()
        self._head_timer = self.loop.call_later(_HEAD_S, self._look_again)

    def _look_again(self) -> None:
        # What has come while this server was busy is read first.
        self._head_timer = self.loop.call_later(0.5, self._refuse, "The request's headers came too slowly.")

    def _stop_timer(self) -> None:
        if self._head_timer is not None:
            self._head_timer.cancel()
            self._head_timer = None

    def _refuse(self, why: str) -> None:
        if not self.transport.is_closing():
            self.send_400_response(why)

    def data_received(self, data: bytes) -> None:
        if self._head_timer is not None:
            self._head_bytes += len(data)
        super().data_received(data)
        if self._head_timer is not None and self._head_bytes > _HEAD_BYTES:
            self._stop_timer()
            self._refuse("The request's headers are too large.")

    def on_message_begin(self) -> None:
        # Of a connection that is kept alive, the next request begins with its first byte.
        if self._head_timer is None:
            self._expect_head()
        super().on_message_begin()

    def on_headers_complete(self) -> None:
        self._stop_timer()
        super().on_headers_complete()


class _Server(uvicorn.Server):
    """Leaves signals to whoever runs it: uvicorn raises them again at its end, before the store is closed."""

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


def _allow_connections() -> None:
    """As many as the system lets this process have: each is an open file, and the usual number is of a shell."""
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))


def _calm_collector() -> None:
    """What was opened stays: the collector of cycles need not look at it again, nor at all that is under way, over and over.

    Refused or stored, a request leaves no cycle that holds what was sent.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(500_000, 20, 100)


def _server(app: ASGIApp, listening: Listening) -> _Server:
    return _Server(
        uvicorn.Config(
            app, host=listening.host, port=listening.port, http=_Protocol, log_config=None, access_log=False, server_header=False,
            lifespan="off", timeout_graceful_shutdown=_GRACE_S, timeout_keep_alive=_KEEP_ALIVE_S, backlog=4_096,
            **listening.tls,  # type: ignore[arg-type]
        )
    )  # fmt: skip


def serve(workspace: Workspace, listening: Listening) -> None:
    """Serve until told to stop; what was taken by then is written.

    Raises:
        BadConfiguration: another server listens there, or processes end as soon as they are started.
    """
    _allow_connections()
    if listening.processes > 1:
        # What can be wrong is told here, once; and the index is caught up.
        with opened_app(workspace, listening):
            pass
        _bound(listening, shared=False).close()
        _supervise(workspace.settings, listening)
        return
    with opened_app(workspace, listening) as app:
        _calm_collector()
        server = _server(app, listening)

        def stop() -> None:
            server.should_exit = True

        with until_interrupted(stop):
            server.run()


def _bound(listening: Listening, *, shared: bool) -> socket.socket:
    """A socket of one of several processes, among which the system shares out the connections; unshared, nobody may listen there yet."""
    family = socket.AF_INET6 if ":" in listening.host else socket.AF_INET
    found = socket.socket(family)
    found.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    if shared:
        found.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
    try:
        found.bind((listening.host, listening.port))
        if not shared:
            # A server of several processes that listens there is met only by listening, too.
            found.listen(1)
    except OSError as error:
        found.close()
        raise BadConfiguration(
            f"nothing can listen at {listening.host}:{listening.port} ({error.strerror}); give another --port"
        ) from None
    return found


def _supervise(settings: Settings, listening: Listening) -> None:
    """Run the processes until told to stop, and another where one ends by itself."""
    with TemporaryDirectory(prefix="xueqing-serve-") as folder:
        shared = Path(folder)
        # The library reads it when it is imported, which in each process is only now.
        os.environ["PROMETHEUS_MULTIPROC_DIR"] = folder
        context = get_context("spawn")

        def start(number: int) -> tuple[BaseProcess, Event]:
            has_begun = context.Event()
            process = context.Process(target=_work, args=(settings, listening, number, shared, has_begun), daemon=True)
            process.start()
            return process, has_begun

        running = {number: start(number) for number in range(1, listening.processes + 1)}
        is_stopping, failures = threading.Event(), 0

        with until_interrupted(is_stopping.set):
            while running:
                connection.wait([process.sentinel for process, _ in running.values()], timeout=0.5)
                if is_stopping.is_set():
                    for process, _ in running.values():
                        process.terminate()
                for number, (process, has_begun) in list(running.items()):
                    if process.is_alive():
                        continue
                    mark_process_dead(process.pid, folder)  # type: ignore[no-untyped-call]
                    del running[number]
                    if not is_stopping.is_set():
                        failures = 0 if has_begun.is_set() else failures + 1
                        errors.print(
                            f"[yellow]Process {number} ended ({process.exitcode}); another is started.[/yellow]"
                        )
                        running[number] = start(number)
                        if failures >= _FAILURES:
                            is_stopping.set()
        if failures >= _FAILURES:
            raise BadConfiguration("its processes end as soon as they are started; --processes 1 tells why")


def _work(settings: Settings, listening: Listening, number: int, shared: Path, has_begun: Event) -> None:
    """One of several processes, until it is told to stop or the one that started it is no more."""
    # Ctrl-C reaches all of them; the one that started this one tells it to stop.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    with opened_app(Workspace(settings), listening, number, shared) as app, _bound(listening, shared=True) as own:
        _calm_collector()
        server = _server(app, listening)

        def stop(*_: object) -> None:
            server.should_exit = True

        signal.signal(signal.SIGTERM, stop)
        threading.Thread(target=_wait_for_parent, args=(stop,), daemon=True).start()
        has_begun.set()
        server.run(sockets=[own])


def _wait_for_parent(then: Callable[[], None]) -> None:
    parent = parent_process()
    assert parent is not None
    parent.join()
    then()
