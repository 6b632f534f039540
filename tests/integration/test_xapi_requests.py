"""What xAPI 1.0.3 (part three) and 2.0.0 ask of every resource and parameter, request by request, on both indexes."""

from __future__ import annotations

import json
from uuid import uuid4

import pytest

from ingest.lrs.rules import VERSIONS
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
    # States are not thought to be written to by two at once; profiles are.
    assert ask("PUT", b'{"car": {"model": "Civic"}, "year": 1}') == (204 if resource == "activities/state" else 409)
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
