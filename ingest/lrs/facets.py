"""By what a statement can be asked for, from the statement as the log has it (keys in place of people)."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, NamedTuple

from ingest.lrs.people import person_keys
from ingest.lrs.rules import VOIDED

__all__ = ["ASKED", "Facet", "Facts", "facets_of", "facts_of", "inherited", "voids"]


class Facet:
    """What a value is of, as the index has it: of what an agent or an activity is exactly, and of what besides."""

    VERB, AGENT, ACTIVITY, REGISTRATION, RELATED_AGENT, RELATED_ACTIVITY, AUTHORITY = range(7)


#: Who asks for related ones asks for those that it is exactly, too: each is kept once.
ASKED = {
    Facet.RELATED_AGENT: (Facet.AGENT, Facet.RELATED_AGENT, Facet.AUTHORITY),
    Facet.RELATED_ACTIVITY: (Facet.ACTIVITY, Facet.RELATED_ACTIVITY),
}


def _referenced(statement: Mapping[str, Any]) -> str | None:
    """The id of the statement that this one is about."""
    target = statement["object"]
    return str(target["id"]).lower() if target.get("objectType") == "StatementRef" else None


def voids(statement: Mapping[str, Any]) -> str | None:
    """The id of the statement that this one voids."""
    return _referenced(statement) if statement["verb"]["id"] == VOIDED else None


def facets_of(statement: Mapping[str, Any]) -> set[tuple[int, str]]:
    """Everything but what is inherited from the statement that it is about."""
    target, context = statement["object"], statement.get("context", {})
    kind = target.get("objectType", "Activity")
    actors = person_keys(statement["actor"])
    agents = {*actors, *person_keys(target)} if kind in ("Agent", "Group") else {*actors}
    activity = target["id"] if kind == "Activity" else None
    authority = person_keys(statement["authority"]) if "authority" in statement else []
    related = [key for node in _others(statement) for key in person_keys(node)]
    named = [a["id"] for a in _activities_of(statement)]
    if kind == "SubStatement":
        related += [key for node in (target["actor"], *_others(target)) for key in person_keys(node)]
        named += [a["id"] for a in _activities_of(target)]
    found = {(Facet.VERB, statement["verb"]["id"])}
    if "registration" in context:
        found.add((Facet.REGISTRATION, context["registration"].lower()))
    if activity is not None:
        found.add((Facet.ACTIVITY, activity))
    found.update([(Facet.AGENT, key) for key in agents])
    found.update([(Facet.AUTHORITY, key) for key in authority])
    found.update([(Facet.RELATED_AGENT, k) for k in related if k not in agents and k not in authority])
    found.update([(Facet.RELATED_ACTIVITY, a) for a in named if a != activity])
    return found


class Facts(NamedTuple):
    """What an index keeps of a statement besides itself.

    Attributes:
        statement_id: in small letters.
        facets: by what it can be asked for, but for what it inherits.
        activities: ids of those that it names, those of a substatement too, with what it says of each.
        about: the id of the statement that it is about.
        voids: the same, if it voids that one.
    """

    statement_id: str
    verb: str
    facets: set[tuple[int, str]]
    activities: list[tuple[str, Mapping[str, Any]]]
    about: str | None
    voids: str | None


def facts_of(statement: Mapping[str, Any]) -> Facts:
    """All of them."""
    activities = [(a["id"], a.get("definition", {})) for a in _activities_of(statement)]
    if statement["object"].get("objectType") == "SubStatement":
        activities += [(a["id"], a.get("definition", {})) for a in _activities_of(statement["object"])]
    statement_id, verb = str(statement["id"]).lower(), str(statement["verb"]["id"])
    return Facts(statement_id, verb, facets_of(statement), activities, _referenced(statement), voids(statement))


def inherited(facets: Iterable[tuple[int, str]]) -> set[tuple[int, str]]:
    """What a statement has of the one that it is about. Who has stored that one is related to it, and has not stored this one."""
    return {(Facet.RELATED_AGENT if f == Facet.AUTHORITY else f, value) for f, value in facets}


def _others(statement: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    """All but the actor and the authority."""
    if statement["object"].get("objectType") in ("Agent", "Group"):
        yield statement["object"]
    context = statement.get("context")
    if not context:
        return
    for name in ("instructor", "team"):
        if name in context:
            yield context[name]
    for name, one in (("contextAgents", "agent"), ("contextGroups", "group")):
        for related in context.get(name, ()):
            yield related[one]


def _activities_of(statement: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    """The object and the context's activities, those of a substatement apart."""
    if statement["object"].get("objectType", "Activity") == "Activity":
        yield statement["object"]
    for found in statement.get("context", {}).get("contextActivities", {}).values():
        yield from found if isinstance(found, list) else [found]
