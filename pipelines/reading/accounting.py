"""Where every record went: accepted + quarantined = offsets covered, and
accepted = counted + repeats + conflicts + waiting + set aside."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from ingest.log.port import EventLog, Retention
from pipelines.continuity import check_lake
from warehouse.build import Warehouse
from warehouse.errors import LakeMismatch, LogReplaced
from warehouse.lake import Lake
from warehouse.publish import read_info
from warehouse.query import connect, connect_lake, has_mart

__all__ = ["Accounting", "PartitionAccount", "account"]


@dataclass(frozen=True, slots=True)
class PartitionAccount:
    """One partition: what the log holds, what the lake covers, how many rows that gave."""

    partition: int
    begin: int
    end: int
    covered: int
    accepted: int
    quarantined: int

    @property
    def lag(self) -> int:
        return max(0, self.end - self.covered)

    @property
    def adds_up(self) -> bool:
        return self.accepted + self.quarantined == self.covered and self.covered <= self.end


@dataclass(frozen=True, slots=True)
class Accounting:
    """The account of log, lake and published build; ``build_…`` is None before the first build.

    ``uncounted_verbs``: (programme, verb, how many) of statements that no figure counts, the most first.
    ``uncounted_events``: (programme, event's name, why, how many) of what platforms recorded, likewise.
    ``mismatch``: why the log is not the one that the lake was made from.
    """

    partitions: list[PartitionAccount]
    reasons: list[tuple[str, int]]
    last_recorded_at: datetime | None
    last_occurred_at: datetime | None
    file_count: int
    file_bytes: int
    build_id: str | None
    build_accepted_in_lake: int
    build_accepted: int
    build_counted: int
    build_repeats: int
    build_conflicts: int
    build_waiting: int
    build_set_aside: int
    uncounted_verbs: list[tuple[str, str, int]]
    uncounted_events: list[tuple[str, str, str, int]]
    retention: Retention
    mismatch: str | None = None

    @property
    def problems(self) -> list[str]:
        """Every way in which the account does not add up; none is what it should be."""
        if self.mismatch is not None:
            return [self.mismatch]
        found = [
            f"partition {p.partition}: {p.accepted} accepted + {p.quarantined} quarantined are not the {p.covered} offsets "
            f"covered, of {p.end} in the log"
            for p in self.partitions
            if not p.adds_up
        ]
        if self.build_id is not None:
            parts = (
                self.build_counted
                + self.build_repeats
                + self.build_conflicts
                + self.build_waiting
                + self.build_set_aside
            )
            if parts != self.build_accepted:
                found.append(f"the build accounts for {parts} of the {self.build_accepted} accepted records it read")
            if self.build_accepted != self.build_accepted_in_lake:
                found.append(
                    f"the build read {self.build_accepted} accepted records where the lake holds {self.build_accepted_in_lake}"
                )
        return found

    @property
    def warnings(self) -> list[str]:
        """What will go wrong unless somebody acts."""
        found = []
        lost = [p for p in self.partitions if p.begin > p.covered]
        if lost:
            found.append(
                f"the log has deleted {sum(p.begin - p.covered for p in lost):,} records that the lake has not covered"
            )
        if not self.retention.is_unlimited:
            limits = []
            if self.retention.max_age_ms is not None:
                limits.append(f"older than {self.retention.max_age_ms / 3_600_000:.1f} hours")
            if self.retention.max_bytes is not None:
                limits.append(f"beyond {self.retention.max_bytes:,} bytes a partition")
            behind = sum(p.lag for p in self.partitions)
            found.append(
                f"the broker deletes records {' or '.join(limits)}; {behind:,} are not in the lake yet. "
                "Set retention.ms=-1 and retention.bytes=-1 on the topic: the log is the only truth."
            )
        return found


def account(log: EventLog, lake: Lake, warehouse: Warehouse) -> Accounting:
    """The account at this moment."""
    mismatch = None
    try:
        check_lake(lake, log)
    except (LakeMismatch, LogReplaced) as error:
        mismatch = str(error)
    begin, end = log.begin_offsets(), log.end_offsets()
    info = read_info(warehouse.published)
    rows: dict[int, tuple[int, int]] = {}
    reasons: list[tuple[str, int]] = []
    last: tuple[datetime | None, datetime | None] = (None, None)
    in_lake = 0
    if lake.exists:
        lake.refresh()
        with connect_lake(lake) as con:
            rows = {
                p: (a, q)
                for p, a, q in con.execute(
                    "select \"partition\", count(*) filter (disposition = 'accepted'),"
                    " count(*) filter (disposition = 'quarantined') from lake.records group by all"
                ).fetchall()
            }
            reasons = con.execute(
                "select reason, count(*) from lake.quarantined group by 1 order by 2 desc, 1"
            ).fetchall()
            last = con.execute("select max(recorded_at), max(occurred_at) from lake.records").fetchone() or last
            if info is not None and info.next_offsets:
                cases = " ".join(f"when {p} then {o}" for p, o in info.next_offsets.items())
                found = con.execute(
                    f'select count(*) from lake.accepted where "offset" < case "partition" {cases} else 0 end'
                ).fetchone()
                in_lake = found[0] if found else 0
    sums = (0, 0, 0, 0, 0, 0)
    uncounted: list[tuple[str, str, int]] = []
    uncounted_events: list[tuple[str, str, str, int]] = []
    if info is not None:
        with connect(warehouse.published) as con:
            # A file of an earlier version has nothing set aside.
            aside = "coalesce(sum(set_aside_count), 0)" if has_mart(con, "fct_uncounted_records") else "0"
            found = con.execute(
                "select coalesce(sum(accepted_count), 0), coalesce(sum(counted_count), 0), coalesce(sum(repeat_count), 0),"
                " coalesce(sum(conflict_count), 0), coalesce(sum(waiting_count), 0),"
                f" {aside} from rpt_event_accounting"
            ).fetchone()
            sums = tuple(int(n) for n in found) if found else sums  # type: ignore[assignment]
            if has_mart(con, "rpt_uncounted_verbs"):
                uncounted = con.execute(
                    "select programme_id, verb_id, cast(sum(statement_count) as bigint) from rpt_uncounted_verbs"
                    " group by all order by 3 desc, 2"
                ).fetchall()
            if has_mart(con, "rpt_uncounted_events"):
                uncounted_events = con.execute(
                    "select programme_id, event_name, reason, cast(sum(event_count) as bigint) from rpt_uncounted_events"
                    " group by all order by 4 desc, 2, 3"
                ).fetchall()
    sizes = lake.file_sizes() if lake.exists else []
    return Accounting(
        partitions=[
            PartitionAccount(p, begin.get(p, 0), e, lake.next_offset(p) if lake.exists else 0, *rows.get(p, (0, 0)))
            for p, e in sorted(end.items())
        ],
        reasons=reasons,
        last_recorded_at=last[0],
        last_occurred_at=last[1],
        file_count=len(sizes),
        file_bytes=sum(sizes),
        build_id=info.build_id if info else None,
        build_accepted_in_lake=in_lake,
        build_accepted=sums[0],
        build_counted=sums[1],
        build_repeats=sums[2],
        build_conflicts=sums[3],
        build_waiting=sums[4],
        build_set_aside=sums[5],
        uncounted_verbs=uncounted,
        uncounted_events=uncounted_events,
        retention=log.retention(),
        mismatch=mismatch,
    )
