"""Looks for texts in every file of a home and in the log, as they are and in the forms in which files hold them.

A search that finds nothing is worth what it looks into: a canary test puts texts into every form and has each of them found.
"""

from __future__ import annotations

import gzip
import html
import io
import json
import sqlite3
import tempfile
import zipfile
import zlib
from base64 import b64encode
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import quote

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq
import zstandard

from ingest.log.port import EventLog
from ingest.log.reading import records_between
from pipelines.settings import Settings
from pipelines.workspace import Workspace, log_file

__all__ = ["SHORTEST", "Finding", "Searched", "forms_of", "places_of", "search", "streams_of"]

#: Bytes of a text, at least: a shorter one is found by chance.
SHORTEST = 4
#: Packed within packed, at most.
_DEPTH = 4
#: Bytes that one packed stream may have; what is beyond is told as not read.
_MOST = 1 << 30
_CHUNK = 1 << 24


class Finding(NamedTuple):
    """Where a text was found; ``canary`` is its number from 1, ``form`` how it was written, ``within`` the streams around it."""

    place: str
    canary: int
    form: str
    within: str


@dataclass(slots=True)
class Searched:
    """How much was searched; ``unread`` names what could be searched raw only."""

    files: int = 0
    size: int = 0
    streams: int = 0
    records: int = 0
    unread: list[str] = field(default_factory=list)


def forms_of(text: str) -> dict[bytes, str]:
    """The ways in which files write a text: bytes and a name for each."""
    plain = text.encode()
    forms: dict[bytes, str] = {plain: "as it is"}

    def add(written: bytes, name: str) -> None:
        if len(written) >= SHORTEST:
            forms.setdefault(written, name)

    for encoding in ("utf-16-le", "utf-16-be", "gb18030"):
        add(text.encode(encoding), encoding)
    add(json.dumps(text)[1:-1].encode(), "JSON")
    add(json.dumps(json.dumps(text)[1:-1])[1:-1].encode(), "JSON in JSON")
    add(quote(text, safe="").encode(), "URL")
    add(quote(text, safe="").lower().encode(), "URL")
    add(html.escape(text).encode(), "HTML")
    add(html.escape(text).encode("ascii", "xmlcharrefreplace"), "HTML")
    add(plain.hex().encode(), "hexadecimal")
    add(plain.hex().upper().encode(), "hexadecimal")
    for written, name in list(forms.items()):
        # A text within base64 begins at any of three places; the letters that its neighbours change are left out.
        for shift in range(3) if name in ("as it is", "JSON", "utf-16-le") else ():
            end = shift + len(written)
            kept = b64encode(b"\0" * shift + written)[-(-shift * 8 // 6) : end * 8 // 6]
            add(kept, "base64")
            add(kept.replace(b"+", b"-").replace(b"/", b"_"), "base64")
    return forms


def places_of(workspace: Workspace, more: Sequence[Path]) -> list[Path]:
    """Every folder and file that the settings name, and those asked for besides; one within another is there once."""
    settings: Settings = workspace.settings
    named = [settings.home, settings.warehouse, settings.attachments, *more]
    for url in (settings.log, settings.statement_index):
        file = log_file(url)
        if file is not None:
            named += [file.with_name(file.name + end) for end in ("", "-wal", "-shm", "-journal")]
    named += [settings.vault, settings.vault.with_name(settings.vault.name + "-journal")]
    if "://" not in settings.lake:
        named.append(Path(settings.lake))
    found: list[Path] = []
    for path in sorted({path.absolute() for path in named if path.exists()}):
        if not any(path.is_relative_to(known) for known in found):
            found.append(path)
    return found


def search(
    places: Iterable[Path], log: EventLog | None, canaries: Sequence[str], searched: Searched
) -> Iterator[Finding]:
    """Each place in which a text is found, once for each form.

    Args:
        log: is searched, too, where it is in no file (Kafka).
    """
    forms = [(form, number, name) for number, text in enumerate(canaries, 1) for form, name in forms_of(text).items()]
    # A file's name is a place, too.
    for root in places:
        for path in sorted(root.rglob("*")) if root.is_dir() else [root]:
            yield from _found(str(path).encode(), str(path), forms, "name")
            if path.is_file() and not path.is_symlink():
                searched.files += 1
                searched.size += path.stat().st_size
                yield from _search_file(path, forms, searched)
    if log is not None:
        yield from _search_log(log, forms, searched)


_Forms = Sequence[tuple[bytes, int, str]]


def _found(data: bytes, place: str, forms: _Forms, within: str) -> Iterator[Finding]:
    told = set()
    for form, number, name in forms:
        if (number, name) not in told and form in data:
            told.add((number, name))
            yield Finding(place, number, name, within)


def _search_file(path: Path, forms: _Forms, searched: Searched) -> Iterator[Finding]:
    longest = max(len(form) for form, _, _ in forms)
    found: dict[Finding, None] = {}
    with path.open("rb") as file:
        before = b""
        while chunk := file.read(_CHUNK):
            found.update(dict.fromkeys(_found(before + chunk, str(path), forms, "raw")))
            before = chunk[-longest:]
    for within, data in streams_of(path, searched):
        searched.streams += 1
        found.update(dict.fromkeys(_found(data, str(path), forms, within)))
    yield from found


def _search_log(log: EventLog, forms: _Forms, searched: Searched) -> Iterator[Finding]:
    for record in records_between(log, log.begin_offsets(), log.end_offsets()):
        searched.records += 1
        place = f"record {record.partition}:{record.offset} of the log"
        yield from _found(record.value or b"", place, forms, "record")


def streams_of(path: Path, searched: Searched) -> Iterator[tuple[str, bytes]]:
    """What is in a file, decoded: packed streams, columns, rows; each with how it was come by."""
    with path.open("rb") as file:
        head = file.read(16)
    try:
        if head.startswith(b"PAR1"):
            yield from _of_parquet(path)
        elif head.startswith(b"SQLite format 3\0"):
            yield from _of_sqlite(path)
        elif head[8:12] == b"DUCK":
            yield from _of_duckdb(path)
        elif path.stat().st_size <= _MOST:
            yield from _of_bytes(path.read_bytes(), "", 0)
        else:
            searched.unread.append(str(path))
    except (OSError, ValueError, sqlite3.Error, duckdb.Error, pa.ArrowException, zipfile.BadZipFile, RuntimeError):
        searched.unread.append(str(path))


def _of_bytes(data: bytes, within: str, depth: int) -> Iterator[tuple[str, bytes]]:
    for name, stream in _unpacked(data):
        here = f"{within} > {name}" if within else name
        yield here, stream
        if depth < _DEPTH:
            yield from _of_bytes(stream, here, depth + 1)


def _unpacked(data: bytes) -> Iterator[tuple[str, bytes]]:
    if data.startswith(b"\x1f\x8b"):
        yield from _tried("gzip", lambda: gzip.GzipFile(fileobj=io.BytesIO(data)).read(_MOST))
    elif data.startswith(b"\x28\xb5\x2f\xfd"):
        with zstandard.ZstdDecompressor().stream_reader(io.BytesIO(data), read_across_frames=True) as reader:
            yield from _tried("zstd", lambda: reader.read(_MOST))
    elif data.startswith(b"PK\x03\x04"):
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            for name in archive.namelist():
                yield from _tried(f"zip {name}", partial(archive.read, name))
    elif data.startswith(b"%PDF"):
        start = b"stream\r\n" if b"stream\r\n" in data else b"stream\n"
        for number, piece in enumerate(data.split(start)[1:], 1):
            yield from _tried(f"PDF stream {number}", partial(zlib.decompressobj().decompress, piece, _MOST))


def _tried(name: str, unpack: Callable[[], bytes]) -> Iterator[tuple[str, bytes]]:
    """A stream; nothing where what looks like one is none, so that its bytes are all there is to search."""
    try:
        yield name, unpack()
    except (OSError, EOFError, ValueError, zlib.error, zstandard.ZstdError, RuntimeError, zipfile.BadZipFile):
        return


def _of_parquet(path: Path) -> Iterator[tuple[str, bytes]]:
    with pq.ParquetFile(path) as file:
        for group in range(file.num_row_groups):
            table = file.read_row_group(group)
            for name in table.column_names:
                yield f"column {name}", _joined(table[name].to_pylist())


def _of_sqlite(path: Path) -> Iterator[tuple[str, bytes]]:
    # Raw pages hold what is deleted and not overwritten; a value that runs over several of them is read here.
    with closing(sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True, timeout=10)) as con:
        names = [name for (name,) in con.execute("select name from sqlite_master where type = 'table'")]
        for name in names:
            cursor = con.execute(f'select * from "{name}"')
            while rows := cursor.fetchmany(10_000):
                yield f"table {name}", _joined(value for row in rows for value in row)


def _of_duckdb(path: Path) -> Iterator[tuple[str, bytes]]:
    # Opened as a copy: another process may have it open.
    with tempfile.TemporaryDirectory() as folder:
        copy = Path(folder, path.name)
        copy.write_bytes(path.read_bytes())
        with closing(duckdb.connect(str(copy), read_only=True)) as con:
            tables = con.execute(
                "select schema_name, table_name from duckdb_tables() where not internal order by all"
            ).fetchall()
            for schema, table in tables:
                cursor = con.execute(f'select columns(*)::varchar from "{schema}"."{table}"')
                while rows := cursor.fetchmany(10_000):
                    yield f"table {schema}.{table}", _joined(value for row in rows for value in row)


def _joined(values: Iterable[Any]) -> bytes:
    return b"\0".join(
        value if isinstance(value, bytes) else str(value).encode("utf-8", "surrogatepass")
        for value in values
        if isinstance(value, str | bytes | list | dict)
    )
