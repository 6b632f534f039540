"""A lake that is made again: the new table beside the old one, and then in its place.

All of it is in the lake's folder on a disk: ``records`` is the table, ``records.new`` the one that is being made, and
``records.old`` what was replaced until it is deleted. The file ``swap`` says that ``records.new`` is whole: whoever then
finds no ``records`` (the process died between two renames) finishes what was begun.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import shutil
from collections.abc import Iterator
from pathlib import Path

from warehouse.errors import LakeBusy

__all__ = ["FRESH", "TABLE", "clear_leftovers", "finish_swap", "is_local", "renewing", "swap", "writing"]

TABLE, FRESH, _OLD, _SWAP, _LOCK = "records", "records.new", "records.old", "swap", "lock"


def is_local(uri: str) -> bool:
    """Whether the lake is a folder of a disk, and no place in object storage."""
    return "://" not in uri


@contextlib.contextmanager
def _lock(uri: str, how: int, busy: str) -> Iterator[None]:
    folder = Path(uri)
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / _LOCK).open("a") as file:
        try:
            fcntl.flock(file, how | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise LakeBusy(busy) from error
        yield


@contextlib.contextmanager
def writing(uri: str) -> Iterator[None]:
    """Write to the lake beside others who do, and not while it is made again.

    Raises:
        LakeBusy: it is being made again.
    """
    if not is_local(uri):
        yield
        return
    with _lock(uri, fcntl.LOCK_SH, "the lake is being made again (xueqing rebuild); what is in the log waits for it"):
        yield


@contextlib.contextmanager
def renewing(uri: str) -> Iterator[None]:
    """Make the lake again while nobody writes to it.

    Raises:
        LakeBusy: a sink or maintenance is running, or another process makes it again.
    """
    with _lock(
        uri, fcntl.LOCK_EX, "a sink, maintenance or another rebuild is at work on the lake; end it and try again"
    ):
        yield


def finish_swap(uri: str) -> None:
    """Put in place what a process that died had made whole."""
    folder = Path(uri)
    if not (folder / TABLE).exists() and (folder / _SWAP).exists():
        with contextlib.suppress(FileNotFoundError):  # another process was first
            (folder / FRESH).rename(folder / TABLE)


def clear_leftovers(uri: str) -> None:
    """Delete what earlier attempts have left; where one had come so far, it is finished first."""
    folder = Path(uri)
    finish_swap(uri)
    (folder / _SWAP).unlink(missing_ok=True)
    for name in (FRESH, _OLD):
        shutil.rmtree(folder / name, ignore_errors=True)


def swap(uri: str, keep_as: str | None = None) -> Path | None:
    """Put the new table in the old one's place.

    Args:
        keep_as: keep what is replaced, in a folder of this name beside it.

    Returns:
        The folder of what was kept, if any.
    """
    folder = Path(uri)
    with (folder / _SWAP).open("w") as file:
        os.fsync(file.fileno())
    kept = folder / (keep_as or _OLD)
    if (folder / TABLE).exists():
        (folder / TABLE).rename(kept)
    finish_swap(uri)
    _sync(folder)
    (folder / _SWAP).unlink()
    if keep_as is None:
        shutil.rmtree(kept, ignore_errors=True)
    return kept if keep_as is not None and kept.exists() else None


def _sync(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
