"""The forms of single values in xAPI: identifiers, languages, times, durations."""

from __future__ import annotations

import math
import re
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import Annotated

from msgspec import Meta

__all__ = [
    "Duration",
    "Iri",
    "LanguageMap",
    "LanguageTag",
    "Mbox",
    "MediaType",
    "Sha1",
    "Sha2",
    "Uuid",
    "instant",
    "microseconds",
    "moment",
    "plain_iri",
    "stored_text",
]

#: RFC 3987, as far as telling one from a relative reference or a text with spaces: a scheme, a colon and something after it.
_IRI = r"^[A-Za-z][A-Za-z0-9+.\-]*:[^\s<>\"{}|\\^`]+\Z"
#: RFC 5646: language, script, region, variants, extensions, private use.
_LANGUAGE = (
    r"^(?:(?:[A-Za-z]{2,3}(?:-[A-Za-z]{3}){0,3}|[A-Za-z]{4,8})(?:-[A-Za-z]{4})?(?:-(?:[A-Za-z]{2}|[0-9]{3}))?"
    r"(?:-(?:[A-Za-z0-9]{5,8}|[0-9][A-Za-z0-9]{3}))*(?:-[0-9A-WY-Za-wy-z](?:-[A-Za-z0-9]{2,8})+)*"
    r"(?:-[Xx](?:-[A-Za-z0-9]{1,8})+)?|[IiXx](?:-[A-Za-z0-9]{1,8})+)\Z"
)
_UUID = r"^[0-9A-Fa-f]{8}-[0-9A-Fa-f]{4}-[0-9A-Fa-f]{4}-[0-9A-Fa-f]{4}-[0-9A-Fa-f]{12}\Z"
_NUMBER = r"[0-9]+(?:[.,][0-9]+)?"
#: ISO 8601: the smallest part alone may have a fraction, which is not looked at.
_DURATION = (
    rf"^P(?:{_NUMBER}W|(?=[0-9T])(?:{_NUMBER}Y)?(?:{_NUMBER}M)?(?:{_NUMBER}D)?"
    rf"(?:T(?=[0-9])(?:{_NUMBER}H)?(?:{_NUMBER}M)?(?:{_NUMBER}S)?)?)\Z"
)

Iri = Annotated[str, Meta(pattern=_IRI)]
LanguageTag = Annotated[str, Meta(pattern=_LANGUAGE)]
LanguageMap = dict[LanguageTag, str]
Mbox = Annotated[str, Meta(pattern=r"^mailto:[^\s@]+@[^\s@]+\Z")]
Sha1 = Annotated[str, Meta(pattern=r"^[0-9A-Fa-f]{40}\Z")]
#: SHA-2 of any of its lengths.
Sha2 = Annotated[str, Meta(pattern=r"^(?:[0-9A-Fa-f]{56}|[0-9A-Fa-f]{64}|[0-9A-Fa-f]{96}|[0-9A-Fa-f]{128})\Z")]
Uuid = Annotated[str, Meta(pattern=_UUID)]
Duration = Annotated[str, Meta(pattern=_DURATION)]
MediaType = Annotated[str, Meta(pattern=r"^[A-Za-z0-9!#$&^_.+\-]+/[A-Za-z0-9!#$&^_.+\-]+(?:\s*;.*)?\Z")]

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_NO_OFFSET = re.compile(r"-00(?::?00)?\Z")
_IS_IRI, _IS_UUID = re.compile(_IRI), re.compile(_UUID)


def plain_iri(text: str) -> bool:
    """Whether a text is an IRI."""
    return _IS_IRI.match(text) is not None


def plain_uuid(text: str) -> bool:
    """Whether a text is a UUID in its usual form."""
    return _IS_UUID.match(text) is not None


def instant(text: str) -> datetime:
    """The UTC instant that an ISO 8601 time names; without an offset it is taken as UTC, as the standard advises.

    Raises:
        ValueError: not a date with a time, or its offset is −00:00, which says that nobody knows it.
    """
    _, has_time, time = text.upper().partition("T")
    if not has_time or _NO_OFFSET.search(time):
        raise ValueError("not an ISO 8601 time such as 2017-10-12T08:30:00.123Z")
    try:
        # Of more than six decimals those that fit are looked at; the statement keeps them all.
        at = datetime.fromisoformat(text.upper())
        return at.replace(tzinfo=UTC) if at.tzinfo is None else at.astimezone(UTC)
    except OverflowError as error:
        raise ValueError("out of the calendar's range") from error


def microseconds(at: datetime) -> int:
    """Since 1970, exact."""
    return math.floor(at.timestamp()) * 1_000_000 + at.microsecond


def moment(us: int) -> datetime:
    """The UTC time of microseconds since 1970."""
    return _EPOCH + timedelta(microseconds=us)


def stored_text(us: int) -> str:
    """As ``stored`` and X-Experience-API-Consistent-Through have it, to the microsecond."""
    seconds, rest = divmod(us, 1_000_000)
    return f"{_second(seconds)}.{rest:06d}Z"


@lru_cache(8)
def _second(seconds: int) -> str:
    return moment(seconds * 1_000_000).isoformat().removesuffix("+00:00")
