"""Counties, subjects and stages of a pack by what rosters call them; schools and classes by their names within a county."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from hashlib import blake2b
from typing import NamedTuple

from ingest.sources.roster.columns import plain

__all__ = ["Group", "Groups", "Labels", "plain_county", "plain_group", "plain_stage", "plain_subject"]

_PROVINCE = re.compile(r"^.{2,4}省(?=.{2})")
_CITY = re.compile(r"^[^区县]{2,4}?市(?=.)")
_KIND_OF_COUNTY = re.compile(r"(?<=..)(?:自治县|[区县市旗])$")
#: Schools that belong to the city and to none of its counties.
_OF_THE_CITY = re.compile(r"^(?:市?直|市属)(?:属)?(?:学校|单位|中小学)?$")
_STAGES = {
    "学前": "幼儿园", "学前教育": "幼儿园", "幼儿": "幼儿园", "幼教": "幼儿园", "幼儿教育": "幼儿园", "小学段": "小学", "初级中学": "初中", "初中段": "初中",
    "高级中学": "高中", "普通高中": "高中", "普高": "高中", "高中段": "高中", "preschool": "kindergarten", "elementary": "primary", "middle": "junior",
    "high": "senior",
}  # fmt: skip
_STAGE_BEFORE = re.compile(r"^(?:小学|初中|高中|中学|幼儿园|学前)(?=.{2})")
_SUBJECTS = {
    "数": "数学", "语": "语文", "外语": "英语", "信息": "信息技术", "计算机": "信息技术", "品德": "思想品德", "思品": "思想品德", "道法": "道德与法治",
    "math": "mathematics", "maths": "mathematics", "pe": "physicaleducation", "it": "informationtechnology",
}  # fmt: skip
#: What many schools are called alike: their place tells them apart.
_COMMON = re.compile(
    r"第|[一二三四五六七八九十百零\d]+|中学|小学|幼儿园|学校|中心|高级|初级|中|小|实验|职业|完全|九年制|附属|特殊|教育|师范|逸夫|机关|新区|城区|东|西|南|北|关|校"
)


def plain_county(text: str) -> str:
    """A county without its province and city and without what kind of county it is."""
    name = _CITY.sub("", _PROVINCE.sub("", plain(text)))
    return "市直" if _OF_THE_CITY.match(name) else _KIND_OF_COUNTY.sub("", name)


def plain_subject(text: str) -> str:
    """A subject without the stage before it."""
    name = _STAGE_BEFORE.sub("", plain(text))
    return _SUBJECTS.get(name, name)


def plain_stage(text: str) -> str:
    """A school stage by its usual name."""
    name = plain(text)
    return _STAGES.get(name, name)


def plain_group(text: str, county: Iterable[str]) -> str:
    """A school or class without the province, city and county before it.

    A name that many have (第一中学) keeps its city: the city's first school is not the county's.

    Args:
        county: what the county is called, as :func:`plain` writes it, the longest first.
    """
    name = _PROVINCE.sub("", plain(text))
    within = _CITY.sub("", name)
    for prefix in county:
        if within.startswith(prefix) and len(within) > len(prefix):
            return within[len(prefix) :]
    return within if _COMMON.sub("", within) else name


class Labels:
    """Ids by what they are called.

    Args:
        rows: (id, labels) of the pack.
        plainly: how a text is compared, beside as it is.
        told: id by text, from the mapping file; an empty id is one that is not known yet.
    """

    def __init__(
        self,
        rows: Iterable[tuple[str, Iterable[str]]],
        plainly: Callable[[str], str] = plain,
        told: Mapping[str, str] | None = None,
    ) -> None:
        self._plainly = plainly
        self.ids: set[str] = set()
        exact: dict[str, set[str]] = {}
        loose: dict[str, set[str]] = {}
        for row_id, labels in rows:
            self.ids.add(row_id)
            for label in (row_id, *labels):
                exact.setdefault(plain(label), set()).add(row_id)
                loose.setdefault(plainly(label), set()).add(row_id)
        self._told = {plain(text): row_id for text, row_id in (told or {}).items() if row_id in self.ids}
        self._exact, self._loose = exact, loose

    def find(self, text: str) -> str | None:
        """The id that a text means; None where it means none, or several."""
        name = plain(text)
        if name in self._told:
            return self._told[name]
        for ids in (self._exact.get(name), self._loose.get(self._plainly(text))):
            if ids and len(ids) == 1:
                return next(iter(ids))
        return None


class Group(NamedTuple):
    """A school or class that a roster names."""

    group_id: str
    county_id: str
    label: str


class Groups:
    """The schools, or the classes, of a programme by their names within a county; one that is not known yet gets an id from its name.

    Args:
        kind: ``school`` or ``class``.
        counties: by county, what it is called.
        told: id by text, from the mapping file.
    """

    def __init__(self, kind: str, counties: Mapping[str, Iterable[str]], told: Mapping[str, str] | None = None) -> None:
        self._kind = kind
        self._prefixes = {
            county: sorted({plain(n) for n in names} | {plain_county(n) for n in names}, key=len, reverse=True)
            for county, names in counties.items()
        }
        self._told = {plain(text): group_id for text, group_id in (told or {}).items() if group_id}
        self._ids: set[str] = set()
        self._known: dict[tuple[str, str], str] = {}
        self._asked: dict[tuple[str, str], str] = {}
        #: Those that rosters named and that were not known, by id.
        self.new: dict[str, Group] = {}

    def _key(self, county_id: str, text: str) -> tuple[str, str]:
        return county_id, plain_group(text, self._prefixes.get(county_id, ()))

    def add(self, group_id: str, county_id: str | None, *labels: str) -> None:
        """Make a group known, by its id and by what it is called; of two of one name in one county the first."""
        self._ids.add(group_id)
        if county_id is not None:
            for label in filter(None, labels):
                self._known.setdefault(self._key(county_id, label), group_id)

    def known(self, county_id: str, text: str) -> str | None:
        """The id of a group of this name in a county, where one is known."""
        return self._told.get(plain(text)) or self._known.get(self._key(county_id, text))

    def has(self, group_id: str) -> bool:
        """Whether a group of this id is known."""
        return group_id in self._ids

    def find(self, county_id: str, text: str) -> str:
        """The id of the group of this name in a county."""
        asked = self._asked.get((county_id, text))
        if asked is None:
            asked = self._asked[county_id, text] = self._find(county_id, text)
        return asked

    def _find(self, county_id: str, text: str) -> str:
        if plain(text) in self._told:
            return self._told[plain(text)]
        if text in self._ids:
            return text
        key = self._key(county_id, text)
        if key not in self._known:
            digest = blake2b("\x1f".join(key).encode(), digest_size=5).hexdigest()
            self._known[key] = f"{self._kind}-{county_id}-{digest}"
            self.new[self._known[key]] = Group(self._known[key], county_id, text)
        return self._known[key]
