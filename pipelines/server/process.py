"""One process of the server: what uvicorn is told, and what the process allows itself."""

from __future__ import annotations

import gc
import logging
import resource
import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import uvicorn
from starlette.types import ASGIApp

from pipelines.server.listening import BACKLOG, Listening
from pipelines.server.protocol import BoundedProtocol

__all__ = ["Server", "allow_connections", "calm_collector", "make_server"]

#: Seconds for which an idle connection is kept: a player's heartbeat comes every minute.
_KEEP_ALIVE_S = 120
#: Seconds that open requests have to end when the server is told to stop.
_GRACE_S = 30


class Server(uvicorn.Server):
    """Leaves signals to whoever runs it: uvicorn raises them again at its end, before the store is closed."""

    def __init__(self, config: uvicorn.Config, begun: Callable[[], None]) -> None:
        super().__init__(config)
        self._begun = begun

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        if self.started:
            self._begun()


def allow_connections() -> None:
    """Raise the limit of open files to the most that the system allows: each connection is one, and the usual limit is meant for a shell."""
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))


def calm_collector() -> None:
    """Keep the garbage collector from scanning what was opened at the start, and make it run rarely.

    A request, refused or stored, leaves no cycle that holds its body.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(500_000, 20, 100)


def make_server(app: ASGIApp, listening: Listening, begun: Callable[[], None]) -> Server:
    """The server of ``app``, to be run on a socket; ``begun`` is called when requests are answered."""
    # uvicorn would write a line for each malformed request.
    logging.getLogger("uvicorn.error").setLevel(logging.ERROR)
    config = uvicorn.Config(
        app, http=BoundedProtocol, log_config=None, access_log=False, server_header=False, lifespan="off", backlog=BACKLOG,
        timeout_graceful_shutdown=_GRACE_S, timeout_keep_alive=_KEEP_ALIVE_S,
        # Only a proxy is believed when a request names the address of its client.
        proxy_headers=listening.is_behind_proxy,
        **listening.tls,  # type: ignore[arg-type]
    )  # fmt: skip
    return Server(config, begun)
