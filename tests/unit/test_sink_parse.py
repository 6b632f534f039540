"""The fast check may be unsure of a good record, but never sure of a bad one."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import duckdb
import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ingest.events import Refusal, catalogue, validate
from ingest.events.free_text import free_members
from ingest.events.validation import payload_text, read_record, recording_times
from ingest.log.port import Slice
from ingest.sink.fast_check import canonical_sql
from ingest.sink.parse import BatchParser
from tests import samples

US = int(samples.RECORDED.timestamp() * 1_000_000)
TIMES = recording_times(samples.RECORDED)


@pytest.fixture(scope="module")
def con() -> Iterator[duckdb.DuckDBPyConnection]:
    with duckdb.connect(config={"threads": 1}) as con:
        con.execute("set timezone = 'UTC'")
        yield con


@pytest.fixture(scope="module")
def parser() -> Iterator[BatchParser]:
    parser = BatchParser(threads=1)
    yield parser
    parser.close()


def fast(con: duckdb.DuckDBPyConnection, sql: str, values: list[str | None]) -> list[dict[str, Any]]:
    batch = pa.table({"i": pa.array(range(len(values)), pa.int32()), "value": pa.array(values, pa.string())})  # noqa: F841
    con.execute(
        f"create or replace temp table batch as select i, '{samples.RECORDED.isoformat()}'::timestamptz as recorded_at, value from batch"
    )
    rows: list[dict[str, Any]] = con.execute(sql).to_arrow_table().to_pylist()
    con.execute("drop table batch")
    return rows


def parse(parser: BatchParser, values: list[bytes | None]) -> list[dict[str, Any]]:
    count = len(values)
    rows: list[dict[str, Any]] = parser.parse([Slice(0, list(range(count)), [US] * count, values)]).rows.to_pylist()
    return rows


@settings(
    max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)
@given(records=st.lists(samples.damaged_records(), min_size=20, max_size=40))
def test_what_the_fast_check_accepts_is_an_event(con: duckdb.DuckDBPyConnection, records: list[bytes]) -> None:
    texts: list[str | None] = []
    for record in records:
        try:
            texts.append(record.decode())
        except UnicodeDecodeError:
            texts.append(None)
    for row in fast(con, canonical_sql(), texts):
        if row["is_event"]:
            found = validate(records[row["i"]], samples.RECORDED)
            assert not isinstance(found, Refusal), (records[row["i"]], found)
            assert found.event_id == row["event_id"]
            assert found.payload.get("enrolment_id") == row["enrolment_id"]
            assert payload_text(found) == row["payload"]


def _sealed(event: dict[str, Any]) -> dict[str, Any]:
    """An event whose free text is sealed, as the log has it."""
    spec = catalogue()[event["event_type"], event["event_version"]]
    words = free_members(spec.payload) & event["payload"].keys()
    if not words:
        return event
    payload = {k: v for k, v in event["payload"].items() if k not in words}
    return {**{k: v for k, v in event.items() if k != "payload"}, "sealed": "A256GCM:-:K1:0:x_-", "payload": payload}


def test_the_fast_check_is_sure_of_ordinary_events(con: duckdb.DuckDBPyConnection) -> None:
    # Maps and texts of any length are left to what comes after.
    rare = {
        "survey.answered",
        "totals.reported",
        "xapi.statement_stored",
        "xapi.document_stored",
        "learner.erased",
        "programme.loaded",
        "programme.text_redacted",
        "programme.texts_retired",
    }
    specs = [s for s in catalogue().values() if s.event_type not in rare]
    texts = [samples.encode(_sealed(samples.golden_event(s)), compact=True).decode() for s in specs]
    # As keys are drawn: with digits among the letters.
    rows = fast(
        con, canonical_sql(), [text.replace("defgh1234", "4defgh").replace("grader1", "gr4der") for text in texts]
    )
    assert [specs[r["i"]].event_type for r in rows if not r["is_event"]] == []


@settings(
    max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)
@given(records=st.lists(samples.damaged_records() | st.none() | st.binary(max_size=40), min_size=1, max_size=30))
def test_every_record_becomes_one_row_as_the_authority_says(parser: BatchParser, records: list[bytes | None]) -> None:
    rows = parse(parser, records)
    assert [r["offset"] for r in rows] == list(range(len(records)))
    for row, record in zip(rows, records, strict=True):
        found = read_record(record, US, TIMES)
        if isinstance(found, Refusal):
            assert (row["disposition"], row["reason"], row["field"]) == ("quarantined", found.reason, found.field)
            assert row["raw"] == (record or b"")
        else:
            assert row["disposition"] == "accepted"
            assert row["event_id"] == found.event_id
            assert row["raw"] is None


def test_a_time_with_another_offset_is_stored_in_utc(parser: BatchParser) -> None:
    event = samples.golden_event(catalogue()["video.watched", 2]) | {"occurred_at": "2017-10-12T08:00:00.5+08:00"}
    (row,) = parse(parser, [samples.encode(event)])
    assert row["occurred_at"] == datetime(2017, 10, 12, 0, 0, 0, 500_000, tzinfo=UTC)


def test_good_records_beside_bad_ones_go_on(parser: BatchParser) -> None:
    good = samples.encode(samples.golden_event(catalogue()["video.watched", 2]))
    rows = parse(parser, [good, b"\xff", good, b"x" * 5_000_000, None, good])
    assert [r["disposition"] for r in rows] == [
        "accepted",
        "quarantined",
        "accepted",
        "quarantined",
        "quarantined",
        "accepted",
    ]


@pytest.mark.parametrize("junk", [b",", b"/* c */", b', "x": NaN', b', "x": -Infinity', b', "x": [1,]'])
def test_what_duckdb_alone_would_let_pass_is_kept_aside(parser: BatchParser, junk: bytes) -> None:
    good = samples.encode(samples.golden_event(catalogue()["video.watched", 2]))
    (row,) = parse(parser, [good[:-1] + junk + b"}"])
    assert (row["disposition"], row["reason"]) == ("quarantined", "not_json")
