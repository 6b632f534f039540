"""Invented names of the simulated schools, classes and workshops, as such programmes have them: 秦州区青泉小学, 秦州27班."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, time, timedelta
from typing import Literal

from ingest.events import encode
from ingest.events.group import GroupNamed
from ingest.log.port import NewRecord
from ingest.programmes.pack import Pack
from ingest.sources.ids import stable_id
from ingest.sources.simulate.people import Cohort

__all__ = ["group_names", "naming_records"]

#: Ninety names of villages, each once in a county and a stage.
_FIRST = (
    ("青", "Qing"), ("柳", "Liu"), ("石", "Shi"), ("云", "Yun"), ("松", "Song"), ("桃", "Tao"), ("龙", "Long"), ("凤", "Feng"),
    ("白", "Bai"), ("红", "Hong"),
)  # fmt: skip
_SECOND = (
    ("泉", "quan"), ("沟", "gou"), ("坪", "ping"), ("川", "chuan"), ("岭", "ling"), ("湾", "wan"), ("塬", "yuan"), ("桥", "qiao"),
    ("峪", "yu"),
)  # fmt: skip
_STAGES = {
    "kindergarten": ("幼儿园", "Kindergarten"),
    "primary": ("小学", "Primary School"),
    "junior": ("初级中学", "Junior Middle School"),
    "senior": ("高级中学", "Senior Middle School"),
}
#: They are named before anybody is enrolled.
_DAYS_BEFORE = 30


def _school(place: Mapping[str, str], county: int, stage: str, number: int) -> tuple[str, str]:
    at = (number - 1 + 37 * county + 11 * list(_STAGES).index(stage)) % (len(_FIRST) * len(_SECOND))
    (first_zh, first_en), (second_zh, second_en) = _FIRST[at % len(_FIRST)], _SECOND[at // len(_FIRST)]
    kind_zh, kind_en = _STAGES[stage]
    return (
        f"{place['place_zh']}{first_zh}{second_zh}{kind_zh}",
        f"{first_en}{second_en} {kind_en}, {place['place_en']}",
    )


def group_names(cohort: Cohort, places: list[dict[str, str]], prefix: str) -> Iterator[GroupNamed]:
    """The names of a cohort's schools, classes and workshops; a class goes by its county and its number there."""
    counties = {p["id"]: p for p in places if p["kind"] == "county"}
    order = list(counties)
    schools = sorted(set(zip(cohort.school_of, cohort.county_of, cohort.stage_of, strict=True)))
    for school, county, stage in schools:
        number = int(school.rpartition("-")[2])
        zh, en = _school(counties[county], order.index(county), stage, number)
        yield _named("school", school, zh, en, county)
    home = dict(zip(cohort.class_of.tolist(), cohort.county_of, strict=True))
    numbers = dict.fromkeys(order, 0)
    for k, class_id in enumerate(cohort.class_ids):
        county = home[k]
        numbers[county] += 1
        place, nth = counties[county], numbers[county]
        yield _named("class", class_id, f"{place['class_zh']}{nth}班", f"{place['class_en']} class {nth}", county)
        yield _named(
            "workshop", f"{prefix}workshop-{k + 1:03d}", f"{place['class_zh']}{nth}班工作坊",
            f"Workshop of {place['class_en']} class {nth}", county,
        )  # fmt: skip


def _named(kind: Literal["school", "class", "workshop"], name: str, zh: str, en: str, county: str) -> GroupNamed:
    return GroupNamed(kind=kind, group_id=name, label_zh=zh, label_en=en, county_id=county)


def naming_records(
    pack: Pack, cohort: Cohort, places: list[dict[str, str]], prefix: str, source: str
) -> list[NewRecord]:
    """The events that name them, as records; no chance in them, so that all other events stay as they are."""
    named_at = datetime.combine(pack.starts_on - timedelta(days=_DAYS_BEFORE), time(), UTC)
    recorded_us = int((named_at + timedelta(seconds=1)).timestamp() * 1_000_000)
    return [
        NewRecord(
            name.group_id.encode(),
            encode(
                name, event_type="group.named", event_id=stable_id("group.named", pack.programme_id, prefix, name.kind, name.group_id),
                occurred_at=named_at, programme_id=pack.programme_id, source=source,
            ),
            recorded_us,
        )
        for name in group_names(cohort, places, prefix)
    ]  # fmt: skip
