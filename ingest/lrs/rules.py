"""What a statement must be, by xAPI 1.0.3 and 2.0.0 (IEEE 9274.1.1): every property by name, and nothing besides.

Shapes are structs, which msgspec checks at some 10 µs a statement; what one property says of another is looked at here.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from typing import Annotated, Any, Literal, TypeVar

import msgspec
from msgspec import UNSET, Meta, UnsetType

from ingest.lrs.formats import (
    Duration,
    Iri,
    LanguageMap,
    LanguageTag,
    Mbox,
    MediaType,
    Sha1,
    Sha2,
    Uuid,
    instant,
)

__all__ = ["IDENTIFIERS", "VERSIONS", "VOIDED", "BadStatement", "check_agent", "check_statement"]

#: What the server speaks, the newest patch of each.
VERSIONS = ("1.0.3", "2.0.0")
VOIDED = "http://adlnet.gov/expapi/verbs/voided"
#: Inverse functional identifiers: an agent has exactly one.
IDENTIFIERS = ("mbox", "mbox_sha1sum", "openid", "account")

_AT = re.compile(r" - at `(key in )?\$\.?([^`]*)`\Z")
_NAMED = re.compile(r"(?:missing required|contains unknown) field `([^`]*)`")
_INTERACTIONS = Literal[
    "true-false", "choice", "fill-in", "long-fill-in", "matching", "performance", "sequencing", "likert", "numeric", "other"
]  # fmt: skip
_COMPONENT_LISTS = ("choices", "scale", "source", "target", "steps")
_CONTEXT_KINDS = ("parent", "grouping", "category", "other")

#: Agents, verbs and activities come again and again: so many of those that were found good, of so many bytes at most, are known.
_KNOWN, _KNOWN_BYTES = 20_000, 2_000
_good: set[bytes] = set()
_encode = msgspec.json.Encoder().encode

Extensions = dict[Iri, Any]
T = TypeVar("T")


class BadStatement(ValueError):
    """Not a statement: the property at fault (dotted) and what it should be. No value is repeated: it may be a name."""

    def __init__(self, where: str, why: str) -> None:
        super().__init__(f"{where}: {why}" if where else why)
        self.where, self.why = where, why


class _Strict(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    pass


class _Account(_Strict, kw_only=True):
    homePage: Iri
    name: str


class _Identified(_Strict, kw_only=True):
    name: str | UnsetType = UNSET
    mbox: Mbox | UnsetType = UNSET
    mbox_sha1sum: Sha1 | UnsetType = UNSET
    openid: Iri | UnsetType = UNSET
    account: _Account | UnsetType = UNSET


class _Agent(_Identified, kw_only=True):
    objectType: Literal["Agent"] | UnsetType = UNSET


class _Group(_Identified, kw_only=True):
    objectType: Literal["Group"]
    member: list[_Agent] | UnsetType = UNSET


class _Verb(_Strict, kw_only=True):
    id: Iri
    display: LanguageMap | UnsetType = UNSET


class _Component(_Strict, kw_only=True):
    id: str
    description: LanguageMap | UnsetType = UNSET


class _Definition(_Strict, kw_only=True):
    name: LanguageMap | UnsetType = UNSET
    description: LanguageMap | UnsetType = UNSET
    type: Iri | UnsetType = UNSET
    moreInfo: Iri | UnsetType = UNSET
    extensions: Extensions | UnsetType = UNSET
    interactionType: _INTERACTIONS | UnsetType = UNSET
    correctResponsesPattern: list[str] | UnsetType = UNSET
    choices: list[_Component] | UnsetType = UNSET
    scale: list[_Component] | UnsetType = UNSET
    source: list[_Component] | UnsetType = UNSET
    target: list[_Component] | UnsetType = UNSET
    steps: list[_Component] | UnsetType = UNSET


class _Activity(_Strict, kw_only=True):
    objectType: Literal["Activity"] | UnsetType = UNSET
    id: Iri
    definition: _Definition | UnsetType = UNSET


class _Reference(_Strict, kw_only=True):
    objectType: Literal["StatementRef"]
    id: Uuid


class _Score(_Strict, kw_only=True):
    scaled: Annotated[float, Meta(ge=-1, le=1)] | UnsetType = UNSET
    raw: float | UnsetType = UNSET
    min: float | UnsetType = UNSET
    max: float | UnsetType = UNSET


class _Result(_Strict, kw_only=True):
    score: _Score | UnsetType = UNSET
    success: bool | UnsetType = UNSET
    completion: bool | UnsetType = UNSET
    response: str | UnsetType = UNSET
    duration: Duration | UnsetType = UNSET
    extensions: Extensions | UnsetType = UNSET


class _Related(_Strict, kw_only=True):
    objectType: str
    agent: dict[str, Any] | UnsetType = UNSET
    group: dict[str, Any] | UnsetType = UNSET
    relevantTypes: Annotated[list[Iri], Meta(min_length=1)] | UnsetType = UNSET


class _Context(_Strict, kw_only=True):
    registration: Uuid | UnsetType = UNSET
    instructor: dict[str, Any] | UnsetType = UNSET
    team: dict[str, Any] | UnsetType = UNSET
    contextActivities: dict[str, Any] | UnsetType = UNSET
    contextAgents: list[_Related] | UnsetType = UNSET
    contextGroups: list[_Related] | UnsetType = UNSET
    revision: str | UnsetType = UNSET
    platform: str | UnsetType = UNSET
    language: LanguageTag | UnsetType = UNSET
    statement: _Reference | UnsetType = UNSET
    extensions: Extensions | UnsetType = UNSET


class _Attachment(_Strict, kw_only=True):
    usageType: Iri
    display: LanguageMap
    description: LanguageMap | UnsetType = UNSET
    contentType: MediaType
    length: Annotated[int, Meta(ge=0)]
    sha2: Sha2
    fileUrl: Iri | UnsetType = UNSET


class _Said(_Strict, kw_only=True):
    """What statements and substatements have in common."""

    actor: dict[str, Any]
    verb: dict[str, Any]
    object: dict[str, Any]
    result: _Result | UnsetType = UNSET
    context: _Context | UnsetType = UNSET
    timestamp: str | UnsetType = UNSET
    attachments: list[_Attachment] | UnsetType = UNSET


class _Statement(_Said, kw_only=True):
    id: Uuid | UnsetType = UNSET
    stored: str | UnsetType = UNSET
    authority: dict[str, Any] | UnsetType = UNSET
    version: Annotated[str, Meta(pattern=r"^(?:1\.0(?:\.[0-9]+)?|2\.0\.[0-9]+)\Z")] | UnsetType = UNSET


class _SubStatement(_Said, kw_only=True):
    objectType: Literal["SubStatement"]


def check_statement(statement: object, version: str = VERSIONS[-1]) -> None:
    """Whether ``statement``, as parsed, is one by the version of the standard that the client speaks.

    Raises:
        BadStatement: it is not.
    """
    if not isinstance(statement, dict):
        raise BadStatement("", "a statement is a JSON object")
    said = _shaped(statement, _Statement, "")
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
    """Check, unless the same was found good before: that takes a tenth of the time."""
    mark = kind + _encode(node)
    if mark in _good:
        return
    check(node, where)
    if len(mark) <= _KNOWN_BYTES:
        if len(_good) >= _KNOWN:
            _good.clear()
        _good.add(mark)


def check_agent(node: object, where: str = "agent", *, may_be_group: bool = True) -> None:
    """Whether ``node`` is an agent or, if it may be, a group.

    Raises:
        BadStatement: it is not.
    """
    kind = node.get("objectType", "Agent") if isinstance(node, dict) else None
    if kind == "Group" and may_be_group:
        group = _shaped(node, _Group, where)
        identifiers = _identifiers(group)
        if identifiers > 1:
            raise BadStatement(where, f"one of {', '.join(IDENTIFIERS)} at most")
        if identifiers == 0 and group.member is UNSET:
            raise BadStatement(f"{where}.member", "required of a group without an identifier")
        for n, member in enumerate(group.member or ()):
            _check_one_identifier(member, f"{where}.member[{n}]")
    elif kind == "Agent":
        _check_one_identifier(_shaped(node, _Agent, where), where)
    else:
        raise BadStatement(f"{where}.objectType", "Agent or Group" if may_be_group else "Agent")


def _shaped(node: object, shape: type[T], where: str) -> T:
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


def _identifiers(agent: _Identified) -> int:
    # Written out: it is asked of every agent of every statement.
    return (
        (agent.mbox is not UNSET)
        + (agent.account is not UNSET)
        + (agent.openid is not UNSET)
        + (agent.mbox_sha1sum is not UNSET)
    )


def _check_one_identifier(agent: _Agent, where: str) -> None:
    if _identifiers(agent) != 1:
        raise BadStatement(where, f"exactly one of {', '.join(IDENTIFIERS)}")


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
    _shaped(node, _Verb, where)


def _check_said(said: _Said, version: str, where: str) -> None:
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
    """Of a statement; returns whether it is an activity."""
    kind = node.get("objectType", "Activity")
    if kind == "Activity":
        _check_once(_check_activity, b"activity", node, where)
    elif kind in ("Agent", "Group"):
        check_agent(node, where)
    elif kind == "StatementRef":
        _shaped(node, _Reference, where)
    elif kind == "SubStatement" and not is_within:
        _check_said(_shaped(node, _SubStatement, where), version, f"{where}.")
    else:
        kinds = "Activity, Agent, Group or StatementRef" + ("" if is_within else " or SubStatement")
        raise BadStatement(f"{where}.objectType", kinds)
    return bool(kind == "Activity")


def _check_activity(node: object, where: str) -> None:
    definition = _shaped(node, _Activity, where).definition
    if definition is UNSET:
        return
    lists: Sequence[tuple[str, list[_Component] | UnsetType]] = [
        (name, getattr(definition, name)) for name in _COMPONENT_LISTS
    ]
    has_parts = definition.correctResponsesPattern is not UNSET or any(parts is not UNSET for _, parts in lists)
    if has_parts and definition.interactionType is UNSET:
        raise BadStatement(f"{where}.definition.interactionType", "required of an interaction")
    for name, parts in lists:
        ids = [part.id for part in parts or ()]
        if len(set(ids)) < len(ids):
            raise BadStatement(f"{where}.definition.{name}", "each id once")


def _check_score(score: _Score, where: str) -> None:
    low = -float("inf") if score.min is UNSET else score.min
    high = float("inf") if score.max is UNSET else score.max
    if low >= high:
        raise BadStatement(f"{where}.min", "less than max")
    if score.raw is not UNSET and not low <= score.raw <= high:
        raise BadStatement(f"{where}.raw", "between min and max")


def _check_context(context: _Context, version: str, where: str, *, is_activity: bool) -> None:
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
        related: list[_Related] | UnsetType = getattr(context, name)
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
