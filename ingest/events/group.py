"""Groups of enrolments: how a school, a class or a workshop is called, and from when on."""

from __future__ import annotations

from typing import Literal

from msgspec import Struct

from ingest.events.catalogue import Actor, event
from ingest.events.fields import Id, Label


@event("group.named", actor=Actor.NONE)
class GroupNamed(Struct, kw_only=True, frozen=True):
    """A school, class or workshop has this name from the event's local date on; without an English name the Chinese one stands."""

    kind: Literal["school", "class", "workshop"]
    group_id: Id
    label_zh: Label
    label_en: Label | None = None
    county_id: Id | None = None
