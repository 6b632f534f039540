"""What a source sent to a programme, asked of the lake's records and of what the marts say of them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo

import duckdb
import msgspec

from pipelines.reports.source import Day, Finding, SourceAccount
from warehouse.query import has_mart

__all__ = ["read_source_account", "sources_of"]

#: Ids that are told of a finding, and events that no figure counts by their names.
_SAMPLES, _MOST_NAMES = 5, 20
#: Hours after which an event is late; seconds in a day.
_LATE_AFTER_H, _DAY_S = 24, 86_400
#: Ids of the first events of a finding, in the order of the log.
_FIRST = f'(list(event_id order by recorded_at, "partition", "offset"))[:{_SAMPLES}]'
_SENT = """
create temp table sent as
select a."partition", a."offset", a.event_id, a.event_type, a.occurred_at, a.recorded_at, a.learner_key, u.reason,
    cast(timezone($zone, a.occurred_at) as date) as occurred_on, cast(timezone($zone, a.recorded_at) as date) as recorded_on,
    a.recorded_at > a.occurred_at + to_hours($late) as is_late,
    case when a.event_type in ('video.watched', 'text.read') then
        try_cast(coalesce(a.payload ->> '$.watched_s', a.payload ->> '$.read_s', a.payload ->> '$.seconds') as double)
    end as seconds,
    case when a.event_type = 'video.watched' then a.payload ->> '$.course_id' end as video
from lake.accepted a
left join uncounted u on a."partition" = u.log_partition and a."offset" = u.log_offset
where a.programme_id = $programme and a.source = $source
"""


class _Said(msgspec.Struct):
    """What a record that is no event tells of where it came from, if it does."""

    programme_id: str = ""
    source: str = ""
    event_id: str = ""


_read = msgspec.json.Decoder(_Said).decode


def sources_of(con: duckdb.DuckDBPyConnection, programme_id: str) -> list[tuple[str, int]]:
    """The sources of a programme's accepted records, and how many each sent.

    Args:
        con: has the views over the lake.
    """
    asked = "select source, count(*) from lake.accepted where programme_id = ? group by 1 order by 2 desc, 1"
    return con.execute(asked, [programme_id]).fetchall()


def read_source_account(
    con: duckdb.DuckDBPyConnection, programme_id: str, source: str, label: Mapping[str, str], time_zone: str,
    opened: Callable[[bytes], bytes | None],
) -> SourceAccount:  # fmt: skip
    """The account of a source.

    Args:
        con: of the marts, with the views over the lake.
        time_zone: of the programme's local days.
        opened: gives a quarantined record's bytes as they came; None where nobody can.
    """
    # Of one that two models name, one reason.
    is_told = has_mart(con, "fct_uncounted_records")
    con.execute(
        "create temp table uncounted as select log_partition, log_offset, min(reason) as reason from fct_uncounted_records"
        " where programme_id = ? group by all"
        if is_told
        else "create temp table uncounted (log_partition integer, log_offset bigint, reason varchar)",
        [programme_id] if is_told else [],
    )
    asked = {"zone": time_zone, "late": _LATE_AFTER_H, "programme": programme_id, "source": source}
    con.execute(_SENT, asked)
    came, counted, *moments = _row(
        con,
        "select count(*), count(*) filter (reason is null), min(occurred_at), max(occurred_at), min(recorded_at), max(recorded_at) from sent",
    )
    local = [moment.astimezone(ZoneInfo(time_zone)) for moment in moments if moment is not None]
    quarantined, unread = _quarantined(con, programme_id, source, opened)
    findings = [*_timing(con), *_standing(con), *_impossible(con), *_uncounted(con, programme_id, source), *quarantined]
    days = con.execute(
        "select recorded_on, count(*), count(*) filter (is_late), count(*) filter (reason = 'repeat'),"
        ' count(*) filter (reason = \'conflict\'), arg_min(event_id, (recorded_at, "partition", "offset")) from sent group by 1 order by 1'
    ).fetchall()
    types = con.execute("select event_type, count(*) from sent group by 1 order by 2 desc, 1").fetchall()
    return SourceAccount(
        programme_id, label, source, datetime.now(UTC).astimezone(ZoneInfo(time_zone)).date(), time_zone, came, counted,
        (local[0], local[1]) if local else None, (local[2], local[3]) if local else None, types, findings,
        [Day(*day) for day in days], unread, _LATE_AFTER_H,
    )  # fmt: skip


def _row(con: duckdb.DuckDBPyConnection, query: str) -> tuple[Any, ...]:
    row = con.execute(query).fetchone()
    assert row is not None
    return row


def _timing(con: duckdb.DuckDBPyConnection) -> list[Finding]:
    """Recorded long after it occurred; occurred after it was recorded: a clock that runs ahead."""
    found = []
    for kind, condition, span in (
        ("late", "is_late", "recorded_at - occurred_at"),
        ("ahead", "occurred_at > recorded_at", "occurred_at - recorded_at"),
    ):
        count, most, samples = _row(
            con, f"select count(*), cast(ceil(max(epoch({span}))) as bigint), {_FIRST} from sent where {condition}"
        )
        if count:
            found.append(Finding(kind, count, samples=samples, most=most))
    return found


def _standing(con: duckdb.DuckDBPyConnection) -> list[Finding]:
    """Repeats, conflicts (an id that came before with another content), of an enrolment that is not open, of another learner."""
    rows = con.execute(
        f"select reason, count(*), {_FIRST} from sent where reason is not null group by 1 order by 1"
    ).fetchall()
    return [Finding(reason, count, samples=samples) for reason, count, samples in rows]


def _impossible(con: duckdb.DuckDBPyConnection) -> list[Finding]:
    """Learners' days with more than 24 hours of study; stretches of two videos of one learner that were watched at once.

    An event tells one end of its stretch, and platforms differ in which. Two stretches are at once where they are by either reading: less
    lies between their events than the shorter of the two.
    """
    found = []
    count, most, samples = _row(
        con,
        f"""
        with days as (
            select learner_key, occurred_on, sum(seconds) as seconds, arg_min(event_id, (recorded_at, "partition", "offset")) as event_id,
                min(recorded_at) as recorded_at, min("partition") as "partition", min("offset") as "offset"
            from sent where seconds > 0 and reason is null group by all having sum(seconds) > {_DAY_S}
        )
        select count(*), cast(ceil(max(seconds)) as bigint), {_FIRST} from days
        """,
    )
    if count:
        found.append(Finding("long_day", count, samples=samples, most=most))
    count, most, samples = _row(
        con,
        f"""
        with ordered as (
            select *, lag(video) over w as before, lag(seconds) over w as before_s, lag(occurred_at) over w as before_at
            from sent where video is not null and seconds > 0 and reason is null
            window w as (partition by learner_key order by occurred_at, "partition", "offset")
        ),
        met as (
            select *, least(seconds, before_s) - epoch(occurred_at - before_at) as at_once_s from ordered where video <> before
        )
        select count(*), cast(ceil(max(at_once_s)) as bigint), {_FIRST} from met where at_once_s > 0
        """,
    )
    if count:
        found.append(Finding("at_once", count, samples=samples, most=most))
    return found


def _uncounted(con: duckdb.DuckDBPyConnection, programme_id: str, source: str) -> list[Finding]:
    """Events that no figure counts, by name and reason."""
    if not has_mart(con, "rpt_uncounted_events"):
        return []
    rows = con.execute(
        "select event_name || ' (' || reason || ')', cast(sum(event_count) as bigint) from rpt_uncounted_events"
        f" where programme_id = ? and source = ? group by 1 order by 2 desc, 1 limit {_MOST_NAMES}",
        [programme_id, source],
    ).fetchall()
    return [Finding("uncounted", count, name) for name, count in rows]


def _quarantined(
    con: duckdb.DuckDBPyConnection, programme_id: str, source: str, opened: Callable[[bytes], bytes | None]
) -> tuple[list[Finding], int]:
    """Records of the source that are no events, by reason and field; and how many there are whose source nobody can tell.

    Samples are ids where the record has one that looks like one, else places in the log. Nothing else of a record leaves this function.
    """
    counts: Counter[tuple[str, str]] = Counter()
    samples: dict[tuple[str, str], list[str]] = {}
    unread = 0
    rows = con.execute(
        'select "partition" || \':\' || "offset", reason, coalesce(field, \'\'), raw from lake.quarantined order by recorded_at, "partition", "offset"'
    )
    while batch := rows.fetchmany(1_000):
        for place, reason, name, raw in batch:
            said = _said(opened(bytes(raw)) if raw is not None else None)
            if said is None or not said.source:
                unread += said is None or said.programme_id in ("", programme_id)
                continue
            if said.source != source or said.programme_id not in ("", programme_id):
                continue
            why = reason, name
            counts[why] += 1
            if len(samples.setdefault(why, [])) < _SAMPLES:
                samples[why].append(said.event_id if _is_id(said.event_id) else place)
    found = [
        Finding("quarantined", count, f"{reason} {name}".strip(), samples[reason, name])
        for (reason, name), count in counts.most_common()
    ]
    return found, unread


def _said(raw: bytes | None) -> _Said | None:
    if raw is None:
        return None
    try:
        return _read(raw)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None


def _is_id(text: str) -> bool:
    """Whether it is a UUID: whatever else stands there may be somebody's name."""
    return len(text) == 36 and all(c in "0123456789abcdef-" for c in text)
