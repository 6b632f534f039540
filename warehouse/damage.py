"""Errors of disks, Delta and DuckDB as errors of ours: what is damaged, and what to do.

These libraries tell by their message only which file it was and what is wrong with it, so this is the one place that
reads messages. What it does not know is left as it is.
"""

from __future__ import annotations

import contextlib
import errno
from collections.abc import Iterator

import duckdb
from deltalake.exceptions import CommitFailedError, DeltaError, TableNotFoundError

from warehouse.errors import LakeDamaged, StorageUnavailable, Terminal, WarehouseDamaged, XueqingError
from warehouse.renewal import TABLE, is_local

__all__ = [
    "damage_of",
    "is_damage",
    "is_lake_damage",
    "lake_errors",
    "storage_errors",
    "unusable_storage",
    "warehouse_errors",
]

_UNUSABLE = {
    errno.ENOSPC: "the disk is full",
    errno.EDQUOT: "the disk's quota is used up",
    errno.EROFS: "the disk may be read only",
    errno.EACCES: "it may not be written to",
    errno.EPERM: "it may not be written to",
    errno.EIO: "the disk cannot be read or written",
    errno.EMFILE: "too many files are open",
    errno.ENFILE: "too many files are open",
}
#: As libraries write them that hand on the system's words only.
_WORDS = {
    "no space left on device": "the disk is full",
    "os error 28)": "the disk is full",
    "disk quota exceeded": "the disk's quota is used up",
    "read-only file system": "the disk may be read only",
    "permission denied": "it may not be written to",
    "operation not permitted": "it may not be written to",
    "too many open files": "too many files are open",
    "input/output error": "the disk cannot be read or written",
}
#: What DuckDB says of a database that is not as it was written. Its types are too wide: a wrong path has the same.
_DATABASE = (
    "corrupt database file", "computed checksum", "not a valid duckdb database file", "could not read enough bytes", "failed to deserialize",
    "serialization error",
)  # fmt: skip
#: And of a Parquet file, where it does not name the file.
_PARQUET = (
    "no magic bytes",
    "zstd decompression",
    "tprotocolexception",
    "parquet file",
    "parquet reader",
    "parquet footer",
)


def unusable_storage(error: BaseException, what: str) -> StorageUnavailable | None:
    """The error to tell where a disk is full or a folder may not be written to; None where it is something else."""
    why = _UNUSABLE.get(error.errno or 0) if isinstance(error, OSError) else None
    if why is None:
        text = str(error).lower()
        why = next((why for words, why in _WORDS.items() if words in text), None)
    return (
        None
        if why is None
        else StorageUnavailable(f"{what} cannot be used: {why}. Make room or mend that, and run it again")
    )


def damage_of(error: BaseException) -> XueqingError | None:
    """What DuckDB or the system have raised while something of ours was read or written; None for what it is not about."""
    if isinstance(error, OSError):
        what = f"{error.filename}" if error.filename else "a file"
        return unusable_storage(error, what) if not isinstance(error, FileNotFoundError) else None
    if not isinstance(error, duckdb.Error):
        return None
    text = str(error).lower()
    if (unusable := unusable_storage(error, "a file")) is not None:
        return unusable
    if is_lake_damage(text):
        return LakeDamaged(f"the lake is damaged ({_short(error)}); run: xueqing rebuild")
    if any(words in text for words in _DATABASE):
        return WarehouseDamaged(f"the published file is damaged ({_short(error)}); run: xueqing build")
    return None


def is_lake_damage(text: str) -> bool:
    """Whether a message of DuckDB, perhaps handed on by dbt, is of a file of the lake: it names none that it could read."""
    text = text.lower()
    return (f"/{TABLE}/" in text and ".parquet" in text) or any(words in text for words in _PARQUET)


def _short(error: BaseException) -> str:
    """The first words of a library's message: they name the file, and quote no data."""
    return str(error).strip().splitlines()[0][:120] if str(error).strip() else type(error).__name__


@contextlib.contextmanager
def lake_errors(uri: str) -> Iterator[None]:
    """What Delta raises within is told as damage of the lake, or as a disk that cannot be used.

    Raises:
        LakeDamaged: a file of it is missing or not as it was written.
        StorageUnavailable: the disk is full, or may not be written to.
    """
    try:
        yield
    except (TableNotFoundError, CommitFailedError):
        raise
    except (DeltaError, OSError, duckdb.Error, ValueError, KeyError) as error:
        if isinstance(error, Terminal):
            raise
        if is_local(uri):
            unusable = unusable_storage(error, f"the lake at {uri}")
            raise unusable or LakeDamaged(f"the lake is damaged ({_short(error)}); run: xueqing rebuild") from error
        # What is amiss with object storage cannot be told from what is amiss with what lies there.
        raise StorageUnavailable(
            f"the lake at {uri} cannot be used ({_short(error)}); where that stays so, name another with XUEQING_LAKE and run: xueqing sink"
        ) from error


@contextlib.contextmanager
def warehouse_errors() -> Iterator[None]:
    """Whatever DuckDB raises within, where nothing but the published file is read, is told as its damage.

    Raises:
        WarehouseDamaged: it is not as it was written.
        StorageUnavailable: it may not be read now.
    """
    try:
        yield
    except duckdb.Error as error:
        unusable = unusable_storage(error, "the published file")
        raise unusable or WarehouseDamaged(
            f"the published file is damaged ({_short(error)}); run: xueqing build"
        ) from error


def is_damage(text: str) -> bool:
    """Whether a message of DuckDB, perhaps handed on by dbt, tells of a file that is not as it was written."""
    text = text.lower()
    return is_lake_damage(text) or any(words in text for words in _DATABASE)


@contextlib.contextmanager
def storage_errors(what: str) -> Iterator[None]:
    """A disk that is full, or may not be written to, is told in a line."""
    try:
        yield
    except (OSError, duckdb.Error) as error:
        unusable = unusable_storage(error, what)
        if unusable is None:
            raise
        raise unusable from error
