"""Reading quarantined records, and replaying mended ones through the log."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime

import duckdb
import msgspec

from ingest.events import Envelope, Refusal, encode_raw
from ingest.events.validation import read_record, recording_times
from ingest.log.port import EventLog, NewRecord

__all__ = ["QuarantinedRecord", "ReplayReport", "read_quarantined", "replay"]


class _Line(msgspec.Struct):
    record: str
    value: msgspec.Raw


_line, _text = msgspec.json.Decoder(_Line), msgspec.json.Decoder(str)


@dataclass(frozen=True, slots=True)
class QuarantinedRecord:
    """One record that was kept aside; ``place`` is ``partition:offset``."""

    place: str
    recorded_at: datetime
    reason: str
    field: str
    detail: str
    raw: bytes
    replaced_by: str | None


@dataclass(slots=True)
class ReplayReport:
    """What a replay did; ``refused`` holds (line number, why)."""

    appended: int = 0
    repeated: int = 0
    refused: list[tuple[int, str]] = field(default_factory=list)


def read_quarantined(
    con: duckdb.DuckDBPyConnection, *, reason: str | None = None, place: str | None = None
) -> list[QuarantinedRecord]:
    """Quarantined records in the order of the log.

    Args:
        con: has the view ``lake.records``.
    """
    rows = con.execute(
        """
        with replacements as (
            select replaces, min("partition" || ':' || "offset") as replaced_by
            from lake.records where replaces is not null and disposition = 'accepted' group by replaces
        )
        select "partition" || ':' || "offset" as place, recorded_at, reason, field, detail, raw, replaced_by
        from lake.records left join replacements on replacements.replaces = "partition" || ':' || "offset"
        where disposition = 'quarantined' and reason = coalesce(?, reason)
            and "partition" || ':' || "offset" = coalesce(?, "partition" || ':' || "offset")
        order by recorded_at, "partition", "offset"
        """,
        [reason, place],
    ).fetchall()
    return [QuarantinedRecord(*row) for row in rows]


def replay(
    log: EventLog, con: duckdb.DuckDBPyConnection, lines: Iterable[str], seal: Callable[[bytes, Envelope], Envelope]
) -> ReplayReport:
    """Append each mended line of an export; what is still bad is reported and left out.

    A line is ``{"record": "partition:offset", "value": "the mended event"}``.

    Args:
        seal: seals the words of an event (:func:`ingest.sealed_records.sealed_event`).
    """
    report = ReplayReport()
    waiting = {row.place for row in read_quarantined(con) if row.replaced_by is None}
    known = {row.place for row in read_quarantined(con)}
    records: list[NewRecord] = []
    seen: set[str] = set()
    for number, line in enumerate(lines, 1):
        if not line.strip():
            continue
        try:
            entry = _line.decode(line)
            place = entry.record
            # Its bytes, so that names which come twice are seen: of an object as it stands, of a text what it says.
            value = bytes(entry.value)
            value = _text.decode(value).encode() if value.startswith(b'"') else value
        except (msgspec.MsgspecError, UnicodeError, RecursionError):
            report.refused.append((number, "not a line of an export with `record` and `value`"))
            continue
        if place not in known:
            report.refused.append((number, f"{place} is no quarantined record"))
            continue
        if place not in waiting or place in seen:
            report.repeated += 1
            continue
        verdict = read_record(value, time.time_ns() // 1000, recording_times(datetime.now(UTC)))
        if isinstance(verdict, Refusal):
            report.refused.append((number, f"{verdict.reason} {verdict.field} {verdict.detail}".strip()))
            continue
        seen.add(place)
        key = verdict.learner_key or verdict.staff_key or verdict.event_id
        event = seal(value, msgspec.structs.replace(verdict, replaces=place))
        records.append(NewRecord(key.encode(), encode_raw(event)))
    if records:
        # The links name the batch: the same file replayed twice before the sink ran writes nothing.
        report.appended = len(log.append(records, batch_id="replay/" + ",".join(sorted(seen))[:4000]))
        report.repeated += len(records) - report.appended
    return report
