"""Small parts of the learning-record store: its cache, the files of its SQL, and members added to encoded JSON."""

from __future__ import annotations

import re
import sqlite3
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from threading import Thread
from typing import Any, cast

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingest.events import encode
from ingest.events.statement import StatementStored
from ingest.lrs import index
from ingest.lrs.index.schema import TABLES, schema
from ingest.lrs.index.sql import sql_of
from ingest.lrs.remembered import Remembered
from ingest.lrs.writing.statements import with_members

FOLDER = Path(index.__file__).parent
FILES = sorted(FOLDER.glob("*.sql"))
#: What the modules fill in, with something that the tables have.
FILLED = {
    "bytes": "blob", "whole": "integer", "suffix": "", "marks": "?, ?", "join": "cross join", "conditions": "", "order": "asc",
    "parts": "select stored_us, place from facets", "query": "select place from facets", "number": "1", "columns": "s.place", "small": "1",
}  # fmt: skip


def test_a_cache_drops_the_older_half_and_keeps_what_is_new() -> None:
    cache: Remembered[int, str] = Remembered(10)
    for n in range(11):
        cache.keep(n, str(n))
    assert list(cache) == [5, 6, 7, 8, 9, 10]
    cache.update(dict.fromkeys(range(100, 120), ""))
    assert len(cache) == 26
    cache.make_room()
    assert list(cache) == [115, 116, 117, 118, 119]
    cache.make_room()
    assert len(cache) == 5


def test_a_cache_of_one_entry_holds_the_newest() -> None:
    cache: Remembered[str, int] = Remembered(1)
    cache.keep("a", 1)
    cache.keep("b", 2)
    assert cache == {"b": 2}


def test_several_threads_share_a_cache() -> None:
    cache: Remembered[tuple[int, int], int] = Remembered(50)

    def fill(thread: int) -> None:
        for n in range(20_000):
            cache.keep((thread, n), n)
            assert cache.get((thread, n), n) == n

    threads = [Thread(target=fill, args=(n,)) for n in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert 25 <= len(cache) <= 54


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_each_statement_has_a_name_and_says_what_it_is_for(file: Path) -> None:
    lines = file.read_text(encoding="utf-8").splitlines()
    named = [n for n, line in enumerate(lines) if line.startswith("-- name: ")]
    assert [lines[n].removeprefix("-- name: ") for n in named] == list(sql_of(file.stem))
    for n in named:
        assert re.match(r"-- [A-Z].*\.$", lines[n + 1]), lines[n]
    # A mark or a brace in a comment would not reach the database; one in a text would be taken for a value.
    assert all(text and "%" not in text and "'?'" not in text for text in sql_of(file.stem).values())


@pytest.mark.parametrize("file", [file for file in FILES if file.stem != "schema"], ids=lambda file: file.stem)
def test_each_statement_is_used_and_is_one_of_the_tables(file: Path) -> None:
    code = file.with_suffix(".py").read_text(encoding="utf-8")
    with closing(sqlite3.connect(":memory:")) as con:
        for statement in schema(bytes_type="blob", whole="integer", suffix=" without rowid"):
            con.execute(statement)
        for name, text in sql_of(file.stem).items():
            assert f'"{name}"' in code or 'f"any_{name}"' in code, name
            filled = text.format(**FILLED)
            if name in ("columns", "place"):
                filled = sql_of("queries")["of_facet"].format(**FILLED | {"columns": filled})
            elif filled.startswith("and "):
                filled = sql_of("queries")["of_facet"].format(**FILLED | {"conditions": f" {filled}"})
            con.execute(f"explain {filled}", (1,) * filled.count("?"))


def test_the_schema_has_the_tables_that_the_log_fills() -> None:
    created = [name for name, text in sql_of("schema").items() if text.startswith("create table")]
    assert set(created) == {*TABLES, "meta"}


_json = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=10,
)


@given(
    statement=st.dictionaries(st.sampled_from(["id", "verb", "object", "}", "}}}"]), _json, min_size=1),
    enrolment=st.none() | st.sampled_from(["e1", "}}}", "天水"]),
    is_timed=st.booleans(),
    is_staffs=st.booleans(),
)
def test_members_added_to_encoded_json_are_those_of_the_statement(
    statement: dict[str, Any], enrolment: str | None, is_timed: bool, is_staffs: bool
) -> None:
    times = {
        **({"timestamp": "2017-10-12T08:30:00.000001Z"} if is_timed else {}),
        "stored": "2017-10-12T08:30:00.000001Z",
    }
    members = b"," + msgspec.json.encode(times)[1:-1]

    def event(body: bytes) -> bytes:
        payload = StatementStored(
            enrolment_id=enrolment, statement_id="s", verb_id="v", statement=cast("dict[str, Any]", msgspec.Raw(body))
        )
        return encode(
            payload, event_type="xapi.statement_stored", event_id="e", occurred_at=datetime(2017, 10, 12, tzinfo=UTC),
            programme_id="p", source="xapi-lrs", learner_key=None if is_staffs else "k", staff_key="k" if is_staffs else None,
        )  # fmt: skip

    body = msgspec.json.encode(statement)
    stamped = with_members(body, members, depth=1)
    assert msgspec.json.decode(stamped) == {**statement, **times}
    # The record of the log is the one that encoding the stamped statement would give, byte for byte.
    assert with_members(event(body), members, depth=3) == event(stamped)
    assert msgspec.json.decode(event(stamped))["payload"]["statement"] == {**statement, **times}
