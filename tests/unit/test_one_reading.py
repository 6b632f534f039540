"""Whatever takes a record's bytes reads the same thing in them.

``XUEQING_RECORDS=1000000`` drives so many records through all of them.
"""

from __future__ import annotations

import json
import os
import random
import time
from collections.abc import Iterator
from concurrent.futures import Future
from datetime import UTC, datetime, timedelta
from typing import Any

import duckdb
import msgspec
import pytest

from ingest.events import Envelope, Refusal, validate
from ingest.events.json_text import NotReadable, read_json
from ingest.events.validation import content_digest, payload_text, read_record, recording_times
from ingest.log.port import NewRecord, Slice
from ingest.lrs.access.keys import Key
from ingest.lrs.http.events import Collector
from ingest.lrs.http.requests import Refused
from ingest.lrs.standard.rules import BadStatement
from ingest.lrs.standard.strict_json import parse_json
from ingest.lrs.writing.projection import SOURCE, record_of
from ingest.quarantine import replay
from ingest.sink.parse import BatchParser
from ingest.sources.ndjson import read_ndjson
from tests import hostile

RECORDS = int(os.environ.get("XUEQING_RECORDS", "4000"))
NOW = datetime(2017, 12, 1, tzinfo=UTC)
US = int(NOW.timestamp() * 1_000_000)
TIMES = recording_times(NOW)
KEY = Key("k", "tianshui-2017", "", frozenset({"events/write"}), "", None)


class _Store:
    """Keeps what the collector gives it."""

    def __init__(self) -> None:
        self.taken: list[Any] = []

    @staticmethod
    def sealed(value: bytes, event: Envelope) -> Envelope:
        return event

    def take(self, programme_id: str, events: list[Any]) -> Future[list[str]]:
        self.taken = list(events)
        return Future()


def batches() -> Iterator[list[bytes]]:
    for start in range(0, RECORDS, 2_000):
        rng = random.Random(start)
        yield [*hostile.records(rng, min(2_000, RECORDS - start))]


@pytest.fixture(scope="module")
def parser() -> Iterator[BatchParser]:
    made = BatchParser(threads=1)
    yield made
    made.close()


def test_all_readers_agree_on_every_record(parser: BatchParser) -> None:
    accepted = 0
    for values in batches():
        verdicts = [read_record(value, US, TIMES) for value in values]
        accepted += sum(isinstance(v, Envelope) for v in verdicts)
        _check_sink(parser, values, verdicts)
        _check_index(values, verdicts)
        _check_collector(values, verdicts)
        _check_importer(values)
    # Enough of both to tell something.
    assert RECORDS * 0.1 < accepted < RECORDS * 0.9


def _check_sink(parser: BatchParser, values: list[bytes], verdicts: list[Envelope | Refusal]) -> None:
    count = len(values)
    rows = parser.parse([Slice(0, [*range(count)], [US] * count, list(values))]).rows.to_pylist()
    assert [row["offset"] for row in rows] == [*range(count)]
    for value, verdict, row in zip(values, verdicts, rows, strict=True):
        if isinstance(verdict, Refusal):
            assert (row["disposition"], row["reason"], row["field"], row["raw"]) == (
                "quarantined", verdict.reason, verdict.field, value,
            )  # fmt: skip
            continue
        names = (
            "event_id",
            "event_type",
            "event_version",
            "programme_id",
            "learner_key",
            "staff_key",
            "source",
            "replaces",
        )
        assert row["disposition"] == "accepted", value
        assert [row[name] for name in names] == [getattr(verdict, name) for name in names], value
        assert row["payload"] == payload_text(verdict), value
        assert row["enrolment_id"] == verdict.payload.get("enrolment_id"), value


def _check_index(values: list[bytes], verdicts: list[Envelope | Refusal]) -> None:
    for value, verdict in zip(values, verdicts, strict=True):
        record = record_of(0, 7, value, US)
        old = record_of(0, 7, value, US, US + 1)
        if isinstance(verdict, Refusal):
            assert record == old
            assert (record.programme_id, record.event, record.enrolment, record.fault) == ("", None, None, None), value
        elif verdict.event_type.startswith("xapi.") and verdict.source == SOURCE:
            assert record.programme_id == verdict.programme_id
        else:
            assert record.programme_id == verdict.programme_id
            assert record.event is not None
            assert (record.event.event_id, record.event.digest) == (verdict.event_id, content_digest(verdict))
            opens = verdict.event_type == "enrolment.opened"
            said = (verdict.learner_key, verdict.payload.get("enrolment_id")) if opens else None
            assert (record.enrolment and (record.enrolment.learner_key, record.enrolment.enrolment_id)) == said
            # Of what was recorded long ago, the same but that it was seen.
            assert (old.enrolment, old.event) == (record.enrolment, None)


def _check_collector(values: list[bytes], verdicts: list[Envelope | Refusal]) -> None:
    store = _Store()
    collector = Collector(store, len(values) + 1)  # type: ignore[arg-type]
    for value in values[:200]:
        try:
            collector.post(KEY, "application/json", value)
        except Refused:
            # An array, which a record is not.
            assert value.lstrip().startswith(b"[")
            continue
        verdict = validate(value.strip(), datetime.now(UTC))
        may = (
            isinstance(verdict, Envelope)
            and verdict.programme_id == KEY.programme_id
            and not verdict.event_type.startswith(("xapi.", "programme.", "learner.erased"))
        )
        if not value.lstrip().startswith(b"["):
            assert [one.event_id for one in store.taken] == (
                [verdict.event_id] if may and isinstance(verdict, Envelope) else []
            )
        for one in store.taken:
            assert isinstance(verdict, Envelope)
            assert (one.record.value, one.digest) == (value.strip(), content_digest(verdict))


def _check_importer(values: list[bytes]) -> None:
    for value in values:
        lines = value.splitlines()
        assert [r.value for r in read_ndjson([b"\n", *lines])] == [line.strip() for line in lines if line.strip()]


class _Log:
    def __init__(self) -> None:
        self.records: list[NewRecord] = []

    def append(self, records: list[NewRecord], *, batch_id: str) -> list[tuple[int, int, int]]:
        self.records += records
        return [(0, n, US) for n in range(len(records))]


def test_a_mended_record_is_read_as_any_other() -> None:
    values = next(batches())[:1_500]
    with duckdb.connect() as con:
        con.execute("create schema lake")
        con.execute(
            'create table lake.records as select 0 as "partition", i as "offset", now() as recorded_at, \'quarantined\' as disposition,'
            f" 'x' as reason, '' as field, '' as detail, ''::blob as raw, null::varchar as replaces from range({len(values)}) t(i)"
        )
        log = _Log()
        lines = []
        for n, value in enumerate(values):
            try:
                text = value.decode()
            except UnicodeDecodeError:
                continue
            # As a text, or as the object itself, where it is on one line.
            is_bare = n % 2 and "\n" not in text and "\r" not in text
            lines.append(f'{{"record": "0:{n}", "value": {text if is_bare else json.dumps(text)}}}')
        report = replay(log, con, lines, lambda value, event: event)  # type: ignore[arg-type]
    now = recording_times(datetime.now(UTC))
    us = time.time_ns() // 1000
    expected = {}
    for n, value in enumerate(values):
        verdict = read_record(value, us, now)
        if isinstance(verdict, Envelope):
            expected[f"0:{n}"] = verdict
    found = {}
    for record in log.records:
        event = read_record(record.value, us, now)
        assert isinstance(event, Envelope)
        found[event.replaces] = event
    assert found.keys() == expected.keys()
    assert all(content_digest(found[place]) == content_digest(expected[place]) for place in expected if place)
    assert report.appended == len(expected)


def test_statements_and_records_are_the_same_json() -> None:
    """But for how deep it may be nested."""
    for value in next(batches()):
        try:
            told: Any = read_json(value, most_nested=60, as_written=True)
        except NotReadable:
            told = None
        try:
            parsed: Any = parse_json(value)
        except BadStatement:
            parsed = None
        assert msgspec.json.encode(parsed) == msgspec.json.encode(told)


def test_nothing_that_is_refused_is_repeated_in_the_reason() -> None:
    rng = random.Random(3)
    for value in hostile.records(rng, 500):
        verdict = validate(value.replace(b"tianshui-2017", b"Zhang San 13912345678"), NOW + timedelta(days=1))
        if isinstance(verdict, Refusal):
            assert "Zhang" not in msgspec.json.encode([verdict.field, verdict.detail]).decode()
