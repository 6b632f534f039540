"""A programme's definitions through time, and the reference tables that the warehouse gets of them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal

import pyarrow as pa

from ingest.packs import REFERENCE_COLUMNS, Pack

__all__ = ["BEGINNING", "Definition", "Loaded", "reference_tables", "timeline"]

#: A programme's first definition applies to whatever is older, too.
BEGINNING = date(1900, 1, 1)
#: How a pack that does not say so calls its counties and subjects.
_CALLED = {"county_zh": "区县", "county_en": "County", "subject_zh": "学科", "subject_en": "Subject"}
#: Tables of which every version is kept; of the others the warehouse gets the newest.
_VERSIONED = ("assessment_rules", "indicators", "excellence", "targets", "warnings", "actions", "reminders")


@dataclass(frozen=True, slots=True)
class Loaded:
    """A pack as it was loaded: when, and from which local date on it applies."""

    pack: Pack
    recorded_at: datetime
    applies_from_on: date


@dataclass(frozen=True, slots=True)
class Definition:
    """A pack and the local dates ``applies_from_on`` <= day < ``applies_to_on`` (None: for ever)."""

    pack: Pack
    version: int
    recorded_at: datetime | None
    applies_from_on: date
    applies_to_on: date | None


def timeline(loaded: Iterable[Loaded]) -> list[Definition]:
    """Which of the packs loaded for one programme applies when.

    The first applies from the beginning; a later one from its day on, in the place of all that
    was loaded before it. One that another has taken the place of whole is left out.
    """
    spans: list[tuple[int, Loaded, date]] = []
    for version, item in enumerate(sorted(loaded, key=lambda x: x.recorded_at), start=1):
        start = BEGINNING if version == 1 else item.applies_from_on
        spans = [span for span in spans if span[2] < start]
        spans.append((version, item, start))
    ends: list[date | None] = [start for *_, start in spans[1:]] + [None]
    return [
        Definition(item.pack, version, item.recorded_at, start, end)
        for (version, item, start), end in zip(spans, ends, strict=True)
    ]


def reference_tables(
    packs: Mapping[str, Pack], history: Mapping[str, Sequence[Definition]] | None = None
) -> dict[str, pa.Table]:
    """The packs' tables for the warehouse: text columns as in the files, with programme_id first.

    A programme of ``history`` has the definitions given there; another has its pack of ``packs``,
    for all dates. ``definitions`` says which version applies when.
    """
    found: dict[str, Sequence[Definition]] = {
        name: [Definition(pack, 1, None, BEGINNING, None)] for name, pack in packs.items()
    }
    found |= history or {}
    newest = {name: versions[-1].pack for name, versions in found.items()}
    every = [(name, d) for name, versions in found.items() for d in versions]
    tables = {
        name: _table(
            ("programme_id", *columns),
            [{"programme_id": key, **row} for key, pack in newest.items() for row in pack.tables[name]],
        )
        for name, columns in REFERENCE_COLUMNS.items()
        if name not in _VERSIONED
    }
    for name in _VERSIONED:
        rows = [(key, d.version, row) for key, d in every for row in d.pack.tables[name]]
        tables[name] = _table(
            ("programme_id", *REFERENCE_COLUMNS[name]), [{"programme_id": key, **row} for key, _, row in rows]
        ).append_column("version", pa.array([version for _, version, _ in rows], pa.int32()))
    tables["definitions"] = pa.table(
        {
            "programme_id": pa.array([key for key, _ in every], pa.string()),
            "version": pa.array([d.version for _, d in every], pa.int32()),
            "recorded_at": pa.array([d.recorded_at for _, d in every], pa.timestamp("us", "UTC")),
            "applies_from_on": pa.array([d.applies_from_on for _, d in every], pa.date32()),
            "applies_to_on": pa.array([d.applies_to_on for _, d in every], pa.date32()),
            "digest": pa.array([d.pack.digest for _, d in every], pa.string()),
            "assignment_pass_grade": pa.array(
                [Decimal(str(d.pack.assignment_pass_grade)) for _, d in every], pa.decimal128(9, 3)
            ),
            "passing_results": pa.array(["|".join(d.pack.passing_results) for _, d in every], pa.string()),
        }
    )
    tables["programmes"] = pa.table(
        {
            "programme_id": pa.array(list(newest), pa.string()),
            "label_zh": pa.array([p.label_zh for p in newest.values()], pa.string()),
            "label_en": pa.array([p.label_en for p in newest.values()], pa.string()),
            "timezone": pa.array([p.timezone for p in newest.values()], pa.string()),
            "starts_on": pa.array([p.starts_on for p in newest.values()], pa.date32()),
            "ends_on": pa.array([p.ends_on for p in newest.values()], pa.date32()),
            "report_on": pa.array([p.report_on for p in newest.values()], pa.date32()),
            **{
                name: pa.array([p.labels.get(name, usual) for p in newest.values()], pa.string())
                for name, usual in _CALLED.items()
            },
        }
    )
    return tables


def _table(columns: tuple[str, ...], rows: list[dict[str, str]]) -> pa.Table:
    return pa.table({c: pa.array([row.get(c) for row in rows], pa.string()) for c in columns})
