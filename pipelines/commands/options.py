"""Options that several commands take."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from enum import StrEnum
from typing import Annotated
from zoneinfo import ZoneInfo

import typer

from ingest.events import parse_time
from warehouse.errors import BadConfiguration

__all__ = ["AsOf", "Format", "KnownBy", "Language", "Memory", "parse_date", "parse_known_by"]


class Format(StrEnum):
    """What a report can be written as."""

    HTML = "html"
    PDF = "pdf"
    XLSX = "xlsx"
    MD = "md"


Language = Annotated[str | None, typer.Option("--lang", help="zh or en; by default the locale's.")]
Memory = Annotated[str, typer.Option(help="Memory that the engine may use, such as 2500MB.")]
AsOf = Annotated[
    str | None, typer.Option("--as-of", help="Local date, such as 2017-10-28; by default the programme's report day.")
]
KnownBy = Annotated[
    str | None,
    typer.Option(
        "--known-by",
        help="As known at the end of this local date, or at an instant such as 2017-10-29T12:00:00+08:00; by default now.",
    ),
]


def parse_known_by(text: str | None, time_zone: str) -> datetime | None:
    """The instant before which a record must have been taken to be known.

    Raises:
        BadConfiguration: neither a date nor an instant with its offset.
    """
    if text is None:
        return None
    if len(text) == len("2017-10-29"):
        day = parse_date(text)
        assert day is not None
        return datetime.combine(day + timedelta(days=1), time(), ZoneInfo(time_zone)).astimezone(UTC)
    try:
        return parse_time(text) + timedelta(microseconds=1)
    except ValueError:
        raise BadConfiguration(
            f"{text!r} is neither a date such as 2017-10-29 nor an instant such as 2017-10-29T12:00:00+08:00"
        ) from None


def parse_date(text: str | None) -> date | None:
    """An ISO date; raises BadConfiguration where it is none."""
    if text is None:
        return None
    try:
        return datetime.strptime(text, "%Y-%m-%d").date()  # noqa: DTZ007 - a local date, no instant
    except ValueError:
        raise BadConfiguration(f"{text!r} is no date; write it as 2017-10-28") from None
