"""The command that serves xAPI and takes events."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from pipelines.commands.identity import warn_of_key
from pipelines.console import errors, output
from pipelines.settings import Settings
from pipelines.workspace import Workspace

__all__ = ["register"]


def register(app: typer.Typer) -> None:
    """Add the commands."""
    app.command("serve")(serve)


def serve(
    host: Annotated[str, typer.Option(help="Address to listen at.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=1, max=65535, help="Port to listen at.")] = 8080,
    url: Annotated[
        str | None,
        typer.Option(help="Where clients find the server, such as https://lrs.example.org; it names who stored a statement."),
    ] = None,
    tls_certificate: Annotated[Path | None, typer.Option(help="The certificate and its chain, PEM.")] = None,
    tls_key: Annotated[Path | None, typer.Option(help="Its private key, PEM.")] = None,
    behind_proxy: Annotated[
        bool, typer.Option("--behind-proxy", help="A proxy before it speaks TLS: listen beyond this machine without.")
    ] = False,
    processes: Annotated[
        int, typer.Option(min=1, max=64, help="Processes that share the work: one for each core that it may have.")
    ] = 1,
    rebuild: Annotated[
        bool, typer.Option("--rebuild", help="Make the index of store again from the log, and end.")
    ] = False,
) -> None:  # fmt: skip
    """Serve xAPI 1.0.3 and 2.0.0 at /xapi, and take our own events at /events, until Ctrl-C. What is taken is in the log first.

    Make a key first: `xueqing keys create -p PROGRAMME --scope all`. The start page shows live what arrives; /site/ has the
    reports where `xueqing site` has written them; /health, /ready, /metrics and /openapi.json are for operators. The index of
    store is a projection of the log: it catches up at the start, and `--rebuild` makes it anew. docs/xapi.md has it all.
    """
    # A server's libraries take longer to import than most commands to run.
    from pipelines import server
    from pipelines.collect import store

    workspace = Workspace(Settings.from_environment())
    if rebuild:
        output.print(f"{store.rebuild_index(workspace):,} records of the log read; the index is made again")
        return
    named = {"ssl_certfile": tls_certificate, "ssl_keyfile": tls_key}
    tls = {name: path for name, path in named.items() if path is not None}
    server.check_listening(host, has_tls=bool(tls), is_behind_proxy=behind_proxy)
    address = url or f"{'https' if tls else 'http'}://{f'[{host}]' if ':' in host else host}:{port}"

    def begun() -> None:
        errors.print(
            f"Serving at {address}/ (xAPI at {address}/xapi, events at {address}/events) until Ctrl-C.",
            soft_wrap=True, markup=False,
        )  # fmt: skip

    warn_of_key(workspace)
    server.serve(workspace, server.Listening(host, port, address, tls, processes, behind_proxy), begun)
    errors.print("Stopped; everything taken is in the log.")
