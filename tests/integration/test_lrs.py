"""xAPI over HTTP: what is stored, given, refused, and to whom."""

from __future__ import annotations

import gc
import gzip
import hashlib
import json
import queue
import random
import time
from collections import Counter
from contextlib import closing
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ingest.events import Refusal, validate
from ingest.events.validation import MAX_RECORD_BYTES
from ingest.lrs.http import Limits
from ingest.lrs.index.port import Found, Query
from ingest.lrs.index.postgres import PostgresIndex
from ingest.lrs.index.sql_index import SqlIndex
from ingest.lrs.index.sqlite import SqliteIndex
from ingest.lrs.standard.rules import VOIDED
from ingest.lrs.writing.catching_up import catch_up
from ingest.lrs.writing.statements import StatementsWrite
from tests import samples
from tests.lrs_help import ALICE, STATEMENT, Lrs

BOB = {"objectType": "Agent", "account": {"homePage": "http://example.org", "name": "bob"}}
STATE = "activities/state"
OF_ALICE = {"activityId": "http://example.org/books/1", "agent": json.dumps(ALICE), "stateId": "page"}


def said(**changes: Any) -> dict[str, Any]:
    return {**STATEMENT, **changes}


def voiding(statement_id: str) -> dict[str, Any]:
    return said(verb={"id": VOIDED}, object={"objectType": "StatementRef", "id": statement_id})


# -- statements


def test_a_statement_comes_back_as_it_was_sent(lrs: Lrs) -> None:
    sent = {
        "id": str(uuid4()), "timestamp": "2017-10-12T08:30:00.1234567+08:00",
        "actor": {"objectType": "Group", "name": "Class 3", "member": [BOB, ALICE]},
        "verb": STATEMENT["verb"],
        "object": {
            "objectType": "SubStatement", "actor": BOB, "verb": {"id": "http://example.org/plan"},
            "object": {"objectType": "Agent", "openid": "http://example.org/carol", "name": "Carol"},
        },
        "result": {
            "score": {"scaled": 0.5, "raw": 1e2, "min": -0.0, "max": 100.5}, "duration": "PT1H2.5S", "response": "“好” 👍",
            "extensions": {"http://example.org/x": [None, {"mbox": "mailto:dave@example.org"}, 12345678901234567890]},
        },
        "context": {"instructor": {"mbox": "mailto:eve@example.org"}, "language": "zh-CN"},
    }  # fmt: skip
    answer = lrs.ask("PUT", "statements", params={"statementId": sent["id"]}, json=sent)
    assert (answer.status_code, answer.content) == (204, b"")
    got = lrs.ask("GET", "statements", params={"statementId": sent["id"]})
    assert got.headers["x-experience-api-version"] == "1.0.3"
    statement = got.json()
    assert {k: statement.pop(k) for k in sent} == sent
    assert set(statement) == {"stored", "authority", "version"}
    assert statement["version"] == "1.0.0"
    assert statement["authority"]["account"]["homePage"] == "http://127.0.0.1"
    assert got.headers["x-experience-api-consistent-through"] >= statement["stored"]


def test_nobody_is_in_the_log_the_index_or_the_lakes_events(lrs: Lrs) -> None:
    lrs.post(said(actor={**ALICE, "name": "Alice Anders"}, context={"instructor": {"mbox": "mailto:eve@example.org"}}))
    lrs.ask("PUT", STATE, params=OF_ALICE, content=b"Alice is on page 3")
    with lrs.log.reader(lambda partition: 0) as reader:
        values = [v for piece in reader.poll(100, 1 << 20, 0) for v in piece.values]
    assert len(values) == 2
    for value in values:
        assert not isinstance(validate(value, samples.RECORDED.replace(year=2100)), Refusal)
    lrs.close()
    for file in (*lrs.folder.glob("*.sqlite*"),):
        for name in (b"Anders", b"alice@", b"eve@", b"page 3"):
            assert name not in file.read_bytes(), file


def test_somebody_who_is_forgotten_is_a_key_from_then_on(lrs: Lrs, monkeypatch: pytest.MonkeyPatch) -> None:
    (statement_id,) = lrs.post(STATEMENT)
    lrs.ask("PUT", STATE, params=OF_ALICE, content=b"x")
    key = lrs.people.key_of(ALICE)
    assert key is not None
    lrs.vault.forget(key)
    monkeypatch.setattr("ingest.lrs.writing.people._FRESH_S", 0)
    (found,) = lrs.statements()
    assert found["id"] == statement_id
    assert found["actor"] == {"account": {"homePage": "urn:xueqing:learner", "name": f"{key}.0"}}
    assert lrs.ask("GET", STATE, params=OF_ALICE).status_code == 404


def test_the_same_again_is_taken_and_another_under_its_id_is_not(lrs: Lrs) -> None:
    one = said(id=str(uuid4()))
    lrs.post(one)
    lrs.post(one)
    lrs.post({**one, "id": one["id"].upper(), "actor": {**ALICE, "objectType": "Agent"}})
    assert len(lrs.statements()) == 1
    for other in ({**one, "actor": BOB}, {**one, "result": {"success": True}}):
        assert lrs.ask("POST", "statements", json=[said(), other]).status_code == 409
        assert lrs.ask("PUT", "statements", params={"statementId": one["id"]}, json=other).status_code == 409
    assert len(lrs.statements()) == 1
    assert lrs.ask("POST", "statements", json=[one, one]).status_code == 400


def test_sealed_words_are_given_back_and_compared(lrs: Lrs) -> None:
    one = said(
        id=str(uuid4()),
        result={
            "response": "一句话",
            "extensions": {"http://example.org/x": {"deep": [1, "a"]}, "http://example.org/n": 1.50},
        },
        context={"platform": "p", "extensions": {"http://example.org/who": {"mbox": "mailto:x@example.org"}}},
    )
    lrs.post(one)
    lrs.post(one)
    (found,) = lrs.statements()
    assert {k: v for k, v in found.items() if k in one} == one
    for other in ({**one, "result": {**one["result"], "response": "一句"}}, {**one, "context": {"platform": "p"}}):
        assert lrs.ask("POST", "statements", json=other).status_code == 409
    (kept,) = lrs.index.statements("p", [one["id"]]).values()
    assert kept.statement["result"] == {"extensions": {"http://example.org/n": 1.5}}
    assert "一句话" not in json.dumps(kept.statement, ensure_ascii=False)


def test_voiding(lrs: Lrs) -> None:
    one, other = lrs.post(STATEMENT, said(actor=BOB))
    (by,) = lrs.post(voiding(one))
    assert {s["id"] for s in lrs.statements()} == {other, by}
    assert lrs.ask("GET", "statements", params={"statementId": one}).status_code == 404
    assert lrs.ask("GET", "statements", params={"voidedStatementId": one}).json()["id"] == one
    assert lrs.ask("GET", "statements", params={"voidedStatementId": other}).status_code == 404
    # A voiding statement cannot be voided, and one that comes before its target voids it when it comes.
    lrs.post(voiding(by))
    assert by in {s["id"] for s in lrs.statements()}
    late = str(uuid4())
    lrs.post(voiding(late))
    lrs.post(said(id=late))
    assert late not in {s["id"] for s in lrs.statements()}


def test_every_filter(lrs: Lrs) -> None:
    registration = str(uuid4())
    course = {"id": "http://example.org/course"}
    read, group, plan, about = lrs.post(
        said(context={"registration": registration, "contextActivities": {"parent": course}}),
        said(actor={"objectType": "Group", "member": [BOB]}, verb={"id": "http://example.org/verbs/wrote"}),
        said(
            actor={"mbox": "mailto:carol@example.org"},
            object={
                "objectType": "SubStatement",
                "actor": ALICE,
                "verb": {"id": "http://example.org/do"},
                "object": course,
            },
        ),
        said(actor=BOB, object={"objectType": "Agent", **ALICE}),
    )
    (reference,) = lrs.post(
        said(
            actor={"mbox": "mailto:dan@example.org"}, verb={"id": "http://example.org/verbs/liked"},
            object={"objectType": "StatementRef", "id": read},
        )
    )  # fmt: skip

    def ids(**parameters: Any) -> list[str]:
        return [s["id"] for s in lrs.statements(**parameters)]

    alice, bob = json.dumps(ALICE), json.dumps(BOB)
    assert ids() == [reference, about, plan, group, read]
    assert ids(ascending="true", limit=2) == [read, group, plan, about, reference]
    assert ids(agent=alice) == [reference, about, read]
    assert ids(agent=bob) == [about, group]
    assert ids(agent=alice, related_agents="true") == [reference, about, plan, read]
    assert ids(activity=course["id"]) == []
    assert ids(activity=course["id"], related_activities="true") == [reference, plan, read]
    assert ids(verb="http://example.org/verbs/wrote") == [group]
    assert ids(registration=registration.upper()) == [reference, read]
    assert ids(agent=bob, verb="http://example.org/verbs/wrote") == [group]
    assert ids(agent=json.dumps({"mbox": "mailto:nobody@example.org"})) == []
    stored = {s["id"]: s["stored"] for s in lrs.statements()}
    assert ids(since=stored[plan]) == [reference, about]
    assert ids(until=stored[group]) == [group, read]
    # A reference that came before what it is about.
    late = str(uuid4())
    (before,) = lrs.post(said(actor=BOB, object={"objectType": "StatementRef", "id": late}))
    lrs.post(said(id=late, verb={"id": "http://example.org/verbs/new"}))
    assert ids(verb="http://example.org/verbs/new") == [late, before]


def test_formats_and_languages(lrs: Lrs) -> None:
    names = {"en-US": "Book", "zh-CN": "书"}
    lrs.post(
        said(
            actor={"objectType": "Group", "name": "All", "member": [ALICE]}, verb={"id": "http://example.org/v", "display": names},
            object={"id": "http://example.org/books/1", "definition": {"name": names, "extensions": {"http://example.org/e": names}}},
        )
    )  # fmt: skip
    (ids,) = lrs.statements(format="ids")
    assert ids["actor"] == {"objectType": "Group", "member": [{"mbox": ALICE["mbox"]}]}
    assert (ids["verb"], ids["object"]) == ({"id": "http://example.org/v"}, {"id": "http://example.org/books/1"})
    answer = lrs.ask(
        "GET", "statements", params={"format": "canonical"}, headers={"accept-language": "fr;q=0.9, zh;q=0.8"}
    )
    (canonical,) = answer.json()["statements"]
    assert canonical["verb"]["display"] == {"zh-CN": "书"}
    assert canonical["object"]["definition"] == {"name": {"zh-CN": "书"}, "extensions": {"http://example.org/e": names}}
    assert lrs.ask("GET", "statements", params={"format": "other"}).status_code == 400


@pytest.mark.parametrize(
    ("method", "parameters", "body", "status"),
    [
        ("GET", {"unknown": "1"}, None, 400),
        ("GET", {"limit": "-1"}, None, 400),
        ("GET", {"since": "yesterday"}, None, 400),
        ("GET", {"agent": "{}"}, None, 400),
        ("GET", {"verb": "read"}, None, 400),
        ("GET", {"statementId": "1"}, None, 400),
        ("GET", {"statementId": str(uuid4())}, None, 404),
        ("GET", {"statementId": str(uuid4()), "voidedStatementId": str(uuid4())}, None, 400),
        ("GET", {"statementId": str(uuid4()), "agent": "{}"}, None, 400),
        ("GET", {"more": "nonsense"}, None, 400),
        ("GET", {"ascending": "yes"}, None, 400),
        ("PUT", {}, STATEMENT, 400),
        ("PUT", {"statementId": str(uuid4())}, {**STATEMENT, "id": str(uuid4())}, 400),
        ("PUT", {"statementId": str(uuid4())}, [STATEMENT], 400),
        ("POST", {}, {}, 400),
        ("POST", {}, [], 200),
        ("POST", {"statementId": str(uuid4())}, STATEMENT, 400),
        ("DELETE", {}, None, 405),
    ],
)
def test_requests_that_are_none(lrs: Lrs, method: str, parameters: dict[str, str], body: object, status: int) -> None:
    more = {} if body is None else {"json": body}
    answer = lrs.ask(method, "statements", params=parameters, **more)
    assert answer.status_code == status, answer.text
    if status >= 400:
        assert answer.json()["error"]


def test_the_version_header(lrs: Lrs) -> None:
    for version, answered in (("1.0", "1.0.3"), ("1.0.9", "1.0.3"), ("2.0.0", "2.0.0"), ("2.0.1", "2.0.0")):
        answer = lrs.ask("GET", "statements", version=version)
        assert (answer.status_code, answer.headers["x-experience-api-version"]) == (200, answered)
    for version in (None, "0.95", "1.1.0", "3.0.0", "nonsense"):
        assert lrs.ask("GET", "statements", version=version).status_code == 400
    assert lrs.client.get("/xapi/about").json()["version"][-2:] == ["1.0.3", "2.0.0"]
    agents = [{"objectType": "contextAgent", "agent": BOB}]
    assert lrs.ask("POST", "statements", json=said(context={"contextAgents": agents})).status_code == 400
    refused = lrs.ask("POST", "statements", json=said(version="2.0.0"))
    assert (refused.status_code, refused.json()["error"].split(":")[0]) == (400, "version")
    lrs.post(said(context={"contextAgents": agents}), version="2.0.0")
    assert [s["version"] for s in lrs.statements()] == ["2.0.0"]


def test_head_is_get_without_its_body(lrs: Lrs) -> None:
    (statement_id,) = lrs.post(STATEMENT)
    for parameters in ({}, {"statementId": statement_id}):
        get, head = (lrs.ask(m, "statements", params=parameters) for m in ("GET", "HEAD"))
        assert (head.status_code, head.content) == (200, b"")
        assert head.headers["content-length"] == get.headers["content-length"]
        assert head.headers["last-modified"] == get.headers["last-modified"]


def test_a_browser_of_another_origin_may_ask(lrs: Lrs) -> None:
    preflight = lrs.client.options("/xapi/statements", headers={"origin": "http://example.org"})
    assert preflight.status_code == 204
    assert "X-Experience-API-Version" in preflight.headers["access-control-allow-headers"]
    for answer in (lrs.ask("GET", "statements"), lrs.client.get("/xapi/statements")):
        assert answer.headers["access-control-allow-origin"] == "*"
        assert "X-Experience-API-Consistent-Through" in answer.headers["access-control-expose-headers"]


def test_the_alternate_request_syntax(lrs: Lrs) -> None:
    statement_id = str(uuid4())
    form = {
        "statementId": statement_id, "content": json.dumps(STATEMENT), "Authorization": lrs.usual,
        "X-Experience-API-Version": "1.0.3", "Content-Type": "application/json",
    }  # fmt: skip
    assert lrs.client.post("/xapi/statements?method=PUT", data=form).status_code == 204
    asked = {k: v for k, v in form.items() if k not in ("content", "Content-Type")}
    got = lrs.client.post("/xapi/statements?method=GET", data=asked)
    assert got.json()["id"] == statement_id
    assert lrs.client.post("/xapi/statements?method=GET&limit=1", data=asked).status_code == 400
    later = {**asked, "X-Experience-API-Version": "2.0.0"}
    assert lrs.client.post("/xapi/statements?method=GET", data=later).status_code == 400


# -- attachments


def attached(content: bytes, **more: Any) -> dict[str, Any]:
    return {
        "usageType": "http://example.org/certificate", "display": {"en": "Certificate"}, "contentType": "text/plain",
        "length": len(content), "sha2": hashlib.sha256(content).hexdigest(), **more,
    }  # fmt: skip


def multipart(statement: object, *contents: bytes, encoding: str = "binary") -> dict[str, Any]:
    parts = [b"Content-Type: application/json\r\n\r\n" + json.dumps(statement).encode()]
    for content in contents:
        sha2 = hashlib.sha256(content).hexdigest()
        head = f"Content-Type: text/plain\r\nContent-Transfer-Encoding: {encoding}\r\nX-Experience-API-Hash: {sha2}"
        parts.append(head.encode() + b"\r\n\r\n" + content)
    body = b"".join(b"--b\r\n" + part + b"\r\n" for part in parts) + b"--b--\r\n"
    return {"content": body, "headers": {"content-type": "multipart/mixed; boundary=b"}}


def test_attachments_come_back(lrs: Lrs) -> None:
    content = b"line\r\n--c\r\n\x00\xff"
    statement = said(attachments=[attached(content)])
    assert lrs.ask("POST", "statements", **multipart(statement, content)).status_code == 200
    answer = lrs.ask("GET", "statements", params={"attachments": "true"})
    assert answer.headers["content-type"].startswith("multipart/mixed; boundary=")
    assert content in answer.content
    assert answer.content.count(hashlib.sha256(content).hexdigest().encode()) == 2
    assert lrs.ask("GET", "statements").json()["statements"][0]["attachments"] == statement["attachments"]


def test_attachments_that_do_not_fit_are_refused(lrs: Lrs) -> None:
    statement = said(attachments=[attached(b"x")])
    refused = [
        {"json": statement},
        multipart(statement),
        multipart(statement, b"y"),
        multipart(statement, b"x", b"y"),
        multipart(statement, b"x", encoding="base64"),
        {**multipart(statement, b"x"), "content": multipart(statement, b"x")["content"][:-6]},
        {**multipart(statement, b"x"), "headers": {"content-type": "multipart/mixed"}},
        {"content": json.dumps(STATEMENT), "headers": {"content-type": "text/plain"}},
        multipart(said(attachments=[attached(b"a.b.c", usageType="http://adlnet.gov/expapi/attachments/signature",
                                             contentType="application/octet-stream")]), b"a.b.c"),
    ]  # fmt: skip
    for request in refused:
        assert lrs.ask("POST", "statements", **request).status_code == 400
    assert lrs.statements() == []
    lrs.post(said(attachments=[attached(b"x", fileUrl="http://example.org/x")]))


# -- documents


def test_states(lrs: Lrs) -> None:
    registration = str(uuid4())
    in_one = {**OF_ALICE, "registration": registration}
    stored = lrs.ask("PUT", STATE, params=OF_ALICE, content=b"3", headers={"content-type": "text/plain"})
    assert stored.status_code == 204
    got = lrs.ask("GET", STATE, params=OF_ALICE)
    assert (got.content, got.headers["content-type"], got.headers["etag"]) == (
        b"3",
        "text/plain",
        stored.headers["etag"],
    )
    assert got.headers["etag"] == f'"{hashlib.sha1(b"3").hexdigest()}"'
    assert lrs.ask("GET", STATE, params=OF_ALICE, headers={"if-none-match": got.headers["etag"]}).status_code == 304
    assert lrs.ask("GET", STATE, params=in_one).status_code == 404
    lrs.ask("PUT", STATE, params={**in_one, "stateId": "mark"}, json={"a": 1, "b": {"c": 1}})
    merged = lrs.ask("POST", STATE, params={**in_one, "stateId": "mark"}, json={"b": {"d": 2}, "e": 3})
    assert merged.status_code == 204
    assert lrs.ask("GET", STATE, params={**in_one, "stateId": "mark"}).json() == {"a": 1, "b": {"d": 2}, "e": 3}
    assert lrs.ask("POST", STATE, params=OF_ALICE, json={"a": 1}).status_code == 400
    all_of = {k: v for k, v in OF_ALICE.items() if k != "stateId"}
    assert lrs.ask("GET", STATE, params=all_of).json() == ["mark", "page"]
    assert lrs.ask("GET", STATE, params={**all_of, "registration": registration}).json() == ["mark"]
    assert lrs.ask("GET", STATE, params={**all_of, "since": "2100-01-01T00:00:00Z"}).json() == []
    other = {**all_of, "agent": json.dumps(BOB)}
    assert lrs.ask("GET", STATE, params=other).json() == []
    assert lrs.ask("DELETE", STATE, params={**all_of, "registration": registration}).status_code == 204
    assert lrs.ask("GET", STATE, params=all_of).json() == ["page"]
    assert lrs.ask("DELETE", STATE, params=OF_ALICE).status_code == 204
    assert lrs.ask("GET", STATE, params=OF_ALICE).status_code == 404


@pytest.mark.parametrize(
    ("resource", "about"),
    [("activities/profile", {"activityId": "http://example.org/books/1"}), ("agents/profile", {"agent": json.dumps(ALICE)})],
)  # fmt: skip
def test_a_profile_is_not_replaced_unseen(lrs: Lrs, resource: str, about: dict[str, str]) -> None:
    place = {**about, "profileId": "likes"}

    def put(content: bytes, **headers: str) -> int:
        return lrs.ask("PUT", resource, params=place, content=content, headers=headers).status_code

    assert put(b"1", **{"if-none-match": "*"}) == 204
    assert put(b"2", **{"if-none-match": "*"}) == 412
    assert put(b"2") == 409
    assert put(b"2", **{"if-match": '"other"'}) == 412
    etag = lrs.ask("GET", resource, params=place).headers["etag"]
    assert put(b"2", **{"if-match": etag}) == 204
    assert put(b"3", **{"if-match": etag}) == 412
    assert lrs.ask("DELETE", resource, params=place, headers={"if-match": etag}).status_code == 412
    assert lrs.ask("GET", resource, params=about).json() == ["likes"]
    assert lrs.ask("DELETE", resource, params=place).status_code == 204
    assert lrs.ask("GET", resource, params=place).status_code == 404
    assert lrs.ask("GET", resource, params={**place, "stateId": "x"}).status_code == 400
    assert lrs.ask("PUT", resource, params=about, content=b"1").status_code == 400


def test_agents_and_activities(lrs: Lrs) -> None:
    lrs.post(
        STATEMENT, said(actor={**ALICE, "name": "Al"}),
        said(object={"id": "http://example.org/books/1", "definition": {"name": {"en": "Book"}}}),
        said(object={"id": "http://example.org/books/1", "definition": {"name": {"zh": "书"}}}),
    )  # fmt: skip
    person = lrs.ask("GET", "agents", params={"agent": json.dumps({"mbox": ALICE["mbox"]})}).json()
    assert person == {"objectType": "Person", "name": ["Alice", "Al"], "mbox": [ALICE["mbox"]]}
    activity = lrs.ask("GET", "activities", params={"activityId": "http://example.org/books/1"}).json()
    assert activity["definition"] == {"name": {"en": "Book", "zh": "书"}}
    unknown = lrs.ask("GET", "activities", params={"activityId": "http://example.org/none"})
    assert unknown.json() == {"objectType": "Activity", "id": "http://example.org/none"}
    assert lrs.ask("GET", "activities").status_code == 400


# -- who may


def test_no_programme_reads_anothers_byte(lrs: Lrs) -> None:
    theirs = lrs.key("all", programme="q")
    (statement_id,) = lrs.post(STATEMENT)
    lrs.ask("PUT", STATE, params=OF_ALICE, content=b"mine")
    assert lrs.ask("GET", "statements", key=theirs).json()["statements"] == []
    assert lrs.ask("GET", "statements", key=theirs, params={"statementId": statement_id}).status_code == 404
    assert lrs.ask("GET", STATE, key=theirs, params=OF_ALICE).status_code == 404
    book = {"activityId": "http://example.org/books/1"}
    assert "definition" not in lrs.ask("GET", "activities", key=theirs, params=book).json()
    # Their statement of the same id is another one.
    lrs.post(said(id=statement_id, actor=BOB), key=theirs)
    assert [s["actor"] for s in lrs.statements()] == [ALICE]


def test_scopes(lrs: Lrs) -> None:
    writer, mine, reader = (
        lrs.key("statements/write"),
        lrs.key("statements/write", "statements/read/mine"),
        lrs.key("statements/read"),
    )
    lrs.post(STATEMENT, key=writer)
    (own,) = lrs.post(said(actor=BOB), key=mine)
    assert lrs.ask("GET", "statements", key=writer).status_code == 403
    assert lrs.ask("POST", "statements", key=reader, json=STATEMENT).status_code == 403
    assert lrs.ask("GET", STATE, key=reader, params=OF_ALICE).status_code == 403
    assert len(lrs.ask("GET", "statements", key=reader).json()["statements"]) == 2
    assert [s["id"] for s in lrs.ask("GET", "statements", key=mine).json()["statements"]] == [own]
    # One about mine that another has stored is not mine.
    lrs.post(said(object={"objectType": "StatementRef", "id": own}), key=writer)
    assert [s["id"] for s in lrs.ask("GET", "statements", key=mine).json()["statements"]] == [own]


def test_who_has_no_key_is_told_so(lrs: Lrs) -> None:
    key, secret = lrs.keys.create("p", ["all"])
    for authorization in ("", "Bearer x", "Basic !!", "Basic eDp5"):
        answer = lrs.client.get("/xapi/statements", headers={"authorization": authorization})
        assert answer.status_code == 401
        assert answer.headers["www-authenticate"].startswith("Basic")
    assert lrs.keys.check(key.key_id, secret) == key
    assert lrs.keys.check(key.key_id, secret + "x") is None
    assert lrs.keys.known(key.key_id, secret) == key
    assert lrs.keys.known(key.key_id, secret + "x") is None
    lrs.keys.revoke(key.key_id)
    assert lrs.keys.known(key.key_id, secret) is None
    assert lrs.keys.check(key.key_id, secret) is None
    assert secret.encode() not in (lrs.folder / "keys.sqlite").read_bytes()


# -- bodies that mean harm


@pytest.mark.parametrize(
    ("body", "status"),
    [
        (b'{"actor": 1, "actor": 2}', 400),
        (b"\xff\xfe", 400),
        (b'{"a": "\\ud800"}', 400),
        (b"[" * 100_000, 400),
        (b"1e999", 400),
        (b"NaN", 400),
        (b"1" * 5_000, 400),
        (b"", 400),
        (json.dumps(STATEMENT).encode() + b" " * 2_000_000, 413),
        (json.dumps([STATEMENT] * 11).encode(), 413),
    ],
)
def test_bodies_that_are_refused_cheaply(tmp_path: Path, body: bytes, status: int) -> None:
    lrs = Lrs(tmp_path, limits=Limits(body_bytes=1_000_000, statements=10))
    answer = lrs.ask("POST", "statements", content=body, headers={"content-type": "application/json"})
    assert answer.status_code == status, answer.text
    deep: Any = 1
    for _ in range(200):
        deep = {"a": deep}
    nested = said(result={"extensions": {"http://example.org/deep": deep}})
    assert lrs.ask("POST", "statements", json=nested).status_code == 400
    assert lrs.statements() == []
    lrs.close()


# -- what goes wrong


def test_an_index_that_fails_once_is_behind_and_catches_up(lrs: Lrs, monkeypatch: pytest.MonkeyPatch) -> None:
    one, other = said(id=str(uuid4())), said(id=str(uuid4()))
    authority = {"objectType": "Agent", **ALICE}
    with monkeypatch.context() as broken:
        broken.setattr(lrs.index, "apply", lambda records: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            lrs.store.put("p", [one], authority, "1.0.0").result(10)
    assert lrs.store.behind() == 1
    # It was in the log all the same: sent again, it is the same, and the next ones are taken.
    lrs.post(one)
    lrs.post(other)
    assert lrs.store.behind() == 0
    assert [s["id"] for s in lrs.statements()] == [other["id"], one["id"]]


def test_somebody_known_is_not_forgotten_beside_somebody_new(lrs: Lrs, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lrs.people._in_place, "most", 1)
    lrs.post(STATEMENT, said(actor=BOB))
    lrs.post(STATEMENT, said(actor={"mbox": "mailto:carol@example.org"}))
    assert [s["actor"] for s in lrs.statements(agent=json.dumps(ALICE))] == [ALICE, ALICE]


def test_nothing_that_was_sent_stays_when_it_was_refused(lrs: Lrs) -> None:
    kept = said(id=str(uuid4()))
    lrs.post(kept)
    gc.collect()
    gc.disable()
    try:
        refused = {
            409: kept | {"verb": {"id": "http://example.org/verbs/other"}},
            413: said(id=str(uuid4()), result={"response": "x" * MAX_RECORD_BYTES}),
        }
        for status, statement in refused.items():
            assert lrs.ask("POST", "statements", json=statement).status_code == status
        # Held by a cycle, they would be there until it is collected, however large they are.
        ends = time.monotonic() + 10
        while held := [one.ids for one in gc.get_objects() if isinstance(one, StatementsWrite)]:
            assert time.monotonic() < ends, held
            time.sleep(0.05)
    finally:
        gc.enable()


def test_who_is_known_is_written_before_who_is_new_and_came_meanwhile(lrs: Lrs) -> None:
    lrs.post(STATEMENT)
    authority = {"objectType": "Agent", **ALICE}
    index = lrs.index
    assert isinstance(index, SqliteIndex | PostgresIndex)
    other = PostgresIndex(index._url) if isinstance(index, PostgresIndex) else SqliteIndex(index._path)
    with closing(other), other.exclusive():
        futures = [lrs.store.put("p", [STATEMENT], authority, "1.0.0")]
        while lrs.store.waiting():
            time.sleep(0.01)
        # The first one waits for its turn.
        futures += [lrs.store.put("p", [said(actor=actor)], authority, "1.0.0") for actor in (BOB, ALICE)]
    first, new, known = [future.result(10)[0] for future in futures]
    assert [s["id"] for s in lrs.statements()][:3] == [new, known, first]


def test_a_client_who_hangs_up_takes_nothing_back(lrs: Lrs) -> None:
    future = lrs.store.put("p", [STATEMENT], {"objectType": "Agent", **ALICE}, "1.0.0")
    assert not future.cancel()
    future.result(10)
    assert len(lrs.statements()) == 1


def test_more_than_waits_is_told_to_come_back(lrs: Lrs, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(command: object) -> None:
        raise queue.Full

    monkeypatch.setattr(lrs.store._waiting, "put_nowait", full)
    answer = lrs.ask("POST", "statements", json=STATEMENT)
    assert (answer.status_code, answer.headers["retry-after"]) == (429, "1")


def test_a_query_that_takes_too_long_is_ended_and_says_how_to_ask_for_less(
    lrs: Lrs, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert isinstance(lrs.index, SqlIndex)
    forever = "with recursive n(i) as (select 1 union all select i + 1 from n) select max(i) from n"
    kind = "sqlite" if isinstance(lrs.index, SqliteIndex) else "postgres"
    monkeypatch.setattr(f"ingest.lrs.index.{kind}.MOST_SECONDS", 0.2)
    rows = lrs.index._rows
    monkeypatch.setattr(lrs.index, "find", lambda *asked: rows(forever))
    answer = lrs.ask("GET", "statements")
    assert answer.status_code == 400
    assert "ask for less" in answer.json()["error"]
    assert rows("select 1") == [(1,)]


# -- a projection of the log


def test_an_index_made_again_from_the_log_answers_the_same(lrs: Lrs) -> None:
    assert isinstance(lrs.index, SqlIndex)
    ids = lrs.post(STATEMENT, said(actor=BOB), said(context={"registration": str(uuid4())}))
    lrs.post(voiding(ids[0]), said(object={"objectType": "StatementRef", "id": ids[1]}))
    lrs.ask("PUT", STATE, params=OF_ALICE, content=b"1")
    lrs.ask("PUT", STATE, params={**OF_ALICE, "stateId": "gone"}, content=b"2")
    lrs.ask("DELETE", STATE, params={**OF_ALICE, "stateId": "gone"})
    (lrs.folder / "again").mkdir()
    again = SqliteIndex(lrs.folder / "again" / "index.sqlite")
    again.bind(lrs.log.log_id)
    assert catch_up(lrs.log, again) == 9
    rows = [
        [
            sorted(index._rows(f"select {columns} from {table}"), key=str)
            for table, columns in (
                ("statements", "programme_id, statement_id, stored_us, is_voided, refers_to, body"), ("voids", "*"),
                ("facets join terms using (term)", "text, stored_us"), ("activities", "*"), ("documents", "*"), ("positions", "*"),
            )
        ]
        for index in (lrs.index, again)
    ]  # fmt: skip
    assert rows[0] == rows[1]
    assert len(again.find("p", Query()).statements) == 4
    again.clear()
    assert again.find("p", Query()) == Found([], has_more=False)
    again.close()


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(chance=st.randoms(use_true_random=False), size=st.integers(1, 7), ascending=st.booleans())
def test_pages_of_merged_lists_are_those_of_a_plain_look_at_all(
    lrs: Lrs, chance: random.Random, size: int, ascending: bool
) -> None:
    """Related ones are in two or three lists, which a page merges; voided ones are in none."""
    key = lrs.key("all", programme=f"p-{uuid4().hex[:8]}")
    places, people = (
        [f"http://example.org/places/{n}" for n in range(3)],
        [ALICE, BOB, {"mbox": "mailto:c@example.org"}],
    )
    sent = []
    for _ in range(chance.randrange(1, 25)):
        one = said(id=str(uuid4()), actor=chance.choice(people), object={"id": chance.choice(places)})
        context: dict[str, Any] = {}
        if chance.random() < 0.6:
            context["contextActivities"] = {"grouping": [{"id": chance.choice(places)} for _ in range(2)]}
        if chance.random() < 0.4:
            context["instructor"] = chance.choice(people)
        sent.append(one | {"context": context})
    for start in range(0, len(sent), 4):
        lrs.post(*sent[start : start + 4], key=key)
    gone = chance.choice(sent)
    last = {**voiding(gone["id"]), "actor": BOB, "id": str(uuid4())}
    lrs.post(last, key=key)
    # What voids it is found by what it was found by, too.
    whole = [(one, [one]) for one in sent if one is not gone] + [(last, [last, gone])]

    def activities(one: dict[str, Any], *, related: bool) -> set[str]:
        named = {one["object"]["id"]} if "objectType" not in one["object"] else set()
        context = one.get("context", {}).get("contextActivities", {}).get("grouping", [])
        return named | {a["id"] for a in context} if related else named

    def persons(one: dict[str, Any], *, related: bool) -> list[Any]:
        return [
            one["actor"],
            *([one["context"]["instructor"]] if related and "instructor" in one.get("context", {}) else []),
        ]

    for related in (False, True):
        place, person = chance.choice(places), chance.choice(people)
        asked = {"limit": size, "ascending": json.dumps(ascending)}
        found = [s["id"] for s in lrs.statements(
            **asked, activity=place, related_activities=json.dumps(related), agent=json.dumps(person), related_agents=json.dumps(related),
            key=key,
        )]  # fmt: skip
        wanted = [
            one["id"]
            for one, about in whole
            if any(place in activities(a, related=related) for a in about)
            and any(person in persons(a, related=related) for a in about)
        ]
        assert found == (wanted if ascending else wanted[::-1])


def test_made_anew_by_another_process_the_index_answers_a_server_that_goes_on(lrs: Lrs) -> None:
    lrs.post(STATEMENT, said(actor=BOB), said(verb={"id": "http://example.org/verbs/other"}))
    index = lrs.index
    another = (
        PostgresIndex(index._url) if isinstance(index, PostgresIndex) else SqliteIndex(lrs.folder / "index.sqlite")
    )
    with closing(another) as other, other.exclusive():
        other.clear()
        # Numbers are given as they come: others than before.
        with other._transaction() as con:
            con.execute("insert into terms values (100, 'first')")
        catch_up(lrs.log, other)
    lrs.post(said(actor=BOB, verb={"id": "http://example.org/verbs/last"}))
    for verb, count in (("other", 1), ("last", 1), ("read", 2)):
        assert len(lrs.statements(verb=f"http://example.org/verbs/{verb}")) == count
    assert len(lrs.statements(agent=json.dumps(BOB))) == 2


@pytest.mark.shared_data
@pytest.mark.parametrize("lrs", ["sqlite"], indirect=True)
def test_the_statements_of_two_courses_are_counted_as_they_are(lrs: Lrs, shared_data: Path) -> None:
    with gzip.open(shared_data / "xapi" / "statements.json.gz") as lines:
        statements = [json.loads(line) for line in lines]
    for start in range(0, len(statements), 500):
        lrs.post(*statements[start : start + 500])
    verbs, actors = Counter(s["verb"]["id"] for s in statements), Counter(json.dumps(s["actor"]) for s in statements)
    for verb, count in verbs.items():
        assert len(lrs.statements(verb=verb, limit=500)) == count
    for actor, count in actors.most_common(5) + actors.most_common()[-5:]:
        assert len(lrs.statements(agent=actor)) == count
    courses = Counter(s["context"]["contextActivities"]["parent"][0]["id"] for s in statements)
    for course, count in courses.items():
        assert len(lrs.statements(activity=course, related_activities="true", limit=500)) == count
    (found,) = lrs.statements(agent=actors.most_common()[-1][0])
    (sent,) = [s for s in statements if s["id"] == found["id"]]
    assert {k: found[k] for k in sent} == sent
