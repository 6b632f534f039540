"""How a step runs: retried by its error's type, and known to be alive."""

from __future__ import annotations

import fcntl
import os
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import dagster as dg

from pipelines.workspace import Workspace
from warehouse.errors import Terminal, Transient

__all__ = ["Open", "forget_run", "is_lost", "step"]

Open = Callable[[], Workspace]

#: A build of 50 million events takes four minutes, and another run may have to wait for it.
RETRIES = 10
WAIT_S = 30.0


@contextmanager
def step(context: dg.OpExecutionContext | dg.AssetExecutionContext, open_workspace: Open) -> Iterator[Workspace]:
    """The workspace for one step; a Transient error has it tried again later, any other does not.

    Of an error that we did not foresee, the run's log gets the type and the places only: its message may quote data.
    """
    try:
        workspace = open_workspace()
        _hold(workspace.settings.home, context.run.run_id)
        yield workspace
    except Transient as error:
        context.log.warning(f"{type(error).__name__}: {error}; tried again in {WAIT_S:.0f} s")
        raise dg.RetryRequested(max_retries=RETRIES, seconds_to_wait=WAIT_S) from error
    except Terminal as error:
        raise dg.Failure(f"{type(error).__name__}: {error}", allow_retries=False) from error
    except Exception as error:
        places = [f"{f.filename}:{f.lineno} in {f.name}" for f in traceback.extract_tb(error.__traceback__)]
        raise dg.Failure(
            f"{type(error).__name__}, which nobody foresaw; please report it with these places",
            metadata={"places": dg.MetadataValue.text("\n".join(places))},
            allow_retries=False,
        ) from None


def _file(home: Path, run_id: str) -> Path:
    return home / "runs" / f"{run_id}.alive"


#: Locks of this process, by run. They are held until it ends, however that happens: that is what they tell.
_held: dict[str, int] = {}


def _hold(home: Path, run_id: str) -> None:
    if run_id in _held:
        return
    file = _file(home, run_id)
    file.parent.mkdir(parents=True, exist_ok=True)
    descriptor = os.open(file, os.O_CREAT | os.O_RDWR, 0o600)
    fcntl.flock(descriptor, fcntl.LOCK_EX)
    _held[run_id] = descriptor


def is_lost(home: Path, run_id: str) -> bool:
    """Whether the process of a run that had begun a step is gone."""
    file = _file(home, run_id)
    if run_id in _held or not file.exists():
        return False
    descriptor = os.open(file, os.O_RDWR)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    else:
        return True
    finally:
        os.close(descriptor)


def forget_run(home: Path, run_id: str) -> None:
    """Remove what told of a run that has ended."""
    _file(home, run_id).unlink(missing_ok=True)
