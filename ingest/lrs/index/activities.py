"""What statements say of activities and verbs, merged."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from typing import Any

import msgspec

from ingest.events.numbers import decode
from ingest.lrs.index.database import Connection, Reader, parts, short
from ingest.lrs.index.sql import marks, sql_of
from ingest.lrs.remembered import Remembered
from ingest.lrs.standard.facets import Facts

__all__ = ["Activities"]

_SQL = sql_of("activities")
_KEPT = 200_000
#: Bytes of a merged definition, at most: those of a record of the log, so that the definition in one statement always fits.
_MOST_BYTES = 1 << 20
#: Properties that are merged by language or by key; of others the later word stands.
_MERGED = ("name", "description", "display", "extensions")
_encode = msgspec.json.encode


class Activities:
    """The table ``activities``; a programme and an activity's id (a verb's: by ``verb_key``) name an entry."""

    def __init__(self, read: Reader) -> None:
        self._read = read
        self._known: Remembered[tuple[str, str], dict[str, Any]] = Remembered(_KEPT)
        #: Whether a definition was added or changed since :meth:`begin`.
        self.has_changed = False

    def forget(self) -> None:
        """Remember nothing of the table."""
        self._known.clear()

    def begin(self, con: Connection, named: Iterable[tuple[str, Facts]]) -> None:
        """Read together what is known of the activities that a batch names, before :meth:`define` is called for each."""
        self.has_changed = False
        self._known.make_room()
        unknown: dict[str, dict[str, None]] = {}
        for programme, facts in named:
            for activity_id, _ in facts.activities:
                if (programme, activity_id) not in self._known:
                    unknown.setdefault(programme, {})[activity_id] = None
        for programme, ids in unknown.items():
            for part in parts([*ids]):
                sql = _SQL["get"].format(marks=marks(len(part)))
                known = dict(con.execute(sql, (programme, *map(short, part))).fetchall())
                self._known.update(((programme, i), decode(known[short(i)])) for i in part if short(i) in known)

    def define(self, con: Connection, programme: str, activity_id: str, said: Mapping[str, Any]) -> None:
        """Merge what a statement says of an activity into what is known."""
        known = self._known.get((programme, activity_id))
        if known is not None and (not said or said == known):
            return
        merged = _merged(known or {}, said)
        if merged != known:
            written = _encode(merged)
            if len(written) > _MOST_BYTES:
                # Statements may add languages and extensions without an end; the later word, part of one statement, has one.
                merged = dict(said)
                written = _encode(merged)
            con.execute(_SQL["set"], (programme, short(activity_id), written))
            self._known[programme, activity_id] = merged
            self.has_changed = True

    def get(self, programme_id: str, names: Collection[str]) -> dict[str, dict[str, Any]]:
        """The definitions of activities by id; those that no statement has named are left out."""
        found: dict[str, dict[str, Any]] = {}
        by_key = {short(name): name for name in names}
        for part in parts([*by_key]):
            rows = self._read(_SQL["get"].format(marks=marks(len(part))), (programme_id, *part))
            found.update((by_key[key], decode(bytes(definition))) for key, definition in rows)
        return found

    def sizes(self, programme_id: str, names: Collection[str]) -> dict[str, int]:
        """How many bytes of JSON the definitions of activities have, by id."""
        found: dict[str, int] = {}
        by_key = {short(name): name for name in names}
        for part in parts([*by_key]):
            rows = self._read(_SQL["sizes"].format(marks=marks(len(part))), (programme_id, *part))
            found.update((by_key[key], size) for key, size in rows)
        return found


def _merged(known: dict[str, Any], said: Mapping[str, Any]) -> dict[str, Any]:
    """``known`` with the later word ``said``: names and descriptions by language, extensions by key, the rest replaced."""
    merged = dict(known)
    for name, value in said.items():
        both = name in _MERGED and isinstance(merged.get(name), dict)
        merged[name] = {**merged[name], **value} if both else value
    return merged
