"""From an older version of an event to the newest, one step a function.

Staging does the same in SQL (``dbt_project/models/staging``); a test holds the two equal on
the golden files.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from ingest.events.catalogue import latest_version

__all__ = ["UPCASTERS", "upcast"]

Payload = dict[str, Any]


def _video_watched_1(payload: Payload) -> Payload:
    """Version 2 says the unit in the name."""
    out = {k: v for k, v in payload.items() if k not in ("seconds", "position")}
    out["watched_s"] = payload["seconds"]
    if payload.get("position") is not None:
        out["position_s"] = payload["position"]
    return out


#: (event_type, from_version) → the payload one version newer.
UPCASTERS: Mapping[tuple[str, int], Callable[[Payload], Payload]] = {
    ("video.watched", 1): _video_watched_1,
}


def upcast(event_type: str, event_version: int, payload: Payload) -> tuple[int, Payload]:
    """``payload`` in the newest version of its type, with that version's number.

    Raises:
        KeyError: no such type, or a step is missing.
    """
    newest = latest_version(event_type)
    while event_version < newest:
        payload = UPCASTERS[event_type, event_version](payload)
        event_version += 1
    return event_version, payload
