"""Facets that a statement inherits from the statement that it is about, and that one from its own, and so on.

xAPI sets no bound. A chain of n statements would then cost n² rows, so each statement inherits over eight references and 200 facets at
most (docs/decisions/0005-one-reading.md).
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable

import msgspec

from ingest.events.numbers import decode
from ingest.lrs.index.database import Connection
from ingest.lrs.index.facets import Listing
from ingest.lrs.index.sql import sql_of
from ingest.lrs.standard.facets import facets_of, inherited

__all__ = ["Inherited", "inherited_from", "pass_on", "passed_on", "written"]

_SQL = sql_of("references")
_MOST_LEVELS, _MOST_INHERITED = 8, 200
#: Statements about a statement that are read at a time.
_PAGE = 10_000

#: Facets that a statement inherits, each with the number of references to the statement that has it.
Inherited = dict[tuple[int, str], int]


def inherited_from(con: Connection, programme: str, target: bytes) -> Inherited:
    """What a statement about ``target`` inherits; nothing where ``target`` has not come."""
    row = con.execute(_SQL["target"], (programme, target)).fetchone()
    return passed_on(facets_of(decode(row[0])), _read(row[1])) if row is not None else {}


def passed_on(own: Iterable[tuple[int, str]], of_others: Inherited) -> Inherited:
    """What a statement passes on to statements about it: its own facets, and inherited ones that are near enough."""
    farther = {facet: level + 1 for facet, level in of_others.items() if level < _MOST_LEVELS}
    found = farther | dict.fromkeys(sorted(inherited(own)), 1)
    return dict(sorted(found.items(), key=lambda one: one[1])[:_MOST_INHERITED])


def pass_on(con: Connection, programme: str, target: bytes, facets: Inherited) -> list[Listing]:
    """Give ``facets`` to the statements that came before ``target``, which they are about, and to those that are about these.

    Returns:
        The statements with the facets that are new to them.
    """
    found: list[Listing] = []
    waiting = deque([(target, facets)])
    while waiting:
        target, facets = waiting.popleft()
        place = 0
        while rows := con.execute(_SQL["about"], (programme, target, place, _PAGE)).fetchall():
            for place, statement_id, stored_us, known in rows:
                has = _read(known)
                fresh = {f: level for f, level in facets.items() if level < has.get(f, _MOST_LEVELS + 1)}
                fresh = dict([*fresh.items()][: _MOST_INHERITED - len(has.keys() - fresh.keys())])
                if fresh:
                    con.execute(_SQL["inherit"], (written(has | fresh), place))
                    found.append((programme, {*fresh} - has.keys(), stored_us, place))
                    if farther := {f: level + 1 for f, level in fresh.items() if level < _MOST_LEVELS}:
                        waiting.append((statement_id, farther))
    return found


def written(facets: Inherited) -> bytes:
    """Inherited facets as the table has them."""
    return msgspec.json.encode([(*facet, level) for facet, level in facets.items()])


def _read(text: bytes | None) -> Inherited:
    return {(facet, value): level for facet, value, level in msgspec.json.decode(text)} if text is not None else {}
