"""Totals: all that somebody did so far on a platform, as the platform tells it at the end of a day."""

from __future__ import annotations

from typing import Annotated

from msgspec import Meta, Struct

from ingest.events.catalogue import event
from ingest.events.fields import Day, Id, Total


@event("totals.reported")
class TotalsReported(Struct, kw_only=True, frozen=True):
    """A platform tells how much of some activities there is so far: activity → total. It occurs at the end of `as_of`, in local time."""

    enrolment_id: Id
    platform: Id
    as_of: Day
    course_id: Id | None = None
    totals: Annotated[dict[Id, Total], Meta(min_length=1, max_length=50)]
    file_digest: Id | None = None
    sheet: Annotated[int, Meta(ge=1, le=10_000)] | None = None
    row: Annotated[int, Meta(ge=1, le=10_000_000)] | None = None
