"""Which definitions are in force: by day, by what was known, from the log or from the disk."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Collection, Mapping
from dataclasses import replace
from datetime import UTC, date, datetime
from pathlib import Path

import pytest

from ingest.programmes.definitions import Definitions
from ingest.programmes.folders import find_packs
from ingest.programmes.history import Loading
from ingest.programmes.pack import Pack, load_pack
from warehouse.errors import BadConfiguration

P = "tianshui-2017"
NEVER: Mapping[str, Pack] = {}


def at(day: int) -> datetime:
    return datetime(2017, 11, day, tzinfo=UTC)


def loading(files: Mapping[str, str], day: int, applies_from_on: str, voided_on: int | None = None, programme: str = P) -> Loading:  # fmt: skip
    payload = json.dumps({"digest": "d", "applies_from_on": applies_from_on, "files": files})
    return Loading(programme, f"event-{day}", at(day), at(voided_on) if voided_on else None, payload)


@pytest.fixture
def first(packs: dict[str, Pack]) -> dict[str, str]:
    return packs[P].definition


@pytest.fixture
def second(first: dict[str, str]) -> dict[str, str]:
    """Another zone, label and threshold."""
    return first | {
        "programme.toml": first["programme.toml"].replace("Asia/Shanghai", "Asia/Urumqi"),
        "counties.csv": first["counties.csv"].replace("Wushan", "Wu Shan"),
        "targets.csv": first["targets.csv"].replace(",100", ",99"),
    }


def defined(*loadings: Loading, packs: Mapping[str, Pack] = NEVER) -> Definitions:
    return Definitions(loadings, lambda loaded: packs)


def test_a_day_has_the_rules_of_its_definition_and_the_rest_of_the_newest(
    first: dict[str, str], second: dict[str, str]
) -> None:
    definitions = defined(loading(first, 1, "2017-10-10"), loading(second, 20, "2017-11-15"))
    targets = {
        day: definitions.in_force(P, day).tables["targets"][0]["target_pct"]
        for day in (date(2016, 1, 1), date(2017, 11, 14), date(2017, 11, 15), date(2030, 1, 1))
    }
    assert list(targets.values()) == ["100", "100", "99", "99"]
    for day in (None, *targets):
        pack = definitions.in_force(P, day)
        assert (pack.timezone, pack.tables["counties"][-1]["label_en"]) == ("Asia/Urumqi", "Wu Shan")


def test_what_was_loaded_later_was_not_known(first: dict[str, str], second: dict[str, str]) -> None:
    definitions = defined(loading(first, 5, "2017-10-10"), loading(second, 20, "2017-11-15"))
    assert definitions.time_zone(P) == "Asia/Urumqi"
    assert definitions.known_before(at(20)).time_zone(P) == "Asia/Shanghai"
    assert definitions.known_before(at(21)).time_zone(P) == "Asia/Urumqi"
    # Before anything was loaded: the first.
    assert definitions.known_before(at(1)).time_zone(P) == "Asia/Shanghai"


def test_a_void_counts_from_when_it_was_recorded(first: dict[str, str], second: dict[str, str]) -> None:
    definitions = defined(loading(first, 1, "2017-10-10"), loading(second, 10, "2017-11-15", voided_on=20))
    assert [definitions.known_before(at(day)).time_zone(P) for day in (10, 11, 20, 21)] == [
        "Asia/Shanghai", "Asia/Urumqi", "Asia/Urumqi", "Asia/Shanghai",
    ]  # fmt: skip
    assert definitions.time_zone(P) == "Asia/Shanghai"


def test_the_disk_defines_what_was_never_loaded(packs: dict[str, Pack], second: dict[str, str]) -> None:
    definitions = defined(loading(second, 1, "2017-10-10"), packs=packs)
    assert sorted(definitions.programmes) == sorted(packs)
    assert definitions.time_zone(P) == "Asia/Urumqi"
    assert definitions.time_zone("open-university") == packs["open-university"].timezone
    assert definitions.time_zone("unheard-of") == "UTC"
    with pytest.raises(BadConfiguration, match="no programme 'unheard-of'; there are: open-university, tianshui-2017"):
        definitions.in_force("unheard-of")
    # It also gives what the log lacks: the published figures, and the totals of the simulation.
    assert definitions.in_force(P).table("published_figures") == packs[P].table("published_figures")
    assert definitions.in_force(P).table("simulation") == packs[P].table("simulation")
    assert [pack.programme_id for pack in definitions.changed_on_disk()] == [P]


def test_only_a_file_that_differs_from_the_loaded_one_is_a_change(packs: dict[str, Pack]) -> None:
    pack = packs[P]
    assert defined(loading(pack.definition, 1, "2017-10-10"), packs=packs).changed_on_disk() == []
    assert defined(loading(pack.texts, 1, "2017-10-10"), packs=packs).changed_on_disk() == []
    with_text = replace(pack, files=pack.files | {"published_figures.csv": b"figure_id\n"})
    changed = {P: with_text}
    assert defined(loading(pack.definition, 1, "2017-10-10"), packs=changed).changed_on_disk() == []
    assert defined(loading(pack.texts, 1, "2017-10-10"), packs=changed).changed_on_disk() == [with_text]


def test_what_cannot_be_read_is_left_out_and_stops_nobody(first: dict[str, str], packs: dict[str, Pack]) -> None:
    bad = loading({"programme.toml": "programme_id = 'lost'"}, 3, "2017-10-10", programme="lost")
    definitions = defined(loading(first, 1, "2017-10-10"), loading(first, 2, "2017-13-45"), bad, packs=packs)
    assert [(one.programme_id, one.event_id) for one in definitions.left_out] == [(P, "event-2"), ("lost", "event-3")]
    assert len(definitions.history(P)) == 1
    assert "lost" not in definitions.programmes


def test_a_draft_with_errors_stops_nobody_once_its_programme_is_loaded(packs: dict[str, Pack], tmp_path: Path) -> None:
    folder = tmp_path / "mine"
    shutil.copytree(packs[P].path, folder)
    settings = (folder / "programme.toml").read_text(encoding="utf-8").replace(f'"{P}"', '"mine"')
    (folder / "programme.toml").write_text(settings, encoding="utf-8")
    loaded = loading(load_pack(folder).texts, 1, "2017-10-10", programme="mine")
    (folder / "counties.csv").write_text("county_id\n", encoding="utf-8")
    read: Callable[[Collection[str]], Mapping[str, Pack]] = lambda names: find_packs(tmp_path, loaded=names)  # noqa: E731
    assert Definitions([loaded], read).in_force("mine").tables["counties"] == packs[P].tables["counties"]
    with pytest.raises(BadConfiguration, match="the pack mine has"):
        Definitions([], read)
