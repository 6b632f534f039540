"""What was played of a video, from the player's events."""

from __future__ import annotations

from datetime import datetime
from typing import NamedTuple

__all__ = ["Playing", "Segment"]

#: Players run at twice the speed at most; a clock may be off by so many seconds.
_FASTEST, _SLACK_S = 2.0, 2.0
#: Players that are running, at most: those that never tell their end are forgotten, the oldest first.
_KEPT = 50_000
#: The longest stretch that an event may have.
_MOST_S = 86_400.0


class Segment(NamedTuple):
    """A stretch of a video that was played: seconds of its content, and the position at the end."""

    seconds: float
    end_s: float


class Playing:
    """The players that are running, each from a position on and since an instant.

    A stretch is told by its begin and its end. Of one whose end nobody tells (the page was closed) nothing is known, and nothing counts.
    """

    def __init__(self) -> None:
        self._running: dict[tuple[str, str], tuple[float, datetime]] = {}

    def play(self, viewer: str, video: str, position_s: float | None, at: datetime) -> None:
        """A player runs from ``position_s`` on."""
        self._running.pop((viewer, video), None)
        if position_s is not None:
            if len(self._running) >= _KEPT:
                self._running.pop(next(iter(self._running)))
            self._running[viewer, video] = position_s, at

    def end(self, viewer: str, video: str, position_s: float | None, at: datetime) -> Segment | None:
        """A player stops at ``position_s``; None where no stretch can be told: it did not run, or not that far in that time."""
        begun = self._running.pop((viewer, video), None)
        if begun is None or position_s is None:
            return None
        seconds = position_s - begun[0]
        elapsed_s = (at - begun[1]).total_seconds()
        if not 0 < seconds <= min(_MOST_S, elapsed_s * _FASTEST + _SLACK_S):
            return None
        return Segment(round(seconds, 3), round(position_s, 3))
