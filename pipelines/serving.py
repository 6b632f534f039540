"""The server: what it opens, and how it stops."""

from __future__ import annotations

import asyncio
import ipaddress
import json
import logging
import resource
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager
from logging.handlers import RotatingFileHandler
from pathlib import Path
from typing import Any

import uvicorn
from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response
from starlette.routing import Mount, Route
from starlette.staticfiles import StaticFiles
from starlette.types import ASGIApp
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from ingest.lrs.attachments import Attachments
from ingest.lrs.http import Access, Observer, make_app, resource_of
from ingest.lrs.keys import Keys
from ingest.lrs.tokens import Tokens
from pipelines.console import until_interrupted
from pipelines.reports.live import render_live
from pipelines.statements import opened_store
from pipelines.workspace import Workspace
from warehouse.errors import BadConfiguration

__all__ = ["check_listening", "opened_app", "serve"]

#: Seconds for which a connection that says nothing is kept: a player's heartbeat comes every minute.
_KEEP_ALIVE_S = 120
#: Seconds that requests under way have to end when the server is told to stop.
_GRACE_S = 30
#: A request's line and headers: bytes, and seconds in which all of them are to come.
_HEAD_BYTES, _HEAD_S = 32_768, 20.0
_LOG_BYTES, _LOGS_KEPT = 50_000_000, 5


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
def opened_app(workspace: Workspace, base_url: str) -> Iterator[ASGIApp]:
    """The application, its index caught up with the log; what was taken is written before it closes."""
    settings = workspace.settings
    with ExitStack() as stack:
        keys = stack.enter_context(closing(Keys(settings.keys)))
        tokens = (
            Tokens(settings.oidc_issuer, settings.oidc_audience, settings.oidc_claim) if settings.oidc_issuer else None
        )
        store = stack.enter_context(opened_store(workspace))
        log = stack.enter_context(_access_log(settings.home / "logs" / "access.ndjson"))
        observer = Observer(resource_of, lambda line: log.info(json.dumps(line, ensure_ascii=False)))
        site = settings.home / "site"
        yield make_app(
            store, Access(keys, tokens), Attachments(settings.attachments), base_url=base_url, observer=observer,
            pages=_pages(site),
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
def _access_log(path: Path) -> Iterator[logging.Logger]:
    """A line of JSON for each request, in a file that is begun anew when it is large."""
    path.parent.mkdir(parents=True, exist_ok=True)
    handler = RotatingFileHandler(path, maxBytes=_LOG_BYTES, backupCount=_LOGS_KEPT, encoding="utf-8")
    log = logging.Logger("xueqing.access", logging.INFO)
    log.addHandler(handler)
    try:
        yield log
    finally:
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
        self._head_timer = self.loop.call_later(_HEAD_S, self._refuse, "The request's headers came too slowly.")

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


def serve(
    workspace: Workspace, host: str, port: int, base_url: str, certificate: Path | None, private_key: Path | None
) -> None:
    """Serve until told to stop; what was taken by then is written."""
    _allow_connections()
    with opened_app(workspace, base_url) as app:
        options: dict[str, Any] = {"ssl_certfile": certificate, "ssl_keyfile": private_key} if certificate else {}
        config = uvicorn.Config(
            app, host=host, port=port, http=_Protocol, log_config=None, access_log=False, server_header=False, lifespan="off",
            timeout_graceful_shutdown=_GRACE_S, timeout_keep_alive=_KEEP_ALIVE_S, backlog=4_096, **options,
        )  # fmt: skip
        server = _Server(config)

        def stop() -> None:
            server.should_exit = True

        with until_interrupted(stop):
            server.run()
