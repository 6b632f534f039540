"""The command that runs everything."""

from __future__ import annotations

from typing import Annotated

import typer

from pipelines.commands.options import Language
from pipelines.console import errors
from pipelines.settings import Settings, default_language
from pipelines.together import Part, run_together
from pipelines.workspace import Workspace

__all__ = ["register"]

_DEMO = "tianshui-2017"


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("run")(run)


def run(
    host: Annotated[str, typer.Option(help="Address that the server listens at.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=1, max=65535, help="Its port.")] = 8080,
    processes: Annotated[int, typer.Option(min=1, max=64, help="Its processes.")] = 1,
    behind_proxy: Annotated[
        bool,
        typer.Option(
            "--behind-proxy", help="A proxy before the server speaks TLS: listen beyond this machine without."
        ),
    ] = False,
    demo: Annotated[bool, typer.Option("--demo", help="Let the simulated 2017 programme unfold meanwhile.")] = False,
    day: Annotated[float, typer.Option(min=0.0, help="With --demo: seconds that a day of the programme takes.")] = 5.0,
    language: Language = None,
) -> None:
    """Run everything that a small office needs, until Ctrl-C: server, sink, builds, bulletins by the packs' calendars, and the site.

    What the server takes at /xapi and /events is in the lake within seconds and in the published warehouse with the next
    build; bulletins are issued when their hour comes, and the site at /site/ shows the newest build. Each part is a
    process, is started again where it fails, and finishes what is under way when all is stopped. Dagster (`make dagster`)
    does the same with a page of its own; run one of the two.

    `xueqing run --demo` shows the simulated programme live: a day passes in some seconds, and its bulletins come out on the way.
    """
    settings = Settings.from_environment()
    workspace = Workspace(settings)
    # Made here where there is none: parts that begin at once would make them at once.
    workspace.vault(create=True).close()
    workspace.log.close()
    lang = language or default_language()
    serve = [
        "serve",
        "--host",
        host,
        "--port",
        str(port),
        "--processes",
        str(processes),
        *(["--behind-proxy"] if behind_proxy else []),
    ]
    issue = ["bulletin", "due", "--follow", "--lang", lang, *(["--unfolds"] if demo else [])]
    parts = [
        # Stopped in the other order: the server takes nothing more before the sink has its last look at the log.
        Part("builds", ["build", "--follow"]),
        Part("sink", ["sink", "--follow"]),
        Part("bulletins", issue),
        Part("server", serve),
    ]
    if demo:
        parts.append(Part("simulator", ["simulate", _DEMO, "--unfold", str(day)], may_end=True))
    errors.print(
        f"Everything is in {settings.home}; http://{host}:{port}/ shows what arrives, and /site/ what is issued.",
        soft_wrap=True,
    )
    run_together(parts)
    errors.print("Stopped; everything taken is in the log.")
