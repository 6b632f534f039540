"""A person's own copy, as a document: what is known, what was recorded, what follows from it, and who has read the name."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from pipelines.reports.document import (
    Block,
    Column,
    Definitions,
    Document,
    Heading,
    Notice,
    Paragraph,
    Row,
    Table,
    Value,
)
from pipelines.words import NO_VALUE, count_text, words_of

__all__ = ["OwnCopy", "compose_own_copy"]

_OPEN_END = "9999-12-31"


@dataclass(frozen=True, slots=True)
class OwnCopy:
    """All that is known of a person; ``derived`` has lists of rows by section, as :func:`pipelines.reading.people.read_derived` gives them."""

    details: Mapping[str, str]
    derived: Mapping[str, Sequence[Mapping[str, Any]]]
    records: Sequence[Mapping[str, Any]]
    readings: Sequence[Mapping[str, Any]]
    made_at: datetime
    made_by: str


def compose_own_copy(copy: OwnCopy, language: str) -> Document:
    """The document, in ``zh`` or ``en``."""
    w = words_of("people.own_copy", language)
    details = [(w.get(name, name), value) for name, value in copy.details.items()]
    blocks: list[Block] = [Notice(w["notice"]), Heading(w["details"])]
    blocks.append(Definitions(details) if details else Paragraph(w["none"]))
    for section in ("enrolments", "scores", "indicators", "activities"):
        blocks += _section(w, section, copy.derived.get(section, ()))
    kinds = Counter(str(record["event_type"]) for record in copy.records)
    rows = []
    for kind, n in kinds.most_common():
        times = sorted(str(record["occurred_at"]) for record in copy.records if record["event_type"] == kind)
        rows.append({"event_type": kind, "count": n, "first": times[0][:19], "last": times[-1][:19]})
    blocks += _section(w, "records", rows, w["kinds"].format(n=count_text(len(copy.records))))
    read = [
        {name: one[name] for name in ("read_at", "by_whom", "purpose", "programme_id", "scope")}
        for one in copy.readings
    ]
    blocks += _section(w, "readings", read)
    made = w["made"].format(by=copy.made_by, at=f"{copy.made_at:%Y-%m-%d %H:%M}")
    return Document(language, w["title"], made, copy.made_at.date(), blocks, [made])


def _section(w: Mapping[str, str], name: str, rows: Sequence[Mapping[str, Any]], intro: str = "") -> list[Block]:
    if not rows:
        return [Heading(w[name]), Paragraph(w["none"])]
    columns = [Column(w.get(column, column), is_number=_is_number(value)) for column, value in rows[0].items()]
    table = Table(w[name], w[name], columns, [Row([_cell(w, value) for value in row.values()]) for row in rows])
    return [Heading(w[name]), *([Paragraph(intro)] if intro else []), table]


def _is_number(value: object) -> bool:
    return (not isinstance(value, bool | str) and isinstance(value, int)) or hasattr(value, "quantize")


def _cell(w: Mapping[str, str], value: Any) -> Value:
    if value is None:
        return Value.missing()
    if isinstance(value, bool):
        return Value.of_text(w["yes" if value else "no"])
    if isinstance(value, int):
        return Value.of_count(value)
    if hasattr(value, "quantize"):
        return Value.of_points(value)
    text = str(value)
    return Value.of_text(w["now"] if text == _OPEN_END else text or NO_VALUE)
