"""Options that several commands take."""

from __future__ import annotations

from datetime import date, datetime
from typing import Annotated

import typer

from warehouse.errors import BadConfiguration

__all__ = ["AsOf", "Language", "Memory", "parse_date"]

Language = Annotated[str | None, typer.Option("--lang", help="zh or en; by default the locale's.")]
Memory = Annotated[str, typer.Option(help="Memory that the engine may use, such as 2500MB.")]
AsOf = Annotated[
    str | None, typer.Option("--as-of", help="Local date, such as 2017-10-28; by default the programme's report day.")
]


def parse_date(text: str | None) -> date | None:
    """An ISO date; raises BadConfiguration where it is none."""
    if text is None:
        return None
    try:
        return datetime.strptime(text, "%Y-%m-%d").date()  # noqa: DTZ007 - a local date, no instant
    except ValueError:
        raise BadConfiguration(f"{text!r} is no date; write it as 2017-10-28") from None
