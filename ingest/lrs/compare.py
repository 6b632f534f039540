"""Whether two statements say the same, as xAPI compares them (1.0.3, part 2, 2.3.1): what a server sets or may leave out is not looked at."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ingest.lrs.formats import instant

__all__ = ["same_statement"]

_SET_BY_SERVERS = ("id", "stored", "authority", "version", "attachments")


def same_statement(new: Mapping[str, Any], known: Mapping[str, Any]) -> bool:
    """Whether ``new``, as a client sends it, says what ``known`` says, as it is stored."""
    left, right = _plain(new), _plain(known)
    if "timestamp" not in left:
        right.pop("timestamp", None)
    hashes = [{a.get("sha2", "").lower() for a in s.get("attachments", ())} for s in (new, known)]
    return left == right and hashes[0] == hashes[1]


def _plain(statement: Mapping[str, Any]) -> dict[str, Any]:
    copy = {k: v for k, v in statement.items() if k not in _SET_BY_SERVERS}
    if "timestamp" in copy:
        copy["timestamp"] = instant(copy["timestamp"])
    for name in ("actor", "object"):
        copy[name] = _thing(copy[name], "Agent" if name == "actor" else "Activity")
    copy["verb"] = {"id": copy["verb"]["id"]}
    if "context" in copy:
        copy["context"] = _context(copy["context"])
    return copy


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
    # What an activity is said to be may differ: the later word stands for the activity, not for the statement.
    return {"objectType": kind, "id": node["id"]}


def _context(context: Mapping[str, Any]) -> dict[str, Any]:
    copy = dict(context)
    for name in ("instructor", "team"):
        if name in copy:
            copy[name] = _thing(copy[name], "Agent")
    if "registration" in copy:
        copy["registration"] = str(copy["registration"]).lower()
    copy["contextActivities"] = {
        kind: sorted(a["id"] for a in (found if isinstance(found, list) else [found]))
        for kind, found in copy.get("contextActivities", {}).items()
    }
    if not copy["contextActivities"]:
        del copy["contextActivities"]
    return copy
