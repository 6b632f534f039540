"""A pack in the log is checked when it is loaded and in the sink; afterwards it stops nobody."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pytest

from ingest.events import catalogue, validation
from ingest.log.port import NewRecord
from ingest.log.sqlite import SqliteLog
from ingest.programmes import pack as pack_module
from ingest.programmes.cells import Problem, Table
from ingest.programmes.definitions import Definitions
from ingest.programmes.history import Definition, Loading, history_of, read_loadings
from ingest.programmes.loading import load_programme
from ingest.programmes.pack import Pack
from ingest.programmes.rows import Reminder, Target
from ingest.sink import Sink
from pipelines.steps.build import warn_of_definitions
from tests import samples
from warehouse.lake import Lake
from warehouse.query import connect_lake

NOW = datetime(2017, 10, 1, tzinfo=UTC)


class Home:
    def __init__(self, folder: Path) -> None:
        self.lake = Lake(str(folder / "lake"))
        self.log = SqliteLog(folder / "log.sqlite")

    def loaded(self, programme_id: str, files: Mapping[str, object], applies_from_on: str = "2017-10-10") -> None:
        payload = {"digest": "d", "applies_from_on": applies_from_on, "files": files}
        event = samples.envelope(catalogue()["programme.loaded", 1], payload)
        count = sum(self.log.end_offsets().values())
        event |= {"programme_id": programme_id, "event_id": f"3f2b8c1e-0d4a-4c55-9e6f-{count:012}"}
        self.log.append([NewRecord(b"k", samples.encode(event))])
        Sink(self.log, self.lake).run()

    def history(self) -> dict[str, list[Definition]]:
        return history_of(self.loadings())[0]

    def loadings(self) -> list[Loading]:
        with connect_lake(self.lake) as con:
            return read_loadings(con)

    def reasons(self) -> list[tuple[str, str]]:
        with connect_lake(self.lake) as con:
            return con.execute('select reason, field from lake.quarantined order by "offset"').fetchall()


@pytest.fixture
def home(tmp_path: Path) -> Iterator[Home]:
    made = Home(tmp_path)
    yield made
    made.log.close()


def test_the_sink_sets_aside_what_cannot_define_a_programme(home: Home, packs: dict[str, Pack]) -> None:
    good = packs["tianshui-2017"].definition
    home.loaded("tianshui-2017", good)
    home.loaded("tianshui-2017", good, "2017-13-45")
    home.loaded("other", good)
    home.loaded("other", {"programme.toml": 'programme_id = "other"'})
    home.loaded("tianshui-2017", good | {"indicators.csv": good["indicators.csv"].replace("video|text", "video|film")})
    home.loaded("tianshui-2017", good | {"courses.csv": good["courses.csv"].replace(",6", ",1e400")})
    home.loaded("tianshui-2017", good | {"programme.toml": "a = " + "[" * 3_000})
    home.loaded("tianshui-2017", good | {"counties.csv": {"a": 1}})
    assert home.reasons() == [
        ("bad_format", "payload.applies_from_on"), *[("bad_pack", "payload.files")] * 6,
    ]  # fmt: skip
    assert {name: len(found) for name, found in home.history().items()} == {"tianshui-2017": 1}


def test_a_rule_that_came_later_is_not_held_against_a_pack_that_was_loaded(
    home: Home, packs: dict[str, Pack], monkeypatch: pytest.MonkeyPatch
) -> None:
    load_programme(home.log, Definitions([], lambda loaded: {}), packs["tianshui-2017"].path, now=NOW)
    Sink(home.log, home.lake).run()
    before = home.history()
    old = pack_module.check_tables

    def stricter(tables: Mapping[str, Table[Any]]) -> Iterator[Problem]:
        yield from old(tables)
        yield Problem("indicators.csv", "no indicator may be called so", 2, "indicator")

    monkeypatch.setattr(pack_module, "check_tables", stricter)
    assert home.history() == before


@pytest.mark.parametrize(
    ("spoil", "day"),
    [
        (lambda files: {"programme.toml": 'programme_id = "other"'}, "2017-10-10"),
        (lambda files: files, "2017-13-45"),
        (lambda files: files | {"programme.toml": "a = " + "[" * 3_000}, "2017-10-10"),
        (lambda files: files | {"targets.csv": files["targets.csv"].replace(",100", ",1e400")}, "2017-10-10"),
    ],
)
def test_a_pack_that_an_earlier_version_took_stops_nobody(
    home: Home, packs: dict[str, Pack], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str],
    spoil: Callable[[dict[str, str]], dict[str, Any]], day: str,
) -> None:  # fmt: skip
    monkeypatch.setattr(validation, "_check_pack", lambda event: None)
    home.loaded("tianshui-2017", packs["tianshui-2017"].definition)
    home.loaded("open-university", packs["open-university"].definition)
    home.loaded("tianshui-2017", spoil(packs["tianshui-2017"].definition), day)
    home.loaded("lost", spoil(packs["tianshui-2017"].definition), day)
    assert home.reasons() == []
    definitions = Definitions(home.loadings(), lambda loaded: {})
    history = {name: definitions.history(name) for name in definitions.programmes}
    assert {name: [d.applies_from_on for d in found] for name, found in history.items()} == {
        "tianshui-2017": [date(1900, 1, 1)], "open-university": [date(1900, 1, 1)],
    }  # fmt: skip
    warn_of_definitions(definitions)
    told = capsys.readouterr().err
    assert told.count("are left out") == 2
    assert "xueqing programme load" in told


def test_cells_that_fit_no_more_stay_usable(
    home: Home, packs: dict[str, Pack], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(validation, "_check_pack", lambda event: None)
    files = dict(packs["tianshui-2017"].definition)
    for name, old, new in (
        ("indicators.csv", "video|text", "video|film"),
        ("warnings.csv", "no_session,red", "no_session,pink"),
        ("reminders.csv", ",sms,", ",pigeon,"),
        ("targets.csv", "2017-10-20,100", "2017-10-20,120"),
    ):
        assert old in files[name]
        files[name] = files[name].replace(old, new, 1)
    files["counties.csv"] = "\n".join(
        f"{line},{'seat' if n == 0 else 'x'}" for n, line in enumerate(files["counties.csv"].splitlines())
    )
    assert check_pack_texts(files) == {"indicators.csv", "warnings.csv", "reminders.csv", "targets.csv", "counties.csv"}
    home.loaded("tianshui-2017", files)
    (found,) = home.history()["tianshui-2017"]
    assert next(row.channel for row in found.pack.rows(Reminder)) == "pigeon"
    assert next(row.target_pct for row in found.pack.rows(Target)) == 120
    assert found.pack.tables["counties"][0]["seat"] == "x"


def check_pack_texts(files: Mapping[str, object]) -> set[str]:
    return {problem.file for problem in pack_module.pack_problems(files, "tianshui-2017")}
