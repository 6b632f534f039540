"""Options that several commands take."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from enum import StrEnum
from pathlib import Path
from typing import Annotated
from zoneinfo import ZoneInfo

import typer

from ingest.events import parse_time
from pipelines.settings import Settings
from pipelines.steps.naming import Naming, who_asks
from pipelines.words import LANGUAGES
from pipelines.workspace import Workspace
from warehouse.errors import BadConfiguration

__all__ = [
    "AsOf", "Format", "KnownBy", "Language", "Memory", "PasswordFile", "WithNames", "known_before", "naming_of", "parse_date",
    "parse_known_by",
]  # fmt: skip


class Format(StrEnum):
    """What a report can be written as."""

    HTML = "html"
    PDF = "pdf"
    XLSX = "xlsx"
    MD = "md"


def _known_language(language: str | None) -> str | None:
    if language is not None and language not in LANGUAGES:
        raise typer.BadParameter(f"expected {' or '.join(LANGUAGES)}")
    return language


Language = Annotated[
    str | None,
    typer.Option(
        "--lang",
        callback=_known_language,
        help="zh or en; by default XUEQING_LANGUAGE, or the locale's.",
    ),
]
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


WithNames = Annotated[
    bool,
    typer.Option(
        "--with-names",
        help="With names and phones from the vault: restricted editions only, in a folder of their own; the reading is recorded.",
    ),
]
PasswordFile = Annotated[
    Path | None,
    typer.Option(
        "--password-file",
        help="With names: a file whose first line is the password of what is written (xlsx and pdf only).",
    ),
]


def naming_of(settings: Settings, purpose: str, *, with_names: bool, password_file: Path | None) -> Naming | None:
    """Who wants names and what for, as a command was asked; None where it was not asked for names.

    Raises:
        BadConfiguration: a password without names, or its file cannot be read.
    """
    if not with_names:
        if password_file is not None:
            raise BadConfiguration("--password-file goes with --with-names: without names nothing is locked")
        return None
    return Naming(who_asks(), purpose, settings.read_named_password(password_file))


def known_before(workspace: Workspace, programme_id: str, known_by: str | None) -> datetime | None:
    """The instant that ``--known-by`` means for a programme, in its time zone as of now; None where nothing was asked.

    Raises:
        BadConfiguration: as :func:`parse_known_by`.
    """
    return None if known_by is None else parse_known_by(known_by, workspace.definitions.time_zone(programme_id))


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
