"""Looks at files before an import writes anything: what they are, whether packed ones are whole, and who would take them."""

from __future__ import annotations

import gzip
import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import BinaryIO, cast

from ingest.sources.door import why_refused
from ingest.sources.kinds import HEAD_BYTES, TABLES_OF_OULAD, Form, Kind, kind_of
from ingest.sources.packed import unpacking
from ingest.sources.roster.oneroster import ENROLMENTS
from warehouse.errors import BadSource

__all__ = ["Opened", "check", "check_release", "command_for_folder", "opened", "seen"]

_PIECE = 1 << 16
_GZIP = b"\x1f\x8b"


class Opened:
    """A file as it is read: packed ones unpacked, without a mark of its encoding.

    Attributes:
        kind: what it seems to be.
    """

    def __init__(self, kind: Kind, head: bytes, rest: BinaryIO, name: str) -> None:
        self.kind, self._head, self._rest, self._name = kind, head, rest, name

    def __iter__(self) -> Iterator[bytes]:
        """Its lines, each whole; of a JSON list or document pieces, as all of it may be one line of gigabytes.

        Raises:
            BadSource: it is packed, and damaged.
        """
        is_lines = self.kind.form not in (Form.JSON_LIST, Form.JSON_DOCUMENT)
        with unpacking(self._name):
            yield from self._lines() if is_lines else self._pieces()

    def _lines(self) -> Iterator[bytes]:
        *lines, last = self._head.split(b"\n")
        for line in lines:
            yield line + b"\n"
        if last := last + self._rest.readline():
            yield last
        yield from self._rest

    def _pieces(self) -> Iterator[bytes]:
        yield self._head
        yield from iter(partial(self._rest.read, _PIECE), b"")


@contextmanager
def opened(file: Path, command: str | None = None) -> Iterator[Opened]:
    """A file, or standard input for ``-``, to be read from its beginning.

    Args:
        command: of ``xueqing import`` that is to take it; None to take a file of any kind.

    Raises:
        BadSource: it cannot be read, is packed and damaged, or is nothing that the command takes.
    """
    if str(file) == "-":
        head = sys.stdin.buffer.read(HEAD_BYTES)
        kind = kind_of(head)
        if kind.is_packed:
            raise BadSource(
                "standard input is packed with gzip. Nothing was written. Try: gzip -dc FILE | xueqing import …"
            )
        _refuse(command, kind, "-")
        yield Opened(kind, _unmarked(head), sys.stdin.buffer, "standard input")
        return
    kind = seen(file)
    _refuse(command, kind, str(file))
    is_packed = kind.is_packed and kind.form is not Form.DAMAGED_GZIP
    if is_packed and command is not None:
        _check_whole(file)
    with cast(BinaryIO, gzip.open(file, "rb")) if is_packed else file.open("rb") as source:
        yield Opened(kind, _unmarked(source.read(HEAD_BYTES)), source, file.name)


def seen(file: Path) -> Kind:
    """What a file seems to be.

    Raises:
        BadSource: it cannot be read, or is a folder.
    """
    if str(file) == "-":
        return kind_of(sys.stdin.buffer.read(HEAD_BYTES))
    if file.is_dir():
        command = command_for_folder(file)
        raise BadSource(f"{file} is a folder. {f'Try: {command}' if command else 'Name the files in it.'}")
    try:
        with file.open("rb") as source:
            head = source.read(HEAD_BYTES)
    except OSError as error:
        raise BadSource(f"{file} cannot be read: {error.strerror}") from error
    if file.suffix == ".gz" and head and not head.startswith(_GZIP):
        raise BadSource(
            f"{file.name} is damaged, or no gzip file: it is called .gz and seems to be nothing packed. Nothing was written. "
            "Rename it if it is whole, or fetch it again"
        )
    return kind_of(head)


def check(files: Iterable[Path], command: str) -> None:
    """Refuse files that ``xueqing import`` by this command does not take; folders are passed over.

    Raises:
        BadSource: one of them is something else, or packed and damaged.
    """
    for file in files:
        if str(file) != "-" and not file.is_dir():
            with opened(file, command):
                pass


def check_release(folder: Path) -> None:
    """Refuse what is no folder of the Open University's release, and one with a packed table that is damaged.

    Raises:
        BadSource: it is none, or damaged. Of missing tables its reader tells.
    """
    if folder.is_file():
        raise BadSource(
            f"{folder} is a file; import oulad takes the folder of the release. Try: xueqing import {folder}"
        )
    for name in sorted(TABLES_OF_OULAD):
        packed = folder / f"{name}.csv.gz"
        if packed.is_file():
            seen(packed)
            _check_whole(packed)


def command_for_folder(folder: Path) -> str | None:
    """The command that takes a folder; None where none does."""
    names = {path.name.removesuffix(".gz").removesuffix(".csv") for path in folder.iterdir()}
    if names >= TABLES_OF_OULAD:
        return f"xueqing import oulad {folder}"
    if (folder / ENROLMENTS).is_file():
        return f"xueqing import roster {folder} -p PROGRAMME"
    return None


def _refuse(command: str | None, kind: Kind, name: str) -> None:
    why = why_refused(command, kind, name) if command is not None else None
    if why is not None:
        raise BadSource(why)


def _check_whole(file: Path) -> None:
    """Unpack a file once, to its end: what is torn is told before anything is written.

    Raises:
        BadSource: it is torn or damaged.
    """
    try:
        with unpacking(file.name), gzip.open(file, "rb") as source:
            while source.read(_PIECE * 16):
                pass
    except BadSource as error:
        raise BadSource(f"{error}. Nothing was written: fetch it again") from None


def _unmarked(head: bytes) -> bytes:
    return head.removeprefix(b"\xef\xbb\xbf")
