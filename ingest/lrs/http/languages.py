"""Chooses the language that suits a reader best (RFC 4647, with the scripts and regions of CLDR)."""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import lru_cache
from typing import NamedTuple

from babel.core import get_global

__all__ = ["Wanted", "chosen_language", "wanted_languages"]

_WEIGHT = re.compile(r"\s*q\s*=\s*([01](?:\.[0-9]{0,3})?)\s*\Z", re.IGNORECASE)
_MOST_TAGS = 50


class Wanted(NamedTuple):
    """Tags in small letters: the languages that a reader wants, the most wanted first, and those that the reader refuses."""

    tags: tuple[str, ...] = ()
    not_these: frozenset[str] = frozenset()


class _Full(NamedTuple):
    """A tag with its script and region, or with the likely ones where it has none."""

    language: str
    script: str
    region: str


@lru_cache(1_000)
def wanted_languages(header: str) -> Wanted:
    """The languages of an Accept-Language header; a part that cannot be read counts for nothing."""
    found: list[tuple[float, int, str]] = []
    for n, part in enumerate(header.split(",")[:_MOST_TAGS]):
        tag, has_weight, rest = part.strip().partition(";")
        weight = _WEIGHT.match(rest)
        if tag and (weight is not None or not has_weight):
            found.append((-float(weight[1]) if weight is not None else -1.0, n, tag.strip().lower()))
    found.sort()
    return Wanted(tuple(t for w, _, t in found if w), frozenset(t for w, _, t in found if not w))


def chosen_language(languages: Sequence[str], wanted: Wanted) -> str:
    """The language of a map (of one at least) that suits best.

    For each wanted tag in turn: the same tag, or the nearest one of its language in its script (``zh-Hans`` for ``zh-CN``,
    ``zh-Hant`` for ``zh-TW``). Then a wanted language in another script; then the first language of the map.
    """
    allowed = [x for x in languages if x.lower() not in wanted.not_these] or [*languages]
    for must_script in (True, False):
        for tag in wanted.tags:
            if tag == "*":
                return allowed[0]
            near = [(_nearness(x.lower(), tag), -n, x) for n, x in enumerate(allowed)]
            found = max(near)
            if found[0][0] and (found[0][1] or not must_script):
                return found[2]
    return allowed[0]


def _nearness(tag: str, wanted: str) -> tuple[bool, bool, bool, int, bool, int]:
    """How near a tag is, for comparing: same language, same script, same tag, parts in common, same region, few parts besides."""
    one, other = _full(tag), _full(wanted)
    said, asked = tag.split("-"), wanted.split("-")
    same = next((n for n, (a, b) in enumerate(zip(said, asked, strict=False)) if a != b), min(len(said), len(asked)))
    is_language = one.language == other.language
    return (
        is_language,
        is_language and one.script == other.script,
        tag == wanted,
        same,
        one.region == other.region,
        -len(said),
    )


@lru_cache(10_000)
def _full(tag: str) -> _Full:
    language, *rest = tag.split("-")
    script = next((x.title() for x in rest if len(x) == 4 and x.isalpha()), "")
    region = next((x.upper() for x in rest if (len(x) == 2 and x.isalpha()) or (len(x) == 3 and x.isdigit())), "")
    likely = get_global("likely_subtags")
    for asked in ((language, script, region), (language, region), (language, script), (language,)):
        found = likely.get("_".join(part for part in asked if part))
        if found is not None:
            # CLDR gives the likely language, script and region.
            of_language, of_script, *of_region = found.split("_")
            return _Full(of_language, script or of_script, region or "".join(of_region))
    return _Full(language, script, region)
