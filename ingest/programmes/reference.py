"""The reference tables that the warehouse gets of all programmes' definitions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date
from decimal import Decimal

import pyarrow as pa

from ingest.programmes.history import Definition, always
from ingest.programmes.indicators import in_full
from ingest.programmes.pack import CALLED, Pack
from ingest.programmes.platform_rows import STATEMENTS, statement_rules
from ingest.programmes.rows import REFERENCE_COLUMNS
from ingest.programmes.vocabulary import breakdowns

__all__ = ["RULES", "reference_tables"]

#: The end of what has not ended, as the models write it.
_OPEN_END = date(9999, 12, 31)
#: The tables that are dated: every version is kept, and a day has those of its definition. Of the others the newest is kept.
RULES = ("assessment_rules", "indicators", "excellence", "targets", "warnings", "actions", "reminders")


def reference_tables(
    packs: Mapping[str, Pack], history: Mapping[str, Sequence[Definition]] | None = None
) -> dict[str, pa.Table]:
    """The packs' tables for the warehouse: text columns as in the files, with programme_id first.

    A programme of ``history`` has the definitions given there; another has its pack of ``packs``,
    for all dates. ``definitions`` says which version applies when.
    """
    found: dict[str, Sequence[Definition]] = {name: always(pack) for name, pack in packs.items()}
    found |= history or {}
    newest = {name: versions[-1].pack for name, versions in found.items()}
    every = [(name, d) for name, versions in found.items() for d in versions]
    tables = {
        name: _table(
            ("programme_id", *columns),
            [{"programme_id": key, **row} for key, pack in newest.items() for row in pack.tables[name]],
        )
        for name, columns in REFERENCE_COLUMNS.items()
        if name not in RULES
    }
    standard = [{"breakdown": name, "dimensions": "|".join(of)} for name, of in breakdowns().items()]
    tables["breakdowns"] = _table(
        ("programme_id", *REFERENCE_COLUMNS["breakdowns"]),
        [
            {"programme_id": key, **row}
            for key, pack in newest.items()
            for row in (*standard, *(r for r in pack.tables["breakdowns"] if r["breakdown"] not in breakdowns()))
        ],
    )
    for name in RULES:
        rows = [
            (key, d.version, row)
            for key, d in every
            for row in (in_full(d.pack.tables[name]) if name == "indicators" else d.pack.tables[name])
        ]
        more = ("whole_group", "shares_of") if name == "indicators" else ()
        tables[name] = _table(
            ("programme_id", *REFERENCE_COLUMNS[name], *more), [{"programme_id": key, **row} for key, _, row in rows]
        ).append_column("version", pa.array([version for _, version, _ in rows], pa.int32()))
    tables["definitions"] = pa.table(
        {
            "programme_id": pa.array([key for key, _ in every], pa.string()),
            "version": pa.array([d.version for _, d in every], pa.int32()),
            "recorded_at": pa.array([d.recorded_at for _, d in every], pa.timestamp("us", "UTC")),
            "applies_from_on": pa.array([d.applies_from_on for _, d in every], pa.date32()),
            "applies_to_on": pa.array([d.applies_to_on or _OPEN_END for _, d in every], pa.date32()),
            "digest": pa.array([d.pack.digest for _, d in every], pa.string()),
            "assignment_pass_grade": pa.array(
                [Decimal(str(d.pack.assignment_pass_grade)) for _, d in every], pa.decimal128(18, 15)
            ),
            "unit_mastery": pa.array([d.pack.unit_mastery for _, d in every], pa.bool_()),
            "passing_results": pa.array(["|".join(d.pack.passing_results) for _, d in every], pa.string()),
        }
    )
    verbs = {"": statement_rules()} | {
        key: statement_rules(pack.tables["sources"])
        for key, pack in newest.items()
        if any(row["platform"] == STATEMENTS for row in pack.tables["sources"])
    }
    tables["verbs"] = _table(
        ("programme_id", "verb_id", "kind", "counts_as"),
        [
            {"programme_id": key, "verb_id": verb, "kind": kind, "counts_as": counts_as}
            for key, rules in verbs.items()
            for verb, kind, counts_as in rules
        ],
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
            # Whose rows say what statements count as: its own, or those that ship.
            "verbs_of": pa.array([key if key in verbs else "" for key in newest], pa.string()),
            **{name: pa.array([p.called[name] for p in newest.values()], pa.string()) for name in CALLED},
        }
    )
    return tables


def _table(columns: tuple[str, ...], rows: list[dict[str, str]]) -> pa.Table:
    return pa.table({c: pa.array([row.get(c) for row in rows], pa.string()) for c in columns})
