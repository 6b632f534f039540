"""Envelopes of Caliper, posted as sensors do."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from starlette.testclient import TestClient

from ingest.lrs.attachments import Attachments
from ingest.lrs.http import Access, make_app
from ingest.sources.caliper import agent_of
from ingest.sources.counting import Counting
from tests.lrs_help import Lrs

VERSION = "http://purl.imsglobal.org/ctx/caliper/v1p2"
LEARNER = "https://lms.example.org/users/7"


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Lrs]:
    lrs = Lrs(tmp_path)
    yield lrs
    lrs.close()


def event(number: int, kind: str = "ViewEvent", action: str = "Viewed", **more: Any) -> dict[str, Any]:
    return {
        "@context": VERSION, "id": f"urn:uuid:00000000-0000-4000-8000-{number:012}", "type": kind, "action": action,
        "actor": {"id": LEARNER, "type": "Person", "name": "Wang Fang"}, "object": {"id": "https://lms.example.org/pages/1", "type": "Page"},
        "eventTime": "2017-10-12T08:30:00.000Z", "group": {"id": "https://lms.example.org/courses/1", "type": "CourseSection"},
    } | more  # fmt: skip


def post(store: Lrs, *data: Any, key: str | None = None, **envelope: Any) -> tuple[int, dict[str, Any]]:
    body = {
        "sensor": "https://lms.example.org/sensor",
        "sendTime": "2017-10-12T08:31:00Z",
        "dataVersion": VERSION,
        "data": list(data),
    }
    answer = store.client.post("/caliper", json=body | envelope, headers={"authorization": key or store.usual})
    return answer.status_code, answer.json()


def written(store: Lrs) -> list[dict[str, Any]]:
    with store.log.reader(lambda partition: 0) as reader:
        return [
            json.loads(value) for part in reader.poll(1_000, 1 << 20, 0.0) for value in part.values if value is not None
        ]


def test_each_event_of_an_envelope_is_answered_for_is_durable_and_counts_once(store: Lrs) -> None:
    store.people.learn([agent_of(LEARNER)])
    learner = store.people.key_of(agent_of(LEARNER))
    roster = {
        "event_id": "11111111-2222-4333-8444-555555555555", "event_type": "enrolment.opened", "event_version": 1, "source": "roster",
        "occurred_at": "2017-10-01T00:00:00Z", "programme_id": "p", "learner_key": learner,
        "payload": {"enrolment_id": "enrolment-7", "class_id": "one"},
    }  # fmt: skip
    assert store.client.post("/events", json=roster, headers={"authorization": store.usual}).status_code == 200
    entity = {"id": LEARNER, "type": "Person", "name": "Wang Fang"}
    status, told = post(
        store, event(1), entity, event(2, "ToolUseEvent", "Used"), event(3, eventTime="2117-10-12T08:30:00Z"),
        event(4, actor={"id": "https://lms.example.org/robot", "type": "SoftwareApplication"}),
    )  # fmt: skip
    assert status == 200
    assert [(e["status"], e.get("event_type", e.get("reason"))) for e in told["events"]] == [
        ("accepted", "content.accessed"), ("ignored", None), ("accepted", "platform.event_recorded"), ("refused", "time_in_future"),
        ("refused", "no_event"),
    ]  # fmt: skip
    assert (told["accepted"], told["repeated"], told["refused"]) == (2, 0, 2)
    _, viewed, used = written(store)
    assert (viewed["learner_key"], viewed["payload"]["enrolment_id"], viewed["source"]) == (
        learner,
        "enrolment-7",
        "caliper",
    )
    assert (used["payload"]["name"], used["payload"]["reason"]) == ("ToolUseEvent Used", "not_named")
    assert "Wang" not in json.dumps([viewed, used])
    again = post(store, event(1), event(2, "ToolUseEvent", "Used"))[1]
    assert [e["status"] for e in again["events"]] == ["repeated", "repeated"]
    assert len(written(store)) == 3


def test_without_an_enrolment_an_event_is_kept_and_a_key_with_the_right_opens_one_from_the_programmes_first_day(
    store: Lrs,
) -> None:
    _, told = post(store, event(1))
    assert [e["event_type"] for e in told["events"]] == ["platform.event_recorded"]
    (kept,) = written(store)
    assert kept["payload"]["reason"] == "no_enrolment"
    row = {
        "platform": "caliper",
        "event": "ToolUseEvent Used",
        "condition": "*",
        "learner": "",
        "counts_as": "session.started",
    }
    app = make_app(
        store.store, Access(store.keys), Attachments(store.folder / "a", store.people.sealer), base_url="http://127.0.0.1",
        counting_of=lambda programme_id: (Counting("caliper", [row]), "2017-10-09T16:00:00Z"),
    )  # fmt: skip
    body = {
        "sensor": "s",
        "sendTime": "x",
        "dataVersion": VERSION,
        "data": [event(1), event(2, "ToolUseEvent", "Used")],
    }
    with TestClient(app) as client:
        key = store.key("events/write", "enrolments/open")
        answer = client.post("/caliper", json=body, headers={"authorization": key}).json()
    assert [(e["status"], e["event_type"]) for e in answer["events"]] == [
        ("accepted", "content.accessed"),
        ("accepted", "session.started"),
    ]
    _, opened, viewed, used = written(store)
    assert (opened["event_type"], opened["occurred_at"]) == ("enrolment.opened", "2017-10-09T16:00:00Z")
    assert opened["payload"]["enrolment_id"] == viewed["payload"]["enrolment_id"] == used["payload"]["enrolment_id"]
    # The event that was kept before has now come to count.
    assert kept["payload"]["counted_id"] == viewed["event_id"]


def test_a_key_is_taken_as_bearer_too_and_needs_the_right_to_send_events(store: Lrs) -> None:
    secret = base64.b64decode(store.usual.removeprefix("Basic ")).decode()
    assert post(store, event(1), key=f"Bearer {secret}")[0] == 200
    assert post(store, event(1), key="Bearer wrong:secret")[0] == 401
    assert post(store, event(1), key=store.key("statements/write"))[0] == 403


@pytest.mark.parametrize(
    ("envelope", "status", "told"),
    [
        ({"dataVersion": "http://purl.imsglobal.org/ctx/caliper/v2"}, 422, "dataVersion"),
        ({"sensor": None}, 400, "sensor"),
        ({"data": {}}, 400, "a list data"),
    ],
)
def test_what_is_no_envelope_is_refused_with_what_one_has(
    store: Lrs, envelope: dict[str, Any], status: int, told: str
) -> None:
    code, answer = post(store, event(1), **envelope)
    assert code == status
    assert told in answer["error"]
    assert written(store) == []


def test_an_envelope_of_entities_alone_is_no_error(store: Lrs) -> None:
    assert post(store, {"id": LEARNER, "type": "Person"})[0] == 200
    assert (
        store.client.post(
            "/caliper", content=b"{", headers={"authorization": store.usual, "content-type": "application/json"}
        ).status_code
        == 400
    )
