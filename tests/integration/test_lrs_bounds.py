"""What a GET answers is bounded in bytes: pages end early, with a link to the next one, and lose nothing."""

from __future__ import annotations

import json
from collections.abc import Iterator
from hashlib import sha256
from typing import Any
from uuid import uuid4

import httpx2 as httpx
import pytest

from ingest.lrs.http.multipart import Part, boundary_of, join_parts, split_parts
from tests.lrs_help import ALICE, STATEMENT, Lrs

MOST = 5_000
ACTIVITY = "http://example.org/activities/large"


@pytest.fixture(autouse=True)
def few_bytes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ingest.lrs.index.queries._SMALL_BYTES", 1_000)
    for module in ("giving", "documents"):
        monkeypatch.setattr(f"ingest.lrs.http.{module}.MOST_BYTES", MOST)


def said(**changes: Any) -> dict[str, Any]:
    return {**STATEMENT, "id": str(uuid4()), **changes}


def pages(lrs: Lrs, **parameters: Any) -> Iterator[httpx.Response]:
    answer = lrs.ask("GET", "statements", params={"limit": 500, **parameters})
    while True:
        assert answer.status_code == 200, answer.text
        yield answer
        more = _json(answer)["more"]
        if not more:
            return
        answer = lrs.ask("GET", more.removeprefix("/xapi/"))


def _json(answer: httpx.Response) -> Any:
    if answer.headers["content-type"].startswith("multipart"):
        return json.loads(split_parts(answer.content, boundary_of(answer.headers["content-type"]))[0].content)
    return answer.json()


def ids(found: list[httpx.Response]) -> list[str]:
    return [s["id"] for answer in found for s in _json(answer)["statements"]]


@pytest.mark.parametrize("ascending", ["true", "false"])
@pytest.mark.parametrize(
    "more", [{}, {"agent": json.dumps(ALICE)}, {"agent": json.dumps(ALICE), "related_agents": "true"}]
)
def test_a_page_ends_before_it_has_too_many_bytes(lrs: Lrs, ascending: str, more: dict[str, str]) -> None:
    sent = [said(result={"response": "x" * size}) for size in (900, 10, 4_000, 9_000, 800, 700, 10, 10, 2_000)]
    lrs.post(*sent)
    found = list(pages(lrs, ascending=ascending, **more))
    wanted = [s["id"] for s in sent]
    assert ids(found) == (wanted if ascending == "true" else wanted[::-1])
    counts = [len(answer.json()["statements"]) for answer in found]
    assert all(len(answer.content) <= MOST + 1_000 or count == 1 for answer, count in zip(found, counts, strict=True))
    # The one that is larger than a page is a page.
    assert max(len(answer.content) for answer in found) > 9_000
    assert len(found) < len(sent)


def test_people_count_as_they_are_written_in_the_answer(lrs: Lrs) -> None:
    """In the log a person has some ninety bytes, whatever the client has written."""
    sent = [said(actor={**ALICE, "name": f"{n}{'A' * 1_500}"}) for n in range(9)]
    lrs.post(*sent)
    found = list(pages(lrs, ascending="true"))
    assert ids(found) == [s["id"] for s in sent]
    assert [len(answer.json()["statements"]) for answer in found] == [2] * 4 + [1]
    assert [s["actor"] for answer in found for s in answer.json()["statements"]] == [s["actor"] for s in sent]


def test_a_definition_counts_as_often_as_it_is_written(lrs: Lrs) -> None:
    large = {"description": {"en": "d" * 1_800}}
    lrs.post(said(object={"id": ACTIVITY, "definition": large}))
    sent = [said(object={"id": ACTIVITY}) for _ in range(8)]
    lrs.post(*sent)
    found = list(pages(lrs, format="canonical", verb=STATEMENT["verb"]["id"]))
    assert len(ids(found)) == 9
    assert [len(answer.json()["statements"]) for answer in found] == [2] * 4 + [1]
    assert all(s["object"]["definition"] == large for answer in found for s in answer.json()["statements"])
    # A statement that names it a hundred times is given, with its own words.
    many = said(context={"contextActivities": {"other": [{"id": ACTIVITY}] * 100}})
    lrs.post(many)
    answer = lrs.ask("GET", "statements", params={"statementId": many["id"], "format": "canonical"})
    assert answer.json()["context"]["contextActivities"]["other"] == [{"id": ACTIVITY}] * 100
    assert len(answer.content) < 3 * MOST


def test_attachments_are_on_the_page_of_their_statement(lrs: Lrs) -> None:
    sent, contents = [], []
    for n in range(5):
        content = f"{n}".encode() * 2_000
        contents.append(content)
        about = {
            "usageType": "http://example.org/file", "display": {"en": "file"}, "contentType": "text/plain", "length": len(content),
            "sha2": sha256(content).hexdigest(),
        }  # fmt: skip
        sent.append(said(attachments=[about]))
        head = {"Content-Transfer-Encoding": "binary", "X-Experience-API-Hash": about["sha2"]}
        body, kind = join_parts(
            [Part({"Content-Type": "application/json"}, json.dumps(sent[-1]).encode()), Part(head, content)]
        )
        assert lrs.ask("POST", "statements", content=body, headers={"content-type": kind}).status_code == 200
    found = list(pages(lrs, attachments="true", ascending="true"))
    assert ids(found) == [s["id"] for s in sent]
    given = [split_parts(answer.content, boundary_of(answer.headers["content-type"])) for answer in found]
    assert [part.content for parts in given for part in parts[1:]] == contents
    assert [len(parts) for parts in given] == [2] * 5
    # What a statement names besides by its address is left out where it would be too much.
    by_address = [{**s["attachments"][0], "fileUrl": "http://example.org/file"} for s in sent]
    lrs.post(said(attachments=by_address))
    answer = next(pages(lrs, attachments="true"))
    assert len(split_parts(answer.content, boundary_of(answer.headers["content-type"]))) - 1 == 1
    assert answer.content.count(b"http://example.org/file") >= 5


def test_a_merged_definition_does_not_grow_without_an_end(lrs: Lrs, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ingest.lrs.index.activities._MOST_BYTES", 1_000)

    def known() -> Any:
        return lrs.ask("GET", "activities", params={"activityId": ACTIVITY}).json()["definition"]["extensions"]

    for n in range(3):
        lrs.post(said(object={"id": ACTIVITY, "definition": {"extensions": {f"http://example.org/{n}": "x" * 400}}}))
        assert set(known()) == {f"http://example.org/{m}" for m in ([2] if n == 2 else range(n + 1))}


def test_a_person_has_as_many_names_as_an_answer_holds(lrs: Lrs) -> None:
    lrs.post(*[said(actor={**ALICE, "name": f"{n}{'A' * 500}"}) for n in range(20)])
    answer = lrs.ask("GET", "agents", params={"agent": json.dumps({"mbox": ALICE["mbox"]})})
    assert 5 < len(answer.json()["name"]) < 20
    assert len(answer.content) < MOST + 1_000
