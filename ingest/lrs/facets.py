"""By what a statement can be asked for, from the statement as the log has it (keys in place of people)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from enum import IntEnum
from typing import Any

from ingest.lrs.people import person_keys
from ingest.lrs.rules import VOIDED

__all__ = ["Facet", "activities_of", "facets_of", "referenced", "voids"]


class Facet(IntEnum):
    """What a value is of."""

    VERB = 0
    AGENT = 1
    ACTIVITY = 2
    REGISTRATION = 3
    RELATED_AGENT = 4
    RELATED_ACTIVITY = 5
    AUTHORITY = 6


def referenced(statement: Mapping[str, Any]) -> str | None:
    """The id of the statement that this one is about."""
    target = statement["object"]
    return str(target["id"]).lower() if target.get("objectType") == "StatementRef" else None


def voids(statement: Mapping[str, Any]) -> str | None:
    """The id of the statement that this one voids."""
    return referenced(statement) if statement["verb"]["id"] == VOIDED else None


def facets_of(statement: Mapping[str, Any]) -> set[tuple[Facet, str]]:
    """Everything but what is inherited from the statement that it is about."""
    found = {(Facet.VERB, str(statement["verb"]["id"]))}
    target = statement["object"]
    kind = target.get("objectType", "Activity")
    for node in (statement["actor"], *([target] if kind in ("Agent", "Group") else [])):
        found |= {(Facet.AGENT, key) for key in person_keys(node)}
    if kind == "Activity":
        found.add((Facet.ACTIVITY, str(target["id"])))
    registration = statement.get("context", {}).get("registration")
    if registration is not None:
        found.add((Facet.REGISTRATION, str(registration).lower()))
    found |= {(Facet.AUTHORITY, key) for key in person_keys(statement.get("authority", {}))}
    related = [statement, *([target] if kind == "SubStatement" else [])]
    for one in related:
        found |= {(Facet.RELATED_AGENT, key) for node in _agents(one) for key in person_keys(node)}
        found |= {(Facet.RELATED_ACTIVITY, str(activity["id"])) for activity in activities_of(one)}
    return found


def _agents(statement: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    yield statement["actor"]
    if statement["object"].get("objectType") in ("Agent", "Group"):
        yield statement["object"]
    if "authority" in statement:
        yield statement["authority"]
    context = statement.get("context", {})
    for name in ("instructor", "team"):
        if name in context:
            yield context[name]
    for name, one in (("contextAgents", "agent"), ("contextGroups", "group")):
        for related in context.get(name, ()):
            yield related[one]


def activities_of(statement: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    """The object and the context's activities, those of a substatement apart."""
    if statement["object"].get("objectType", "Activity") == "Activity":
        yield statement["object"]
    for found in statement.get("context", {}).get("contextActivities", {}).values():
        yield from found if isinstance(found, list) else [found]
