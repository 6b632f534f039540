"""The server: what it opens, and how it stops."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path

import uvicorn
from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from ingest.lrs.attachments import Attachments
from ingest.lrs.http import make_app
from ingest.lrs.index_sqlite import SqliteIndex
from ingest.lrs.keys import Keys
from ingest.lrs.people import People
from ingest.lrs.store import Store, catch_up, records_behind
from pipelines.console import progress, until_interrupted
from pipelines.workspace import Workspace
from warehouse.errors import BadConfiguration, XueqingError

__all__ = ["check_listening", "opened_app", "rebuild_index", "serve"]

#: Seconds that requests under way have to end when the server is told to stop.
_GRACE_S = 30


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


@contextmanager
def opened_app(workspace: Workspace, base_url: str) -> Iterator[Starlette]:
    """The application, its index caught up with the log; what was taken is written before it closes."""
    settings = workspace.settings
    with ExitStack() as stack:
        vault = stack.enter_context(closing(workspace.vault(create=True)))
        index = stack.enter_context(closing(SqliteIndex(settings.statement_index)))
        keys = stack.enter_context(closing(Keys(settings.keys)))
        log = stack.enter_context(workspace.log)
        index.bind(log.log_id)
        _catch_up(workspace, index)
        store = stack.enter_context(closing(Store(log, index, People(vault))))
        app = make_app(store, keys, Attachments(settings.attachments), base_url=base_url)

        async def health(request: Request) -> Response:
            return JSONResponse({"status": "ok"})

        async def ready(request: Request) -> Response:
            try:
                behind = await run_in_threadpool(store.behind)
            except XueqingError as error:
                return JSONResponse({"status": "the log cannot be reached", "why": str(error)}, 503)
            return JSONResponse({"status": "ready", "records_behind": behind})

        app.router.routes += [Route("/health", health), Route("/ready", ready)]
        yield app


class _Server(uvicorn.Server):
    """Leaves signals to whoever runs it: uvicorn raises them again at its end, before the store is closed."""

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


def serve(
    workspace: Workspace, host: str, port: int, base_url: str, certificate: Path | None, private_key: Path | None
) -> None:
    """Serve until told to stop; what was taken by then is written."""
    with opened_app(workspace, base_url) as app:
        config = uvicorn.Config(
            app, host=host, port=port, log_config=None, access_log=False, server_header=False, lifespan="off",
            timeout_graceful_shutdown=_GRACE_S, ssl_certfile=certificate, ssl_keyfile=private_key,
        )  # fmt: skip
        server = _Server(config)

        def stop() -> None:
            server.should_exit = True

        with until_interrupted(stop):
            server.run()


def rebuild_index(workspace: Workspace) -> int:
    """Make the index of statements and documents again from the log; returns how many records were read."""
    with closing(SqliteIndex(workspace.settings.statement_index)) as index:
        index.bind(workspace.log.log_id)
        index.clear()
        return _catch_up(workspace, index)


def _catch_up(workspace: Workspace, index: SqliteIndex) -> int:
    behind = records_behind(workspace.log, index)
    if not behind:
        return 0
    with progress() as bar:
        task = bar.add_task("Index of statements", total=behind)
        return catch_up(workspace.log, index, lambda records: bar.advance(task, records))
