"""Facets: by what queries find a statement, taken from the statement as the log has it (keys in place of people)."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, NamedTuple

from ingest.lrs.standard.agents import person_keys, person_names
from ingest.lrs.standard.rules import VOIDED

__all__ = ["ASKED", "Facet", "Facts", "facets_of", "facts_of", "inherited", "verb_key", "voids"]


class Facet:
    """The kinds of facets; agents and activities that a statement names besides its actor and object are related ones."""

    VERB, AGENT, ACTIVITY, REGISTRATION, RELATED_AGENT, RELATED_ACTIVITY, AUTHORITY = range(7)


#: The kinds in which a query looks. A query for related agents or activities means the actor and object, too; each facet is kept once.
ASKED = {
    Facet.RELATED_AGENT: (Facet.AGENT, Facet.RELATED_AGENT, Facet.AUTHORITY),
    Facet.RELATED_ACTIVITY: (Facet.ACTIVITY, Facet.RELATED_ACTIVITY),
}


def _referenced(statement: Mapping[str, Any]) -> str | None:
    """The id of the statement that this statement is about."""
    target = statement["object"]
    return str(target["id"]).lower() if target.get("objectType") == "StatementRef" else None


def voids(statement: Mapping[str, Any]) -> str | None:
    """The id of the statement that this statement voids."""
    return _referenced(statement) if statement["verb"]["id"] == VOIDED else None


def facets_of(statement: Mapping[str, Any]) -> set[tuple[int, str]]:
    """The facets of a statement, without those that it inherits."""
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
    """What the index keeps of a statement besides its JSON.

    Attributes:
        statement_id: the id in small letters.
        facets: the statement's own facets.
        activities: ids and definitions of the activities that the statement and its substatement name; and :func:`verb_key` and display of
            their verbs.
        about: the id of the statement that this statement is about.
        voids: the id of the statement that this statement voids.
        people: keys and numbers ``<key>.<n>`` of the people that the statement names.
    """

    statement_id: str
    verb: str
    facets: set[tuple[int, str]]
    activities: list[tuple[str, Mapping[str, Any]]]
    about: str | None
    voids: str | None
    people: list[str]


def facts_of(statement: Mapping[str, Any]) -> Facts:
    """The facts of a statement."""
    activities = [(a["id"], a.get("definition", {})) for a in _activities_of(statement)]
    if statement["object"].get("objectType") == "SubStatement":
        activities += [(a["id"], a.get("definition", {})) for a in _activities_of(statement["object"])]
        activities += _displays_of(statement["object"]["verb"])
    activities += _displays_of(statement["verb"])
    statement_id, verb = str(statement["id"]).lower(), str(statement["verb"]["id"])
    people = [name for node in _people_of(statement) for name in person_names(node)]
    return Facts(statement_id, verb, facets_of(statement), activities, _referenced(statement), voids(statement), people)


def verb_key(verb_id: str) -> str:
    """The name of a verb's entry in the table of activities; it is no IRI, so that no activity has it."""
    return f"verb {verb_id}"


def _displays_of(verb: Mapping[str, Any]) -> list[tuple[str, Mapping[str, Any]]]:
    return [(verb_key(verb["id"]), {"display": verb["display"]})] if "display" in verb else []


def inherited(facets: Iterable[tuple[int, str]]) -> set[tuple[int, str]]:
    """The facets that a statement inherits from the statement that it is about.

    The authority of that one becomes a related agent: it has not stored this statement.
    """
    return {(Facet.RELATED_AGENT if f == Facet.AUTHORITY else f, value) for f, value in facets}


def _people_of(statement: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    """All agents and groups that a statement and its substatement name."""
    yield statement["actor"]
    if "authority" in statement:
        yield statement["authority"]
    yield from _others(statement)
    if statement["object"].get("objectType") == "SubStatement":
        yield statement["object"]["actor"]
        yield from _others(statement["object"])


def _others(statement: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    """All agents and groups that a statement names besides the actor and the authority."""
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
    """The object and the context's activities, without those of a substatement."""
    if statement["object"].get("objectType", "Activity") == "Activity":
        yield statement["object"]
    for found in statement.get("context", {}).get("contextActivities", {}).values():
        yield from found if isinstance(found, list) else [found]
