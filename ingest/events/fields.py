"""The field types that event payloads are made of, with their units and bounds.

Every bound stands here once: the validator reads it, the sink's fast check is
generated from it and ``docs/events.md`` prints it. ``extra={"unit": …}`` names the unit.
"""

from __future__ import annotations

from typing import Annotated

from msgspec import Meta

__all__ = [
    "Characters",
    "Clicks",
    "Day",
    "FreeText",
    "Hours",
    "Id",
    "Key",
    "Label",
    "Offset",
    "Points",
    "Score",
    "Sealed",
    "Seconds",
    "Text",
    "Time",
    "Total",
    "Uuid",
]

#: No control characters: an id must survive a CSV file, a shell and a log line.
_PRINTABLE = r"^[^\x00-\x1f\x7f]+\Z"

Uuid = Annotated[
    str,
    Meta(
        pattern=r"^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}\Z",
        min_length=36,
        max_length=36,
        description="UUID in lower case",
    ),
]
Id = Annotated[str, Meta(pattern=_PRINTABLE, min_length=1, max_length=200, description="identifier")]
#: A name that is no person's, as reports print it.
Label = Annotated[str, Meta(pattern=_PRINTABLE, min_length=1, max_length=200, description="name")]
Key = Annotated[str, Meta(pattern=r"^[A-Za-z0-9_-]+\Z", min_length=8, max_length=64, description="random key")]
Text = Annotated[str, Meta(pattern=r"^[^\x00]*\Z", max_length=2000, description="text")]
#: What a person wrote in their own words: sealed before the log has it, and never in the lake (docs/decisions/0010).
FreeText = Annotated[
    str, Meta(pattern=r"^[^\x00]*\Z", max_length=2000, description="free text, sealed", extra={"is_free": True})
]
Day = Annotated[str, Meta(pattern=r"^[0-9]{4}-[0-9]{2}-[0-9]{2}\Z", max_length=10, description="local date")]
Time = Annotated[str, Meta(description="RFC 3339 time with its offset, such as `2017-10-12T08:30:00Z`")]
#: ``ingest.identity.sealing`` makes it; the header names the algorithm and the keys.
Sealed = Annotated[
    str, Meta(pattern=r"^[A-Za-z0-9:_-]+\Z", min_length=1, max_length=2_000_000, description="sealed text")
]
Offset = Annotated[str, Meta(pattern=r"^[0-9]+:[0-9]+\Z", max_length=32, description="partition:offset in the log")]

#: One sitting of at most a day: anything longer is a client that never stopped its clock.
Seconds = Annotated[float, Meta(ge=0, le=86_400, extra={"unit": "s"})]
Position = Annotated[float, Meta(ge=0, le=1_000_000, extra={"unit": "s"})]
Characters = Annotated[int, Meta(ge=0, le=1_000_000, extra={"unit": "characters"})]
Clicks = Annotated[int, Meta(ge=0, le=1_000_000, extra={"unit": "clicks"})]
Hours = Annotated[float, Meta(ge=0, le=1_000, extra={"unit": "class-hours of 45 min"})]
Points = Annotated[float, Meta(ge=0, le=1_000, extra={"unit": "points"})]
Score = Annotated[float, Meta(ge=0, le=100, extra={"unit": "points of 100"})]
#: All that somebody did so far, in the unit of the activity: seconds, times, points. A hundred million seconds are three years.
Total = Annotated[float, Meta(ge=0, le=100_000_000, extra={"unit": "the activity's unit"})]
Level = Annotated[int, Meta(ge=1, le=10, extra={"unit": "level, 1 is best"})]
Weight = Annotated[float, Meta(ge=0, le=100, extra={"unit": "percent"})]
