"""Commands that run until they are told to stop, side by side as one: each a process, started again where it ends by itself."""

from __future__ import annotations

import os
import runpy
import signal
import sys
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from multiprocessing import get_context, parent_process
from multiprocessing.connection import Connection, Pipe, wait
from multiprocessing.process import BaseProcess

from rich.markup import escape

from pipelines.console import errors, until_interrupted
from warehouse.errors import Transient

__all__ = ["Part", "run_together", "when_parent_ends"]

#: Seconds after which a part that has ended by itself is started again, and that it must have run not to count as failed.
_AGAIN_S, _SOUND_S = 3.0, 30.0
#: Failures of one part in a row that end all.
_FAILURES = 5
#: Seconds that a part has to end when it is told to.
_GRACE_S = 60.0


@dataclass(frozen=True, slots=True)
class Part:
    """A command of xueqing.

    Attributes:
        name: stands before each line that it prints.
        may_end: it has an end, and is not started again after it.
    """

    name: str
    arguments: Sequence[str]
    may_end: bool = False


@dataclass(slots=True)
class _Running:
    part: Part
    process: BaseProcess
    began_s: float
    failures: int = 0
    again_at_s: float | None = None
    reader: threading.Thread = field(default_factory=threading.Thread)


def run_together(parts: Sequence[Part]) -> None:
    """Run the parts until interrupted; they are stopped one after the other, the last one first.

    Raises:
        Transient: a part failed again and again.
    """
    stopping = threading.Event()
    running = [_start(part) for part in parts]
    failed: Part | None = None
    with until_interrupted(stopping.set):
        while not stopping.is_set() and any(one.again_at_s is not None or one.process.is_alive() for one in running):
            wait([one.process.sentinel for one in running if one.process.is_alive()], timeout=0.2)
            for n, one in enumerate(running):
                if one.process.is_alive() or stopping.is_set():
                    continue
                if one.part.may_end and one.process.exitcode == 0:
                    continue
                now = time.monotonic()
                if one.again_at_s is None:
                    one.failures = 1 if now - one.began_s > _SOUND_S else one.failures + 1
                    one.again_at_s = now + _AGAIN_S
                    errors.print(
                        f"[yellow]{one.part.name} has ended ({one.process.exitcode}); it is started again.[/yellow]"
                    )
                    if one.failures >= _FAILURES:
                        failed = one.part
                        stopping.set()
                elif now >= one.again_at_s:
                    running[n] = _start(one.part, one.failures)
        for one in reversed(running):
            _stop(one)
    if failed is not None:
        raise Transient(
            f"{failed.name} ends as soon as it is started; try it alone: xueqing {' '.join(failed.arguments)}"
        )


def _start(part: Part, failures: int = 0) -> _Running:
    context = get_context("spawn")
    theirs, ours = Pipe(duplex=False)
    process = context.Process(target=_work, args=(list(part.arguments), ours), name=part.name)
    process.start()
    ours.close()
    one = _Running(part, process, time.monotonic(), failures)
    one.reader = threading.Thread(target=_tell, args=(part.name, theirs), daemon=True)
    one.reader.start()
    return one


def _stop(one: _Running) -> None:
    if one.process.is_alive():
        one.process.terminate()
        one.process.join(_GRACE_S)
    if one.process.is_alive():
        errors.print(
            f"[red]{one.part.name} has not ended within {_GRACE_S:.0f} s and is killed; the next start mends what it left.[/red]"
        )
        one.process.kill()
        one.process.join()
    one.reader.join(5)


def _tell(name: str, lines: Connection) -> None:
    with os.fdopen(os.dup(lines.fileno()), encoding="utf-8", errors="replace") as file:
        for line in file:
            if line.strip():
                errors.print(f"[dim]{escape(name):<9}[/dim] {escape(line.rstrip())}", soft_wrap=True)
    lines.close()


def _work(arguments: list[str], output: Connection) -> None:
    """Be the command; end with the process that started this one."""
    # Away from the terminal, whose Ctrl-C would reach every process: the one that started this one tells it when to stop.
    os.setsid()
    for stream in (1, 2):
        os.dup2(output.fileno(), stream)
    output.close()
    when_parent_ends(lambda: os.kill(os.getpid(), signal.SIGTERM))
    sys.argv = ["xueqing", *arguments]
    runpy.run_module("pipelines.cli", run_name="__main__", alter_sys=True)


def when_parent_ends(then: Callable[[], None]) -> None:
    """Have ``then`` called, in a thread, when the process that started this one (by ``multiprocessing``) has ended."""

    def wait_for_it() -> None:
        parent = parent_process()
        assert parent is not None
        parent.join()
        then()

    threading.Thread(target=wait_for_it, daemon=True).start()
