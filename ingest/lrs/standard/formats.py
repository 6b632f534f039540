"""The forms of single values in xAPI: identifiers, languages, times, durations."""

from __future__ import annotations

import math
import re
from datetime import UTC, datetime, timedelta
from fractions import Fraction
from functools import lru_cache
from typing import Annotated

from msgspec import Meta

__all__ = [
    "MOST_ASKED_BYTES",
    "MOST_MEDIA_TYPE",
    "Duration",
    "Iri",
    "LanguageMap",
    "LanguageTag",
    "Mbox",
    "MediaType",
    "Sha1",
    "Sha2",
    "Uuid",
    "duration_value",
    "given_media_type",
    "instant",
    "is_askable",
    "microseconds",
    "moment",
    "plain_iri",
    "plain_media_type",
    "plain_uuid",
    "stored_text",
]

#: Characters that no IRI has (RFC 3987): controls, spaces, delimiters, noncharacters; private ones stand in a query only.
_NEVER = r"\s\x00-\x20\x7f-\x9f<>\"{}|\\^`\ufdd0-\ufdef\ufff0-\uffff\U000e0000-\U000e0fff" + "".join(
    rf"\U{plane:04x}fffe\U{plane:04x}ffff" for plane in range(1, 17)
)
_PRIVATE = r"\ue000-\uf8ff\U000f0000-\U0010ffff"
#: RFC 3987, as far as it tells an IRI from a relative reference or another text: a scheme, a colon and something after it. The
#: first branch takes ASCII, as most IRIs are, several times as fast.
_IRI = (
    r"^[A-Za-z][A-Za-z0-9+.\-]*:(?:[!#-;=?-\[\]_a-z~]+\Z"
    rf"|(?=.)[^?{_NEVER}{_PRIVATE}]*(?:\?[^{_NEVER}]*)?\Z)"
)
#: RFC 5646: language, script, region, variants, extensions, private use; and older tags that follow no rule.
_LANGUAGE = (
    r"^(?:(?:[A-Za-z]{2,3}(?:-[A-Za-z]{3}){0,3}|[A-Za-z]{4,8})(?:-[A-Za-z]{4})?(?:-(?:[A-Za-z]{2}|[0-9]{3}))?"
    r"(?:-(?:[A-Za-z0-9]{5,8}|[0-9][A-Za-z0-9]{3}))*(?:-[0-9A-WY-Za-wy-z](?:-[A-Za-z0-9]{2,8})+)*"
    r"(?:-[Xx](?:-[A-Za-z0-9]{1,8})+)?|[IiXx](?:-[A-Za-z0-9]{1,8})+"
    r"|[Ee][Nn]-[Gg][Bb]-[Oo][Ee][Dd]|[Ss][Gg][Nn]-(?:[Bb][Ee]-(?:[Ff][Rr]|[Nn][Ll])|[Cc][Hh]-[Dd][Ee]))\Z"
)
_UUID = r"^[0-9A-Fa-f]{8}-[0-9A-Fa-f]{4}-[0-9A-Fa-f]{4}-[0-9A-Fa-f]{4}-[0-9A-Fa-f]{12}\Z"
_NUMBER = r"[0-9]+(?:[.,][0-9]+)?"
#: ISO 8601, 4.4.3.2: only the smallest part may have a fraction; weeks stand alone.
_DURATION = (
    rf"^(?!.*[.,][0-9]+[A-Z]T?[0-9])P(?:{_NUMBER}W|(?=[0-9T])(?:{_NUMBER}Y)?(?:{_NUMBER}M)?(?:{_NUMBER}D)?"
    rf"(?:T(?=[0-9])(?:{_NUMBER}H)?(?:{_NUMBER}M)?(?:{_NUMBER}S)?)?)\Z"
)
#: RFC 9110: a header carries bytes without controls; a letter beyond Latin-1 is no byte.
_TOKEN = r"[A-Za-z0-9!#$%&'*+.^_`|~\-]+"
_MEDIA_TYPE = rf"^{_TOKEN}/{_TOKEN}[ \t]*(?:;[\t\x20-\x7e\x80-\xff]*)?\Z"
#: Characters of a content type, at most: as the record of a document allows.
MOST_MEDIA_TYPE = 2_000
#: Bytes of an id by which statements and documents are found, at most: percent-encoded it fits into the head of a request.
MOST_ASKED_BYTES = 8_000

Iri = Annotated[str, Meta(pattern=_IRI)]
LanguageTag = Annotated[str, Meta(pattern=_LANGUAGE)]
LanguageMap = dict[LanguageTag, str]
Mbox = Annotated[str, Meta(pattern=rf"^[Mm][Aa][Ii][Ll][Tt][Oo]:[^@{_NEVER}]+@[^@{_NEVER}]+\Z")]
Sha1 = Annotated[str, Meta(pattern=r"^[0-9A-Fa-f]{40}\Z")]
#: SHA-2 of any length.
Sha2 = Annotated[str, Meta(pattern=r"^(?:[0-9A-Fa-f]{56}|[0-9A-Fa-f]{64}|[0-9A-Fa-f]{96}|[0-9A-Fa-f]{128})\Z")]
Uuid = Annotated[str, Meta(pattern=_UUID)]
Duration = Annotated[str, Meta(pattern=_DURATION)]
MediaType = Annotated[str, Meta(pattern=_MEDIA_TYPE, max_length=MOST_MEDIA_TYPE)]

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_NO_OFFSET = re.compile(r"-00(?::?00)?\Z")
#: A leap second, which Python's calendar does not have.
_LEAP = re.compile(r"^(.*T\d\d:?\d\d:?)60((?:[.,]\d+)?(?:Z|[+-]\d\d(?::?\d\d)?)?)\Z")
_SECONDS = (("H", 3_600), ("M", 60), ("S", 1))
_PART = re.compile(r"([0-9]+)(?:[.,]([0-9]+))?([YMWDHS])")
_IS_IRI, _IS_UUID, _IS_DURATION, _IS_MEDIA_TYPE = map(re.compile, (_IRI, _UUID, _DURATION, _MEDIA_TYPE))


def plain_iri(text: str) -> bool:
    """Whether a text is an IRI that a request can carry."""
    return _IS_IRI.match(text) is not None and is_askable(text)


def is_askable(text: str) -> bool:
    """Whether a text is short enough for the head of a request."""
    return len(text) <= MOST_ASKED_BYTES // 4 or len(text.encode()) <= MOST_ASKED_BYTES


def plain_media_type(text: str) -> bool:
    """Whether a text is a content type that a header and a record can carry."""
    return len(text) <= MOST_MEDIA_TYPE and _IS_MEDIA_TYPE.match(text) is not None


def given_media_type(text: str) -> str:
    """A content type that a header can carry; one that an earlier version took and no header can becomes that of plain bytes."""
    return text if plain_media_type(text) else "application/octet-stream"


def plain_uuid(text: str) -> bool:
    """Whether a text is a UUID in its usual form."""
    return _IS_UUID.match(text) is not None


def instant(text: str) -> datetime:
    """The UTC instant of an ISO 8601 time; a time without an offset is taken as UTC, as the standard advises.

    Raises:
        ValueError: it is not a date with a time, or its offset is −00:00, which means an unknown one.
    """
    upper = text.upper()
    date, has_time, time = upper.partition("T")
    if not has_time or _NO_OFFSET.search(time) or "W" in date:
        raise ValueError("not an ISO 8601 time such as 2017-10-12T08:30:00.123Z")
    leap = _LEAP.match(upper)
    try:
        # Python reads six decimals; the statement keeps all of them.
        at = datetime.fromisoformat(upper if leap is None else f"{leap[1]}59{leap[2]}")
        at = at.replace(tzinfo=UTC) if at.tzinfo is None else at.astimezone(UTC)
        if leap is None:
            return at
        if (at.hour, at.minute) != (23, 59):
            raise ValueError("a second 60 is the last one of a day in UTC")
        return at + timedelta(seconds=1)
    except OverflowError as error:
        raise ValueError("out of the calendar's range") from error


def duration_value(text: str) -> tuple[Fraction, ...]:
    """The length of a duration, for comparing: years, months, weeks, days and seconds to the hundredth.

    Raises:
        ValueError: it is not a duration.
    """
    if _IS_DURATION.match(text) is None:
        raise ValueError("not an ISO 8601 duration")
    date, _, time = text.partition("T")
    parts = {
        ("D" if text_of is date else "T") + unit: _fraction(whole, rest)
        for text_of in (date, time)
        for whole, rest, unit in _PART.findall(text_of)
    }
    seconds = sum((parts.get(f"T{unit}", Fraction(0)) * size for unit, size in _SECONDS), Fraction(0))
    return (*(parts.get(f"D{unit}", Fraction(0)) for unit in "YMWD"), Fraction(math.floor(seconds * 100), 100))


def _fraction(whole: str, rest: str) -> Fraction:
    return Fraction(int(whole + rest), 10 ** len(rest))


def microseconds(at: datetime) -> int:
    """A time in microseconds since 1970, exact."""
    return math.floor(at.timestamp()) * 1_000_000 + at.microsecond


def moment(us: int) -> datetime:
    """A number of microseconds since 1970 as a UTC time."""
    return _EPOCH + timedelta(microseconds=us)


def stored_text(us: int) -> str:
    """Microseconds since 1970 as the text of ``stored`` and X-Experience-API-Consistent-Through."""
    seconds, rest = divmod(us, 1_000_000)
    return f"{_second(seconds)}.{rest:06d}Z"


@lru_cache(8)
def _second(seconds: int) -> str:
    return moment(seconds * 1_000_000).isoformat().removesuffix("+00:00")
