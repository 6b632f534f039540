"""No record that a log can hold stops what reads it, and all that read it agree on what it says."""

from __future__ import annotations

import random
import re
import sqlite3
import uuid
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import duckdb
import pytest

from ingest.events import Refusal, catalogue
from ingest.events.validation import content_digest, read_record, recording_times
from ingest.log.port import NewRecord
from ingest.log.sqlite import SqliteLog
from ingest.programmes.pack import Pack
from ingest.programmes.reference import reference_tables
from ingest.sink import Sink
from pipelines.quality import QualityGate
from tests import hostile, samples
from tests.conftest import ROOT
from warehouse.build import Warehouse
from warehouse.lake import Lake
from warehouse.query import connect_lake

NOW = datetime(2017, 12, 1, tzinfo=UTC)
NOW_US = int(NOW.timestamp() * 1_000_000)


def odd_programmes(rng: random.Random) -> Iterator[bytes]:
    """Programmes that are called as no folder, no SQL and no page likes it."""
    names = [
        "a/b",
        "..",
        "a'b",
        'q"q',
        "x" * 200,
        "学情 计划",
        "%s{}",
        "$(x)",
        "-p",
        "<b>",
        "a\\b",
        "con",
        "a;drop table x",
        "[red]x[/]",
        "{{ 1 }}",
    ]
    for name in names:
        for event_type, version in (("enrolment.opened", 1), ("session.started", 1), ("video.watched", 2)):
            event = samples.golden_event(catalogue()[event_type, version]) | {"programme_id": name}
            event["payload"]["enrolment_id"] = "e0"
            yield samples.encode(event | {"event_id": str(uuid.UUID(int=rng.getrandbits(128)))})


def packs_in_the_log() -> Iterator[bytes]:
    spec = catalogue()["programme.loaded", 1]
    good = {"digest": "d", "applies_from_on": "2017-10-10"}
    for payload in (
        good | {"files": {"programme.toml": "programme_id = 'other'"}},
        good | {"files": {}},
        good | {"files": {"programme.toml": 7}},
        good | {"files": {"programme.toml": "a = " + "[" * 5_000}},
        {"digest": "d", "applies_from_on": "2017-13-45", "files": {}},
    ):
        yield samples.encode(samples.envelope(spec, payload, event_id=str(uuid.uuid4())) | {"programme_id": "other"})


@pytest.fixture(scope="module")
def home(packs: dict[str, Pack], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A log with everything that is odd, sunk and built."""
    folder, rng = tmp_path_factory.mktemp("poison"), random.Random(7)
    opened = samples.golden_event(catalogue()["enrolment.opened", 1]) | {"learner_key": "Lab1cdefgh1234"}
    opened["payload"] |= {"enrolment_id": "e0", "county_id": "qinzhou"}
    values: list[bytes | None] = [samples.encode(opened)]
    values += [
        *hostile.odd_statements(rng),
        *hostile.odd_events(rng),
        *packs_in_the_log(),
        *hostile.records(rng, 3_000),
    ]
    good = [v for v in values if v is not None]
    # The same again, and with other content under the same id.
    values += [v.replace(b'"golden"', b'"changed"') for v in rng.sample(good, 200)] + rng.sample(good, 200)
    sound = [v for v in good if not isinstance(read_record(v, NOW_US, recording_times(NOW)), Refusal)]
    values += [hostile.respelled(v, rng) for v in rng.sample(sound, 500)]
    values += [None, b"", b"\xff" * 10, b"[" * 400_000, b"{" * 400_000, b'{"x":' * 2_000 + b"1" + b"}" * 2_000]
    lake = Lake(str(folder / "lake"))
    with SqliteLog(folder / "log.sqlite", clock_us=lambda: NOW_US) as log:
        log.append([NewRecord(b"k%d" % (n % 50), value, NOW_US) for n, value in enumerate(values)])  # type: ignore[arg-type]
        # A producer of Kafka writes a time of recording as it likes.
        for us in (-1, 0, 2**62, -(2**62), int((datetime.now(UTC) + timedelta(days=3)).timestamp() * 1e6)):
            log.append([NewRecord(b"t", samples.encode(opened | {"event_id": str(uuid.uuid4())}), us)])
        Sink(log, lake).run()
        total = sum(log.end_offsets().values())
    with connect_lake(lake) as con:
        assert con.execute("select count(*) from lake.records").fetchone() == (total,)
    Warehouse(folder / "warehouse").build(lake, reference_tables(packs), gate=QualityGate(folder / "docs"))
    return folder


def test_every_reader_says_the_same_of_every_record(home: Path) -> None:
    """The sink, staging and the quarantine, record by record."""
    con = duckdb.connect(str(home / "warehouse" / "build" / "private.duckdb"), read_only=True)
    con.execute("set timezone = 'UTC'")
    staged = {
        (partition, offset): row
        for partition, offset, *row in con.execute(
            "select log_partition, log_offset, event_type, programme_id, learner_key, staff_key, course_id, post_id, is_effective, click_count,"
            " assignment_id, is_final, cast(grade as double), cast(points as double), cast(weight_pct as double), is_statement"
            " from staging.stg_lake__events"
        ).fetchall()
    }
    con.close()
    with sqlite3.connect(home / "log.sqlite") as log:
        records = log.execute("select partition, offset, recorded_at_us, value from records").fetchall()
    log.close()
    times = recording_times(datetime.now(UTC))
    found = 0
    for partition, offset, recorded_us, value in records:
        event = read_record(value, recorded_us, times)
        row = staged.pop((partition, offset), None)
        assert (row is None) == isinstance(event, Refusal), (value, event)
        if isinstance(event, Refusal) or row is None:
            continue
        found += 1
        *who, course, post, effective, clicks, assignment, final, grade, points, weight, is_statement = row
        assert who[1:] == [event.programme_id, event.learner_key, event.staff_key]
        if is_statement or event.event_type.startswith("xapi."):
            continue
        told = event.payload
        assert who[0] == event.event_type
        expected = [
            told.get(n) for n in ("course_id", "post_id", "is_effective", "click_count", "assignment_id", "is_final")
        ]
        assert [course, post, effective, clicks, assignment, final] == expected, value
        for number, name in ((grade, "grade"), (points, "points"), (weight, "weight_pct")):
            assert number == (None if told.get(name) is None else pytest.approx(told[name], abs=0.0005))
    assert not staged
    assert found > 1_000


def test_a_repeat_and_a_conflict_are_the_same_to_the_store_and_to_the_warehouse(home: Path) -> None:
    con = duckdb.connect(str(home / "warehouse" / "build" / "private.duckdb"), read_only=True)
    told = {
        (p, o): s
        for p, o, s in con.execute(
            "select log_partition, log_offset, standing from intermediate.int_event_duplicates"
        ).fetchall()
    }
    prints = {
        (p, o): f
        for p, o, f in con.execute(
            "select log_partition, log_offset, content_fingerprint from staging.stg_lake__events"
        ).fetchall()
    }
    con.close()
    with sqlite3.connect(home / "log.sqlite") as log:
        records = log.execute("select partition, offset, recorded_at_us, value from records").fetchall()
    log.close()
    times = recording_times(datetime.now(UTC))
    digests: dict[bytes, set[int]] = {}
    for partition, offset, recorded_us, value in records:
        event = read_record(value, recorded_us, times)
        if not isinstance(event, Refusal):
            digests.setdefault(content_digest(event), set()).add(prints[partition, offset])
    # One digest, one fingerprint, and the other way round.
    assert all(len(found) == 1 for found in digests.values())
    assert len({next(iter(found)) for found in digests.values()}) == len(digests)
    assert {"repeat", "conflict"} <= set(told.values())


def test_staging_knows_which_events_have_the_members_that_it_makes_columns_of() -> None:
    text = (ROOT / "dbt_project" / "macros" / "statements.sql").read_text()
    block = text[text.index("macro events_with") :]
    listed = {name: re.findall(r"'([^']+)'", types) for name, types in re.findall(r"'(\w+)': \[(.*?)\]", block)}
    newest = {spec.event_type: spec for spec in sorted(catalogue().values(), key=lambda s: s.event_version)}
    for name, types in listed.items():
        having = [t for t, spec in newest.items() if name in {n for n, _, _ in samples.fields(spec.payload)}]
        assert sorted(types) == sorted(having), name
    assert listed
