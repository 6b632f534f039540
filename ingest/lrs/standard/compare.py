"""Compares statements as xAPI does (1.0.3, part 2, 2.3.1): without what a server sets or may leave out."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import msgspec

from ingest.events.numbers import number_value
from ingest.lrs.standard.formats import duration_value, instant

__all__ = ["same_statement"]

_SET_BY_SERVERS = ("id", "stored", "authority", "version", "attachments")


def same_statement(new: Mapping[str, Any], known: Mapping[str, Any]) -> bool:
    """Whether a statement that a client sends says the same as a stored one."""
    left, right = _plain(new), _plain(known)
    if "timestamp" not in left:
        right.pop("timestamp", None)
    hashes = [{a.get("sha2", "").lower() for a in s.get("attachments", ())} for s in (new, known)]
    return left == right and hashes[0] == hashes[1]


def _plain(statement: Mapping[str, Any]) -> dict[str, Any]:
    copy = {k: v for k, v in statement.items() if k not in _SET_BY_SERVERS}
    if "timestamp" in copy:
        copy["timestamp"] = _read(instant, copy["timestamp"])
    if "duration" in copy.get("result", {}):
        # Seconds count to the hundredth (4.2.7; 1.0.3, part 2, 4.6).
        copy["result"] = {**copy["result"], "duration": _read(duration_value, copy["result"]["duration"])}
    for name in ("actor", "object"):
        copy[name] = _thing(copy[name], "Agent" if name == "actor" else "Activity")
    copy["verb"] = {"id": copy["verb"]["id"]}
    if "context" in copy:
        copy["context"] = _context(copy["context"])
    return {name: _value(part) for name, part in copy.items()}


def _read(how: Callable[[str], Any], text: str) -> Any:
    """The value of a text; the text itself where it has none, as earlier versions took some."""
    try:
        return how(text)
    except ValueError:
        return text


def _value(node: Any) -> Any:
    """A JSON value for comparing: 1 and 1.0 are one number, true is not a number."""
    if isinstance(node, dict):
        return {k: _value(v) for k, v in node.items()}
    if isinstance(node, list):
        return [_value(x) for x in node]
    if isinstance(node, bool):
        return ("true" if node else "false",)
    if isinstance(node, int | float | msgspec.Raw):
        return number_value(node)
    return node


def _thing(node: Mapping[str, Any], usual: str) -> Any:
    kind = node.get("objectType", usual)
    if kind in ("Agent", "Group"):
        found = {"objectType": kind, **{k: v for k, v in node.items() if k != "name"}}
        if "member" in node:
            found["member"] = sorted((_thing(m, "Agent") for m in node["member"]), key=str)
        return found
    if kind == "SubStatement":
        return {**_plain(node), "objectType": kind}
    if kind == "StatementRef":
        return {"objectType": kind, "id": str(node["id"]).lower()}
    # Definitions may differ: a later definition changes the activity, not the statement.
    return {"objectType": kind, "id": node["id"]}


def _context(context: Mapping[str, Any]) -> dict[str, Any]:
    copy = dict(context)
    for name in ("instructor", "team"):
        if name in copy:
            copy[name] = _thing(copy[name], "Agent")
    if "registration" in copy:
        copy["registration"] = str(copy["registration"]).lower()
    for name, one in (("contextAgents", "agent"), ("contextGroups", "group")):
        if name in copy:
            copy[name] = [{**related, one: _thing(related[one], "Agent")} for related in copy[name]]
    if "statement" in copy:
        copy["statement"] = _thing(copy["statement"], "StatementRef")
    copy["contextActivities"] = {
        kind: sorted(a["id"] for a in (found if isinstance(found, list) else [found]))
        for kind, found in copy.get("contextActivities", {}).items()
    }
    if not copy["contextActivities"]:
        del copy["contextActivities"]
    return copy
