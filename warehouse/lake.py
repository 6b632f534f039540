"""The lake: one Delta table of records, and the offsets that it covers.

Invariant: a commit carries the rows of a batch *and*, as Delta application transactions,
the next offset of each partition they came from. Nothing else says how far the lake is.
"""

from __future__ import annotations

import contextlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

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

from warehouse.errors import CommitRefused, LakeMismatch

__all__ = ["ACCEPTED", "QUARANTINED", "RECORDS", "Lake", "MaintenanceReport", "Snapshot"]

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
#: Files below this size are worth joining.
_TARGET_BYTES = 128 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class Snapshot:
    """The lake at one version: its files (absolute URIs) and what they cover."""

    version: int
    files: tuple[str, ...]
    next_offsets: Mapping[int, int]


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
    """

    def __init__(self, uri: str, *, storage_options: dict[str, str] | None = None) -> None:
        self.uri = uri.rstrip("/")
        self._options = storage_options
        self._table: DeltaTable | None = None
        with contextlib.suppress(TableNotFoundError):
            self._table = DeltaTable(f"{self.uri}/records", storage_options=storage_options)

    @property
    def exists(self) -> bool:
        return self._table is not None

    @property
    def log_id(self) -> str | None:
        """The log that this lake covers, once there is one."""
        return self._table.metadata().name if self._table else None

    def bind(self, log_id: str) -> None:
        """Make the table if there is none, for this log.

        Raises:
            LakeMismatch: the lake covers another log.
        """
        if self._table is None:
            if "://" not in self.uri:
                Path(self.uri).mkdir(parents=True, exist_ok=True)
            self._table = DeltaTable.create(
                f"{self.uri}/records",
                schema=RECORDS,
                mode="ignore",
                name=log_id,
                description="Every record of the log, accepted or quarantined",
                storage_options=self._options,
            )
            self._table = DeltaTable(f"{self.uri}/records", storage_options=self._options)
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
        self._bound().update_incremental()

    def next_offset(self, partition: int) -> int:
        """The first offset of ``partition`` that this snapshot does not cover."""
        return self._bound().transaction_version(f"{_APP}/{partition}") or 0

    def append(self, rows: pa.Table, first: Mapping[int, int], following: Mapping[int, int]) -> None:
        """Commit ``rows`` and the offsets they cover, together or not at all.

        Args:
            rows: columns as in :data:`RECORDS`.
            first: for each partition, the first offset in ``rows``.
            following: for each partition, the offset after the last one.

        Raises:
            CommitRefused: the lake covers other offsets than the batch expects.
        """
        table = self._bound()
        for partition, offset in first.items():
            if self.next_offset(partition) != offset:
                raise CommitRefused(
                    f"partition {partition}: the lake is at offset {self.next_offset(partition)}, the batch starts at {offset}"
                )
        properties = CommitProperties(
            app_transactions=[Transaction(f"{_APP}/{p}", o) for p, o in sorted(following.items())],
            max_commit_retries=20,
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
        except (CommitFailedError, DeltaError) as error:
            if isinstance(error, CommitFailedError) or "transaction" in str(error).lower():
                raise CommitRefused(f"another sink has committed meanwhile: {error}") from error
            raise
        if table.version() % _CHECKPOINT_EVERY == 0:
            table.create_checkpoint()

    def snapshot(self) -> Snapshot:
        """The newest version, its files and offsets."""
        self.refresh()
        table = self._bound()
        offsets = {p: self.next_offset(p) for p in range(MAX_PARTITIONS)}
        return Snapshot(
            table.version(), tuple(sorted(table.file_uris())), {p: offset for p, offset in offsets.items() if offset}
        )

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
        before = len(table.file_uris())
        table.optimize.compact(target_size=_TARGET_BYTES, writer_properties=_WRITER)
        deleted = table.vacuum(retention_hours=retain_hours, dry_run=False, enforce_retention_duration=False)
        table.create_checkpoint()
        self.refresh()
        return MaintenanceReport(before, len(table.file_uris()), len(deleted))
