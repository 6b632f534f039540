"""A statement of account to the provider of a platform: what its source sent, and what of it cannot be right. Event ids, and nobody's name or key."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime

from pipelines.reports.document import (
    Block,
    Card,
    Cards,
    Column,
    Document,
    Heading,
    Items,
    Paragraph,
    Row,
    Table,
    Value,
)
from pipelines.words import count_text, words_of

__all__ = ["FINDINGS", "Day", "Finding", "SourceAccount", "compose_source"]

#: What a finding may be, in the order in which they are told.
FINDINGS = (
    "late", "ahead", "repeat", "conflict", "waiting", "other_learner", "long_day", "at_once", "uncounted", "quarantined",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Finding:
    """What was found of some records.

    Attributes:
        kind: one of :data:`FINDINGS`.
        detail: a reason of quarantine with its field, or the name of an event that no figure counts; empty where there is none.
        samples: ids of events, the first of them; of records that have none their place in the log.
        most: seconds: how late or how far ahead at most, the longest day, the longest stretch at once.
    """

    kind: str
    count: int
    detail: str = ""
    samples: Sequence[str] = ()
    most: int | None = None


@dataclass(frozen=True, slots=True)
class Day:
    """What was recorded on a local date: events, and how many of them were late, repeated, in conflict; the id of the first."""

    on: date
    came: int
    late: int
    repeats: int
    conflicts: int
    first_id: str


@dataclass(frozen=True, slots=True)
class SourceAccount:
    """What a source sent to a programme.

    Attributes:
        came: accepted records; each is counted, or is a repeat, in conflict, waiting or of another learner.
        occurred: the first and the last time at which something happened; None where nothing came.
        types: accepted records by event type.
        unread: quarantined records of the programme whose source cannot be told.
        late_after_h: hours after which an event is late.
    """

    programme_id: str
    label: Mapping[str, str]
    source: str
    on: date
    time_zone: str
    came: int
    counted: int
    occurred: tuple[datetime, datetime] | None
    recorded: tuple[datetime, datetime] | None
    types: Sequence[tuple[str, int]]
    findings: Sequence[Finding]
    days: Sequence[Day]
    unread: int = 0
    late_after_h: int = 24


def compose_source(account: SourceAccount, language: str) -> Document:
    """The document for the provider."""
    w = words_of("source", language)
    subtitle = w["subtitle"].format(source=account.source, programme=account.label[language])
    blocks: list[Block] = [Paragraph(w["purpose"])]
    blocks.append(_cards(account, language))
    if account.occurred is not None and account.recorded is not None:
        first, last, recorded, until = map(_stamp, (*account.occurred, *account.recorded))
        blocks.append(Paragraph(w["spans"].format(first=first, last=last, recorded=recorded, until=until)))
    blocks += _findings(account, language)
    if account.types:
        rows = [Row([Value.of_text(name), Value.of_count(count)]) for name, count in account.types]
        columns = [Column(w["event_type"], is_number=False), Column(w["records"])]
        blocks += [Heading(w["types"]), Table(w["types"], w["types"], columns, rows, most=30, more=w["more"])]
    if account.days:
        blocks += [Heading(w["days"]), _days(account, language)]
    blocks += [Heading(w["mend"]), Items(_mending(account, language))]
    return Document(language, w["title"], subtitle, account.on, blocks, [w["footer"].format(zone=account.time_zone)])


def _cards(account: SourceAccount, language: str) -> Cards:
    w = words_of("source", language)
    counts = {kind: sum(one.count for one in account.findings if one.kind == kind) for kind in FINDINGS}
    apart = {kind: counts[kind] for kind in ("repeat", "conflict", "waiting", "other_learner")}
    between = words_of("text", language)["clause_joiner"]
    kinds = words_of("source.findings", language)
    parts = between.join(f"{kinds[kind]} {count_text(count)}" for kind, count in apart.items() if count)
    return Cards(
        [
            Card(w["came"], Value.of_count(account.came)),
            Card(w["counted"], Value.of_count(account.counted), [parts] if parts else []),
            Card(w["quarantined"], Value.of_count(counts["quarantined"])),
        ]
    )


def _findings(account: SourceAccount, language: str) -> list[Block]:
    w = words_of("source", language)
    if not account.findings:
        return [Heading(w["found"]), Paragraph(w["none"])]
    kinds = words_of("source.findings", language)
    rows = [
        Row(
            [
                Value.of_text(kinds[one.kind]),
                Value.of_text(one.detail),
                Value.of_count(one.count),
                Value.of_text("" if one.most is None else _duration(one.most, language)),
            ]
        )
        for one in account.findings
    ]
    columns = [
        Column(w["finding"], is_number=False), Column(w["detail"], is_number=False), Column(w["records"]),
        Column(w["most"], is_number=False),
    ]  # fmt: skip
    # An id is as long as half a page is wide: the ids have a table of their own.
    samples = [
        Row([Value.of_text(" ".join(filter(None, [kinds[one.kind], one.detail]))), Value.of_text(sample)])
        for one in account.findings
        for sample in one.samples
    ]
    of_samples = [Column(w["finding"], is_number=False), Column(w["event_id"], is_number=False)]
    note = w["unread"].format(n=count_text(account.unread)) if account.unread else ""
    return [
        Heading(w["found"]), Table(w["found"], w["found"], columns, rows, note=note, most=60, more=w["more"]),
        Heading(w["samples"]), Table(w["samples"], w["samples"], of_samples, samples, most=100, more=w["more"]),
    ]  # fmt: skip


def _days(account: SourceAccount, language: str) -> Table:
    w = words_of("source", language)
    rows = [
        Row(
            [
                Value.of_date(day.on, language), *(Value.of_count(n) for n in (day.came, day.late, day.repeats, day.conflicts)),
                Value.of_text(day.first_id),
            ]
        )
        for day in account.days
    ]  # fmt: skip
    kinds = words_of("source.findings", language)
    columns = [
        Column(w["day"], is_number=False), Column(w["records"]), *(Column(kinds[kind]) for kind in ("late", "repeat", "conflict")),
        Column(w["first"], is_number=False),
    ]  # fmt: skip
    return Table(w["days"], w["days"], columns, rows, most=60, more=w["more"])


def _mending(account: SourceAccount, language: str) -> list[str]:
    """What the provider can do about each kind of finding that there is."""
    mends = words_of("source.mending", language)
    kinds = dict.fromkeys(one.kind for one in account.findings)
    return [mends[kind].format(hours=account.late_after_h) for kind in FINDINGS if kind in kinds] or [mends["nothing"]]


def _stamp(moment: datetime) -> str:
    return f"{moment:%Y-%m-%d %H:%M:%S}"


def _duration(seconds: int, language: str) -> str:
    """Seconds as days (from two on), hours or minutes, the largest that fits, to a tenth."""
    units = words_of("source.units", language)
    for name, size in (("days", 86_400), ("hours", 3_600), ("minutes", 60)):
        if seconds >= size * (2 if name == "days" else 1):
            return units[name].format(n=f"{seconds / size:,.1f}")
    return units["seconds"].format(n=f"{seconds:,}")
