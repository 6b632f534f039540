"""How a figure is asked for.

It is written as ``tianshui-2017 pass_rate county=秦州区 subject=数学 as-of 2017-11-30``: programme, indicator, the cell's places (ids or
labels), and the date.
"""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date

from ingest.programmes.vocabulary import dimensions
from warehouse.errors import BadConfiguration

__all__ = ["AskedFigure", "parse_figure"]


@dataclass(frozen=True, slots=True)
class AskedFigure:
    """A figure that is asked for: ``places`` by the names of the vocabulary's dimensions; an empty value is the cell of those without one."""

    programme_id: str
    indicator: str
    places: Mapping[str, str]
    as_of: date | None


def parse_figure(text: str) -> AskedFigure:
    """Read a figure as it is written; ``_rate`` may end the indicator, ``as-of`` may be left out.

    Raises:
        BadConfiguration: it cannot be read; the message shows how one is written.
    """
    example = "write it as: tianshui-2017 pass_rate county=秦州区 subject=数学 as-of 2017-11-30"
    words = shlex.split(text)
    as_of: date | None = None
    for name in ("as-of", "as_of"):
        if name in words:
            at = words.index(name)
            try:
                as_of = date.fromisoformat(words[at + 1])
            except (IndexError, ValueError):
                raise BadConfiguration(f"no date after {name} in {text!r}; {example}") from None
            del words[at : at + 2]
    if len(words) < 2:
        raise BadConfiguration(f"{text!r} names no programme and indicator; {example}")
    places: dict[str, str] = {}
    for word in words[2:]:
        name, equals, value = word.partition("=")
        if not equals or name not in dimensions():
            raise BadConfiguration(f"{word!r} is no place; places are {', '.join(dimensions())}; {example}")
        places[name] = value
    return AskedFigure(words[0], words[1].removesuffix("_rate"), places, as_of)
