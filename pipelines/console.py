"""What commands share when they speak to a person."""

from __future__ import annotations

import locale
import os
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

__all__ = ["default_language", "errors", "output", "progress", "until_interrupted"]

#: Results go to standard output, everything else to standard error.
output = Console(highlight=False, soft_wrap=False)
errors = Console(stderr=True, highlight=False)


def progress() -> Progress:
    """A progress display on standard error; plain where that is no terminal."""
    return Progress(
        TextColumn("{task.description:<34}"),
        BarColumn(bar_width=30),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        console=errors,
        transient=False,
    )


def default_language() -> str:
    """``zh`` in a Chinese locale, else ``en``."""
    name = os.environ.get("LC_ALL") or os.environ.get("LANG") or locale.getlocale()[0] or ""
    return "zh" if name.lower().startswith("zh") else "en"


@contextmanager
def until_interrupted(stop: Callable[[], None]) -> Iterator[None]:
    """Call ``stop`` on SIGINT or SIGTERM; a second one ends at once, as ever."""

    def handle(number: int, frame: FrameType | None) -> None:
        errors.print("[yellow]Stopping: what is under way is finished first. Again to stop at once.[/yellow]")
        stop()
        signal.signal(number, signal.SIG_DFL if number == signal.SIGTERM else signal.default_int_handler)

    before = {n: signal.signal(n, handle) for n in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
