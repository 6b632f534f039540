"""What an import did, every row accounted for."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field

__all__ = ["LINES", "ImportReport", "SetAside"]

#: What the report of a platform's log counts.
LINES = "lines"


@dataclass(slots=True)
class ImportReport:
    """Counts by source table or verb. ``rows`` = ``used`` + ``repeated`` + ``set_aside`` for each.

    ``repeated``: what an earlier import of the same file has brought in. ``uncounted``: events, by the platform's name and why they
    count for nothing. ``claims``: of when records were first recorded, in words: the field, whose claims, how many, the first and the last.
    """

    rows: Counter[str] = field(default_factory=Counter)
    used: Counter[str] = field(default_factory=Counter)
    repeated: Counter[str] = field(default_factory=Counter)
    set_aside: Counter[tuple[str, str]] = field(default_factory=Counter)
    uncounted: Counter[tuple[str, str]] = field(default_factory=Counter)
    events: Counter[str] = field(default_factory=Counter)
    claims: list[str] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)

    @property
    def adds_up(self) -> bool:
        """Whether every row read was used, repeated or set aside with a reason."""
        aside: Counter[str] = Counter()
        for (table, _), n in self.set_aside.items():
            aside[table] += n
        return all(n == self.used[table] + self.repeated[table] + aside[table] for table, n in self.rows.items())


@dataclass(frozen=True, slots=True)
class SetAside:
    """Where the reader of a log counts its lines, and puts those that are no entry.

    Attributes:
        reject: takes such a line, which may have names, and why.
    """

    report: ImportReport
    reject: Callable[[bytes, str], None]

    def __call__(self, line: str, why: str) -> None:
        """Set a line aside."""
        self.report.set_aside[LINES, why] += 1
        self.reject(line.encode("utf-8", "backslashreplace"), why)
