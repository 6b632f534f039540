"""The formats of statements: exact, canonical (each map in one language), and ids (identifiers only)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from ingest.lrs.http.languages import Wanted, chosen_language, wanted_languages
from ingest.lrs.http.requests import Call
from ingest.lrs.standard.facets import verb_key
from ingest.lrs.standard.rules import IDENTIFIERS

__all__ = ["FORMATS", "as_asked", "named_in", "with_definitions"]

FORMATS = ("exact", "ids", "canonical")


def as_asked(statement: dict[str, Any], call: Call) -> dict[str, Any]:
    """A statement in the format of the request.

    In every format the context's activities are lists, also where a client sent a single one (1.0.3, part 2, 2.4.6.2).
    """
    statement = _with_lists(statement)
    asked = call.parameters.get("format", "exact")
    if asked == "ids":
        return _identified(statement)
    if asked == "canonical":
        found = _in_one_language(statement, wanted_languages(call.headers.get("accept-language", "")))
        assert isinstance(found, dict)
        return found
    return statement


def _with_lists(statement: dict[str, Any]) -> dict[str, Any]:
    """A statement whose context's activities are lists, in the substatement, too."""
    found = statement
    if found["object"].get("objectType") == "SubStatement":
        within = _with_lists(found["object"])
        found = found if within is found["object"] else {**found, "object": within}
    activities = found.get("context", {}).get("contextActivities", {})
    if all(isinstance(some, list) for some in activities.values()):
        return found
    lists = {kind: some if isinstance(some, list) else [some] for kind, some in activities.items()}
    return {**found, "context": {**found["context"], "contextActivities": lists}}


def named_in(statement: Mapping[str, Any]) -> Iterator[str]:
    """The names under which the store has definitions for a statement: its activities and verbs, those of a substatement, too."""
    yield verb_key(statement["verb"]["id"])
    target = statement["object"]
    kind = target.get("objectType", "Activity")
    if kind == "SubStatement":
        yield from named_in(target)
    elif kind == "Activity":
        yield target["id"]
    for some in statement.get("context", {}).get("contextActivities", {}).values():
        yield from (activity["id"] for activity in (some if isinstance(some, list) else [some]))


def with_definitions(statement: dict[str, Any], known: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
    """A statement with the store's definitions in place of its own.

    Args:
        known: definitions by the names of :func:`named_in`.
    """

    def defined(activity: Mapping[str, Any]) -> Mapping[str, Any]:
        definition = known.get(activity["id"])
        return {**activity, "definition": definition} if definition else activity

    found = {**statement, "verb": {**statement["verb"], **known.get(verb_key(statement["verb"]["id"]), {})}}
    target = statement["object"]
    kind = target.get("objectType", "Activity")
    if kind == "SubStatement":
        found["object"] = with_definitions(target, known)
    elif kind == "Activity":
        found["object"] = defined(target)
    activities = statement.get("context", {}).get("contextActivities")
    if activities:
        lists = {
            k: [defined(a) for a in some] if isinstance(some, list) else defined(some) for k, some in activities.items()
        }
        found["context"] = {**statement["context"], "contextActivities": lists}
    return found


def _in_one_language(node: Any, wanted: Wanted, name: str = "") -> Any:
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
                kind: [_thing(a) for a in activities] for kind, activities in context["contextActivities"].items()
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
    # An object without an objectType is an activity.
    return {k: v for k, v in node.items() if k == "id" or (k == "objectType" and v != "Activity")}
