"""The lake: one Delta table of records, and the offsets that it covers.

Invariant: a commit carries the rows of a batch *and*, as Delta application transactions,
the next offset of each partition they came from, and a mark of the last record before it, by
which a log that was restored from an older copy is told from the one that was read. Nothing
else says how far the lake is.
"""

from __future__ import annotations

import contextlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import duckdb
import pyarrow as pa
from deltalake import (
    CommitProperties,
    DeltaTable,
    PostCommitHookProperties,
    Transaction,
    WriterProperties,
    write_deltalake,
)
from deltalake.exceptions import CommitFailedError, DeltaError, TableNotFoundError

from warehouse.damage import lake_errors, unusable_storage
from warehouse.errors import CommitRefused, LakeDamaged, LakeMismatch
from warehouse.renewal import TABLE, finish_swap, is_local, writing

__all__ = ["ACCEPTED", "QUARANTINED", "RECORDS", "Covered", "Lake", "MaintenanceReport", "Snapshot"]

ACCEPTED = "accepted"
QUARANTINED = "quarantined"

_TIME = pa.timestamp("us", tz="UTC")
#: One row a record of the log. ``raw`` holds the bytes of quarantined records only.
RECORDS = pa.schema(
    [
        pa.field("partition", pa.int32(), nullable=False),
        pa.field("offset", pa.int64(), nullable=False),
        pa.field("recorded_at", _TIME, nullable=False),
        pa.field("disposition", pa.string(), nullable=False),
        pa.field("event_id", pa.string()),
        pa.field("event_type", pa.string()),
        pa.field("event_version", pa.int32()),
        pa.field("occurred_at", _TIME),
        pa.field("programme_id", pa.string()),
        pa.field("learner_key", pa.string()),
        pa.field("staff_key", pa.string()),
        pa.field("source", pa.string()),
        pa.field("enrolment_id", pa.string()),
        pa.field("replaces", pa.string()),
        pa.field("payload", pa.string()),
        pa.field("reason", pa.string()),
        pa.field("field", pa.string()),
        pa.field("detail", pa.string()),
        pa.field("raw", pa.binary()),
    ]
)
_APP = "xueqing"
#: More partitions than one lake is meant for; asking for each costs microseconds.
MAX_PARTITIONS = 256
#: A checkpoint every so many commits keeps opening the table quick: 0.1 s against 1 s at 1,000 commits.
_CHECKPOINT_EVERY = 100
_WRITER = WriterProperties(compression="ZSTD", compression_level=1, max_row_group_size=262_144)
_LAST = """
select epoch_us(recorded_at), coalesce(event_id, sha256(raw), '') from read_parquet(?) where "partition" = ? and "offset" = ?
"""
#: Files below this size are worth joining.
_TARGET_BYTES = 128 * 1024 * 1024


class Covered(NamedTuple):
    """How far a partition was read: the next offset, and the mark of the record before it (None where none was kept)."""

    next_offset: int
    mark: int | None


@dataclass(frozen=True, slots=True)
class Snapshot:
    """The lake at one version: its files (absolute URIs), what they cover, and the mark of each partition's last record."""

    version: int
    files: tuple[str, ...]
    next_offsets: Mapping[int, int]
    marks: Mapping[int, int]


@dataclass(frozen=True, slots=True)
class MaintenanceReport:
    """What a maintenance run did."""

    files_before: int
    files_after: int
    files_deleted: int


class Lake:
    """The records table under ``uri``, tied to one log.

    Not thread-safe; every process opens its own. A :class:`Lake` that has compared its
    offsets with a batch commits against that very snapshot, so a second sink with an older
    view is refused rather than doubling rows.

    Args:
        table: the folder of the table within; another than the usual one while the lake is made again.

    Raises:
        LakeDamaged: there is one, and it cannot be opened.
    """

    def __init__(self, uri: str, *, storage_options: dict[str, str] | None = None, table: str = TABLE) -> None:
        self.uri = uri.rstrip("/")
        self._options = storage_options
        self._place = f"{self.uri}/{table}"
        self._table: DeltaTable | None = None
        if is_local(self.uri):
            finish_swap(self.uri)
        self._open()

    def _open(self) -> None:
        with lake_errors(self.uri), contextlib.suppress(TableNotFoundError):
            self._table = DeltaTable(self._place, storage_options=self._options)

    @property
    def exists(self) -> bool:
        """Whether there is a lake; as long as there is none, each call looks again, for who waits until a sink has made it."""
        if self._table is None:
            self._open()
        return self._table is not None

    @property
    def version(self) -> int:
        """The version of the table that was last looked at (:meth:`refresh` looks again)."""
        return self._bound().version()

    @property
    def log_id(self) -> str | None:
        """The log that this lake covers, once there is one."""
        return self._table.metadata().name if self._table else None

    def bind(self, log_id: str) -> None:
        """Make the table if there is none, for this log.

        Raises:
            LakeMismatch: the lake covers another log.
            StorageUnavailable: the table cannot be made there now.
        """
        if self._table is None:
            with lake_errors(self.uri):
                if is_local(self.uri):
                    Path(self.uri).mkdir(parents=True, exist_ok=True)
                self._table = DeltaTable.create(
                    self._place,
                    schema=RECORDS,
                    mode="ignore",
                    name=log_id,
                    description="Every record of the log, accepted or quarantined",
                    storage_options=self._options,
                )
                self._table = DeltaTable(self._place, storage_options=self._options)
        if self.log_id != log_id:
            raise LakeMismatch(
                f"the lake at {self.uri} covers the log {self.log_id}, not {log_id}. "
                "Name the log it was made from, or another lake (XUEQING_LAKE)."
            )

    def _bound(self) -> DeltaTable:
        if self._table is None:
            raise LakeMismatch(f"there is no lake at {self.uri} yet; run: xueqing sink")
        return self._table

    def refresh(self) -> None:
        """See what others have committed."""
        table = self._bound()
        with lake_errors(self.uri):
            table.update_incremental()

    def writing(self) -> contextlib.AbstractContextManager[None]:
        """Held by whoever writes to the lake; raises LakeBusy while it is made again."""
        # Who makes it again is alone already.
        return writing(self.uri) if self._place == f"{self.uri}/{TABLE}" else contextlib.nullcontext()

    def next_offset(self, partition: int) -> int:
        """The first offset of ``partition`` that this snapshot does not cover."""
        return self._bound().transaction_version(f"{_APP}/{partition}") or 0

    def covered(self, partition: int) -> Covered:
        """How far this snapshot covers ``partition``."""
        return Covered(self.next_offset(partition), self._bound().transaction_version(f"{_APP}/{partition}/mark"))

    def all_covered(self) -> dict[int, Covered]:
        """The same for each partition of which it covers something."""
        found = {p: self.covered(p) for p in range(MAX_PARTITIONS)}
        return {p: one for p, one in found.items() if one.next_offset}

    def append(
        self,
        rows: pa.Table,
        first: Mapping[int, int],
        following: Mapping[int, int],
        marks: Mapping[int, int] | None = None,
    ) -> None:
        """Commit ``rows`` and the offsets they cover, together or not at all.

        Args:
            rows: columns as in :data:`RECORDS`.
            first: for each partition, the first offset in ``rows``.
            following: for each partition, the offset after the last one.
            marks: for each partition, the mark of the last one.

        Raises:
            CommitRefused: the lake covers other offsets than the batch expects.
            StorageUnavailable: the disk is full, or may not be written to; nothing of it was committed.
        """
        table = self._bound()
        for partition, offset in first.items():
            if self.next_offset(partition) != offset:
                raise CommitRefused(
                    f"partition {partition}: the lake is at offset {self.next_offset(partition)}, the batch starts at {offset}"
                )
        told = {f"{_APP}/{p}": o for p, o in following.items()}
        told |= {f"{_APP}/{p}/mark": mark for p, mark in (marks or {}).items()}
        properties = CommitProperties(
            app_transactions=[Transaction(app, version) for app, version in sorted(told.items())], max_commit_retries=20
        )
        try:
            write_deltalake(
                table,
                rows,
                mode="append",
                commit_properties=properties,
                writer_properties=_WRITER,
                post_commithook_properties=PostCommitHookProperties(
                    create_checkpoint=False, cleanup_expired_logs=False
                ),
            )
        except (DeltaError, OSError) as error:
            if (unusable := unusable_storage(error, f"the lake at {self.uri}")) is not None:
                raise unusable from error
            if isinstance(error, CommitFailedError) or "transaction" in str(error).lower():
                raise CommitRefused(f"another sink has committed meanwhile: {error}") from error
            raise
        if table.version() % _CHECKPOINT_EVERY == 0:
            with lake_errors(self.uri):
                table.create_checkpoint()

    def snapshot(self) -> Snapshot:
        """The newest version, its files and offsets.

        Raises:
            LakeDamaged: one of its files is missing or cut off.
        """
        self.refresh()
        table = self._bound()
        self.check_files()
        covered = self.all_covered()
        return Snapshot(
            table.version(),
            tuple(sorted(table.file_uris())),
            {p: one.next_offset for p, one in covered.items()},
            {p: one.mark for p, one in covered.items() if one.mark is not None},
        )

    def check_files(self) -> None:
        """That each live file is there with the size it was written with; of object storage nothing is asked.

        Raises:
            LakeDamaged: one is not.
        """
        if not is_local(self.uri):
            return
        with lake_errors(self.uri):
            actions = pa.table(self._bound().get_add_actions(flatten=True)).select(["path", "size_bytes"])
        for path, size in zip(*actions.to_pydict().values(), strict=True):
            try:
                found = Path(self._place, path).stat().st_size
            except FileNotFoundError:
                found = None
            if found != size:
                what = "is missing" if found is None else f"has {found:,} bytes of {size:,}"
                raise LakeDamaged(f"the lake is damaged ({path} {what}); run: xueqing rebuild")

    def last_records(self, next_offsets: Mapping[int, int]) -> dict[int, tuple[int, str]]:
        """When the record before each of these offsets was recorded (microseconds since 1970), and what names it.

        By this a build knows whether the lake is the one that an earlier build has read. Partitions without it are left out.
        """
        with lake_errors(self.uri):
            files = pa.table(self._bound().get_add_actions(flatten=True)).to_pylist()
        found: dict[int, tuple[int, str]] = {}
        with lake_errors(self.uri), duckdb.connect() as con:
            for partition, following in next_offsets.items():
                place = {"partition": partition, "offset": following - 1}
                paths = [
                    f"{self._place}/{f['path']}"
                    for f in files
                    if all(f.get(f"min.{c}") is None or f[f"min.{c}"] <= v <= f[f"max.{c}"] for c, v in place.items())
                ]
                if paths:
                    row = con.execute(_LAST, [paths, *place.values()]).fetchone()
                    if row is not None:
                        found[partition] = row
        return found

    def file_sizes(self) -> list[int]:
        """Bytes of each live file."""
        actions = pa.table(self._bound().get_add_actions(flatten=True))
        return [int(n) for n in actions["size_bytes"].to_pylist()]

    def maintain(self, *, retain_hours: int = 168) -> MaintenanceReport:
        """Join small files and delete those that no version of the last ``retain_hours`` needs.

        A reader holds the files of the version it opened, so as long as it lasts less than
        ``retain_hours`` nothing it needs is deleted. Sinks may go on meanwhile.
        """
        self.refresh()
        table = self._bound()
        self.check_files()
        before = len(table.file_uris())
        with self.writing(), lake_errors(self.uri):
            table.optimize.compact(target_size=_TARGET_BYTES, writer_properties=_WRITER)
            deleted = table.vacuum(retention_hours=retain_hours, dry_run=False, enforce_retention_duration=False)
            table.create_checkpoint()
        self.refresh()
        return MaintenanceReport(before, len(table.file_uris()), len(deleted))
