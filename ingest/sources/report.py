"""What an import did, every row accounted for."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field

__all__ = ["ImportReport"]


@dataclass(slots=True)
class ImportReport:
    """Counts by source table or verb. ``rows`` = ``used`` + ``set_aside`` for each."""

    rows: Counter[str] = field(default_factory=Counter)
    used: Counter[str] = field(default_factory=Counter)
    set_aside: Counter[tuple[str, str]] = field(default_factory=Counter)
    events: Counter[str] = field(default_factory=Counter)
    warnings: list[str] = field(default_factory=list)

    @property
    def adds_up(self) -> bool:
        """Whether every row read was used or set aside with a reason."""
        aside: Counter[str] = Counter()
        for (table, _), n in self.set_aside.items():
            aside[table] += n
        return all(n == self.used[table] + aside[table] for table, n in self.rows.items())
