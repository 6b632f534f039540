"""What commands share when they speak to a person."""

from __future__ import annotations

import signal
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from types import FrameType
from typing import Any

from rich.console import Console, ConsoleOptions, RenderableType
from rich.errors import MarkupError
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.segment import Segment
from rich.table import Table
from rich.text import Text

__all__ = ["errors", "output", "plain", "progress", "until_interrupted"]

#: What steers a terminal, and what turns the direction of the text after it.
_STEERING = (
    {n: 0x2400 + n for n in range(32) if n not in (9, 10)} | {0x7F: 0x2421} | dict.fromkeys(range(0x80, 0xA0), 0xFFFD)
    | dict.fromkeys([0x061C, 0x200E, 0x200F, *range(0x202A, 0x202F), *range(0x2066, 0x206A)], 0xFFFD)
)  # fmt: skip


def plain(text: str) -> str:
    """Text that tells a terminal nothing to do: control characters, but for a tab and the end of a line, become a sign."""
    return text.translate(_STEERING)


class _Console(Console):
    """Prints what data may hold as text: nothing in it steers the terminal, or is an error where it looks like markup."""

    def render(self, renderable: RenderableType, options: ConsoleOptions | None = None) -> Iterable[Segment]:
        if isinstance(renderable, Table):
            # Cells hold data: `[red]` in a label is part of that label. A cell with a style is a Text.
            options = (options or self.options).update(markup=False)
        for one in super().render(renderable, options):
            yield one if one.control else Segment(plain(one.text), one.style)

    def render_str(self, text: str, **more: Any) -> Text:
        try:
            return super().render_str(text, **more)
        except MarkupError:
            return super().render_str(text, **{**more, "markup": False})

    def on_broken_pipe(self) -> None:
        if not self.stderr:
            super().on_broken_pipe()
        # Work goes on where nobody reads how it goes; the library would end the process and drop its results, too.
        self.quiet = True


#: Results go to standard output, everything else to standard error.
output = _Console(highlight=False, soft_wrap=False)
errors = _Console(stderr=True, highlight=False)


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


@contextmanager
def until_interrupted(stop: Callable[[], None]) -> Iterator[None]:
    """Call ``stop`` on SIGINT or SIGTERM; a second one ends at once, as ever."""

    def handle(number: int, frame: FrameType | None) -> None:
        stop()
        signal.signal(number, signal.SIG_DFL if number == signal.SIGTERM else signal.default_int_handler)
        # The signal may have come in the middle of another line: that may not raise where it came, for that is anywhere.
        with suppress(OSError, RuntimeError):
            errors.print("[yellow]Stopping: what is under way is finished first. Again to stop at once.[/yellow]")

    before = {n: signal.signal(n, handle) for n in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
