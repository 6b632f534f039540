"""Loads programme packs into the log, and reads back which definitions applied when."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from datetime import date, datetime
from hashlib import sha256
from pathlib import Path
from zoneinfo import ZoneInfo

import msgspec

from ingest.definitions import Definition, Loaded, timeline
from ingest.events import encode, format_time
from ingest.events.programme import ProgrammeLoaded
from ingest.log.port import EventLog, NewRecord
from ingest.packs import Pack, load_pack, read_pack
from ingest.sources.ids import stable_id
from pipelines.console import errors
from warehouse.lake import Lake
from warehouse.query import connect_lake

__all__ = ["digest_of", "load_programme", "read_history", "warn_of_changed_packs"]

_LOADED = """
with voided as (
    select programme_id, json_extract_string(payload, '$.voided_event_id') as event_id
    from lake.accepted where event_type = 'event.voided' {known}
)
select programme_id, event_id, min(recorded_at) as recorded_at, any_value(payload) as payload
from lake.accepted
where event_type = 'programme.loaded' {known} and (programme_id, event_id) not in (select programme_id, event_id from voided)
group by programme_id, event_id
order by programme_id, recorded_at
"""


def digest_of(pack: Pack) -> str:
    """Names what the pack says of figures: its settings and reference files."""
    digest = sha256()
    for name, text in sorted(pack.definition.items()):
        digest.update(f"{name}\0{text}\0".encode())
    return digest.hexdigest()


def read_history(lake: Lake, recorded_before: datetime | None = None) -> dict[str, list[Definition]]:
    """The definitions that were loaded for each programme; programmes never loaded are not among them.

    Before the first was loaded that first one is what is known: a programme has no time without rules.
    """
    if not lake.exists:
        return {}
    lake.refresh()
    with connect_lake(lake) as con:
        rows = con.execute(_LOADED.format(known="")).fetchall()
        if recorded_before is not None:
            known = con.execute(
                _LOADED.format(known="and recorded_at < $before"), {"before": recorded_before}
            ).fetchall()
            told = {row[0] for row in known}
            firsts = {row[0]: row for row in reversed(rows) if row[0] not in told}
            rows = [*known, *firsts.values()]
    loaded: dict[str, list[Loaded]] = defaultdict(list)
    for programme_id, _, recorded_at, payload in rows:
        body = msgspec.json.decode(payload, type=ProgrammeLoaded)
        files = {name: str(text).encode() for name, text in body.files.items()}
        pack = read_pack(files, Path(f"{programme_id}, as loaded on {recorded_at:%Y-%m-%d %H:%M} UTC"))
        loaded[programme_id].append(Loaded(pack, recorded_at, date.fromisoformat(body.applies_from_on)))
    return {programme_id: timeline(items) for programme_id, items in loaded.items()}


def load_programme(
    log: EventLog,
    lake: Lake,
    folder: Path,
    *,
    now: datetime,
    applies_from_on: date | None = None,
) -> tuple[Pack, date, bool]:
    """Append the pack in ``folder`` to the log as its programme's definitions from a local date on (default: today's).

    Returns the pack, that date, and whether anything was appended: what is loaded already is not loaded again.

    Raises:
        BadConfiguration: something is wrong with the pack; nothing of it is loaded.
    """
    pack = load_pack(folder)
    start = applies_from_on or now.astimezone(ZoneInfo(pack.timezone)).date()
    history = read_history(lake).get(pack.programme_id, [])
    if (
        history
        and digest_of(history[-1].pack) == digest_of(pack)
        and (applies_from_on in (None, history[-1].applies_from_on))
    ):
        return pack, history[-1].applies_from_on, False
    payload = ProgrammeLoaded(digest=digest_of(pack), applies_from_on=start.isoformat(), files=pack.definition)
    value = encode(
        payload,
        event_type="programme.loaded",
        event_id=stable_id("programme.loaded", pack.programme_id, payload.digest, start.isoformat(), format_time(now)),
        occurred_at=now,
        programme_id=pack.programme_id,
        source="xueqing",
    )
    log.append([NewRecord(pack.programme_id.encode(), value)])
    return pack, start, True


def warn_of_changed_packs(packs: Mapping[str, Pack], history: Mapping[str, Sequence[Definition]]) -> None:
    """Say which packs were changed on the disk since they were loaded: the loaded ones apply."""
    for programme_id, definitions in history.items():
        pack = packs.get(programme_id)
        if pack is not None and digest_of(pack) != digest_of(definitions[-1].pack):
            errors.print(
                f"[yellow]The pack {programme_id} differs from the one loaded; the loaded one applies.[/yellow] "
                f"To load it: xueqing programme load {pack.path}",
                soft_wrap=True,
            )
