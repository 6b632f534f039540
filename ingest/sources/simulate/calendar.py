"""When people learn: evenings and weekends, and a rush before the deadline."""

from __future__ import annotations

from datetime import UTC, date, datetime, time
from zoneinfo import ZoneInfo

import numpy as np
from numpy.typing import NDArray

from ingest.sources.simulate.people import Floats
from ingest.sources.simulate.shares import Ints

__all__ = ["Calendar", "Micros"]

Micros = NDArray[np.int64]
_HOUR = 3_600_000_000
_DAY = 24 * _HOUR
#: Relative activity by local hour: school days leave the lunch break and the evening.
_WORKDAY = np.array([2, 1, 0.3, 0.1, 0.1, 0.4, 2, 3, 3, 3, 3, 4, 8, 6, 3, 3, 4, 6, 8, 14, 18, 17, 11, 5], float)
_WEEKEND = np.array([3, 1, 0.4, 0.2, 0.1, 0.3, 1, 3, 7, 10, 10, 8, 5, 6, 9, 10, 9, 7, 7, 10, 12, 11, 8, 5], float)


class Calendar:
    """The days ``first`` … ``last`` in a time zone without changes of clock."""

    def __init__(self, first: date, last: date, timezone: str) -> None:
        self._midnight = int(
            datetime.combine(first, time(), ZoneInfo(timezone)).astimezone(UTC).timestamp() * 1_000_000
        )
        self.days = (last - first).days + 1
        self._weekend = np.array([(first.weekday() + d) % 7 >= 5 for d in range(self.days)])

    def spread(self, rng: np.random.Generator, counts: Ints, delay: Floats) -> tuple[Ints, Micros]:
        """``counts[i]`` moments for each person ``i``: (person, moment), by person, then time.

        Someone with delay 0 starts with a will and tails off; with delay 1 it all happens
        in the last days.
        """
        day = np.arange(self.days, dtype=float)
        early = np.exp(-day / (self.days / 2.5))
        late = np.exp((day - self.days) / (self.days / 7.0)) * 2.0
        shape = (1 - delay)[:, None] * early + delay[:, None] * late + 0.25
        shape *= np.where(self._weekend, 1.7, 1.0)
        per_day = rng.multinomial(counts, shape / shape.sum(axis=1, keepdims=True))
        person, on = np.nonzero(per_day)
        repeats = per_day[person, on]
        person, on = np.repeat(person, repeats), np.repeat(on, repeats)
        moment = self.at(rng, on)
        order = np.lexsort((moment, person))
        return person[order].astype(np.int64), moment[order]

    def at(self, rng: np.random.Generator, days: Ints) -> Micros:
        """A moment on each of the given days (numbered from 0)."""
        hours = np.where(
            self._weekend[np.clip(days, 0, self.days - 1)],
            rng.choice(24, len(days), p=_WEEKEND / _WEEKEND.sum()),
            rng.choice(24, len(days), p=_WORKDAY / _WORKDAY.sum()),
        )
        within = rng.integers(0, 3_600_000, len(days)) * 1000
        moments: Micros = (self._midnight + days * _DAY + hours * _HOUR + within).astype(np.int64)
        return moments

    def uniform(self, rng: np.random.Generator, count: int, first_day: int, last_day: int) -> Micros:
        """``count`` moments on days ``first_day`` … ``last_day``."""
        return self.at(rng, rng.integers(first_day, last_day + 1, count))
