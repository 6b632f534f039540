"""What the log may hold, and what references clients may make, stop no store; people stay where they were named."""

from __future__ import annotations

import json
from contextlib import closing
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import pytest

from ingest.events import catalogue
from ingest.log.port import NewRecord
from ingest.lrs.index.sqlite import SqliteIndex
from ingest.lrs.standard.agents import HOME_PAGE
from ingest.lrs.standard.rules import VOIDED
from ingest.lrs.writing import projection
from ingest.lrs.writing.catching_up import catch_up, retry_set_aside
from pipelines.collect.store import set_aside
from pipelines.settings import Settings
from pipelines.workspace import Workspace
from tests import samples
from tests.lrs_help import ALICE, STATEMENT, Lrs


def said(**changes: Any) -> dict[str, Any]:
    return {**STATEMENT, **changes}


def about(statement_id: str, **changes: Any) -> dict[str, Any]:
    return said(object={"objectType": "StatementRef", "id": statement_id}, **changes)


def ids(count: int) -> list[str]:
    return [str(UUID(int=n + 1)) for n in range(count)]


def written(statement: dict[str, Any], **changes: Any) -> bytes:
    """A statement's record as the store would write it, were it taken."""
    statement_id = str(uuid4())
    who = {"account": {"homePage": HOME_PAGE, "name": "Lab1cdefgh1234.0"}}
    full = {
        "id": statement_id,
        "actor": who,
        "authority": who,
        "stored": "2017-10-12T08:30:00.000000Z",
        "version": "2.0.0",
        **statement,
    }
    payload = {"statement_id": statement_id, "verb_id": "http://example.org/v", "statement": full}
    event = samples.envelope(
        catalogue()["xapi.statement_stored", 1], payload, event_id=str(uuid4()), source="xapi-lrs", programme_id="q"
    )
    return samples.encode(event | {"learner_key": None, "staff_key": "Sab1cdefgh1234"} | changes)


VERB = {"id": "http://example.org/v"}
ODD = [
    written({"verb": VERB, "object": {"id": "http://example.org/\u0000"}}),
    written({"verb": {"id": "http://example.org/\u0000"}, "object": {"id": "http://example.org/a"}}),
    written({"verb": VERB, "object": 7}),
    written({"verb": VERB}),
    written({"verb": [], "object": {}}),
    written({"verb": VERB, "object": {"id": "http://example.org/a"}, "stored": "yesterday"}),
    written({"verb": VERB, "object": {"id": "http://example.org/a"}, "stored": 5}),
    written({"verb": VERB, "object": {"id": "http://example.org/a"}, "actor": {"member": 3}}),
    written({"verb": VERB, "object": {"id": "http://example.org/a"}, "actor": {"account": {"homePage": HOME_PAGE, "name": "x." + "9" * 30}}}),
    written({"verb": VERB, "object": {"objectType": "StatementRef", "id": "no uuid"}}),
    written({"verb": VERB, "object": {"id": "http://example.org/a"}, "id": "no uuid"}),
    samples.encode(
        samples.envelope(
            catalogue()["xapi.document_stored", 1],
            {"kind": "activity_profile", "document_id": "d", "content_type": "t", "etag": "e", "content": "no base64", "activity_id": "http://e.org"},
            source="xapi-lrs", programme_id="q",
        )
    ),
]  # fmt: skip


def test_records_that_cannot_be_taken_in_stop_nobody(lrs: Lrs) -> None:
    first = lrs.post(said())
    lrs.log.append([NewRecord(b"%d" % n, value) for n, value in enumerate([*ODD, b"{", b"\xff", b"[" * 300_000])])
    # Between one request and the next, and by a server that starts.
    second = lrs.post(said())
    other = lrs.key("all", programme="q")
    third = lrs.post(said(), key=other)
    assert [s["id"] for s in lrs.statements(key=other)][:1] == third
    aside = lrs.index.set_aside()
    assert len(aside) >= 8
    assert all(one.why for one in aside)
    assert lrs.client.get("/ready").json() == {"status": "ready", "records_behind": 0, "records_set_aside": len(aside)}
    assert f"records_set_aside {len(aside)}.0" in lrs.client.get("/metrics").text
    lrs.client.__exit__()
    lrs.store.close()
    lrs.reopen()
    assert {s["id"] for s in lrs.statements()} == {*first, *second}
    assert (
        lrs.ask(
            "PUT",
            "activities/state",
            params={"activityId": "http://e.org", "agent": json.dumps(ALICE), "stateId": "s"},
            content=b"x",
        ).status_code
        == 204
    )
    # Made of nothing, it is the same.
    lrs.index.clear()
    catch_up(lrs.log, lrs.index)
    assert {(a.partition, a.offset) for a in lrs.index.set_aside()} == {(a.partition, a.offset) for a in aside}


def test_what_was_set_aside_is_taken_in_once_it_can_be(lrs: Lrs, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as patched:

        def fails(statement: Any) -> Any:
            raise ZeroDivisionError

        patched.setattr(projection, "facts_of", fails)
        lrs.log.append([NewRecord(b"k", written({"verb": VERB, "object": {"id": "http://example.org/a"}}))])
        lrs.post(said())
        assert len(lrs.index.set_aside()) == 1
    assert retry_set_aside(lrs.log, lrs.index) == []
    assert lrs.index.set_aside() == []
    assert len(lrs.statements(key=lrs.key("all", programme="q"))) == 1


def test_status_says_what_was_set_aside(tmp_path: Path) -> None:
    told = {"XUEQING_HOME": str(tmp_path), "XUEQING_STATEMENT_INDEX": f"sqlite:{tmp_path / 'index.sqlite'}"}
    workspace = Workspace(Settings.from_environment(told))
    assert set_aside(workspace) == []
    with closing(Lrs(tmp_path)) as lrs:
        lrs.log.append([NewRecord(b"k", written({"verb": VERB, "object": 7}))])
        lrs.post(said())
        assert set_aside(workspace) == lrs.index.set_aside() != []
    (tmp_path / "index.sqlite").write_bytes(b"no index")
    assert set_aside(workspace) == []


@pytest.mark.parametrize("order", ["forwards", "backwards", "cycle"])
def test_a_chain_of_references_of_any_length_is_stored_and_found(lrs: Lrs, order: str) -> None:
    count = 1_500
    some = ids(count)
    target = [some[-1] if order == "cycle" else None, *some[:-1]]
    chain = [
        about(t, id=one, verb={"id": f"http://example.org/verbs/{n}"})
        if t
        else said(id=one, verb={"id": "http://example.org/first"})
        for n, (one, t) in enumerate(zip(some, target, strict=True))
    ]
    if order == "backwards":
        chain.reverse()
    for start in range(0, count, 500):
        lrs.post(*chain[start : start + 500])
    found = {s["id"] for s in lrs.statements(verb="http://example.org/verbs/100", limit=500)}
    # Itself, and those that are about it, eight references on at most.
    assert found == set(some[100:109])
    assert len(lrs.statements(limit=500)) == count
    # Nobody else waits for it, and a server starts.
    assert len(lrs.post(said(), key=lrs.key("all", programme="q"))) == 1
    lrs.client.__exit__()
    lrs.store.close()
    lrs.reopen()
    assert len(lrs.statements(limit=500)) == count


def test_voiding_chains_and_cycles_are_stored(lrs: Lrs) -> None:
    some = ids(600)
    lrs.post(*[about(some[(n + 1) % 600], id=one, verb={"id": VOIDED}) for n, one in enumerate(some)])
    assert len(lrs.statements(limit=500)) == 600


@pytest.mark.parametrize("backwards", [False, True])
def test_the_work_for_a_chain_grows_as_its_length(tmp_path: Path, backwards: bool) -> None:
    asked: dict[int, int] = {}
    for count in (600, 1_200):
        with closing(Lrs(tmp_path / str(count))) as lrs:
            assert isinstance(lrs.index, SqliteIndex)
            steps: list[str] = []
            some = ids(count)
            chain = [
                about(some[n - 1], id=one, verb={"id": f"http://example.org/{n}"}) if n else said(id=one)
                for n, one in enumerate(some)
            ]
            lrs.index._writer.set_trace_callback(steps.append)
            lrs.post(*chain[:: -1 if backwards else 1][:1_000])
            lrs.post(*chain[:: -1 if backwards else 1][1_000:]) if count > 1_000 else None
            lrs.index._writer.set_trace_callback(None)
            asked[count] = len(steps)
    assert asked[1_200] < 3 * asked[600]


def test_a_learner_key_that_a_client_writes_stays_the_text_that_it_is(lrs: Lrs) -> None:
    secret = {"mbox": "mailto:li.si@secret.example", "name": "Li Si"}
    lrs.post(said(actor=secret))
    key = lrs.people.key_of(secret)
    account = {"homePage": HOME_PAGE, "name": f"{key}.0"}
    tries: list[Any] = [
        {"objectType": "Thing", "account": account}, {"account": account}, {"objectType": "Agent", "account": account},
        {"objectType": ["Agent"], "account": account}, {"account": account, "x": 1}, {"objectType": None, "account": account},
        {"objectType": "Group", "account": account, "member": []}, {"account": account | {"x": 1}}, [[{"account": account}]],
        {"account": {"homePage": HOME_PAGE, "name": 7}}, {"account": {"homePage": HOME_PAGE}}, account,
    ]  # fmt: skip
    for programme in ("p", "q"):
        writer = lrs.key("statements/write", "statements/read/mine", programme=programme)
        for one in tries:
            sent = said(
                result={"extensions": {"http://e.org/x": one}},
                object={"id": "http://e.org/o", "definition": {"extensions": {"http://e.org/y": one}}},
            )
            (statement_id,) = lrs.post(sent, key=writer)
            for version in ("1.0.3", "2.0.0"):
                answer = lrs.ask("GET", "statements", params={"statementId": statement_id}, key=writer, version=version)
                assert answer.json()["result"] == sent["result"]
                assert "li.si" not in answer.text
                assert "Li Si" not in answer.text
        for place in ({"actor": {"account": account}}, {"context": {"instructor": {"account": account}}}):
            (statement_id,) = lrs.post(said(**place), key=writer)
            assert "li.si" not in lrs.ask("GET", "statements", params={"statementId": statement_id}, key=writer).text
    everything = lrs.key("all", programme="q")
    assert "li.si" not in lrs.ask("GET", "activities", params={"activityId": "http://e.org/o"}, key=everything).text
    assert (
        "li.si" not in lrs.ask("GET", "agents", params={"agent": json.dumps({"account": account})}, key=everything).text
    )


def test_an_agent_is_called_what_the_programme_was_told(lrs: Lrs) -> None:
    other = lrs.key("all", programme="q")
    mbox = {"mbox": "mailto:li.si@secret.example"}
    lrs.post(said(actor=mbox | {"name": "Li Si (ward 7)"}))
    lrs.post(said(context={"team": {"objectType": "Group", "member": [mbox | {"name": "Captain"}]}}))
    lrs.post(said(actor=mbox | {"name": "L."}), key=other)

    def names(key: str) -> Any:
        return lrs.ask("GET", "agents", params={"agent": json.dumps(mbox)}, key=key).json().get("name")

    assert names(lrs.usual) == ["Li Si (ward 7)", "Captain"]
    assert names(other) == ["L."]
    assert names(lrs.key("state", programme="p")) is None
    assert names(lrs.key("statements/read/mine", "statements/write", "profile", programme="p")) is None
    assert names(lrs.key("all", programme="r")) is None
    # From the log alone it is the same.
    lrs.index.clear()
    catch_up(lrs.log, lrs.index)
    assert (names(lrs.usual), names(other)) == (["Li Si (ward 7)", "Captain"], ["L."])
