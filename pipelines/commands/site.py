"""The command of the site."""

from __future__ import annotations

import functools
import http.server
import webbrowser
from pathlib import Path
from typing import Annotated

import typer

from pipelines.commands.options import Language
from pipelines.console import errors, output
from pipelines.settings import Settings, default_language
from pipelines.steps.reports import write_pages_of_site
from pipelines.workspace import Workspace

__all__ = ["register"]


def register(app: typer.Typer) -> None:
    """Add the command to ``app``."""
    app.command()(site)


def site(
    language: Language = None,
    restricted: Annotated[
        bool,
        typer.Option("--restricted", help="Take the restricted editions in, which name learners. Do not publish it."),
    ] = False,
    open_: Annotated[bool, typer.Option("--open", help="Serve it to this machine's browser until Ctrl-C.")] = False,
    port: Annotated[
        int, typer.Option(min=0, max=65535, help="With --open: the port on 127.0.0.1; 0 takes a free one.")
    ] = 0,
) -> None:
    """Write all issued reports as a static site, with an index, a search and the status pages, and print its start page.

    Any web server can carry the folder; it needs no network of its own. Bulletins come into it when they are issued
    (`xueqing bulletin issue 1`).
    """
    workspace = Workspace(Settings.from_environment())
    start = write_pages_of_site(workspace, language or default_language(), restricted=restricted)
    output.print(str(start), soft_wrap=True)
    if open_:
        _serve(start, port)


def _serve(start: Path, port: int) -> None:
    handler = functools.partial(_Quiet, directory=str(start.parent))
    with http.server.ThreadingHTTPServer(("127.0.0.1", port), handler) as server:
        address = f"http://127.0.0.1:{server.server_port}/"
        errors.print(f"The site is at {address} until Ctrl-C.", soft_wrap=True)
        webbrowser.open(address)
        try:
            server.serve_forever()
        except KeyboardInterrupt:
            errors.print("Stopped.")


class _Quiet(http.server.SimpleHTTPRequestHandler):
    """Says nothing of each request."""

    def log_message(self, format: str, *args: object) -> None:
        pass
