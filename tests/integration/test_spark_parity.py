"""The same models on DuckDB and on Spark: every mart equal, cell by cell.

Spark is a real standalone master with two workers as processes of their own. One lake holds random programmes with
everything that goes wrong (ids in Chinese, definitions that change), the simulated one, and a presentation of the
Open University where its data is at hand.
"""

from __future__ import annotations

import csv
import gzip
import json
import os
import random
import uuid
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import duckdb
import pytest

from ingest.log.port import NewRecord
from ingest.log.sqlite import SqliteLog
from ingest.programmes.history import Loaded, timeline
from ingest.programmes.pack import Pack
from ingest.programmes.reference import reference_tables
from ingest.sources.oulad import read_oulad
from ingest.sources.report import ImportReport
from ingest.sources.simulate import simulate
from tests import hostile
from tests.conftest import lacking
from tests.integration.test_warehouse_properties import (
    CHANGED,
    START,
    arrivals,
    changed_pack,
    packs_like,
    random_programme,
    sink_in_batches,
)
from tests.maven import JarsUnavailable
from tests.spark_cluster import cluster, delta_jars
from warehouse.build import BuildOptions, SparkOptions, Warehouse
from warehouse.lake import Lake
from warehouse.query import connect

XAPI = "https://w3id.org/xapi"
pytestmark = [pytest.mark.spark, pytest.mark.timeout(2700)]
NAMES = ["甲班计划", "乙班计划", "丙班计划", "programme-d"]
CHINESE = {"e0": "学员零", "e1": "学员一", "e2": "乙学员", "e3": "甲学员"}


@pytest.fixture(scope="module")
def spark_jars() -> str:
    try:
        return delta_jars()
    except JarsUnavailable as error:
        lacking("spark", error)


def chinese(record: NewRecord) -> NewRecord:
    body = json.loads(record.value)
    for name in ("enrolment_id", "reviewed_enrolment_id"):
        if name in body["payload"]:
            body["payload"][name] = CHINESE.get(body["payload"][name], body["payload"][name])
    return NewRecord(record.key, json.dumps(body, ensure_ascii=False).encode(), record.recorded_at_us)


def one_presentation(source: Path, folder: Path, most: int = 15) -> Path:
    """The Open University's files, of some students of AAA's first presentation only."""
    folder.mkdir()
    kept: set[str] = set()
    students: set[str] = set()
    for name in ("courses.csv", "assessments.csv", "vle.csv.gz", "studentInfo.csv.gz", "studentRegistration.csv.gz", "studentVle.csv.gz", "studentAssessment.csv.gz"):  # fmt: skip
        path = source / name
        with gzip.open(path, "rt", encoding="utf-8") if path.suffix == ".gz" else path.open(encoding="utf-8") as file:
            reader = csv.DictReader(file)
            columns = list(reader.fieldnames or ())
            rows = [
                r for r in reader
                if ((r.get("code_module"), r.get("code_presentation")) == ("AAA", "2013J") or r.get("id_assessment") in kept)
                and (not students or r["id_student"] in students)
            ]  # fmt: skip
        if name == "assessments.csv":
            kept = {r["id_assessment"] for r in rows}
        if name == "studentInfo.csv.gz":
            rows = rows[:most]
            students = {r["id_student"] for r in rows}
        with (folder / name.removesuffix(".gz")).open("w", encoding="utf-8", newline="") as out:
            writer = csv.DictWriter(out, columns)
            writer.writeheader()
            writer.writerows(rows)
    return folder


def statements(rng: random.Random, programme_id: str) -> list[NewRecord]:
    """Statements of other profiles, as the store of statements writes them, some of them voided."""
    records = []

    def add(kind: str, payload: dict[str, Any], minutes: int, learner: str = "") -> None:
        at = START + timedelta(minutes=minutes)
        event = {
            "event_id": str(uuid.UUID(int=rng.getrandbits(128))), "event_type": kind, "event_version": 1,
            "occurred_at": f"{at:%Y-%m-%dT%H:%M:%SZ}", "programme_id": programme_id,
            "source": "xapi-lrs", "learner_key": f"Llearner{learner}", "payload": payload,
        }  # fmt: skip
        # Taken as it was told: a void of today would give its programme's marts all days until then.
        taken = int(at.timestamp() * 1_000_000)
        records.append(NewRecord(b"k", json.dumps(event, ensure_ascii=False).encode(), taken))

    for n in range(60):
        verb, result, said = rng.choice(
            [
                (
                    "https://w3id.org/xapi/video/verbs/paused",
                    {f"{XAPI}/video/extensions/played-segments": "0[.]60.5[,]9[.]x"},
                    "video",
                ),
                (
                    "https://w3id.org/xapi/video/verbs/seeked",
                    {f"{XAPI}/video/extensions/played-segments": rng.choice([f"3[.]{n},25[,]7", "NaN[.]8", ["0[.]5"]])},
                    "video",
                ),
                ("http://adlnet.gov/expapi/verbs/initialized", {}, "cmi5"),
                ("http://adlnet.gov/expapi/verbs/terminated", {}, "cmi5"),
                ("https://w3id.org/xapi/adl/verbs/abandoned", {}, "cmi5"),
                ("http://adlnet.gov/expapi/verbs/passed", {}, "cmi5"),
                ("http://adlnet.gov/expapi/verbs/failed", {}, "cmi5"),
                ("http://example.org/verbs/想", {}, "video"),
            ]
        )
        session = "session-id" if said == "video" else "sessionid"
        kind = "extensions" if said == "video" else "context/extensions"
        statement = {
            "object": {"id": f"http://example.org/课/{n % 3}"},
            "result": {"duration": rng.choice(["PT1H2.5S", "P1DT3M", "P1Y", "PT5,25S"]), "score": rng.choice([{"scaled": n / 60}, {"raw": n, "min": 1, "max": 97}, {"raw": n}]), "extensions": result},
            "context": {"extensions": {f"{XAPI}/{said}/{kind}/{session}": f"s{n % 4}"}} | rng.choice([{}, {"registration": f"r{n % 2}"}]),
        }  # fmt: skip
        statement_id = str(uuid.UUID(int=rng.getrandbits(128)))
        enrolment = CHINESE.get(f"e{n % 4}", f"e{n % 4}")
        stored = {"enrolment_id": enrolment, "statement_id": statement_id, "verb_id": verb, "statement": statement}
        add("xapi.statement_stored", stored, n * 700, f"e{n % 4}")
        if n % 9 == 0:
            add(
                "xapi.statement_voided",
                {"statement_id": statement_id, "voiding_statement_id": str(uuid.uuid4())},
                n * 700,
            )
    return records


def test_every_mart_is_the_same_on_both_engines(
    packs: dict[str, Pack], spark_jars: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rng = random.Random(7)
    pack = packs["tianshui-2017"]
    excellence = [row | {"requires": ""} for row in pack.tables["excellence"]]
    pack = replace(pack, tables={**pack.tables, "excellence": excellence})
    short = replace(packs["open-university"], report_on=date(2013, 12, 31))
    versions = timeline(
        [
            Loaded(pack, START, START.date()),
            Loaded(changed_pack(pack, tmp_path / "changed"), datetime(2017, 10, 20, tzinfo=UTC), CHANGED),
        ]
    )
    reference = reference_tables(
        {**packs, "open-university": short, **packs_like(pack, NAMES)}, dict.fromkeys(NAMES[::2], versions)
    )
    records = [
        *(chinese(r) for r in arrivals(rng, [e for name in NAMES for e in random_programme(rng, name, enrolments=4)])),
        *(record for name in NAMES for record in statements(rng, name)),
    ]
    # What is odd, too, is the same to both.
    odd = [*hostile.odd_statements(rng), *hostile.odd_events(rng), *hostile.records(rng, 1_000)]
    taken = int(datetime(2017, 11, 1, tzinfo=UTC).timestamp() * 1_000_000)
    records += [NewRecord(b"odd", value, taken) for value in odd]
    (simulation,) = simulate(packs["tianshui-2017"], fraction=0.01, faults=True)
    records += simulation.records
    source = Path(os.environ.get("XUEQING_SHARED_DATA", "../shared/data")) / "oulad"
    if source.is_dir():
        people = one_presentation(source, tmp_path / "oulad")
        records += read_oulad(people, lambda students: {s: f"Lstudent{s}" for s in students}, ImportReport())
    lake = Lake(str(tmp_path / "lake"))
    on_duckdb, on_spark = Warehouse(tmp_path / "duckdb"), Warehouse(tmp_path / "spark")
    (tmp_path / "cluster").mkdir()
    monkeypatch.setenv("SPARK_CONF_DIR", str(tmp_path / "cluster"))
    with SqliteLog(tmp_path / "log.sqlite") as log, cluster(tmp_path / "cluster", workers=2) as master:
        options = BuildOptions(spark=SparkOptions(master, spark_jars, keep=True))
        log.append(records)
        sink_in_batches(log, lake, 10_000)
        on_duckdb.build(lake, reference, BuildOptions(full=True))
        done = on_spark.build(lake, reference, options)
        assert done.is_full
        assert all(node.status in ("success", "pass", "ok") for node in done.nodes), [
            n for n in done.nodes if n.status not in ("success", "pass", "ok")
        ]
        assert_equal(on_duckdb.published, on_spark)


def assert_equal(published: Path, on_spark: Warehouse) -> None:
    """That every mart and view of a published file is what Spark has made of it."""
    with connect(published) as con:
        con.execute(f"attach '{on_spark.published}' as other (read_only)")
        tables = [r[0] for r in con.execute(
            "select table_name from information_schema.tables where table_catalog = 'warehouse' and table_schema = 'marts'"
            " and table_name <> 'build_info' order by 1").fetchall()]  # fmt: skip
        views = sorted(p.name for p in (on_spark.work / "spark" / "views").iterdir())
        assert set(views) < set(tables)
        # The numbers of cells are each file's own.
        ids = (
            "(select s.* exclude (cell_number), breakdown, cell_id from {} s join {} using (programme_id, cell_number))"
        )
        read = {"dim_cells": "(select * exclude (cell_number) from {})"}
        for name in tables:
            here, there = f"warehouse.marts.{name}", f"other.marts.{name}"
            if name in views:
                there = f"read_parquet('{on_spark.work}/spark/views/{name}/*.parquet')"
            assert types(con, here) == types(con, there), name
            if name == "fct_cell_spells":
                here, there = (ids.format(r, r.replace(name, "dim_cells")) for r in (here, there))
            here, there = (read.get(name, "{}").format(r) for r in (here, there))
            counts = con.execute(
                f"select (select count(*) from {here}), (select count(*) from {there}),"
                f" (select count(*) from (from {here} except all from {there}))"
            ).fetchone()
            assert counts is not None
            assert counts[0] == counts[1] > 0 or name in EMPTY, (name, counts)
            assert counts[2] == 0, (
                name,
                con.execute(f"from (from {here} except all from {there}) limit 3").fetchall(),
            )


#: Marts that a small lake may leave empty, and what these builds go without.
EMPTY = {"fct_conflicting_events", "fct_post_responses", "quality_checks", "survey_estimates"}


def types(con: duckdb.DuckDBPyConnection, relation: str) -> list[tuple[str, str]]:
    return [(name, kind) for name, kind, *_ in con.execute(f"describe from {relation}").fetchall()]
