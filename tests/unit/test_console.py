"""How a command that runs until told to stop is told."""

from __future__ import annotations

import io
import os
import signal
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from rich.table import Table
from rich.text import Text

from pipelines.console import errors, output, until_interrupted


class _Gone(io.TextIOBase):
    """The end of a pipe that nobody reads any more, or a line that is just being written."""

    def __init__(self, error: Exception) -> None:
        self.error = error

    def write(self, text: str) -> int:
        raise self.error

    def flush(self) -> None:
        if self.error:
            raise self.error


@pytest.fixture
def restored() -> Iterator[None]:
    before = errors._file
    yield
    errors._file, errors.quiet = before, False


@pytest.mark.usefixtures("restored")
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
@pytest.mark.parametrize("error", [BrokenPipeError(), RuntimeError("reentrant call")])
def test_it_stops_even_where_nobody_can_be_told(number: signal.Signals, error: Exception) -> None:
    before = signal.getsignal(number)
    stopping = threading.Event()
    errors.file = _Gone(error)  # type: ignore[assignment]
    with until_interrupted(stopping.set):
        os.kill(os.getpid(), number)
        assert stopping.wait(10)
        # The second ends at once.
        assert signal.getsignal(number) in (signal.SIG_DFL, signal.default_int_handler)
    assert signal.getsignal(number) is before


@pytest.mark.usefixtures("restored")
def test_it_says_that_it_stops(tmp_path: Path) -> None:
    told = io.StringIO()
    errors.file = told
    with until_interrupted(lambda: None):
        os.kill(os.getpid(), signal.SIGTERM)
    assert "Stopping" in told.getvalue()


def test_a_cell_of_a_table_is_data() -> None:
    """``[red]`` or ``[/]`` in a label is part of that label, and a path such as ``[/home]`` is no error."""
    table = Table("Label [x]", "Count")
    for label in ("[red]Physics[/red]", "[/]", "[link=http://example.org]a[/link]", r"\[bold]"):
        table.add_row(label, Text("3", "bold"))
    with output.capture() as printed:
        output.print(table, width=100)
    for said in ("Label [x]", "[red]Physics[/red]", "[/]", "[link=http://example.org]a[/link]", r"\[bold]"):
        assert f" {said} " in printed.get()
