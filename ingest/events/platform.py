"""What a platform recorded and no activity is named for."""

from __future__ import annotations

from typing import Literal

from msgspec import Struct

from ingest.events.catalogue import event
from ingest.events.fields import Id, Uuid


@event("platform.event_recorded")
class PlatformEventRecorded(Struct, kw_only=True, frozen=True):
    """A platform recorded something that counts for nothing yet; `counted_id` is the id that it has once it counts."""

    enrolment_id: Id | None = None
    platform: Id
    name: Id
    reason: Literal["not_named", "no_enrolment", "not_told", "by_roster"]
    counted_id: Uuid
    course_id: Id | None = None
    object_id: Id | None = None
