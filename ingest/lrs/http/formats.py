"""Statements as they are asked for: exact, with one language (canonical), or with what identifies only (ids)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from ingest.lrs.http.requests import Call
from ingest.lrs.rules import IDENTIFIERS

__all__ = ["as_asked", "chosen_language"]


def as_asked(statement: dict[str, Any], call: Call) -> dict[str, Any]:
    """A statement in the format of the request."""
    asked = call.parameters.get("format", "exact")
    if asked == "ids":
        return _identified(statement)
    if asked == "canonical":
        found = _in_one_language(statement, _wanted(call.headers.get("accept-language", "")))
        assert isinstance(found, dict)
        return found
    return statement


def _wanted(header: str) -> list[str]:
    """The languages of Accept-Language, the most wanted first."""
    found = []
    for n, part in enumerate(header.split(",")):
        tag, _, rest = part.strip().partition(";")
        try:
            weight = float(rest.strip().removeprefix("q=")) if rest.strip() else 1.0
        except ValueError:
            weight = 0.0
        if tag and weight > 0:
            found.append((-weight, n, tag.lower()))
    return [tag for _, _, tag in sorted(found)]


def chosen_language(languages: Sequence[str], wanted: Sequence[str]) -> str:
    """Which of a map's languages answers best: the same, then a narrower or wider one, then the first there is."""
    for tag in wanted:
        same = [x for x in languages if x.lower() == tag]
        near = [x for x in languages if x.lower().startswith(f"{tag}-") or tag.startswith(f"{x.lower()}-")]
        if same or near:
            return (same or near)[0]
    return languages[0]


def _in_one_language(node: Any, wanted: Sequence[str], name: str = "") -> Any:
    if isinstance(node, list):
        return [_in_one_language(x, wanted, name) for x in node]
    if not isinstance(node, dict) or name == "extensions":
        return node
    if name in ("display", "description") or (name == "name" and node):
        if not node:
            return node
        language = chosen_language(list(node), wanted)
        return {language: node[language]}
    return {k: _in_one_language(v, wanted, k) for k, v in node.items()}


def _identified(statement: Mapping[str, Any]) -> dict[str, Any]:
    found = dict(statement)
    for name in ("actor", "object", "authority"):
        if name in found:
            found[name] = _thing(found[name])
    found["verb"] = {"id": found["verb"]["id"]}
    if "context" in found:
        context = dict(found["context"])
        for name in ("instructor", "team"):
            if name in context:
                context[name] = _thing(context[name])
        if "contextActivities" in context:
            context["contextActivities"] = {
                kind: [_thing(a) for a in activities] if isinstance(activities, list) else _thing(activities)
                for kind, activities in context["contextActivities"].items()
            }
        for name, one in (("contextAgents", "agent"), ("contextGroups", "group")):
            if name in context:
                context[name] = [{**related, one: _thing(related[one])} for related in context[name]]
        found["context"] = context
    return found


def _thing(node: Mapping[str, Any]) -> dict[str, Any]:
    kind = node.get("objectType", "Activity" if "id" in node else "Agent")
    if kind == "SubStatement":
        return _identified(node)
    if kind in ("Agent", "Group"):
        identifiers = {k: v for k, v in node.items() if k in IDENTIFIERS}
        kept = {"objectType": kind} if "objectType" in node else {}
        if kind == "Group" and not identifiers:
            return {**kept, "member": [_thing(m) for m in node.get("member", ())]}
        return {**kept, **identifiers}
    return {k: v for k, v in node.items() if k in ("objectType", "id")}
