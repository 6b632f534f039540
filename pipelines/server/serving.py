"""Serves until it is told to stop, in one process or in several."""

from __future__ import annotations

from collections.abc import Callable

from pipelines.console import until_interrupted
from pipelines.private import check_writable
from pipelines.server.app import opened_app
from pipelines.server.listening import Listening, bound, check_certificate
from pipelines.server.process import allow_connections, calm_collector, make_server
from pipelines.server.supervisor import supervise
from pipelines.workspace import Workspace

__all__ = ["serve"]


def serve(workspace: Workspace, listening: Listening, begun: Callable[[], None]) -> None:
    """Serve until told to stop; every accepted record is written by then.

    Args:
        begun: called when requests are answered.

    Raises:
        BadConfiguration: another server listens there, the certificate or its key cannot be used, the home cannot be written, or processes end
            as soon as they are started.
    """
    check_writable(workspace.settings.home)
    check_certificate(listening.tls)
    allow_connections()
    with bound(listening, shared=False) as own:
        if listening.processes > 1:
            # Each process opens its own socket.
            own.close()
            # Opened once here, so that an error is reported once and the index is caught up.
            with opened_app(workspace, listening):
                pass
            supervise(workspace.settings, listening, begun)
            return
        with opened_app(workspace, listening) as app:
            calm_collector()
            server = make_server(app, listening, begun)

            def stop() -> None:
                server.should_exit = True

            with until_interrupted(stop):
                server.run(sockets=[own])
