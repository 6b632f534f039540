"""Which statements a query finds."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from itertools import accumulate
from typing import Any

from ingest.lrs.index.database import Reader
from ingest.lrs.index.facets import Facets
from ingest.lrs.index.port import Query
from ingest.lrs.index.sql import marks, sql_of
from ingest.lrs.index.statements import Row

__all__ = ["Queries"]

_SQL = sql_of("queries")
#: Bytes of a body that a query reads along: 500 of them have 16 MiB. Larger ones are read by their places, as far as the page goes.
_SMALL_BYTES = 32_768


class Queries:
    """Finds statements by facets and time.

    Args:
        join: how the database writes a join that goes from its left side to its right one.
    """

    def __init__(self, read: Reader, facets: Facets, join: str) -> None:
        self._read, self._facets, self._join = read, facets, join

    def page(self, programme_id: str, query: Query) -> tuple[list[Row], bool]:
        """The statements that a query finds, in its order and within its bounds; and whether there are more."""
        lists = [self._facets.terms_of(programme_id, facet, value) for facet, value in query.facets]
        if not all(lists):
            return [], False
        order = "asc" if query.is_ascending else "desc"
        conditions, values = _conditions(query, lists[1:])
        starts: list[Any] = [*lists[0]] if lists else [programme_id]
        asked = [v for start in starts for v in (start, *values, query.limit + 1)]
        columns = _SQL["columns"].format(small=_SMALL_BYTES)
        one = _SQL["of_facet" if lists else "of_programme"].format(
            columns=columns if len(starts) == 1 else _SQL["place"], join=self._join, conditions=conditions, order=order
        )
        if len(starts) == 1:
            rows = self._read(one, asked)
        else:
            parts = " union ".join(_SQL["part"].format(query=one, number=n) for n in range(len(starts)))
            merged = _SQL["merged"].format(columns=columns, parts=parts, join=self._join, order=order)
            rows = self._read(merged, (*asked, query.limit + 1))
        page = rows[: query.limit]
        if query.most_bytes is not None:
            total = list(accumulate(row[4] for row in page))
            # At least one, however large: a client that follows pages has to come to an end.
            page = page[: max(1, bisect_right(total, query.most_bytes))]
        return [row[:4] for row in page], len(page) < len(rows)


def _conditions(query: Query, lists: Sequence[Sequence[int]]) -> tuple[str, list[Any]]:
    """The conditions besides the first list, and their values."""
    found: list[str] = []
    values: list[Any] = []
    for terms in lists:
        found.append(_SQL["has_facet"].format(marks=marks(len(terms))))
        values += terms
    for name, value in (("since", query.since_us), ("until", query.until_us)):
        if value is not None:
            found.append(_SQL[name])
            values.append(value)
    if query.after is not None:
        found.append(_SQL["after" if query.is_ascending else "before"])
        values += query.after
    return "".join(f" {one}" for one in found), values
