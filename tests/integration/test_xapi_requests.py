"""What xAPI 1.0.3 (part three) and 2.0.0 ask of every resource and parameter, request by request, on both indexes."""

from __future__ import annotations

import json
from base64 import urlsafe_b64decode, urlsafe_b64encode
from typing import Any
from uuid import uuid4

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from ingest.lrs.standard.rules import VERSIONS
from tests.lrs_help import ALICE, STATEMENT, Lrs

ACTIVITY = "http://example.org/books/1"
#: Each resource of documents with the parameters that name one; the last of them is its id.
DOCUMENTS = {
    "activities/state": {"activityId": ACTIVITY, "agent": json.dumps(ALICE), "stateId": "page"},
    "activities/profile": {"activityId": ACTIVITY, "profileId": "cover"},
    "agents/profile": {"agent": json.dumps(ALICE), "profileId": "likes"},
}
OTHER_ETAG = '"0123456789012345678901234567890123456789"'
FILTERS = {
    "agent": json.dumps(ALICE), "verb": STATEMENT["verb"]["id"], "activity": ACTIVITY, "registration": str(uuid4()),
    "related_activities": "true", "related_agents": "true", "since": "2012-01-01T00:00:00Z", "until": "2100-01-01T00:00:00Z",
    "limit": "1", "ascending": "true",
}  # fmt: skip


@pytest.mark.parametrize("version", VERSIONS)
def test_one_statement_is_asked_for_by_its_id_alone(lrs: Lrs, version: str) -> None:
    (statement_id,) = lrs.post(STATEMENT)

    def status(**parameters: str) -> int:
        return lrs.ask("GET", "statements", params=parameters, version=version).status_code

    for allowed in ({}, {"attachments": "true"}, {"format": "ids"}, {"attachments": "false", "format": "canonical"}):
        assert status(statementId=statement_id, **allowed) == 200
    for name, value in FILTERS.items():
        assert status(**{name: value}) == 200, name
        for by in ("statementId", "voidedStatementId"):
            assert status(**{by: statement_id, name: value}) == 400, name
        assert status(**{name.upper(): value}) == 400, "names are taken by the letter"


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("resource", DOCUMENTS)
def test_a_document_is_named_by_all_of_its_parameters_and_no_other(lrs: Lrs, resource: str, version: str) -> None:
    place = DOCUMENTS[resource]
    document_id = list(place)[-1]

    def status(method: str, parameters: dict[str, str]) -> int:
        body = {"json": {}} if method in ("PUT", "POST") else {}
        return lrs.ask(method, resource, params=parameters, version=version, **body).status_code

    for method in ("PUT", "POST", "GET", "DELETE"):
        for name in place:
            # Without an id GET lists the ids, and DELETE removes all states.
            if name == document_id and (method == "GET" or (method, resource) == ("DELETE", "activities/state")):
                continue
            assert status(method, {k: v for k, v in place.items() if k != name}) == 400, (method, name)
        assert status(method, {**place, "other": "1"}) == 400, method
        for name in {"agent", "activityId"} & set(place):
            assert status(method, {**place, name: "nobody"}) == 400, (method, name)
    without = {k: v for k, v in place.items() if k != document_id}
    assert status("GET", {**without, "since": "yesterday"}) == 400
    assert lrs.ask("GET", resource, params=without, version=version).json() == []


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("resource", DOCUMENTS)
def test_a_document_is_merged_and_guarded_by_its_etag(lrs: Lrs, resource: str, version: str) -> None:
    place = DOCUMENTS[resource]

    def ask(method: str, content: bytes = b"", **headers: str) -> int:
        kind = {"content-type": "application/json", **{k.replace("_", "-"): v for k, v in headers.items()}}
        return lrs.ask(method, resource, params=place, version=version, content=content, headers=kind).status_code

    assert ask("POST", b'{"car": {"make": "Honda"}, "year": 1}') == 204
    assert ask("POST", b'{"car": {"model": "Civic"}}') == 204
    for wrong in (b"{", b"[1]", b"1"):
        assert ask("POST", wrong) == 400
    for method in ("PUT", "POST", "DELETE"):
        assert ask(method, b"{}", if_match=OTHER_ETAG) == 412
        assert ask(method, b"{}", if_none_match="*") == 412
    # By 1.0.3 states are not thought to be written to by two at once; profiles are.
    is_free = (resource, version) == ("activities/state", "1.0.3")
    assert ask("PUT", b'{"car": {"model": "Civic"}, "year": 1}') == (204 if is_free else 409)
    got = lrs.ask("GET", resource, params=place, version=version)
    assert got.json() == {"car": {"model": "Civic"}, "year": 1}
    head = lrs.ask("HEAD", resource, params=place, version=version)
    assert (head.status_code, head.content) == (200, b"")
    assert [head.headers[h] for h in ("etag", "last-modified")] == [got.headers[h] for h in ("etag", "last-modified")]
    assert ask("DELETE", if_match=got.headers["etag"]) == 204
    assert ask("GET") == 404


@pytest.mark.parametrize("version", VERSIONS)
def test_methods_and_parameters_that_no_resource_has(lrs: Lrs, version: str) -> None:
    for method, resource in (("PUT", "agents"), ("DELETE", "statements"), ("POST", "activities"), ("PUT", "about")):
        assert lrs.ask(method, resource, version=version, json={}).status_code == 405, (method, resource)
    agent = {"agent": json.dumps(ALICE)}
    for resource, parameters in (("agents", agent), ("activities", {"activityId": ACTIVITY})):
        for method in ("GET", "HEAD"):
            assert lrs.ask(method, resource, params=parameters, version=version).status_code == 200
            assert lrs.ask(method, resource, version=version).status_code == 400
            assert lrs.ask(method, resource, params={**parameters, "other": "1"}, version=version).status_code == 400


THROUGH = "x-experience-api-consistent-through"


@pytest.mark.parametrize("version", VERSIONS)
def test_every_answer_about_statements_tells_until_when_all_can_be_asked_for(lrs: Lrs, version: str) -> None:
    one = {**STATEMENT, "id": str(uuid4())}
    nobody, reader = "Basic eDp5", lrs.key("statements/read")
    requests: list[tuple[int, str, str, dict[str, Any]]] = [
        (200, "POST", "statements", {"json": one}),
        (409, "POST", "statements", {"json": {**one, "verb": {"id": "urn:other"}}}),
        (400, "POST", "statements", {"json": {}}),
        (204, "PUT", f"statements?statementId={uuid4()}", {"json": STATEMENT}),
        (400, "PUT", "statements", {"json": STATEMENT}),
        (403, "POST", "statements", {"json": one, "key": reader}),
        (401, "POST", "statements", {"json": one, "key": nobody}),
        (200, "GET", "statements", {}),
        (200, "HEAD", "statements/", {}),
        (404, "GET", f"statements?statementId={uuid4()}", {}),
        (400, "GET", f"statements?statementId={one['id']}&limit=1", {}),
        (400, "GET", "statements?more=x", {}),
        (401, "GET", "statements", {"key": nobody}),
        (405, "DELETE", "statements", {}),
    ]
    before = "0"
    for status, method, resource, more in requests:
        answer = lrs.ask(method, resource, version=version, **more)
        assert answer.status_code == status, (method, resource, answer.text)
        assert answer.headers[THROUGH] >= before, "what was told stays true"
        assert answer.headers["x-experience-api-version"] == version
        before = answer.headers[THROUGH]
    for unspoken in (None, "3.0.0"):
        assert THROUGH in lrs.ask("GET", "statements", version=unspoken).headers


@pytest.mark.parametrize(
    ("header", "method", "resource", "spoken"),
    [
        (None, "GET", "statements", "2.0.0"), (None, "POST", "statements?method=GET", "1.0.3"), ("1.1.0", "GET", "statements", "1.0.3"),
        ("0.95", "GET", "activities", "1.0.3"), ("2.1.0", "GET", "statements", "2.0.0"), ("x", "GET", "statements", "2.0.0"),
    ],
)  # fmt: skip
def test_a_request_in_no_version_is_refused_in_the_one_that_its_client_most_likely_speaks(
    lrs: Lrs, header: str | None, method: str, resource: str, spoken: str
) -> None:
    answer = lrs.ask(method, resource, version=header)
    assert (answer.status_code, answer.headers["x-experience-api-version"]) == (400, spoken)


def test_about_lists_what_its_reader_can_speak(lrs: Lrs) -> None:
    for path in ("about", "about/"):
        assert lrs.ask("GET", path, version=None).json()["version"][-2:] == ["1.0.3", "2.0.0"]
        assert "2.0.0" in lrs.ask("GET", path, version="2.0.0").json()["version"]
        for older in ("1.0.0", "1.0.3", "1.0"):
            answer = lrs.ask("GET", path, version=older)
            assert answer.headers["x-experience-api-version"] == "1.0.3"
            assert all(version.startswith("1.0.") for version in answer.json()["version"])


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("resource", DOCUMENTS)
def test_who_may_write_unseen(lrs: Lrs, resource: str, version: str) -> None:
    place, is_state, is_old = DOCUMENTS[resource], resource == "activities/state", version == "1.0.3"

    def put(content: bytes, **headers: str) -> tuple[int, bytes]:
        answer = lrs.ask("PUT", resource, params=place, version=version, content=content, headers=headers)
        found = lrs.ask("GET", resource, params=place, version=version)
        return answer.status_code, found.content if found.status_code == 200 else b""

    # Nothing is there: by 1.0.3 who writes a profile says so.
    assert put(b"1") == ((204, b"1") if is_state or not is_old else (400, b""))
    lrs.ask("DELETE", resource, params=place, version=version)
    assert put(b"2", **{"if-none-match": "*"}) == (204, b"2")
    # Something is there: by 1.0.3 a state alone is replaced unseen.
    assert put(b"3") == ((204, b"3") if is_state and is_old else (409, b"2"))


def test_queries_as_clients_write_them(lrs: Lrs) -> None:
    (statement_id,) = lrs.post(STATEMENT)
    for query in (
        "limit=1&",
        "&limit=1",
        "limit=1&&format=ids",
        "&&",
        "related_activities=True",
        "related_agents=False&ascending=true",
    ):
        answer = lrs.ask("GET", f"statements?{query}")
        assert answer.status_code == 200, query
        assert [s["id"] for s in answer.json()["statements"]] == [statement_id]
    for query in (
        "limit=1&limit=1",
        "limit",
        "=1",
        "related_activities=TRUE",
        "related_activities=1",
        "x",
        "format=",
        "limit=%ff",
        "agent={}",
    ):
        assert lrs.ask("GET", f"statements?{query}").status_code == 400, query
    for path in ("statements/", "activities/state/", "agents/"):
        assert lrs.ask("GET", path, params={"limit": "0"} if path == "statements/" else None).status_code in (200, 400)
    assert lrs.ask("GET", "statements/x").status_code == 404


# -- more

_words = st.text(max_size=8) | st.integers() | st.none()
_inner = st.one_of(
    st.sampled_from(['{"after":"[1,99999999999999999999999]"}', '{"after":"' + "[" * 5_000 + '"}', "[" * 5_000, "", "null", "[]"]),
    st.recursive(_words, lambda some: st.lists(some, max_size=3) | st.dictionaries(st.text(max_size=5), some, max_size=3)).map(json.dumps),
    st.tuples(st.dictionaries(st.sampled_from([*FILTERS, "after", "x"]), st.text(max_size=5) | st.sampled_from([*FILTERS.values()]), max_size=2),
              st.lists(st.integers(-(2**70), 2**70), max_size=3)).map(json.dumps),
)  # fmt: skip
_made_up = st.one_of(
    st.text(max_size=30),
    st.binary(max_size=60).map(lambda b: urlsafe_b64encode(b).decode()),
    st.tuples(st.binary(max_size=16), _inner).map(
        lambda t: urlsafe_b64encode(t[0] + t[1].encode()).decode().rstrip("=")
    ),
)


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(text=_made_up, at=st.integers(0, 200), change=st.integers(1, 255))
@example(text=urlsafe_b64encode(b'{"after":"[1,99999999999999999999999]"}').decode(), at=0, change=1)
@example(text=urlsafe_b64encode(b'{"after":"' + b"[" * 5_000 + b'"}').decode(), at=0, change=1)
def test_more_that_a_client_made_up_is_refused(lrs: Lrs, text: str, at: int, change: int) -> None:
    assert lrs.ask("GET", "statements", params={"more": text}).status_code == 400
    if not lrs.statements():
        lrs.post(STATEMENT, {**STATEMENT, "verb": {"id": "urn:other"}})
    given_more = lrs.ask("GET", "statements", params={"limit": "1"}).json()["more"].partition("more=")[2]
    assert lrs.ask("GET", f"statements?more={given_more}").status_code == 200
    whole = bytearray(urlsafe_b64decode(given_more + "=" * (-len(given_more) % 4)))
    whole[at % len(whole)] ^= change
    changed = urlsafe_b64encode(whole).decode().rstrip("=")
    assert lrs.ask("GET", "statements", params={"more": changed}).status_code == 400
    # Nor is it another programme's, and it takes nothing beside it.
    assert lrs.ask("GET", f"statements?more={given_more}", key=lrs.key("all", programme="q")).status_code == 400
    assert lrs.ask("GET", f"statements?more={given_more}&limit=1").status_code == 400


def test_more_is_good_in_every_server_of_a_store(lrs: Lrs) -> None:
    lrs.post(STATEMENT, {**STATEMENT, "verb": {"id": "urn:other"}})
    more = lrs.ask("GET", "statements", params={"limit": "1"}).json()["more"].removeprefix("/xapi/")
    lrs.store.close()
    lrs.reopen()
    assert len(lrs.ask("GET", more).json()["statements"]) == 1


# -- formats


def test_the_contexts_activities_come_back_as_lists(lrs: Lrs) -> None:
    activities = {
        kind: {"id": f"http://example.org/{kind}", "objectType": "Activity"}
        for kind in ("parent", "grouping", "category")
    }
    said = {**STATEMENT, "context": {"contextActivities": {**activities, "other": [{"id": "urn:o"}]}}}
    ids = lrs.post(said, {**said, "object": {**said, "objectType": "SubStatement"}})
    for form in ("exact", "ids", "canonical"):
        for statement in [
            *lrs.statements(format=form),
            *(lrs.ask("GET", "statements", params={"statementId": i, "format": form}).json() for i in ids),
        ]:
            for one in [statement, statement["object"]] if statement["object"].get("objectType") else [statement]:
                found = one["context"]["contextActivities"]
                assert {kind: [a["id"] for a in some] for kind, some in found.items()} == {
                    **{kind: [one["id"]] for kind, one in activities.items()}, "other": ["urn:o"]
                }  # fmt: skip
                if form == "ids":
                    assert all(set(a) == {"id"} for some in found.values() for a in some)
    # Sent again, either way, it is the same statement.
    assert lrs.post({**said, "id": ids[0]}) == ids[:1]
    assert lrs.ask("POST", "statements", json={**said, "id": ids[0], "context": {"contextActivities": {**{k: [a] for k, a in activities.items()}, "other": [{"id": "urn:o"}]}}}).status_code == 200  # fmt: skip


def test_canonical_is_what_the_store_knows(lrs: Lrs) -> None:
    book, course, read = ACTIVITY, "http://example.org/course", STATEMENT["verb"]["id"]
    lrs.post(
        {**STATEMENT, "verb": {"id": read, "display": {"zh-Hans": "读了"}},
         "object": {"id": book, "definition": {"name": {"en": "Book", "zh-Hans": "书"}, "type": "urn:book", "extensions": {"urn:pages": 3.141592653589793238462643}}}},
        {**STATEMENT, "object": {"id": course, "definition": {"name": {"en": "Course"}, "description": {"en-GB": "Of books"}}}},
    )  # fmt: skip
    bare = {
        "actor": ALICE, "verb": {"id": read}, "object": {"id": book},
        "context": {"contextActivities": {"parent": {"id": course}, "other": [{"id": "urn:unheard"}]}},
    }  # fmt: skip
    (one, other) = lrs.post(bare, {**bare, "object": {**bare, "objectType": "SubStatement"}})

    def canonical(statement_id: str, **more: Any) -> Any:
        parameters = {"statementId": statement_id, "format": "canonical"}
        return lrs.ask(
            "GET", "statements", params=parameters, headers={"accept-language": "zh-CN, en-US;q=0.7"}, **more
        ).json()

    found, within = canonical(one), canonical(other)["object"]
    for said in (found, within):
        assert said["verb"] == {"id": read, "display": {"zh-Hans": "读了"}}
        assert said["object"]["definition"]["name"] == {"zh-Hans": "书"}
        assert said["object"]["definition"]["type"] == "urn:book"
        (parent,), (unheard,) = (said["context"]["contextActivities"][kind] for kind in ("parent", "other"))
        assert parent["definition"] == {"name": {"en": "Course"}, "description": {"en-GB": "Of books"}}
        assert unheard == {"id": "urn:unheard"}
    # A page says the same, exact stays exact, and who may read its own statements only is told no more than they say.
    page = {s["id"]: s for s in lrs.statements(format="canonical")}
    assert page[one]["object"]["definition"]["type"] == "urn:book"
    assert lrs.ask("GET", "statements", params={"statementId": one}).json()["object"] == {"id": book}
    mine = lrs.key("statements/write", "statements/read/mine")
    (own,) = lrs.post(bare, key=mine)
    assert canonical(own, key=mine)["object"] == {"id": book}
    # And it is no activity that somebody named.
    assert lrs.ask("GET", "activities", params={"activityId": f"verb {read}"}).status_code == 400
    lrs.index.clear()
    lrs.store.close()
    lrs.reopen()
    assert canonical(one) == found, "an index made again knows the same"


def test_numbers_come_back_to_the_letter_everywhere(lrs: Lrs) -> None:
    numbers = b"[3.141592653589793238462643,1e-400,1e2,1E+2,-0,-0.0,1.0,1,0.10," + b"9" * 401 + b"]"
    statement_id = str(uuid4())
    body = (
        b'{"id":"' + statement_id.encode() + b'","actor":{"mbox":"mailto:a@example.org"},"verb":{"id":"urn:v"},"object":{"id":"urn:o","definition":'
        b'{"extensions":{"urn:x":' + numbers + b'}}},"result":{"score":{"raw":1.50e0},"extensions":{"urn:x":{"mbox":"mailto:b@example.org","n":' + numbers + b"}}}}"
    )  # fmt: skip
    assert lrs.ask("POST", "statements", content=body, headers={"content-type": "application/json"}).status_code == 200
    for answer in (
        *(lrs.ask("GET", "statements", params={"statementId": statement_id, "format": form}) for form in ("exact", "canonical")),
        lrs.ask("GET", "statements"),
    ):  # fmt: skip
        assert answer.content.count(numbers) == 2
        assert b"1.50e0" in answer.content
    assert numbers in lrs.ask("GET", "activities", params={"activityId": "urn:o"}).content
    # The same again is the same, however its numbers are written; another number is not, nor is a truth one.
    for change, status in (
        (b"", 200),
        (b"100.0", 200),
        (b"1e2", 200),
        (b"100.00000000000000000001", 409),
        (b"true", 409),
    ):
        again = body.replace(b"1e2", change) if change else body
        assert (
            lrs.ask("POST", "statements", content=again, headers={"content-type": "application/json"}).status_code
            == status
        ), change
    # Documents that are merged keep theirs, too.
    place = DOCUMENTS["activities/profile"]
    for content in (b'{"a":' + numbers + b"}", b'{"b":1.0}'):
        assert (
            lrs.ask(
                "POST",
                "activities/profile",
                params=place,
                content=content,
                headers={"content-type": "application/json"},
            ).status_code
            == 204
        )
    assert lrs.ask("GET", "activities/profile", params=place).content == b'{"a":' + numbers + b',"b":1.0}'


def test_an_address_is_one_however_its_scheme_is_written(lrs: Lrs) -> None:
    (one,) = lrs.post({**STATEMENT, "actor": {"mbox": "MAILTO:alice@example.org"}})
    (other,) = lrs.post(STATEMENT)
    for agent in (ALICE, {"mbox": "MailTo:alice@example.org"}):
        assert {s["id"] for s in lrs.statements(agent=json.dumps(agent))} == {one, other}
    assert lrs.ask("GET", "statements", params={"statementId": one}).json()["actor"] == {
        "mbox": "MAILTO:alice@example.org"
    }
