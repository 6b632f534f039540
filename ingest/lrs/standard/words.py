"""What of a statement is a person's own words, which the log has sealed; the rest is ids, numbers, times, verbs, activities and codes.

Hidden are the response, extensions (but for numbers, truth values and those that rules read), the platform, the revision and the
attachments with their names; of a substatement, too. (docs/decisions/0010)
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from ingest.events.free_text import readable_members
from ingest.events.profile import ENROLMENT, PAYLOAD, ROLE, SOURCE, spec_of

__all__ = ["SEALED", "attachments_of", "divided_statement"]

#: The member of a statement in the log that holds what is hidden; no client may send it.
SEALED = "sealed"
#: Extensions that staging reads: ids and codes.
_READ = frozenset(
    {
        ROLE, SOURCE, ENROLMENT,
        "https://w3id.org/xapi/video/extensions/played-segments",
        "https://w3id.org/xapi/video/extensions/session-id",
        "https://w3id.org/xapi/cmi5/context/extensions/sessionid",
    }
)  # fmt: skip
_OF_CONTEXT = ("platform", "revision")
Divided = tuple[dict[str, Any], dict[str, Any]]


def divided_statement(statement: dict[str, Any]) -> Divided:
    """What stays readable, and what is hidden: nothing, or the same members without the readable ones.

    ``ingest.events.free_text.merged`` makes one of both.
    """
    plain, hidden = statement, dict[str, Any]()
    for name in ("result", "context"):
        part = statement.get(name)
        if part:
            kept, words = _divided_part(part, str(statement["verb"]["id"]))
            if words:
                plain, hidden = {**plain, name: kept}, {**hidden, name: words}
    if "attachments" in statement:
        plain = {k: v for k, v in plain.items() if k != "attachments"}
        hidden["attachments"] = statement["attachments"]
    target = statement["object"]
    if target.get("objectType") == "SubStatement":
        kept, words = divided_statement(target)
        if words:
            plain, hidden = {**plain, "object": kept}, {**hidden, "object": words}
    return plain, hidden


def _divided_part(part: dict[str, Any], verb: str) -> Divided:
    hidden = {k: v for k, v in part.items() if k == "response" or k in _OF_CONTEXT}
    extensions = part.get("extensions")
    if extensions:
        kept, words = _divided_extensions(extensions, verb)
        if words:
            hidden["extensions"] = words
            part = {**part, "extensions": kept}
    if not hidden:
        return part, hidden
    return {k: v for k, v in part.items() if k == "extensions" or k not in hidden}, hidden


def _divided_extensions(extensions: dict[str, Any], verb: str) -> Divided:
    kept, hidden = dict[str, Any](), dict[str, Any]()
    for name, value in extensions.items():
        if name in _READ or value is None or isinstance(value, int | float | msgspec.Raw):
            kept[name] = value
        elif name == PAYLOAD and isinstance(value, dict):
            kept[name], words = _divided_payload(value, verb)
            if words:
                hidden[name] = words
        else:
            hidden[name] = value
    return kept, hidden


def _divided_payload(payload: Mapping[str, Any], verb: str) -> Divided:
    """An event of ours that a statement carries: what its type has no member for is hidden as in an event's own record."""
    spec = spec_of(verb)
    members = readable_members(spec.payload) if spec is not None else ()
    kept = {k: v for k, v in payload.items() if k in members}
    return kept, {k: v for k, v in payload.items() if k not in members}


def attachments_of(statement: Mapping[str, Any]) -> Sequence[Mapping[str, Any]]:
    """The attachments of a statement, and of its substatement."""
    within = statement["object"] if statement["object"].get("objectType") == "SubStatement" else {}
    return [*statement.get("attachments", ()), *within.get("attachments", ())]
