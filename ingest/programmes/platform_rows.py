"""The rows of ``sources.csv``, a pack's own and those that ship: what the events and verbs of platforms count as."""

from __future__ import annotations

import csv
from collections.abc import Iterable, Mapping, Sequence
from functools import cache
from importlib import resources

__all__ = ["ANY", "STATEMENTS", "conditions", "shipped_rows", "statement_rules"]

#: The condition of a row that asks nothing more.
ANY = "*"
#: The platform of rows that are about the verbs of statements, which the warehouse's staging counts.
STATEMENTS = "xapi"


def conditions(text: str) -> tuple[tuple[str, frozenset[str]], ...]:
    """What a row asks: fields, and the values of which an entry has one."""
    if text == ANY:
        return ()
    pairs = (part.partition("=") for part in text.split(";"))
    return tuple((field, frozenset(values.split("|"))) for field, _, values in pairs)


@cache
def shipped_rows() -> Sequence[Mapping[str, str]]:
    """The rows of ``sources.csv`` that ship, in their order."""
    text = resources.files("ingest.sources").joinpath("sources.csv").read_text(encoding="utf-8")
    return tuple(csv.DictReader(text.splitlines()))


def statement_rules(rows: Iterable[Mapping[str, str]] = ()) -> list[tuple[str, str, str]]:
    """What statements count as: verb, type of the activity (empty: any other), event type; the first row that fits says it.

    Args:
        rows: of the programme's own ``sources.csv``; they come before those that ship.
    """
    found: dict[tuple[str, str], str] = {}
    for row in (*rows, *shipped_rows()):
        verb = row["event"]
        # After a row for any activity no other row of the verb is reached.
        if row["platform"] != STATEMENTS or (verb, "") in found:
            continue
        # In an order that is the same in every process: definitions that differ are a reason to build in whole.
        for kind in sorted(dict(conditions(row["condition"])).get("kind", frozenset({""}))):
            found.setdefault((verb, kind), row["counts_as"] or "")
    return [(verb, kind, counts_as) for (verb, kind), counts_as in found.items()]
