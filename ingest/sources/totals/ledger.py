"""What tables of totals say beside the totals that are known: which rows tell something new, which correct a total downward.

Both sides are in a database of their own on the disk, in a file without a name that goes when it is closed. It holds ids and numbers, and
no name or number of anybody.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterable, Iterator
from datetime import date
from typing import NamedTuple

from ingest.sources.roster.ledger import Where
from ingest.sources.roster.values import Why
from ingest.sources.totals.reading import Row
from ingest.sources.totals.values import Finding, Reason

__all__ = ["Known", "Lower", "TotalsLedger", "Verdict"]


class Known(NamedTuple):
    """A report of totals, as the log has it; totals in thousandths."""

    event_id: str
    enrolment_id: str
    course_id: str
    as_of: str
    recorded_us: int
    partition: int
    offset: int
    totals: dict[str, int]


class Lower(NamedTuple):
    """A total that is less than the one before it, in thousandths."""

    activity: str
    before: int
    now: int


class Verdict(NamedTuple):
    """What a row comes to.

    Attributes:
        follows: the report of the same date that is known, which this one replaces; empty where it is the first.
        lower: the totals that it corrects downward.
        twice: the row that tells totals of the same person and date.
    """

    finding: Finding
    why: Reason | Why | None
    learner_key: str
    enrolment_id: str
    course_id: str
    as_of: date | None
    totals: dict[str, int]
    follows: str
    lower: tuple[Lower, ...]
    twice: Where | None


_SCHEMA = """
create table reports (
    event_id text primary key, enrolment_id text, course_id text, as_of text, recorded_us integer, partition integer, "offset" integer
) without rowid;
create table report_totals (event_id text, activity text, total integer, primary key (event_id, activity)) without rowid;
create table voids (event_id text primary key) without rowid;
create table rows (
    n integer primary key, file integer, sheet text, row integer, why text, learner_key text, enrolment_id text, course_id text, as_of text,
    said text, twice integer
);
"""
#: Of rows about one person and date that say the same the first counts; of those that say different things none.
_COMPARE = """
create index row_of on rows (enrolment_id, course_id, as_of);
create temp table same as
select enrolment_id, course_id, as_of, min(n) as first, count(distinct said) as sayings
from rows where why is null group by enrolment_id, course_id, as_of having count(*) > 1;
update rows set
    why = case when same.sayings > 1 then 'other_totals' else 'twice' end,
    twice = case when same.first < rows.n then same.first else (
        select min(other.n) from rows as other where other.n > rows.n and other.why is null and other.enrolment_id = rows.enrolment_id
            and other.course_id = rows.course_id and other.as_of = rows.as_of
    ) end
from same
where rows.why is null and rows.enrolment_id = same.enrolment_id and rows.course_id = same.course_id and rows.as_of = same.as_of
    and (same.sayings > 1 or rows.n > same.first);

create table follows as
select enrolment_id, course_id, as_of, event_id from (
    select *, row_number() over (
        partition by enrolment_id, course_id, as_of order by recorded_us desc, partition desc, "offset" desc
    ) as nth from reports
) where nth = 1;
create unique index follows_of on follows (enrolment_id, course_id, as_of);

create table known as
select enrolment_id, course_id, activity, as_of, total from (
    select reports.*, activity, total, row_number() over (
        partition by enrolment_id, course_id, activity, as_of order by recorded_us desc, partition desc, "offset" desc
    ) as nth
    from reports join report_totals using (event_id) where event_id not in (select event_id from voids)
) where nth = 1;
create unique index known_of on known (enrolment_id, course_id, activity, as_of);

create table told as
select n, enrolment_id, course_id, as_of, each.key as activity, each.value as total
from rows, json_each(said) as each where why is null;
create unique index told_of on told (n, activity);

create table lower as
select n, activity, before, total from (
    select n, activity, total, lag(total) over (
        partition by enrolment_id, course_id, activity order by as_of, n is not null
    ) as before
    from (
        select null as n, enrolment_id, course_id, activity, as_of, total from known
        union all
        select n, enrolment_id, course_id, activity, as_of, total from told
    )
) where n is not null and total < before;
create index lower_of on lower (n);
"""


class TotalsLedger:
    """What is known of one platform and what tables say: reports and voids first, then rows, then :meth:`compare`."""

    def __init__(self) -> None:
        self._con = sqlite3.connect("", isolation_level=None)
        self._con.execute("pragma journal_mode=off")
        self._con.executescript(_SCHEMA)
        self._count = 0

    def close(self) -> None:
        """Let go of the file."""
        self._con.close()

    def know(self, reports: Iterable[Known]) -> None:
        """Reports of the platform, in any order; one that comes again counts once."""
        self._con.execute("begin")
        for report in reports:
            self._con.execute("insert or ignore into reports values (?, ?, ?, ?, ?, ?, ?)", report[:7])
            self._con.executemany(
                "insert or ignore into report_totals values (?, ?, ?)",
                [(report.event_id, activity, total) for activity, total in report.totals.items()],
            )
        self._con.execute("commit")

    def void(self, event_ids: Iterable[str]) -> None:
        """Events that should not have been recorded."""
        self._con.executemany("insert or ignore into voids values (?)", [(event_id,) for event_id in event_ids])

    def say(self, file: int, sheet: str, rows: Iterable[tuple[Row, str, str]]) -> None:
        """Rows of a sheet in their order, each with the keys of its learner and enrolment, empty where they are not known."""
        values = []
        for row, learner_key, enrolment_id in rows:
            said = json.dumps(row.totals, sort_keys=True)
            as_of = row.as_of.isoformat() if row.as_of else None
            values.append(
                (
                    self._count,
                    file,
                    sheet,
                    row.entry.row,
                    row.why,
                    learner_key,
                    enrolment_id,
                    row.course_id,
                    as_of,
                    said,
                    None,
                )
            )
            self._count += 1
        self._con.execute("begin")
        self._con.executemany(f"insert into rows values ({', '.join('?' * 11)})", values)
        self._con.execute("commit")

    def compare(self) -> None:
        """All that the tables say has been said."""
        self._con.executescript(_COMPARE)

    def verdicts(self) -> Iterator[tuple[Where, Verdict]]:
        """What each row comes to, in the order in which they were said."""
        found = self._con.execute(
            "select rows.n, rows.file, rows.sheet, rows.row, rows.why, rows.learner_key, rows.enrolment_id, rows.course_id, rows.as_of, rows.said,"
            " coalesce(follows.event_id, ''), twice.file, twice.sheet, twice.row,"
            " not exists (select 1 from told left join known using (enrolment_id, course_id, activity, as_of)"
            "  where told.n = rows.n and known.total is not told.total)"
            " from rows left join rows as twice on rows.twice = twice.n"
            " left join follows on (rows.enrolment_id, rows.course_id, rows.as_of) = (follows.enrolment_id, follows.course_id, follows.as_of)"
            " order by rows.n"
        )
        for n, file, sheet, row, why, key, enrolment, course, as_of, said, follows, *twice, is_same in found:
            reason = _reason(why)
            lower: tuple[Lower, ...] = ()
            if reason is None and not is_same:
                sql = "select activity, before, total from lower where n = ? order by activity"
                lower = tuple(Lower(*one) for one in self._con.execute(sql, (n,)))
            yield Where(file, sheet, row), Verdict(
                _finding(reason, is_same=bool(is_same), is_lower=bool(lower)), reason, key, enrolment, course,
                date.fromisoformat(as_of) if as_of else None, json.loads(said), follows, lower,
                Where(*twice) if twice[0] is not None else None,
            )  # fmt: skip


def _reason(why: str | None) -> Reason | Why | None:
    if why is None:
        return None
    return Reason(why) if why in set(Reason) else Why(why)


def _finding(why: Reason | Why | None, *, is_same: bool, is_lower: bool) -> Finding:
    match why:
        case None:
            return Finding.SAME if is_same else Finding.CORRECTED if is_lower else Finding.USED
        case Reason.TWICE:
            return Finding.TWICE
        case Reason.NOT_FOUND | Reason.NO_ENROLMENT:
            return Finding.NOT_FOUND
        case (
            Reason.OTHER_TOTALS
            | Reason.SEVERAL_NAMESAKES
            | Reason.SEVERAL_ENROLMENTS
            | Why.SEVERAL_PERSONS
            | Why.ANOTHER_PERSON
        ):
            return Finding.UNCLEAR
    return Finding.SET_ASIDE
