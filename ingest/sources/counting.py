"""What the events and verbs of platforms count as: the rows of a pack's ``sources.csv``, then those that ship."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import NamedTuple

from ingest.programmes.platform_rows import conditions, shipped_rows
from ingest.sources.entries import LogEntry

__all__ = ["Counting", "Rule"]

#: Names whose row is remembered; a file may have a name of its own in every line.
_KEPT = 10_000


class Rule(NamedTuple):
    """A row: what an entry of its name counts as where it meets the conditions.

    Attributes:
        conditions: fields and the values of which the entry has one.
        is_affected: the learner is whom the event affects, not who caused it.
        counts_as: an event type; empty where the entry counts for nothing.
    """

    conditions: tuple[tuple[str, frozenset[str]], ...]
    is_affected: bool
    counts_as: str

    def holds(self, entry: LogEntry) -> bool:
        """Whether the entry meets the conditions."""
        return all(getattr(entry, field) in values for field, values in self.conditions)


class Counting:
    """The rules of one platform; the first row whose name and conditions fit says what an entry counts as.

    Args:
        rows: of the programme's own ``sources.csv``; they come before those that ship.
    """

    def __init__(self, platform: str, rows: Iterable[Mapping[str, str]] = ()) -> None:
        self._rules: dict[str, list[Rule]] = {}
        #: What names count as where no row asks for more than the name.
        self._plain: dict[tuple[str, ...], Rule | None] = {}
        for row in (*rows, *shipped_rows()):
            if row["platform"] == platform:
                rule = Rule(conditions(row["condition"]), row["learner"] == "affected", row["counts_as"] or "")
                self._rules.setdefault(row["event"], []).append(rule)

    def rule(self, entry: LogEntry) -> Rule | None:
        """The row that fits an entry: by its names, the most exact first; None where none does."""
        names = entry.names
        try:
            return self._plain[names]
        except KeyError:
            pass
        if len(self._plain) >= _KEPT:
            self._plain.clear()
        is_plain = True
        for name in names:
            for rule in self._rules.get(name, ()):
                is_plain = is_plain and not rule.conditions
                if rule.holds(entry):
                    return self._plain.setdefault(names, rule) if is_plain else rule
        return self._plain.setdefault(names, None) if is_plain else None
