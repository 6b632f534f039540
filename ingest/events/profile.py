"""Our events as xAPI statements: the vocabulary of the profile in ``docs/xapi-profile/``, and what follows it.

A statement follows the profile when its verb is one of ours, which names the event's type; the event's payload is the extension
:data:`PAYLOAD` of its context, in the type's newest version. Staging makes the event of it; a statement that has our verb and no
such event is quarantined by the sink.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ingest.events.catalogue import Actor, EventSpec, catalogue, latest_version

__all__ = ["ENROLMENT", "PAYLOAD", "PROFILE", "ROLE", "SOURCE", "VERB", "is_staffs", "spec_of", "statement_of"]

PROFILE = "urn:xueqing:xapi"
#: A verb of ours is this and the event's type.
VERB = f"{PROFILE}:verb:"
PAYLOAD = f"{PROFILE}:extension:payload"
#: Whose deed an event is that learners and staff may do: ``learner`` or ``staff``.
ROLE = f"{PROFILE}:extension:role"
#: What brought the event in, where it is not the statement's client: simulated learners stay labelled as simulated.
SOURCE = f"{PROFILE}:extension:source"
#: The enrolment that a statement of another profile belongs to, for who wants to say it.
ENROLMENT = f"{PROFILE}:extension:enrolment"

#: Events about the store itself, and what is never a statement.
_OURS_ONLY = ("xapi.", "programme.")


def spec_of(verb_id: str) -> EventSpec | None:
    """The newest version of the event that a verb of ours says; None of another verb, or of a type that no statement may say."""
    event_type = verb_id.removeprefix(VERB)
    if event_type == verb_id or event_type.startswith(_OURS_ONLY):
        return None
    try:
        return catalogue()[event_type, latest_version(event_type)]
    except KeyError:
        return None


def is_staffs(spec: EventSpec, statement: Mapping[str, Any]) -> bool:
    """Whether the actor of such a statement is a member of staff."""
    if spec.actor is Actor.EITHER:
        extensions = statement.get("context", {}).get("extensions", {})
        return bool(extensions.get(ROLE) == "staff")
    return spec.actor is Actor.STAFF


def statement_of(
    event_id: str, spec: EventSpec, occurred_at: str, source: str, payload: Mapping[str, Any], actor: Mapping[str, Any],
    *, is_staff: bool,
) -> dict[str, Any]:  # fmt: skip
    """An event as a statement; what xAPI has a place for stands there, too.

    Args:
        payload: of the newest version.
        actor: an agent; who erased nothing and belongs to nobody is told by an agent of the store.
    """
    thing = next((str(v) for k, v in payload.items() if k.endswith("_id") and k != "enrolment_id"), spec.event_type)
    statement: dict[str, Any] = {
        "id": event_id,
        "actor": actor,
        "verb": {"id": f"{VERB}{spec.event_type}", "display": {"en": spec.event_type}},
        "object": {
            "objectType": "Activity",
            "id": f"{PROFILE}:activity:{_escaped(thing)}",
            "definition": {"type": f"{PROFILE}:activity-type:{spec.family}"},
        },
        "context": {
            "contextActivities": {"category": [{"id": PROFILE}]},
            "extensions": {PAYLOAD: payload, SOURCE: source, **({ROLE: "staff" if is_staff else "learner"} if spec.actor is Actor.EITHER else {})},
        },
        "timestamp": occurred_at,
    }  # fmt: skip
    seconds = payload.get("watched_s", payload.get("read_s"))
    if isinstance(seconds, int | float):
        statement["result"] = {"duration": f"PT{seconds:.2f}S"}
    grade = payload.get("grade", payload.get("score"))
    if isinstance(grade, int | float):
        statement["result"] = {"score": {"raw": grade, "min": 0, "max": 100, "scaled": round(grade / 100, 6)}}
    return statement


def _escaped(text: str) -> str:
    return "".join(c if c.isalnum() or c in "-._~" else "".join(f"%{b:02X}" for b in c.encode()) for c in text)
