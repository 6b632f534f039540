"""What is answered with 2xx can be read back, the very thing, on both indexes; what could not be is a 4xx before it is written."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlencode
from uuid import uuid4

import httpx2 as httpx
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from ingest.events import Refusal, validate
from ingest.events.numbers import decode
from ingest.log.port import NewRecord
from ingest.lrs.attachments import Attachments
from ingest.lrs.http.multipart import boundary_of, split_parts
from ingest.lrs.index.postgres import PostgresIndex
from ingest.lrs.standard.formats import plain_uuid
from ingest.lrs.writing.catching_up import catch_up
from ingest.lrs.writing.planning import Pending
from ingest.lrs.writing.statements import StatementsWrite
from tests.lrs_help import ALICE, STATEMENT, Lrs

P = "p"
pytestmark = pytest.mark.filterwarnings("ignore:Generating overly large repr")


@pytest.fixture(scope="module", params=["sqlite", "postgres"])
def store(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lrs]:
    """One for many examples, on each index."""
    index = PostgresIndex(request.getfixturevalue("postgres")()) if request.param == "postgres" else None
    made = Lrs(tmp_path_factory.mktemp("store"), index=index)
    yield made
    made.close()


_many = settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])

#: Characters that some part of a store may not like.
_odd = st.one_of(
    st.sampled_from(["x", "作/é?q=%20#f", "A+b@c"]),
    st.text(max_size=6),
    st.text(alphabet="\x00\x01\t\n\r \x1f\x7f\x85\xa0\u2028\ud7ff\ue000\ufdd0\uffff\U0001f600\U000e0001\U0010ffff<>\"{}|\\^`%;,'é作", min_size=1, max_size=3),
    st.sampled_from([2_000, 2_001, 8_100, 100_000]).map(lambda n: "x" * n),
    st.sampled_from([2_000, 3_000]).map(lambda n: "作" * n),
)  # fmt: skip
_iri = st.one_of(
    st.sampled_from(["http://example.org/", "urn:x:", "MAILTO:"]).flatmap(lambda a: _odd.map(lambda b: a + b)), _odd
)
_uuid = st.uuids().map(str) | st.uuids().map(lambda u: str(u).upper()) | _odd
_number = st.sampled_from(
    ["1", "1.0", "true", "1e2", "1E+2", "-0", "-0.0", "0.10", "3.141592653589793238462643", "1e-400", "9" * 401, "1e400", "9" * 5000, "1e-9999999999", "1e16", "0.000001"]
)  # fmt: skip
_languages = st.dictionaries(st.sampled_from(["en", "zh-Hans", "en-GB-oed", "x"]) | _odd, _odd, max_size=2)
_agent = st.one_of(
    st.fixed_dictionaries(
        {"account": st.fixed_dictionaries({"homePage": _iri, "name": _odd})}, optional={"name": _odd}
    ),
    st.fixed_dictionaries({"mbox": st.sampled_from(["mailto:", "MAILTO:"]).flatmap(lambda a: _odd.map(lambda b: f"{a}{b}@example.org"))}, optional={"name": _odd}),
    st.fixed_dictionaries({"openid": _iri}, optional={"name": _odd}),
)  # fmt: skip
_activity = st.fixed_dictionaries(
    {"id": _iri},
    optional={
        "objectType": st.just("Activity"),
        "definition": st.fixed_dictionaries(
            {}, optional={"name": _languages, "type": _iri, "moreInfo": _iri, "extensions": st.dictionaries(_iri, _odd, max_size=1)}
        ),
    },
)  # fmt: skip
_media_type = st.sampled_from(["text/plain", "text/plain; name=", "application/json; charset=utf-8;"]).flatmap(
    lambda a: (st.just("") | _odd).map(lambda b: a + b)
)
#: One property of a statement at a time is odd, so that it is often taken and each refusal is of that one.
_changes: st.SearchStrategy[dict[str, Any]] = st.one_of(
    st.fixed_dictionaries({"actor": _agent}),
    st.fixed_dictionaries({"verb": st.fixed_dictionaries({"id": _iri}, optional={"display": _languages})}),
    st.fixed_dictionaries({"object": _activity}),
    st.fixed_dictionaries({"object": st.fixed_dictionaries(
        {"objectType": st.just("SubStatement"), "actor": _agent, "verb": st.fixed_dictionaries({"id": _iri}), "object": _activity})}),
    st.fixed_dictionaries({"id": _uuid}),
    st.fixed_dictionaries({"timestamp": st.sampled_from(
        ["2016-12-31T23:59:60Z", "0001-01-01T00:00:00+23:59", "9999-12-31T23:59:59-23:59", "9999-12-31T23:59:60Z", "2017-10-12T08:30:00.1234567899Z", "2017-W41-4T00:00:00Z"]) | _odd}),
    st.fixed_dictionaries({"context": st.fixed_dictionaries({}, optional={
        "registration": _uuid, "platform": _odd, "language": _odd, "team": _agent.map(lambda a: {**a, "objectType": "Group"}), "instructor": _agent,
        "contextActivities": st.fixed_dictionaries({}, optional={"parent": _activity, "other": st.lists(_activity, max_size=2)}),
        "extensions": st.dictionaries(_iri, _odd | _agent, max_size=1)})}),
    st.fixed_dictionaries({"result": st.fixed_dictionaries({}, optional={
        "response": _odd, "duration": st.sampled_from(["PT1.5H30M", "PT1.5H", "P1Y", "PT" + "1" * 5000 + "S"]) | _odd, "extensions": st.dictionaries(_iri, _odd, max_size=1)})}),
)  # fmt: skip
_numbers = st.dictionaries(
    st.sampled_from(["http://example.org/a", "http://example.org/b"]), _number, min_size=1, max_size=2
)


def written(statement: dict[str, Any], numbers: dict[str, str], score: str) -> bytes:
    """A statement as a client writes it, with numbers in the result as they are given."""
    text = json.dumps(statement, ensure_ascii=False).encode("utf-8", "surrogatepass")
    if not numbers and not score:
        return text
    parts = [f'"extensions": {{{", ".join(f"{json.dumps(k)}: {v}" for k, v in numbers.items())}}}'] if numbers else []
    parts += [f'"score": {{"raw": {score}}}'] if score else []
    return text[:-1] + f', "result": {{{", ".join(parts)}}}}}'.encode()


def lists_of(statement: dict[str, Any]) -> dict[str, Any]:
    """As it is to come back: the context's activities in lists."""
    found = dict(statement)
    if found["object"].get("objectType") == "SubStatement":
        found["object"] = lists_of(found["object"])
    if "contextActivities" in found.get("context", {}):
        activities = {k: v if isinstance(v, list) else [v] for k, v in found["context"]["contextActivities"].items()}
        found["context"] = {**found["context"], "contextActivities": activities}
    return found


def same(found: Any, sent: Any) -> bool:
    """To the letter, whatever the order of members."""
    if isinstance(sent, dict):
        return (
            isinstance(found, dict) and found.keys() == sent.keys() and all(same(found[k], v) for k, v in sent.items())
        )
    if isinstance(sent, list):
        return isinstance(found, list) and len(found) == len(sent) and all(map(same, found, sent))
    return type(found) is type(sent) and bool(found == sent)


def asked(agent: dict[str, Any]) -> str:
    """By its identifier: a name may be longer than a request's head."""
    return json.dumps({k: v for k, v in agent.items() if k != "name"})


def check_statement_back(lrs: Lrs, statement_id: str, sent: dict[str, Any]) -> None:
    answer = lrs.ask("GET", "statements", params={"statementId": statement_id}, version="2.0.0")
    assert answer.status_code == 200, answer.text
    found = decode(answer.content)
    expected = lists_of({**sent, "id": statement_id.lower()})
    assert same({k: v for k, v in found.items() if k in expected}, expected)
    target, context = sent["object"], sent.get("context", {})
    filters: list[dict[str, str]] = [{}, {"verb": sent["verb"]["id"]}, {"agent": asked(sent["actor"])}]
    if target.get("objectType", "Activity") == "Activity":
        filters.append({"activity": target["id"]})
    elif target["objectType"] == "SubStatement":
        filters.append({"activity": target["object"]["id"], "related_activities": "true"})
        filters.append({"agent": asked(target["actor"]), "related_agents": "true"})
    if "registration" in context:
        filters.append({"registration": context["registration"]})
    for some in context.get("contextActivities", {}).values():
        filters += [
            {"activity": one["id"], "related_activities": "True"}
            for one in (some if isinstance(some, list) else [some])
        ]
    filters += [
        {"agent": asked(context[name]), "related_agents": "true"} for name in ("team", "instructor") if name in context
    ]
    for one in filters:
        for form in ("exact", "ids", "canonical"):
            answer = lrs.ask("GET", "statements", params={**one, "limit": "1", "format": form, "attachments": "true"})
            assert answer.status_code == 200, answer.text
            first, *_ = split_parts(answer.content, boundary_of(answer.headers["content-type"]))
            assert [s["id"] for s in json.loads(first.content)["statements"]] == [statement_id.lower()], one


@_many
@given(
    change=_changes, numbers=_numbers | st.just({}), score=st.just("") | _number, how=st.sampled_from(["POST", "PUT", "batch", "alternate"])
)  # fmt: skip
@example(change={}, numbers={"http://example.org/a": "3.141592653589793238462643"}, score="1.50", how="POST")
@example(change={"object": {"id": "http://example.org/\x00"}}, numbers={}, score="", how="POST")
@example(change={"verb": {"id": "http://example.org/" + "v" * 7_900}}, numbers={}, score="", how="batch")
def test_a_statement_that_is_taken_can_be_read(
    store: Lrs, change: dict[str, Any], numbers: dict[str, str], score: str, how: str
) -> None:
    statement = {**STATEMENT, **change}
    if "result" in change:
        numbers, score = {}, ""
    statement_id = str(statement.get("id", uuid4()))
    if plain_uuid(statement_id):
        # Another than any example's.
        statement_id = str(uuid4()).upper() if statement_id.isupper() else str(uuid4())
    try:
        body = written({**statement, "id": statement_id}, numbers, score)
    except UnicodeEncodeError:
        return
    if len(statement_id) > 10_000 and how == "PUT":
        how = "alternate"
    if how == "PUT":
        answer = store.ask("PUT", "statements", params={"statementId": statement_id}, content=body, version="2.0.0", headers={"content-type": "application/json"})  # fmt: skip
    elif how == "alternate":
        form = urlencode({"statementId": statement_id, "content": body, "Content-Type": "application/json"})
        answer = store.ask("POST", "statements?method=PUT", content=form, headers={"content-type": "application/x-www-form-urlencoded"})  # fmt: skip
    else:
        content = (
            body
            if how == "POST"
            else b"[" + json.dumps({**STATEMENT, "verb": {"id": "urn:other"}}).encode() + b"," + body + b"]"
        )
        answer = store.ask("POST", "statements", content=content, headers={"content-type": "application/json"}, version="2.0.0")  # fmt: skip
    assert "x-experience-api-consistent-through" in answer.headers
    if answer.status_code < 300:
        check_statement_back(store, statement_id, decode(body))
    else:
        assert answer.status_code in (400, 413), answer.text
        # Nothing was written.
        if plain_uuid(statement_id):
            assert store.ask("GET", "statements", params={"statementId": statement_id}).status_code == 404


@_many
@given(
    content_type=_media_type, usage=_iri, url=st.none() | _iri, content=st.binary(max_size=30), is_within=st.booleans()
)
@example(
    content_type="text/plain; name=作业.txt", usage="http://example.org/u", url=None, content=b"1", is_within=False
)
@example(content_type="text/plain\r\n\r\n;evil", usage="http://example.org/u", url=None, content=b"1", is_within=True)
def test_an_attachment_that_is_taken_can_be_read(
    store: Lrs, content_type: str, usage: str, url: str | None, content: bytes, is_within: bool
) -> None:
    sha2 = hashlib.sha256(content).hexdigest()
    attachment = {
        "usageType": usage,
        "display": {"en": "a"},
        "contentType": content_type,
        "length": len(content),
        "sha2": sha2,
    }
    attachment |= {"fileUrl": url} if url is not None else {}
    statement: dict[str, Any] = {**STATEMENT, "id": str(uuid4()), "attachments": [attachment]}
    if is_within:
        within = {k: v for k, v in statement.items() if k not in ("id",)}
        statement = {**STATEMENT, "id": statement["id"], "object": {**within, "objectType": "SubStatement"}}
    body = json.dumps(statement).encode()
    whole = (
        b"--b\r\nContent-Type: application/json\r\n\r\n" + body + b"\r\n--b\r\nContent-Transfer-Encoding: binary\r\n"
        b"X-Experience-API-Hash: " + sha2.encode() + b"\r\n\r\n" + content + b"\r\n--b--\r\n"
    )  # fmt: skip
    answer = store.ask("POST", "statements", content=whole, headers={"content-type": "multipart/mixed; boundary=b"})
    if answer.status_code >= 300:
        assert answer.status_code == 400, answer.text
        return
    check_statement_back(store, statement["id"], statement)
    answer = store.ask("GET", "statements", params={"statementId": statement["id"], "attachments": "true"})
    parts = split_parts(answer.content, boundary_of(answer.headers["content-type"]))
    assert (parts[1].content, parts[1].headers["x-experience-api-hash"]) == (content, sha2)
    assert parts[1].headers["content-type"] == content_type.strip(" \t")


_DOCUMENTS = {
    "activities/state": ("stateId", True, True), "activities/profile": ("profileId", True, False), "agents/profile": ("profileId", False, True),
}  # fmt: skip


@_many
@given(
    resource=st.sampled_from(sorted(_DOCUMENTS)), document_id=_odd, activity=_iri | st.just("http://example.org/a"), agent=_agent | st.just(ALICE),
    registration=st.none() | _uuid, content_type=st.none() | _media_type, content=st.binary(max_size=40), how=st.sampled_from(["PUT", "POST", "alternate"]),
)  # fmt: skip
@example("activities/state", "a", "http://example.org/\x00a", ALICE, None, "text/plain", b"1", "PUT")
@example("activities/state", "a", "http://example.org/a", ALICE, None, "text/plain; x=" + "y" * 1_999, b"1", "PUT")
@example(
    "activities/state", "a", "http://example.org/a", ALICE, None, "text/html\r\nX-Injected: yes", b"1", "alternate"
)
@example("activities/state", "a", "http://example.org/a", ALICE, None, "text/plain; name=\xa0", b"1", "PUT")
@example("activities/profile", "a" * 2_000, "http://example.org/a", ALICE, None, "text/plain", b"1", "POST")
def test_a_document_that_is_taken_can_be_read(
    store: Lrs, resource: str, document_id: str, activity: str, agent: dict[str, Any], registration: str | None, content_type: str | None,
    content: bytes, how: str,
) -> None:  # fmt: skip
    id_name, of_activity, of_agent = _DOCUMENTS[resource]
    # Nothing of another example is there.
    key = store.key("all", programme=str(uuid4()))
    place = {"activityId": activity} if of_activity else {}
    place |= {"agent": json.dumps(agent)} if of_agent else {}
    place |= {"registration": registration} if registration is not None and id_name == "stateId" else {}
    parameters = {**place, id_name: document_id}
    told = {"content-type": content_type} if content_type is not None else {}
    try:
        if how == "alternate":
            content = content.hex().encode()
            form = urlencode({**parameters, **told, "If-None-Match": "*", "content": content.decode()})
            answer = store.ask("POST", f"{resource}?method=PUT", content=form, headers={"content-type": "application/x-www-form-urlencoded"}, key=key)  # fmt: skip
        else:
            headers: Any = [(k.encode(), v.encode()) for k, v in told.items()]
            headers += [(b"authorization", key.encode()), (b"x-experience-api-version", b"2.0.0")]
            headers += [(b"if-none-match", b"*")] if how == "PUT" else []
            answer = store.client.request(how, f"/xapi/{resource}", params=parameters, content=content, headers=headers)
        if answer.status_code >= 300:
            assert answer.status_code in (400, 413), answer.text
            return
        found = store.ask("GET", resource, params=parameters, key=key)
        listed = store.ask("GET", resource, params=place, key=key)
    except (UnicodeEncodeError, httpx.InvalidURL):
        return
    assert (found.status_code, listed.status_code) == (200, 200), found.text
    assert found.content == content
    raw = dict(found.headers.raw)[b"content-type"]
    usual = b"application/json" if how == "alternate" else b"application/octet-stream"
    expected = usual if content_type is None else content_type.encode("latin-1" if how == "alternate" else "utf-8")
    assert raw == expected.strip(b" \t")
    assert document_id in listed.json()
    assert store.ask("DELETE", resource, params=parameters, key=key).status_code == 204


_event = st.fixed_dictionaries(
    {
        "event_id": st.uuids().map(str) | _odd, "event_type": st.sampled_from(["session.started", "xapi.document_stored"]) | _odd,
        "event_version": st.sampled_from([1, 1.0, True, 2]), "occurred_at": st.just("2017-10-12T08:30:00Z") | _odd, "programme_id": st.just(P) | _odd,
        "learner_key": st.just("Labcdefgh1234") | _odd, "source": st.just("test") | _odd,
        "payload": st.fixed_dictionaries({"enrolment_id": st.just("e1") | _odd, "device": st.just("web") | _odd}, optional={"more": _odd}),
    }
)  # fmt: skip


@_many
@given(event=_event, how=st.sampled_from(["application/json", "application/x-ndjson"]))
def test_an_event_that_is_taken_is_in_the_log_and_known_again(store: Lrs, event: dict[str, Any], how: str) -> None:
    body = json.dumps(event).encode()

    def post() -> httpx.Response:
        return store.client.post("/events", content=body, headers={"authorization": store.usual, "content-type": how})

    before = sum(store.log.end_offsets().values())
    answer = post()
    assert answer.status_code in (200, 400, 422), answer.text
    is_taken = answer.status_code == 200 and answer.json()["accepted"] == 1
    assert sum(store.log.end_offsets().values()) == before + is_taken
    if is_taken:
        assert post().json()["repeated"] == 1
        assert event["event_id"] in store.index.events(P, [event["event_id"]])


@pytest.mark.parametrize(
    "name", ["activity", "verb", "agent", "registration", "statementId", "since", "more", "format"]
)
@pytest.mark.parametrize("value", ["\0", "http://example.org/\0", '{"mbox":"mailto:a\\u0000@b.c"}', "x" * 9_000, ""])
def test_a_query_that_asks_for_the_impossible_is_answered(store: Lrs, name: str, value: str) -> None:
    assert store.ask("GET", "statements", params={name: value}).status_code in (400, 404)
    for resource in ("activities", "activities/state", "activities/profile", "agents/profile", "agents"):
        place = {"activityId": value, "agent": value, "stateId": value, "profileId": value}
        assert store.ask("GET", resource, params={name: value, **place}).status_code == 400


def test_all_of_it_can_be_pulled(store: Lrs) -> None:
    found: list[str] = []
    asked = "statements?limit=7&attachments=true"
    while asked:
        answer = store.ask("GET", asked)
        assert answer.status_code == 200, answer.text
        first, *_ = split_parts(answer.content, boundary_of(answer.headers["content-type"]))
        page = decode(first.content)
        found += [one["id"] for one in page["statements"]]
        asked = page["more"].removeprefix("/xapi/")
    assert len(found) == len(set(found))
    assert set(found) == {one["id"] for one in store.statements()}
    # The index has seen all of the log, and each record of it is the event that the sink expects.
    assert store.client.get("/ready").json()["records_behind"] == 0
    with store.log.reader(lambda partition: 0) as reader:
        values = [value for piece in reader.poll(100_000, 1 << 30, 5.0) for value in piece.values]
    assert len(values) >= len(found)
    assert [refusal for value in values if isinstance(refusal := validate(value, datetime.now(UTC)), Refusal)] == []


def test_what_was_taken_when_less_was_asked_is_still_given(store: Lrs) -> None:
    """Old logs hold content types that no header can carry, and forms that are refused now."""
    content = b"old"
    sha2 = hashlib.sha256(content).hexdigest()
    old = {
        **STATEMENT, "id": str(uuid4()), "timestamp": "2017-10-12T08:30:00Z", "result": {"duration": "PT1.5H30M"},
        "context": {"contextActivities": {"parent": {"id": "http://example.org/\x01"}}},
        "attachments": [{"usageType": "http://example.org/u", "display": {"en": "a"}, "contentType": "text/plain; name=作业\r\nX: y", "length": 3, "sha2": sha2}],
    }  # fmt: skip
    assert store.ask("POST", "statements", json=old).status_code == 400
    authority = {"account": {"homePage": "http://127.0.0.1", "name": "k"}}
    whose = store.people.whose(old, authority)
    Attachments(store.folder / "attachments", store.people.sealer).put(P, whose, sha2, content)
    write = StatementsWrite(P, [old], authority, "1.0.0", False)
    write.prepare(store.people) or store.people.learn(write.people())
    assert write.prepare(store.people)
    (planned,) = write.plan(Pending(store.store))
    value = planned.record.value.replace(b'"timestamp":"2017-10-12T', b'"timestamp":"2017-W41-4T')
    store.log.append([NewRecord(planned.record.key, value)])
    catch_up(store.log, store.index)
    answer = store.ask("GET", "statements", params={"statementId": old["id"], "attachments": "true"})
    assert answer.status_code == 200, answer.text
    first, part = split_parts(answer.content, boundary_of(answer.headers["content-type"]))
    found = decode(first.content)
    assert found["context"]["contextActivities"] == {"parent": [{"id": "http://example.org/\x01"}]}
    assert found["timestamp"] == "2017-W41-4T08:30:00Z"
    assert (part.content, part.headers["content-type"]) == (content, "application/octet-stream")
    # The same again is compared, and refused by today's rules.
    assert store.ask("POST", "statements", json=found).status_code == 400
