"""Figures down to the events behind them and back; what was known when, and what changed since."""

from __future__ import annotations

import random
from collections import Counter
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta

import pytest

from ingest.log.sqlite import SqliteLog
from ingest.programmes.pack import Pack
from ingest.programmes.reference import reference_tables
from ingest.programmes.vocabulary import dimensions
from pipelines.reading.asked_figure import AskedFigure, parse_figure
from pipelines.reading.restatement import restate
from pipelines.reading.trace import events_behind, trace
from tests.integration.test_warehouse_properties import arrivals, packs_like, random_programme, sink_in_batches
from tests.oracle import BREAKDOWNS, Cell, Oracle, Raw, Rules
from tests.warehouse_help import cells_of, raw_records, scores_of
from warehouse.build import BuildOptions, Warehouse
from warehouse.errors import BadConfiguration
from warehouse.lake import Lake
from warehouse.query import connect

ZONE = "Asia/Shanghai"
DAYS = [date(2017, 10, 20), date(2017, 11, 9), date(2017, 11, 30)]
NAMES = {column: name for name, column in dimensions().items()}


@dataclass
class Small:
    warehouse: Warehouse
    lake: Lake
    raws: list[Raw]
    rules: Rules
    reference: dict[str, object]


@pytest.fixture(scope="module")
def small(packs: dict[str, Pack], tmp_path_factory: pytest.TempPathFactory) -> Small:
    rng = random.Random(13)
    folder = tmp_path_factory.mktemp("traces")
    events = random_programme(rng, "p", enrolments=14)
    with SqliteLog(folder / "log.sqlite", partitions=3) as log:
        lake = Lake(str(folder / "lake"))
        log.append(arrivals(rng, events))
        sink_in_batches(log, lake, 500)
    reference = reference_tables(packs_like(packs["tianshui-2017"], ["p"]))
    warehouse = Warehouse(folder / "warehouse")
    warehouse.build(lake, reference)
    return Small(warehouse, lake, raw_records(folder / "log.sqlite"), Rules(packs["tianshui-2017"].path), reference)  # type: ignore[arg-type]


def figures(small: Small, day: date) -> list[tuple[AskedFigure, Cell, tuple[int, int]]]:
    """Every published figure of a date."""
    columns = sorted(NAMES)
    with connect(small.warehouse.published) as con:
        rows = con.execute(
            f"select indicator, breakdown, numerator_count, denominator_count, {', '.join(columns)} from rpt_indicators where as_of_on = ?",
            [day],
        ).fetchall()
    found = []
    for indicator, breakdown, n, d, *values in rows:
        place = dict(zip(columns, values, strict=True))
        parts = BREAKDOWNS[breakdown]
        figure = AskedFigure("p", indicator, {NAMES[c]: place[c] or "" for c in parts}, day)
        found.append((figure, (breakdown, *(place[c] for c in parts)), (n, d)))
    return found


def test_every_figure_adds_up_from_its_enrolments(small: Small) -> None:
    day = DAYS[1]
    with connect(small.warehouse.published) as con:
        for figure, _, counts in figures(small, day):
            found = trace(con, figure)
            assert found.reconciles
            assert (found.numerator_count, found.denominator_count) == counts, figure


@pytest.mark.parametrize("day", DAYS)
def test_the_events_behind_a_figure_give_it_back(small: Small, day: date) -> None:
    records = {(r.partition, r.offset): r for r in small.raws}
    by_id = {}
    for r in sorted(small.raws, key=lambda r: r.arrival):
        by_id.setdefault(r.value.split(b'"event_id": "')[1][:36].decode(), r)
    rng = random.Random(3)
    every = figures(small, day)
    chosen = [f for f in every if f[1] == ("programme",)] + rng.sample(every, 40)
    with connect(small.warehouse.published, small.lake) as con:
        for figure, cell, (n, d) in chosen:
            found = trace(con, figure)
            behind = {}
            for of in ("numerator", "denominator"):
                rows = events_behind(con, found, of=of).fetchall()
                ids = {(row[5], row[6]) for row in rows}
                kept = [records[i] for i in ids] + [by_id[row[7]] for row in rows if row[7]]
                cells = Oracle.read(kept, small.rules, "p").status(day)
                behind[of] = cells.get(cell, Counter())
            assert behind["numerator"][figure.indicator] == n, figure
            assert behind["denominator"][figure.indicator] == n, figure
            assert behind["denominator"][found.denominator] == d, figure


def test_figures_are_read_as_they_are_written() -> None:
    found = parse_figure("tianshui-2017 pass_rate county=秦州区 subject='Music and art' as-of 2017-11-30")
    assert found == AskedFigure(
        "tianshui-2017", "pass", {"county": "秦州区", "subject": "Music and art"}, date(2017, 11, 30)
    )
    for wrong, told in (
        ("tianshui-2017", "names no programme and indicator"),
        ("p pass as-of soon", "no date after as-of"),
        ("p pass region=x", "places are province, city"),
    ):
        with pytest.raises(BadConfiguration, match=told):
            parse_figure(wrong)


def test_what_does_not_exist_is_told_with_what_does(small: Small) -> None:
    with connect(small.warehouse.published) as con:
        with pytest.raises(BadConfiguration, match="it has assignment_pass, assignment_submission"):
            trace(con, parse_figure("p charm"))
        with pytest.raises(BadConfiguration, match="nothing is known of 'q'"):
            trace(con, parse_figure("q pass"))
        with pytest.raises(BadConfiguration, match="by 2016-01-01"):
            trace(con, parse_figure("p pass as-of 2016-01-01"))


KNOWN = datetime(2017, 11, 3, 4, tzinfo=UTC)


def test_what_was_known_is_what_the_records_of_then_say(small: Small) -> None:
    edition = small.warehouse.edition(KNOWN)
    options = BuildOptions(recorded_before=KNOWN)
    first = edition.build(small.lake, small.reference, options)  # type: ignore[arg-type]
    assert first.is_new
    oracle = Oracle.read(small.raws, small.rules, "p", recorded_before=KNOWN)
    now = Oracle.read(small.raws, small.rules, "p")
    with connect(edition.published) as con:
        for day in [date(2017, 10, 8) + timedelta(days=d) for d in (2, 12, 20, 25, 40)]:
            assert cells_of(con, "p", day) == oracle.status(day), day
            assert scores_of(con, "p", day) == oracle.scores(day), day
    assert oracle.status(DAYS[1]) != now.status(DAYS[1])
    # Nothing that was recorded by then came since: it is not built again.
    assert not edition.build(small.lake, small.reference, options).is_new  # type: ignore[arg-type]


def test_a_restatement_lists_each_changed_cell_and_why(small: Small) -> None:
    edition = small.warehouse.edition(KNOWN)
    edition.build(small.lake, small.reference, BuildOptions(recorded_before=KNOWN))  # type: ignore[arg-type]
    day = date(2017, 11, 2)
    found = restate(edition.published, small.warehouse.published, small.lake, "p", day, known=KNOWN, until=None)
    before = Oracle.read(small.raws, small.rules, "p", recorded_before=KNOWN)
    after = Oracle.read(small.raws, small.rules, "p")
    then, now = before.status(day), after.status(day)
    of = {name: row["denominator"] for name, row in small.rules.indicators.items()}

    def figure(cells: dict[Cell, Counter[str]], cell: Cell, indicator: str) -> tuple[int, int]:
        counts = cells.get(cell, Counter())
        return counts[indicator], counts[of[indicator]]

    expected = {
        (i, cell): (figure(then, cell, i), figure(now, cell, i))
        for cell in {*then, *now} for i in of if figure(then, cell, i) != figure(now, cell, i)
    }  # fmt: skip
    assert expected
    # A listed place without a value is left out of the row, as it is of a cell's name.
    told = {(c.indicator, (c.breakdown, *c.places)): (c.before or (0, 0), c.after or (0, 0)) for c in found.cells}
    assert sorted(told.items(), key=str) == sorted(
        (((i, tuple(p for p in cell if p is not None)), v) for (i, cell), v in expected.items()), key=str
    )
    # Whoever counts otherwise has events that came in between.
    assert {c[1] for c in found.causes}
    assert all(c[6] >= KNOWN for c in found.causes)
    assert not found.definitions_changed
