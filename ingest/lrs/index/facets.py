"""By what statements are found: each facet has a number, and each number a list of statements in the order of time."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from ingest.lrs.index.database import Connection, Reader, parts, short
from ingest.lrs.index.sql import marks, sql_of
from ingest.lrs.remembered import Remembered
from ingest.lrs.standard.facets import ASKED

__all__ = ["Facets", "Listing"]

_SQL = sql_of("facets")
_KEPT = 200_000
#: A statement for the lists: its programme, its facets, when it was stored (microseconds), and its place.
Listing = tuple[str, set[tuple[int, str]], int, int]


class Facets:
    """The tables ``terms`` and ``facets``."""

    def __init__(self, read: Reader) -> None:
        self._read = read
        #: The numbers of facets, by programme: facets of one programme are compared as a set, at half the time of one by one.
        self._numbers: dict[str, Remembered[tuple[int, str], int]] = {}

    def forget(self) -> None:
        """Remember nothing of the tables."""
        self._numbers.clear()

    def add(self, con: Connection, found: Sequence[Listing]) -> None:
        """Have statements found by their facets."""
        self._make_room()
        numbers = self._numbers
        unknown: dict[str, set[tuple[int, str]]] = {}
        for programme, facets, _, _ in found:
            known = numbers.get(programme)
            if known is None:
                numbers[programme] = known = Remembered(_KEPT)
            if not facets <= known.keys():
                unknown.setdefault(programme, set()).update(facet for facet in facets if facet not in known)
        for programme, fresh in unknown.items():
            numbers[programme].update(_numbered(con, programme, fresh))
        # A generator: a list of all of them would be half of what the collector of cycles looks at.
        con.executemany(
            _SQL["add"],
            ((numbers[of][facet], stored_us, place) for of, facets, stored_us, place in found for facet in facets),
        )

    def _make_room(self) -> None:
        """Bound what is remembered of all programmes together; each has the same share."""
        for known in self._numbers.values():
            known.most = _KEPT // len(self._numbers)
            known.make_room()

    def terms_of(self, programme_id: str, facet: int, value: str) -> list[int]:
        """The numbers of the lists in which a query for a facet has to look; none where no statement has it."""
        texts = [_text_of(programme_id, kind, value) for kind in ASKED.get(facet, (facet,))]
        return [term for (term,) in self._read(_SQL["terms"].format(marks=marks(len(texts))), texts)]


def _text_of(programme: str, facet: int, value: str) -> str:
    return short(f"{facet} {programme} {value}")


def _numbered(con: Connection, programme: str, facets: Iterable[tuple[int, str]]) -> dict[tuple[int, str], int]:
    """The numbers of facets; those that have none are given one."""
    texts = {_text_of(programme, *facet): facet for facet in facets}
    known: dict[str, int] = {}
    for part in parts([*texts]):
        known.update(con.execute(_SQL["numbers"].format(marks=marks(len(part))), part).fetchall())
    fresh = [text for text in texts if text not in known]
    if fresh:
        (last,) = con.execute(_SQL["last_number"]).fetchone()
        numbered = list(zip(range(last + 1, last + 1 + len(fresh)), fresh, strict=True))
        con.executemany(_SQL["number"], numbered)
        known.update((text, term) for term, text in numbered)
    return {facet: known[text] for text, facet in texts.items()}
