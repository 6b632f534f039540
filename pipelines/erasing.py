"""Erasures that the log tells of, applied to the vault that is opened.

Forgetting somebody, redacting a text and ending a period are written into the log first and done in the vault then. Whatever dies in
between, and whichever copy of the vault is put back, the log has the last word: a vault that is opened reads on from where it has read,
and destroys the keys that the log says are gone.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime

from ingest.events import Envelope, Reason
from ingest.events.json_text import read_json
from ingest.events.validation import read_record, recording_times
from ingest.identity import Vault
from ingest.log.continuity import check_continues, mark_of
from ingest.log.port import EventLog
from ingest.log.reading import records_between
from pipelines.continuity import check_lake
from warehouse.errors import LakeBusy, LakeDamaged, LakeMismatch, LogReplaced, StorageUnavailable
from warehouse.lake import Covered, Lake
from warehouse.query import connect_lake

__all__ = ["ERASED", "REDACTED", "RETIRED", "apply_erasures"]

ERASED, REDACTED, RETIRED = "learner.erased", "programme.text_redacted", "programme.texts_retired"
_TYPES = (ERASED, REDACTED, RETIRED)
#: Every record that can be one has its type in it, or escapes of letters: of the others only these are looked at.
_SIGNS = (*(name.encode() for name in _TYPES), b"\\u00")


@dataclass(slots=True)
class _Ended:
    """What a log says is gone: people, texts by period and leaf, periods."""

    people: set[str] = field(default_factory=set)
    texts: set[tuple[str, str]] = field(default_factory=set)
    periods: set[str] = field(default_factory=set)

    def add(self, event_type: str, learner_key: str | None, payload: Mapping[str, object]) -> None:
        if event_type == ERASED and learner_key is not None:
            self.people.add(learner_key)
        said = payload.get("texts" if event_type == REDACTED else "periods")
        for name in said if isinstance(said, list) else ():
            if event_type == REDACTED:
                period, _, leaf = str(name).partition(":")
                self.texts.add((period, leaf))
            elif event_type == RETIRED:
                self.periods.add(str(name))


def apply_erasures(vault: Vault, log: EventLog, lake: Lake | None) -> int:
    """Destroy the keys that the log says are gone since this vault has last read it; returns how many people it still knew of them.

    What the lake has covered is asked of the lake, which takes a moment; the rest is read.

    Raises:
        LogUnavailable: the log cannot be read; until it can, nobody is named.
    """
    read = vault.erasures_read(log.log_id)
    try:
        check_continues(log, read, "the vault", "it is read again")
    except LogReplaced:
        read = {}  # from its beginning: whoever is forgotten twice is forgotten
    ends = log.end_offsets()
    starts = {p: read[p].next_offset if p in read else 0 for p in ends}
    if all(starts[p] >= end for p, end in ends.items()):
        return 0
    ended = _Ended()
    reached = _read_lake(ended, lake, log, starts) if lake is not None else {}
    _read_log(ended, log, {p: max(start, reached.get(p, 0)) for p, start in starts.items()}, ends)
    marks = {p: log.record_at(p, end - 1) if end else None for p, end in ends.items()}
    positions = {p: Covered(end, mark_of(*last) if (last := marks[p]) is not None else None) for p, end in ends.items()}
    return vault.erase(ended.people, log.log_id, positions, leaves=ended.texts, periods=ended.periods)


def _read_lake(ended: _Ended, lake: Lake, log: EventLog, starts: Mapping[int, int]) -> dict[int, int]:
    """What the lake says from these offsets on; returns how far it says so, which is nowhere where there is no sound lake."""
    try:
        if not lake.exists:
            return {}
        check_lake(lake, log)
        reached = {p: one.next_offset for p, one in lake.all_covered().items()}
        if all(reached.get(p, 0) <= start for p, start in starts.items()):
            return {}
        cases = " ".join(f"when {p} then {o}" for p, o in starts.items())
        with connect_lake(lake) as con:
            rows = con.execute(
                f"select event_type, learner_key, payload from lake.accepted where event_type in ({', '.join('?' * len(_TYPES))})"
                f' and "offset" >= case "partition" {cases} else 0 end',
                [*_TYPES],
            ).fetchall()
    except (LakeDamaged, LakeMismatch, LogReplaced, LakeBusy, StorageUnavailable):
        return {}
    for event_type, learner_key, payload in rows:
        ended.add(event_type, learner_key, json.loads(payload))
    return reached


def _read_log(ended: _Ended, log: EventLog, starts: Mapping[int, int], ends: Mapping[int, int]) -> None:
    """What the records from ``starts`` to ``ends`` say."""
    times = recording_times(datetime.now(UTC))
    for record in records_between(log, starts, ends):
        if record.value is not None and any(sign in record.value for sign in _SIGNS):
            _read_record(ended, record.value, record.recorded_us, times)


def _read_record(ended: _Ended, value: bytes, recorded_us: int, times: tuple[int, int]) -> None:
    event = read_record(value, recorded_us, times)
    if isinstance(event, Envelope):
        ended.add(event.event_type, event.learner_key, event.payload)
    elif event.reason is Reason.PERSONAL_KEY:
        # Whose key is no random one was met before keys were looked at, and is to be forgotten all the same.
        said = read_json(value)
        if said.get("event_type") == ERASED and "learner_key" in said:
            ended.people.add(str(said["learner_key"]))
