"""Files and folders for their owner only, written so that they are there after a crash."""

from __future__ import annotations

import fcntl
import os
import shutil
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from hashlib import sha256
from pathlib import Path

import msgspec

from warehouse.errors import Transient

__all__ = [
    "Piece",
    "copy_file",
    "empty_folder",
    "only_one",
    "private_folder",
    "read_piece",
    "sync",
    "sync_one",
    "write_through",
]

_CHUNK = 1 << 20
_SYNCED_TOGETHER = 32


class Piece(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What a file holds."""

    sha256: str
    size: int


def read_piece(path: Path, advance: Callable[[int], None] = lambda size: None) -> Piece:
    """A file as it is; ``advance`` is told of the bytes read.

    Raises:
        OSError: it cannot be read.
    """
    digest, size = sha256(), 0
    with path.open("rb") as file:
        while chunk := file.read(_CHUNK):
            digest.update(chunk)
            size += len(chunk)
            advance(len(chunk))
    return Piece(digest.hexdigest(), size)


def copy_file(source: Path, target: Path) -> Piece:
    """Copy a file for its owner only; returns what was read."""
    digest, size = sha256(), 0
    with source.open("rb") as given:
        private_folder(target.parent)
        with os.fdopen(os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as out:
            while chunk := given.read(_CHUNK):
                digest.update(chunk)
                out.write(chunk)
                size += len(chunk)
    return Piece(digest.hexdigest(), size)


def private_folder(path: Path) -> None:
    """Make a folder and those above it, as far as they are not there, for their owner only."""
    if not path.is_dir():
        private_folder(path.parent)
        path.mkdir(mode=0o700, exist_ok=True)


def write_through(path: Path, content: bytes) -> None:
    """Write a new file for its owner only, durably."""
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())


def sync(root: Path) -> None:
    """Make a folder durable with all that is in it."""
    # Several wait for one and the same commit of the file system: of 2,000 attachments, each by itself, that was nearly all of the time.
    paths = [Path(folder, name) for folder, _, names in os.walk(root) for name in (*names, "")]
    with ThreadPoolExecutor(_SYNCED_TOGETHER) as pool:
        for _ in pool.map(sync_one, paths):  # what one of them raises is raised here
            pass


def sync_one(path: Path) -> None:
    """Make a file, or the names in a folder, durable."""
    opened = os.open(path, os.O_RDONLY)
    try:
        os.fsync(opened)
    finally:
        os.close(opened)


def empty_folder(folder: Path) -> None:
    """Take away all that is in a folder."""
    for path in folder.iterdir():
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path)
        else:
            path.unlink()


@contextmanager
def only_one(folder: Path, otherwise: str) -> Iterator[None]:
    """Hold a folder; the system lets it go when this process ends, however it does.

    Raises:
        Transient: another process holds it.
    """
    opened = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        try:
            fcntl.flock(opened, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise Transient(otherwise) from None
        yield
    finally:
        os.close(opened)
