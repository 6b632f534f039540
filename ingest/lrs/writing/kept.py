"""What a statement in the log must be so that it can be indexed and given back: less than a client's statement must be now."""

from __future__ import annotations

from typing import Any

import msgspec
from msgspec import UNSET, UnsetType

from ingest.lrs.standard.formats import Uuid
from ingest.lrs.standard.rules import BadStatement, check_statement, shaped

__all__ = ["check_kept"]


class _KeptThing(msgspec.Struct):
    id: str


class _KeptReference(msgspec.Struct):
    id: Uuid


class _KeptContext(msgspec.Struct):
    registration: str | UnsetType = UNSET
    contextActivities: dict[str, list[_KeptThing] | _KeptThing] | UnsetType = UNSET
    contextAgents: list[dict[str, Any]] | UnsetType = UNSET
    contextGroups: list[dict[str, Any]] | UnsetType = UNSET


class _KeptAttachment(msgspec.Struct):
    sha2: str
    contentType: str


class _KeptSaid(msgspec.Struct):
    actor: dict[str, Any]
    verb: _KeptThing
    object: dict[str, Any]
    context: _KeptContext | UnsetType = UNSET
    attachments: list[_KeptAttachment] | UnsetType = UNSET


class _Kept(_KeptSaid, kw_only=True):
    id: Uuid
    stored: str
    authority: dict[str, Any]


def check_kept(statement: object) -> None:
    """Check that a statement of the log can be indexed and given back.

    Earlier versions asked less of a statement; one that they stored is not lost.

    Raises:
        BadStatement: it cannot be.
    """
    try:
        check_statement(statement)
    except BadStatement:
        target = shaped(statement, _Kept, "").object
        shapes: dict[str, type[msgspec.Struct]] = {
            "SubStatement": _KeptSaid,
            "StatementRef": _KeptReference,
            "Activity": _KeptThing,
        }
        shape = shapes.get(str(target.get("objectType", "Activity")))
        if shape is not None:
            shaped(target, shape, "object")
