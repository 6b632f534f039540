from __future__ import annotations

import json
from datetime import UTC
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingest.events import Refusal, catalogue, encode, format_time, latest_version, parse_time, upcast, validate
from ingest.events.learning import VideoWatched
from tests import samples

GOLDEN = Path(__file__).parents[1] / "golden" / "events"
KEYS = sorted(catalogue())
# DOMAIN's list of events, restated; the catalogue may hold more, never fewer.
DOMAIN = [
    "enrolment.opened",
    "enrolment.transferred",
    "enrolment.withdrawn",
    "group.named",
    "session.started",
    "diagnostic.submitted",
    "diagnostic.tier_changed",
    "course.selected",
    "course.deselected",
    "video.watched",
    "text.read",
    "post.published",
    "post.judged",
    "post.voided",
    "journal.published",
    "journal.featured",
    "assignment.submitted",
    "assignment.graded",
    "assignment.featured",
    "unit.completed",
    "peer_review.submitted",
    "practice.awarded",
    "outcome.submitted",
    "outcome.approved",
    "outcome.rejected",
    "resource.shared",
    "contest.entered",
    "vote.cast",
    "staff.appointed",
    "announcement.published",
    "briefing.published",
    "workshop_activity.held",
    "photo.uploaded",
    "article.published",
    "qa_session.held",
    "qa_session.attended",
    "reminder.sent",
    "support.opened",
    "support.closed",
    "survey.answered",
    "award.granted",
    "result.recorded",
    "totals.reported",
    "event.voided",
    "learner.erased",
    "xapi.statement_stored",
    "xapi.statement_voided",
]


def test_every_event_of_the_domain_is_in_the_catalogue() -> None:
    assert set(DOMAIN) <= {t for t, _ in KEYS}


def test_there_is_a_golden_file_for_every_released_version_and_no_other() -> None:
    assert {p.stem for p in GOLDEN.glob("*.json")} == {f"{t}.{v}" for t, v in KEYS}


@pytest.mark.parametrize(("event_type", "version"), KEYS)
def test_golden_event_is_still_accepted(event_type: str, version: int) -> None:
    text = (GOLDEN / f"{event_type}.{version}.json").read_bytes()
    found = validate(text, samples.RECORDED)
    assert not isinstance(found, Refusal), found
    assert (found.event_type, found.event_version) == (event_type, version)


@pytest.mark.parametrize(("event_type", "version"), KEYS)
def test_golden_event_upcasts_to_the_newest_version(event_type: str, version: int) -> None:
    document = json.loads((GOLDEN / f"{event_type}.{version}.json").read_text())
    newest, payload = upcast(event_type, version, document["payload"])
    assert newest == latest_version(event_type)
    upgraded = samples.encode(document | {"event_version": newest, "payload": payload})
    assert not isinstance(validate(upgraded, samples.RECORDED), Refusal)


def test_the_old_video_watched_keeps_its_duration_under_the_new_name() -> None:
    document = json.loads((GOLDEN / "video.watched.1.json").read_text())
    _, payload = upcast("video.watched", 1, document["payload"])
    assert payload["watched_s"] == document["payload"]["seconds"]
    assert payload["position_s"] == document["payload"]["position"]


GOOD = json.loads((GOLDEN / "video.watched.2.json").read_text())


def _with(**changes: Any) -> bytes:
    return samples.encode(GOOD | changes)


def _payload(**changes: Any) -> bytes:
    return samples.encode(GOOD | {"payload": GOOD["payload"] | changes})


@pytest.mark.parametrize(
    ("value", "reason", "field"),
    [
        (None, "empty_record", ""),
        (b"", "empty_record", ""),
        (b"not json", "not_json", ""),
        (b'{"a": 1,}', "not_json", ""),
        (b'{"a": NaN}', "not_json", ""),
        (b'{"a": "\\ud800"}', "not_json", ""),
        (b"[" * 100_000, "too_deep", ""),
        (b'{"a": 1, "\\u0061": 2}', "repeated_name", ""),
        (b'{"a": [{"b": {}, "b": 1}]}', "repeated_name", ""),
        (b"\xff\xfe{}", "not_utf8", ""),
        (b"[1]", "not_an_object", ""),
        (b"x" * 5_000_000, "record_too_large", ""),
        (b"{}", "missing_field", "event_id"),
        (_with(event_type="video.dreamt"), "unknown_event_type", "event_type"),
        (_with(event_version=99), "unknown_event_version", "event_version"),
        (_with(event_version="2"), "wrong_type", "event_version"),
        (_with(event_id="abc"), "out_of_bounds", "event_id"),
        (_with(event_id="3F2B8C1E-0D4A-4C55-9E6F-7A8B9C0D1E2F"), "bad_format", "event_id"),
        (_with(occurred_at="2017-10-12T08:00:00"), "naive_time", "occurred_at"),
        (_with(occurred_at="yesterday"), "bad_format", "occurred_at"),
        (_with(occurred_at="2017-02-30T08:00:00Z"), "bad_format", "occurred_at"),
        (_with(occurred_at="2018-10-12T08:00:00Z"), "time_in_future", "occurred_at"),
        (_with(occurred_at="1970-01-01T00:00:00Z"), "out_of_bounds", "occurred_at"),
        (_with(learner_key=None), "wrong_actor", "learner_key"),
        (_with(staff_key="Sabcdefgh1"), "wrong_actor", "learner_key"),
        (_with(programme_id="a\n"), "bad_format", "programme_id"),
        (_with(payload=[]), "wrong_type", "payload"),
        (_payload(watched_s=-1), "out_of_bounds", "payload.watched_s"),
        (_payload(watched_s=86_401), "out_of_bounds", "payload.watched_s"),
        (_payload(watched_s="60"), "wrong_type", "payload.watched_s"),
        (_payload(enrolment_id=None), "wrong_type", "payload.enrolment_id"),
        (_payload(enrolment_id=""), "out_of_bounds", "payload.enrolment_id"),
    ],
)  # fmt: skip
def test_a_bad_record_is_refused_for_its_reason(value: bytes | None, reason: str, field: str) -> None:
    found = validate(value, samples.RECORDED)
    assert isinstance(found, Refusal)
    assert (found.reason, found.field) == (reason, field)


@given(samples.events())
def test_every_good_event_is_accepted(event: dict[str, Any]) -> None:
    found = validate(samples.encode(event), samples.RECORDED)
    assert not isinstance(found, Refusal), found


@pytest.mark.parametrize("name", sorted(GOOD))
def test_a_refusal_never_repeats_a_value(name: str) -> None:
    for canary in ("张三丰 13800138000", {"张三丰 13800138000": 1}, ["张三丰 13800138000"]):
        found = validate(_with(**{name: canary}), samples.RECORDED)
        assert isinstance(found, Refusal) or name in ("programme_id", "source", "event_type")
        assert "张三丰" not in repr(found) or not isinstance(found, Refusal)


@given(st.datetimes(timezones=st.timezones()))
def test_times_survive_the_wire(moment: Any) -> None:
    try:
        text = format_time(moment)
    except OverflowError:
        return
    assert parse_time(text) == moment.astimezone(UTC)


def test_producing_takes_the_right_payload_and_an_offset() -> None:
    payload = VideoWatched(enrolment_id="e-1", course_id="c-1", watched_s=60)
    good = {"event_id": GOOD["event_id"], "occurred_at": samples.RECORDED, "programme_id": "p", "source": "s"}
    value = encode(payload, event_type="video.watched", learner_key="Labcdefgh1", **good)
    assert not isinstance(validate(value, samples.RECORDED), Refusal)
    with pytest.raises(TypeError):
        encode(payload, event_type="text.read", learner_key="Labcdefgh1", **good)
    with pytest.raises(ValueError):
        encode(payload, event_type="video.watched", **(good | {"occurred_at": samples.RECORDED.replace(tzinfo=None)}))
