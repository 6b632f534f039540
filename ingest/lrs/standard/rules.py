"""What a statement must be by xAPI 1.0.3 and 2.0.0 (IEEE 9274.1.1): its shape, and what one property demands of another."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from decimal import Decimal
from typing import Any, TypeVar

import msgspec
from msgspec import UNSET, UnsetType

from ingest.events.numbers import exact
from ingest.lrs.remembered import Remembered
from ingest.lrs.standard.formats import (
    MOST_ASKED_BYTES,
    instant,
    is_askable,
)
from ingest.lrs.standard.shapes import (
    Activity,
    Agent,
    Component,
    Context,
    Group,
    Identified,
    Reference,
    Related,
    Said,
    Score,
    Statement,
    SubStatement,
    Verb,
)

__all__ = ["IDENTIFIERS", "VERSIONS", "VOIDED", "BadStatement", "check_agent", "check_statement", "shaped"]

#: The versions of xAPI that the server speaks, the newest patch of each.
VERSIONS = ("1.0.3", "2.0.0")
VOIDED = "http://adlnet.gov/expapi/verbs/voided"
#: Inverse functional identifiers: an agent has exactly one.
IDENTIFIERS = ("mbox", "mbox_sha1sum", "openid", "account")

_AT = re.compile(r" - at `(key` in `)?\$\.?([^`]*)`\Z")
_NAMED = re.compile(r"(?:missing required|contains unknown) field `([^`]*)`")
_COMPONENT_LISTS = ("choices", "scale", "source", "target", "steps")
_CONTEXT_KINDS = ("parent", "grouping", "category", "other")

#: Statements repeat agents, verbs and activities: the checks remember so many that were good, of so many bytes at most.
_KNOWN, _KNOWN_BYTES = 20_000, 2_000
_good: Remembered[bytes, None] = Remembered(_KNOWN)
_encode = msgspec.json.Encoder().encode

T = TypeVar("T")


class BadStatement(ValueError):
    """Not a statement.

    The message has the path of the property at fault and what it should be. It repeats no value, which may be a name.
    """

    def __init__(self, where: str, why: str) -> None:
        super().__init__(f"{where}: {why}" if where else why)
        self.where, self.why = where, why


def check_statement(statement: object, version: str = VERSIONS[-1]) -> None:
    """Check a parsed statement by the version of xAPI that the client speaks.

    Raises:
        BadStatement: it is not a statement of that version.
    """
    if not isinstance(statement, dict):
        raise BadStatement("", "a statement is a JSON object")
    said = shaped(statement, Statement, "")
    _check_said(said, version, "")
    if said.verb["id"] == VOIDED and said.object.get("objectType") != "StatementRef":
        raise BadStatement("object", "of the verb voided: a StatementRef")
    if said.version is not UNSET and version.startswith("1.") and not said.version.startswith("1."):
        raise BadStatement("version", "1.0.x, of who speaks xAPI 1.0.3")
    if said.stored is not UNSET:
        _check_time(said.stored, "stored")
    if said.authority is not UNSET:
        _check_authority(said.authority)


def _check_once(check: Callable[[object, str], None], kind: bytes, node: object, where: str) -> None:
    """Check a part of a statement, unless the same text was good before: that takes a tenth of the time."""
    mark = kind + _encode(node)
    if mark in _good:
        return
    check(node, where)
    if len(mark) <= _KNOWN_BYTES:
        _good.keep(mark, None)


def check_agent(node: object, where: str = "agent", *, may_be_group: bool = True) -> None:
    """Check that ``node`` is an agent or, where that is allowed, a group.

    Raises:
        BadStatement: it is neither.
    """
    kind = node.get("objectType", "Agent") if isinstance(node, dict) else None
    if kind == "Group" and may_be_group:
        group = shaped(node, Group, where)
        identifiers = _identifiers(group)
        _check_identifier(group, where)
        if identifiers > 1:
            raise BadStatement(where, f"one of {', '.join(IDENTIFIERS)} at most")
        if identifiers == 0 and group.member is UNSET:
            raise BadStatement(f"{where}.member", "required of a group without an identifier")
        for n, member in enumerate(group.member or ()):
            _check_one_identifier(member, f"{where}.member[{n}]")
    elif kind == "Agent":
        _check_one_identifier(shaped(node, Agent, where), where)
    else:
        raise BadStatement(f"{where}.objectType", "Agent or Group" if may_be_group else "Agent")


def shaped(node: object, shape: type[T], where: str) -> T:
    """A parsed ``node`` as the struct ``shape``.

    Raises:
        BadStatement: it has another shape; the message has ``where`` and the path within.
    """
    try:
        return msgspec.convert(node, shape)
    except msgspec.ValidationError as error:
        message = str(error)
        at = _AT.search(message)
        place = at.group(2) if at else ""
        named = _NAMED.search(message)
        parts = [where, place.removeprefix("."), named.group(1) if named else ""]
        body = _AT.sub("", message)
        if named:
            body = "required" if "missing" in message else "not a property of xAPI"
        elif "enum" in body:
            body = "not one of the values that xAPI has"
        elif "regex" in body:
            body = "not in the form that xAPI asks for"
        elif at and at.group(1):
            body = f"a key: {body}"
        raise BadStatement(".".join(p for p in parts if p), body) from None


def _identifiers(agent: Identified) -> int:
    # Written out for speed: every agent of every statement passes through here.
    return (
        (agent.mbox is not UNSET)
        + (agent.account is not UNSET)
        + (agent.openid is not UNSET)
        + (agent.mbox_sha1sum is not UNSET)
    )


def _check_one_identifier(agent: Agent, where: str) -> None:
    if _identifiers(agent) != 1:
        raise BadStatement(where, f"exactly one of {', '.join(IDENTIFIERS)}")
    _check_identifier(agent, where)


def _check_identifier(agent: Identified, where: str) -> None:
    if agent.account is not UNSET:
        _check_askable(agent.account.homePage + agent.account.name, f"{where}.account")
    elif agent.mbox is not UNSET:
        _check_askable(agent.mbox, f"{where}.mbox")
    elif agent.openid is not UNSET:
        _check_askable(agent.openid, f"{where}.openid")


def _check_authority(authority: Mapping[str, Any]) -> None:
    check_agent(authority, "authority")
    if authority.get("objectType") == "Group":
        members = authority.get("member", ())
        if any(name in authority for name in IDENTIFIERS) or len(members) != 2:
            raise BadStatement("authority", "an agent, or a group of two agents without an identifier")


def _check_time(text: str, where: str) -> None:
    try:
        instant(text)
    except ValueError:
        raise BadStatement(where, "an ISO 8601 time such as 2017-10-12T08:30:00.123Z") from None


def _check_verb(node: object, where: str) -> None:
    _check_askable(shaped(node, Verb, where).id, f"{where}.id")


def _check_askable(text: str, where: str) -> None:
    if not is_askable(text):
        raise BadStatement(where, f"at most {MOST_ASKED_BYTES:,} bytes, as a request that asks for it has to hold it")


def _check_said(said: Said, version: str, where: str) -> None:
    _check_once(check_agent, b"agent", said.actor, f"{where}actor")
    _check_once(_check_verb, b"verb", said.verb, f"{where}verb")
    is_activity = _check_object(said.object, version, f"{where}object", is_within=bool(where))
    if said.result is not UNSET and said.result.score is not UNSET:
        _check_score(said.result.score, f"{where}result.score")
    if said.context is not UNSET:
        _check_context(said.context, version, f"{where}context", is_activity=is_activity)
    if said.timestamp is not UNSET:
        _check_time(said.timestamp, f"{where}timestamp")


def _check_object(node: Mapping[str, Any], version: str, where: str, *, is_within: bool) -> bool:
    """Check the object of a statement; returns whether it is an activity."""
    kind = node.get("objectType", "Activity")
    if kind == "Activity":
        _check_once(_check_activity, b"activity", node, where)
    elif kind in ("Agent", "Group"):
        check_agent(node, where)
    elif kind == "StatementRef":
        shaped(node, Reference, where)
    elif kind == "SubStatement" and not is_within:
        _check_said(shaped(node, SubStatement, where), version, f"{where}.")
    else:
        kinds = "Activity, Agent, Group or StatementRef" + ("" if is_within else " or SubStatement")
        raise BadStatement(f"{where}.objectType", kinds)
    return bool(kind == "Activity")


def _check_activity(node: object, where: str) -> None:
    activity = shaped(node, Activity, where)
    _check_askable(activity.id, f"{where}.id")
    definition = activity.definition
    if definition is UNSET:
        return
    lists: Sequence[tuple[str, list[Component] | UnsetType]] = [
        (name, getattr(definition, name)) for name in _COMPONENT_LISTS
    ]
    has_parts = definition.correctResponsesPattern is not UNSET or any(parts is not UNSET for _, parts in lists)
    if has_parts and definition.interactionType is UNSET:
        raise BadStatement(f"{where}.definition.interactionType", "required of an interaction")
    for name, parts in lists:
        ids = [part.id for part in parts or ()]
        if len(set(ids)) < len(ids):
            raise BadStatement(f"{where}.definition.{name}", "each id once")


def _check_score(score: Score, where: str) -> None:
    scaled, raw, low, high = (
        _number(value, where, name)
        for name, value in (("scaled", score.scaled), ("raw", score.raw), ("min", score.min), ("max", score.max))
    )
    if scaled is not None and not -1 <= scaled <= 1:
        raise BadStatement(f"{where}.scaled", "between -1 and 1")
    if low is not None and high is not None and low >= high:
        raise BadStatement(f"{where}.min", "less than max")
    if raw is not None and ((low is not None and raw < low) or (high is not None and raw > high)):
        raise BadStatement(f"{where}.raw", "between min and max")


def _number(value: Any, where: str, name: str) -> float | Decimal | None:
    if value is UNSET:
        return None
    if type(value) is float or type(value) is int:
        return value
    if not isinstance(value, msgspec.Raw):
        raise BadStatement(f"{where}.{name}", "a number")
    return exact(value)


def _check_context(context: Context, version: str, where: str, *, is_activity: bool) -> None:
    for name in ("revision", "platform"):
        if not is_activity and getattr(context, name) is not UNSET:
            raise BadStatement(f"{where}.{name}", "only where the object is an activity")
    if context.instructor is not UNSET:
        check_agent(context.instructor, f"{where}.instructor")
    if context.team is not UNSET:
        if context.team.get("objectType") != "Group":
            raise BadStatement(f"{where}.team", "a Group")
        check_agent(context.team, f"{where}.team")
    for kind, found in (context.contextActivities or {}).items():
        if kind not in _CONTEXT_KINDS:
            raise BadStatement(f"{where}.contextActivities.{kind}", f"one of {', '.join(_CONTEXT_KINDS)}")
        for n, activity in enumerate(found if isinstance(found, list) else [found]):
            _check_once(_check_activity, b"activity", activity, f"{where}.contextActivities.{kind}[{n}]")
    for name, one, other in (("contextAgents", "agent", "group"), ("contextGroups", "group", "agent")):
        related: list[Related] | UnsetType = getattr(context, name)
        if related is UNSET:
            continue
        if version.startswith("1."):
            raise BadStatement(f"{where}.{name}", "not a property of xAPI 1.0.3")
        for n, entry in enumerate(related):
            at = f"{where}.{name}[{n}]"
            if entry.objectType != name.removesuffix("s"):
                raise BadStatement(f"{at}.objectType", name.removesuffix("s"))
            if getattr(entry, one) is UNSET or getattr(entry, other) is not UNSET:
                raise BadStatement(f"{at}.{one}", f"required, and no {other}")
            node = getattr(entry, one)
            if one == "group" and node.get("objectType") != "Group":
                raise BadStatement(f"{at}.group", "a Group")
            check_agent(node, f"{at}.{one}", may_be_group=one == "group")
