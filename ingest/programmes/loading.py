"""Loads a pack into the log, as its programme's definitions from a day on."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime
from hashlib import sha256
from pathlib import Path
from zoneinfo import ZoneInfo

from ingest.events import encode, format_time
from ingest.events.programme import ProgrammeLoaded
from ingest.events.validation import MAX_RECORD_BYTES
from ingest.log.port import EventLog, NewRecord
from ingest.programmes.definitions import Definitions
from ingest.programmes.history import Definition
from ingest.programmes.pack import Pack, load_pack
from ingest.sources.ids import stable_id
from warehouse.errors import BadConfiguration

__all__ = ["load_programme"]


def load_programme(
    log: EventLog, definitions: Definitions, folder: Path, *, now: datetime, applies_from_on: date | None = None
) -> tuple[Pack, date, bool]:
    """Append the pack in ``folder`` to the log as its programme's definitions from a local date on (default: today's).

    Returns the pack, that date, and whether anything was appended: what is loaded already is not loaded again.

    Raises:
        BadConfiguration: something is wrong with the pack; nothing of it is loaded.
    """
    pack = load_pack(folder)
    name, texts = pack.programme_id, pack.texts
    history: Sequence[Definition] = definitions.history(name) if name in definitions.loaded else ()
    if history and history[-1].pack.texts == texts and applies_from_on in (None, history[-1].applies_from_on):
        return pack, history[-1].applies_from_on, False
    start = applies_from_on or now.astimezone(ZoneInfo(pack.timezone)).date()
    digest = sha256(b"".join(f"{file}\0{text}\0".encode() for file, text in sorted(texts.items()))).hexdigest()
    value = encode(
        ProgrammeLoaded(digest=digest, applies_from_on=start.isoformat(), files=texts),
        event_type="programme.loaded",
        event_id=stable_id("programme.loaded", name, digest, start.isoformat(), format_time(now)),
        occurred_at=now,
        programme_id=name,
        source="xueqing",
    )
    if len(value) > MAX_RECORD_BYTES:
        raise BadConfiguration(
            f"the pack {name} is larger than a record ({MAX_RECORD_BYTES:,} bytes); shorten its texts"
        )
    log.append([NewRecord(name.encode(), value)])
    return pack, start, True
