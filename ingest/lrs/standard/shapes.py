"""The shapes of statements and their parts in xAPI 1.0.3 and 2.0.0: every property by name, and no other.

msgspec checks a statement against them in some 10 µs. What depends on two properties at once is in :mod:`ingest.lrs.standard.rules`.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

import msgspec
from msgspec import UNSET, Meta, UnsetType

from ingest.lrs.standard.formats import Duration, Iri, LanguageMap, LanguageTag, Mbox, MediaType, Sha1, Sha2, Uuid

__all__ = [
    "Activity",
    "Agent",
    "Component",
    "Context",
    "Group",
    "Identified",
    "Reference",
    "Related",
    "Said",
    "Score",
    "Statement",
    "SubStatement",
    "Verb",
]

_INTERACTIONS = Literal[
    "true-false", "choice", "fill-in", "long-fill-in", "matching", "performance", "sequencing", "likert", "numeric", "other"
]  # fmt: skip
Extensions = dict[Iri, Any]


class _Strict(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    pass


class Account(_Strict, kw_only=True):
    homePage: Iri
    name: str


class Identified(_Strict, kw_only=True):
    """An agent or group: a name and inverse functional identifiers."""

    name: str | UnsetType = UNSET
    mbox: Mbox | UnsetType = UNSET
    mbox_sha1sum: Sha1 | UnsetType = UNSET
    openid: Iri | UnsetType = UNSET
    account: Account | UnsetType = UNSET


class Agent(Identified, kw_only=True):
    """One person or system."""

    objectType: Literal["Agent"] | UnsetType = UNSET


class Group(Identified, kw_only=True):
    """Several agents, with an identifier or without."""

    objectType: Literal["Group"]
    member: list[Agent] | UnsetType = UNSET


class Verb(_Strict, kw_only=True):
    """What was done."""

    id: Iri
    display: LanguageMap | UnsetType = UNSET


class Component(_Strict, kw_only=True):
    """A choice, step or point of a scale in an interaction."""

    id: str
    description: LanguageMap | UnsetType = UNSET


class Definition(_Strict, kw_only=True):
    name: LanguageMap | UnsetType = UNSET
    description: LanguageMap | UnsetType = UNSET
    type: Iri | UnsetType = UNSET
    moreInfo: Iri | UnsetType = UNSET
    extensions: Extensions | UnsetType = UNSET
    interactionType: _INTERACTIONS | UnsetType = UNSET
    correctResponsesPattern: list[str] | UnsetType = UNSET
    choices: list[Component] | UnsetType = UNSET
    scale: list[Component] | UnsetType = UNSET
    source: list[Component] | UnsetType = UNSET
    target: list[Component] | UnsetType = UNSET
    steps: list[Component] | UnsetType = UNSET


class Activity(_Strict, kw_only=True):
    """What it was done with."""

    objectType: Literal["Activity"] | UnsetType = UNSET
    id: Iri
    definition: Definition | UnsetType = UNSET


class Reference(_Strict, kw_only=True):
    """A reference to a statement."""

    objectType: Literal["StatementRef"]
    id: Uuid


class Score(_Strict, kw_only=True):
    """Numbers as the client wrote them; the rules check that they are numbers."""

    scaled: Any = UNSET
    raw: Any = UNSET
    min: Any = UNSET
    max: Any = UNSET


class Result(_Strict, kw_only=True):
    score: Score | UnsetType = UNSET
    success: bool | UnsetType = UNSET
    completion: bool | UnsetType = UNSET
    response: str | UnsetType = UNSET
    duration: Duration | UnsetType = UNSET
    extensions: Extensions | UnsetType = UNSET


class Related(_Strict, kw_only=True):
    """An entry of contextAgents or contextGroups, with the agent or the group."""

    objectType: str
    agent: dict[str, Any] | UnsetType = UNSET
    group: dict[str, Any] | UnsetType = UNSET
    relevantTypes: Annotated[list[Iri], Meta(min_length=1)] | UnsetType = UNSET


class Context(_Strict, kw_only=True):
    """Where, with whom and within what it was done."""

    registration: Uuid | UnsetType = UNSET
    instructor: dict[str, Any] | UnsetType = UNSET
    team: dict[str, Any] | UnsetType = UNSET
    contextActivities: dict[str, Any] | UnsetType = UNSET
    contextAgents: list[Related] | UnsetType = UNSET
    contextGroups: list[Related] | UnsetType = UNSET
    revision: str | UnsetType = UNSET
    platform: str | UnsetType = UNSET
    language: LanguageTag | UnsetType = UNSET
    statement: Reference | UnsetType = UNSET
    extensions: Extensions | UnsetType = UNSET


class Attachment(_Strict, kw_only=True):
    usageType: Iri
    display: LanguageMap
    description: LanguageMap | UnsetType = UNSET
    contentType: MediaType
    length: Annotated[int, Meta(ge=0)]
    sha2: Sha2
    fileUrl: Iri | UnsetType = UNSET


class Said(_Strict, kw_only=True):
    """The properties that statements and substatements share."""

    actor: dict[str, Any]
    verb: dict[str, Any]
    object: dict[str, Any]
    result: Result | UnsetType = UNSET
    context: Context | UnsetType = UNSET
    timestamp: str | UnsetType = UNSET
    attachments: list[Attachment] | UnsetType = UNSET


class Statement(Said, kw_only=True):
    """A statement."""

    id: Uuid | UnsetType = UNSET
    stored: str | UnsetType = UNSET
    authority: dict[str, Any] | UnsetType = UNSET
    version: Annotated[str, Meta(pattern=r"^(?:1\.0(?:\.[0-9]+)?|2\.0\.[0-9]+)\Z")] | UnsetType = UNSET


class SubStatement(Said, kw_only=True):
    """A statement within a statement."""

    objectType: Literal["SubStatement"]
