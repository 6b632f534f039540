"""A programme's packs through time: those that the log has, and which of them applies when."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime
from pathlib import Path
from typing import NamedTuple

import duckdb
import msgspec

from ingest.events.programme import ProgrammeLoaded
from ingest.programmes.pack import Pack, read_pack
from warehouse.errors import BadConfiguration

__all__ = [
    "BEGINNING",
    "Definition",
    "LeftOut",
    "Loaded",
    "Loading",
    "always",
    "history_of",
    "read_loadings",
    "timeline",
]

#: A programme's first definition applies to whatever is older, too.
BEGINNING = date(1900, 1, 1)
#: Of an event id that came twice the first copy counts, as in the warehouse.
_LOADINGS = """
select programme_id, event_id, recorded_at, payload
from lake.accepted
where event_type = 'programme.loaded'
qualify row_number() over (partition by programme_id, event_id order by recorded_at, "partition", "offset") = 1
order by programme_id, recorded_at, "partition", "offset"
"""
#: A programme voids events of its own only.
_VOIDS = """
select programme_id, payload ->> '$.voided_event_id', min(recorded_at)
from lake.accepted
where event_type = 'event.voided' and list_contains($loadings, payload ->> '$.voided_event_id')
group by all
"""


class Loading(NamedTuple):
    """A ``programme.loaded`` event of the log, and when the log took its void, if there is one."""

    programme_id: str
    event_id: str
    recorded_at: datetime
    voided_at: datetime | None
    payload: str


class LeftOut(NamedTuple):
    """A loading that defines nothing, because it cannot be read."""

    programme_id: str
    event_id: str
    why: str


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

    def applies_on(self, day: date) -> bool:
        """Whether it is the definition of a local date."""
        return self.applies_from_on <= day and (self.applies_to_on is None or day < self.applies_to_on)


def always(pack: Pack) -> list[Definition]:
    """A pack that was never loaded applies to all dates."""
    return [Definition(pack, 1, None, BEGINNING, None)]


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


def read_loadings(con: duckdb.DuckDBPyConnection) -> list[Loading]:
    """Every loading, a programme's in the order in which the log took them.

    Args:
        con: has the view ``lake.accepted``.
    """
    rows = con.execute(_LOADINGS).fetchall()
    if not rows:
        return []
    voids = con.execute(_VOIDS, {"loadings": [row[1] for row in rows]}).fetchall()
    voided = {(programme, event_id): at for programme, event_id, at in voids}
    return [
        Loading(programme, event_id, at, voided.get((programme, event_id)), payload)
        for programme, event_id, at, payload in rows
    ]


def history_of(
    loadings: Sequence[Loading], recorded_before: datetime | None = None
) -> tuple[dict[str, list[Definition]], list[LeftOut]]:
    """The definitions of each programme that was loaded, as known before an instant (None: now); and what is left out of them.

    Before the first was loaded that first one is what is known: a programme has no time without rules. A pack that was good when it was
    loaded applies, whatever rules came since; one that cannot be read stops nobody.
    """
    loaded: dict[str, list[Loaded]] = defaultdict(list)
    left_out = []
    for one in _known(loadings, recorded_before):
        try:
            loaded[one.programme_id].append(_loaded(one))
        except (BadConfiguration, msgspec.MsgspecError, ValueError) as error:
            left_out.append(LeftOut(one.programme_id, one.event_id, str(error)))
    return {programme_id: timeline(items) for programme_id, items in loaded.items() if items}, left_out


def _known(loadings: Sequence[Loading], recorded_before: datetime | None) -> Iterator[Loading]:
    if recorded_before is None:
        yield from (one for one in loadings if one.voided_at is None)
        return
    known = [
        one
        for one in loadings
        if one.recorded_at < recorded_before and not (one.voided_at is not None and one.voided_at < recorded_before)
    ]
    yield from known
    told = {one.programme_id for one in known}
    firsts: Mapping[str, Loading] = {
        one.programme_id: one for one in reversed(loadings) if one.voided_at is None and one.programme_id not in told
    }
    yield from firsts.values()


def _loaded(one: Loading) -> Loaded:
    body = msgspec.json.decode(one.payload, type=ProgrammeLoaded)
    files = {name: str(text).encode() for name, text in body.files.items()}
    source = Path(f"{one.programme_id}, as loaded on {one.recorded_at:%Y-%m-%d %H:%M} UTC")
    # It defines the event's programme; an earlier version took a pack that calls itself another.
    pack = replace(read_pack(files, source, was_checked=True), programme_id=one.programme_id)
    return Loaded(pack, one.recorded_at, date.fromisoformat(body.applies_from_on))
