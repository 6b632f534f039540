"""When records of an imported past were recorded, as a field of theirs claims: read, checked for sense, and accounted for. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from ingest.events.envelope import TIME_PATTERN, format_time, parse_time
from ingest.events.validation import EARLIEST, FUTURE_TOLERANCE

__all__ = ["Claim", "RecordedTimes"]

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(slots=True)
class Claim:
    """What one source claimed: how many times of recording, the first and the last of them."""

    count: int
    first: datetime
    last: datetime


@dataclass(slots=True)
class RecordedTimes:
    """Reads when a record was recorded from a field of it.

    Attributes:
        path: of the field; members within members are separated by dots.
        occurred: the field that says when it happened.
        now: no record of the past was recorded after it.
        claims: by the source that a record names.
    """

    path: str
    occurred: str
    now: datetime
    claims: dict[str, Claim] = field(default_factory=dict)

    def read(self, document: Mapping[str, Any]) -> int | str:
        """When a record was recorded, microseconds since 1970; or why what it claims makes no sense."""
        text = _at(document, self.path)
        if text is None:
            return "no time of recording"
        try:
            claimed = parse_time(text)
        except (TypeError, ValueError):
            found = TIME_PATTERN.match(text) if isinstance(text, str) else None
            is_naive = found is not None and found[1] is None
            return "a time of recording without its offset" if is_naive else "no such time of recording"
        if claimed > self.now:
            return "recorded after its import"
        if claimed < EARLIEST:
            return f"recorded before {EARLIEST.year}"
        # Clocks differ: the log's own reading allows as much.
        occurred = self._occurred(document)
        if occurred is not None and claimed < occurred - FUTURE_TOLERANCE:
            return "recorded more than a day before it occurred"
        return (claimed - _EPOCH) // timedelta(microseconds=1)

    def note(self, source: str, recorded_us: int) -> None:
        """Account for a record that was taken with what it claims."""
        at = _EPOCH + timedelta(microseconds=recorded_us)
        claim = self.claims.get(source)
        if claim is None:
            self.claims[source] = Claim(1, at, at)
        else:
            claim.count, claim.first, claim.last = claim.count + 1, min(claim.first, at), max(claim.last, at)

    def told(self) -> list[str]:
        """The claims in words, a line for each source."""
        return [
            f"recorded as {self.path} of {source or 'no source'} claims: {claim.count:,}, from {format_time(claim.first)} to {format_time(claim.last)}"
            for source, claim in sorted(self.claims.items())
        ]

    def _occurred(self, document: Mapping[str, Any]) -> datetime | None:
        try:
            return parse_time(_at(document, self.occurred) or "")
        except (TypeError, ValueError):
            return None  # whoever judges the record says so


def _at(document: Any, path: str) -> Any:
    for name in path.split("."):
        document = document.get(name) if isinstance(document, Mapping) else None
    return document
