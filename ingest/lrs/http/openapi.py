"""The description of the server in OpenAPI 3.1."""

from __future__ import annotations

from collections.abc import Mapping
from importlib.metadata import version
from typing import Any

from ingest.lrs.standard.rules import VERSIONS

__all__ = ["description"]

_JSON = "application/json"
_OBJECT: dict[str, Any] = {"type": "object"}
_ANY: dict[str, Any] = {}
_UUID = {"type": "string", "format": "uuid"}
_TIME = {"type": "string", "format": "date-time"}
_IRI = {"type": "string", "format": "iri"}
_AGENT = {"description": "an agent or identified group", "contentMediaType": _JSON, "type": "string"}
_TRUTH = {"type": "string", "enum": ["true", "false"]}
_ERROR = {"type": "object", "required": ["error"], "properties": {"error": {"type": "string"}}}
_WHY = {
    "400": "not as xAPI says; `error` names the property", "401": "no key, or one that is not good", "403": "the key may not",
    "404": "there is none", "405": "another method", "408": "the body came too slowly", "409": "it says something else",
    "412": "it has changed", "413": "too large", "415": "another type or encoding", "422": "no event was taken",
    "429": "too much waits; come again after Retry-After", "503": "the log cannot be reached, or too much is held; Retry-After",
}  # fmt: skip


def _answers(good: Mapping[str, tuple[str, Mapping[str, Any] | None]], *others: str) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for status, (what, schema) in good.items():
        found[status] = {"description": what}
        if schema is not None:
            found[status]["content"] = {_JSON: {"schema": schema}}
    for status in ("401", "403", *others):
        found[status] = {"description": _WHY[status], "content": {_JSON: {"schema": _ERROR}}}
    return found


def _parameters(*required: str, **schemas: Any) -> list[dict[str, Any]]:
    return [
        {"name": name, "in": "query", "required": name in required, "schema": dict(schema)}
        for name, schema in schemas.items()
    ]


_VERSION = {
    "name": "X-Experience-API-Version", "in": "header", "required": True, "schema": {"type": "string", "enum": list(VERSIONS)},
}  # fmt: skip


def _xapi(
    summary: str, answers: Mapping[str, Any], parameters: list[dict[str, Any]], body: Any = None
) -> dict[str, Any]:
    found: dict[str, Any] = {"summary": summary, "parameters": [_VERSION, *parameters], "responses": answers}
    if body is not None:
        found["requestBody"] = {"required": True, "content": body}
    return found


def _documents(what: str, place: list[dict[str, Any]], id_name: str) -> dict[str, Any]:
    one = [*place, *_parameters(id_name, **{id_name: {"type": "string", "minLength": 1}})]
    some = [*place, *_parameters(**{id_name: {"type": "string", "minLength": 1}, "since": _TIME})]
    body = {_JSON: {"schema": _ANY}, "application/octet-stream": {"schema": {"type": "string", "format": "binary"}}}
    stored = {"204": ("done", None)}
    bad = ("400", "408", "409", "412", "413", "415", "429", "503")
    return {
        "get": _xapi(f"{what}, or the ids of all", _answers({"200": ("it, or the ids", _ANY)}, "400", "404"), some),
        "put": _xapi(f"Store {what}", _answers(stored, *bad), one, body),
        "post": _xapi(f"Store {what}, JSON merged into what there is", _answers(stored, *bad), one, body),
        "delete": _xapi(f"Delete {what}", _answers(stored, *bad), some if id_name == "stateId" else one),
    }


def description(base_url: str, prefix: str, body_bytes: int) -> dict[str, Any]:
    """The description of a server at ``base_url``."""
    activity, agent = _parameters("activityId", activityId=_IRI), _parameters("agent", agent=_AGENT)
    statement = {_JSON: {"schema": _OBJECT}}
    batch = {
        _JSON: {"schema": {"oneOf": [_OBJECT, {"type": "array", "items": _OBJECT}]}},
        "multipart/mixed": {"schema": _ANY},
    }
    bad = ("400", "408", "409", "413", "415", "429", "503")
    filters = _parameters(
        statementId=_UUID, voidedStatementId=_UUID, agent=_AGENT, verb=_IRI, activity=_IRI, registration=_UUID,
        related_activities=_TRUTH, related_agents=_TRUTH, since=_TIME, until=_TIME,
        limit={"type": "integer", "minimum": 0}, format={"type": "string", "enum": ["ids", "exact", "canonical"]},
        attachments=_TRUTH, ascending=_TRUTH,
    )  # fmt: skip
    event = {
        "type": "object",
        "required": ["event_id", "event_type", "event_version", "occurred_at", "programme_id", "source", "payload"],
    }
    taken = {
        "type": "object", "required": ["accepted", "repeated", "refused", "events"],
        "properties": {
            **{name: {"type": "integer"} for name in ("accepted", "repeated", "refused")},
            "events": {"type": "array", "items": {"type": "object", "required": ["status"]}},
        },
    }  # fmt: skip
    collected = _answers(
        {"200": ("what became of each", taken), "422": (_WHY["422"], taken)}, "400", "408", "413", "415", "429", "503"
    )
    told = {"responses": {"200": {"description": "so it is"}}, "security": []}
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Xueqing", "version": version("xueqing"),
            "description": f"xAPI {' and '.join(VERSIONS)}, and a collector of learner events. A body holds at most {body_bytes:,} bytes"
            " (Content-Encoding gzip or zstd, unpacked).",
        },
        "servers": [{"url": base_url}],
        "components": {
            "securitySchemes": {"key": {"type": "http", "scheme": "basic"}, "token": {"type": "http", "scheme": "bearer"}}
        },
        "security": [{"key": []}, {"token": []}],
        "paths": {
            f"{prefix}/statements": {
                "get": _xapi("A statement, or those that match", _answers({"200": ("statements", _OBJECT)}, "400", "404"), filters),
                "put": _xapi("Store a statement under its id", _answers({"204": ("durable", None)}, *bad), _parameters("statementId", statementId=_UUID), statement),
                "post": _xapi("Store statements, all or none", _answers({"200": ("durable; their ids", {"type": "array", "items": _UUID})}, *bad), [], batch),
            },
            f"{prefix}/activities/state": _documents("a state", [*activity, *agent, *_parameters(registration=_UUID)], "stateId"),
            f"{prefix}/activities/profile": _documents("an activity's profile", activity, "profileId"),
            f"{prefix}/agents/profile": _documents("an agent's profile", agent, "profileId"),
            f"{prefix}/agents": {"get": _xapi("All that is known of who an agent is", _answers({"200": ("a person", _OBJECT)}, "400"), agent)},
            f"{prefix}/activities": {"get": _xapi("What was said of an activity", _answers({"200": ("an activity", _OBJECT)}, "400", "404"), activity)},
            f"{prefix}/about": {"get": {"summary": "The versions that are spoken", **told}},
            "/events": {
                "post": {
                    "summary": "Take events (docs/events.md), each answered for by itself",
                    "requestBody": {"required": True, "content": {_JSON: {"schema": {"oneOf": [event, {"type": "array", "items": event}]}}, "application/x-ndjson": {"schema": {"type": "string"}}}},
                    "responses": collected,
                }
            },
            "/caliper": {
                "post": {
                    "summary": "Take an envelope of Caliper 1.1 or 1.2 (docs/sources.md), each of its events answered for by itself",
                    "requestBody": {"required": True, "content": {_JSON: {"schema": _OBJECT}}},
                    "responses": collected,
                }
            },
            "/live": {"get": {"summary": "What arrived in the last minutes", "responses": _answers({"200": ("counts", _OBJECT)})}},
            "/health": {"get": {"summary": "That it runs", **told}},
            "/ready": {"get": {"summary": "That the log can be reached", "responses": {"200": {"description": "it can"}, "503": {"description": "it cannot"}}, "security": []}},
            "/metrics": {"get": {"summary": "Metrics for Prometheus", **told}},
        },
    }  # fmt: skip
