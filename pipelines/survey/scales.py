"""Scales that surveys use, in their order: what scales.toml knows, and what a question says of its numbers."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import msgspec

from pipelines.survey.form import plain

__all__ = ["Scale", "direction_told", "known_scales", "option_text", "recognise"]

#: "A. ", "5 - ", "(1) " before a level, and "（5分）", "(5)" after it, are the service's own.
_BEFORE = re.compile(r"^(?:\(?[a-h0-9]{1,2}\)?\s*[.、:)=–—-]+|\([a-h0-9]{1,2}\))\s*")
_AFTER = re.compile(r"\s*\(\d{1,2}分?\)$|[。.!]$")
_CHINESE = re.compile(r"[\u3400-\u9fff]")
#: "1=非常不满意", "5 表示非常满意", "1 = very dissatisfied" in a question.
_TOLD = re.compile(r"(-?\d{1,2})\s*分?\s*(?:=|:|表示|代表|为|是|means|-|–|—)\s*([^\d,，;；、()（）/]+)")


class Scale(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A scale: its levels from the lowest to the highest, each with the words that mean it; the word of its middle, if it has one."""

    name: str
    levels: tuple[tuple[str, ...], ...]
    neutral: str = ""

    def place(self, text: str) -> int | None:
        """The place of a text in the scale; None where it is none of its words."""
        words = {plain(text), option_text(text)}
        return next((n for n, level in enumerate(self.levels) if words & set(level)), None)

    def labels(self, text: str) -> tuple[str, str]:
        """What a level is called in Chinese and in English: in the file's own language as the file has it."""
        place = self.place(text)
        words = self.levels[place] if place is not None else ()
        is_chinese = _CHINESE.search(text) is not None
        other = next((w for w in words if (_CHINESE.search(w) is None) is is_chinese), "")
        if is_chinese:
            return text, other.capitalize() or text
        return other or text, text


@cache
def known_scales() -> tuple[Scale, ...]:
    """Every scale of scales.toml."""
    written = tomllib.loads(Path(__file__).with_name("scales.toml").read_text(encoding="utf-8"))
    return msgspec.convert(written["scale"], tuple[Scale, ...])


def option_text(text: str) -> str:
    """A level as it is compared, without the letter or number that a service puts beside it."""
    written = _AFTER.sub("", plain(text))
    return _BEFORE.sub("", written) or written


@dataclass(frozen=True, slots=True)
class _Recognised:
    scale: Scale
    places: Mapping[str, int]


def recognise(values: Iterable[str]) -> _Recognised | None:
    """The scale that has all of the values, each as another level, and their places in it; None of fewer than two values."""
    texts = list(dict.fromkeys(values))
    if len(texts) < 2:
        return None
    for scale in known_scales():
        places = {text: place for text in texts if (place := scale.place(text)) is not None}
        if len(places) == len(texts) == len(set(places.values())):
            return _Recognised(scale, places)
    return None


def direction_told(question: str) -> tuple[bool, Mapping[int, str]] | None:
    """Whether a question says that its higher numbers are the higher levels, and what it calls them; None where it says nothing.

    Two of the numbers at least have to mean levels of one scale.
    """
    told = {int(number): text.strip() for number, text in _TOLD.findall(question)}
    for scale in known_scales():
        places = {number: place for number, text in told.items() if (place := scale.place(text)) is not None}
        if len(places) > 1:
            low, high = min(places), max(places)
            if places[low] != places[high]:
                return places[low] < places[high], {number: told[number] for number in places}
    return None
