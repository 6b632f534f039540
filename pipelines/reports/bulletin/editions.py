"""Cuts the editions of a bulletin from the full one: of a county, and the public ones that give nobody away."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from pipelines.reports.bulletin.model import Bulletin, Featured, Group, TrendPoint, WarningCount
from pipelines.reports.disclosure import withheld_cells, withheld_children
from pipelines.words import Label, Share

__all__ = ["county_edition", "public_edition"]

_HIDDEN = Share(None, None)
Key = tuple[str, str]


def county_edition(bulletin: Bulletin, county_id: str) -> Bulletin:
    """The edition of one county: its own rows only. Its place among all counties stays.

    Raises:
        ValueError: of several counties only what is printed was read.
    """
    places = {x.county_id for x in bulletin.learners} | {g.county_id for g in bulletin.classes}
    if bulletin.listed is not None and places - {county_id}:
        raise ValueError(f"read what is printed of {county_id!r}, or all of the programme, to cut its edition")
    own = [g for g in bulletin.counties if g.county_id == county_id]

    def mine(groups: Iterable[Group]) -> list[Group]:
        return [g for g in groups if g.county_id == county_id]

    warnings = [
        replace(w, count=w.by_county.get(county_id, 0), by_county={county_id: w.by_county.get(county_id, 0)})
        for w in bulletin.warnings
    ]
    whole = own[0] if own else replace(bulletin.whole, participating=0, shares={}, shares_before={})
    causes = {w.warning: w.count for w in warnings}
    learners = [x for x in bulletin.learners if x.county_id == county_id]
    return replace(
        bulletin,
        county_id=county_id,
        whole=replace(whole, rank=None, rank_before=None, ranked=None),
        called_up=bulletin.called_up_by_county.get(county_id, 0),
        counties=own,
        subjects=[g for g in bulletin.subjects if any(c.subject_id == g.subject_id for c in mine(bulletin.grid))],
        grid=mine(bulletin.grid),
        classes=mine(bulletin.classes),
        schools=mine(bulletin.schools),
        trend=[p for p in bulletin.trend if p.county_id == county_id],
        warnings=warnings,
        learners=learners,
        class_names=_of(bulletin.class_names, (x.class_id for x in learners)),
        school_names=_of(bulletin.school_names, (x.school_id for x in learners)),
        featured=[f for f in bulletin.featured if f.county_id == county_id],
        actions=[
            replace(a, count=causes.get(a.when) or a.count)
            for a in bulletin.actions
            if a.when not in causes or (causes[a.when] or 0) >= a.minimum
        ],
    )


def _of(names: Mapping[str, Label], ids: Iterable[str | None]) -> dict[str, Label]:
    wanted = set(ids)
    return {name: label for name, label in names.items() if name in wanted}


@dataclass(frozen=True, slots=True)
class _Pattern:
    """What is withheld: groups of each kind, by id."""

    counties: set[str]
    subjects: set[str]
    cells: set[Key]
    classes: set[str]
    schools: set[str]
    is_whole: bool


def _pattern(
    whole: int, counties: Mapping[str, int], subjects: Mapping[str, int], grid: Mapping[Key, int],
    classes: Mapping[str, tuple[int, Key | None]], schools: Mapping[str, tuple[int, str | None]], smallest: int,
) -> _Pattern:  # fmt: skip
    """From the sizes of all groups: a class lies in a county's subject, or in a county where it is mixed in subject; schools in a county.

    None: in several counties.
    """
    table = dict(grid)
    # Those without a county or a subject are in the margins all the same.
    for county, n in counties.items():
        table[county, ""] = n - sum(m for (c, _), m in grid.items() if c == county)
    for subject, n in subjects.items():
        table["", subject] = n - sum(m for (_, s), m in grid.items() if s == subject)
    table["", ""] = whole - sum(table.values())
    hidden = withheld_cells({key: n for key, n in table.items() if n > 0}, smallest)
    cells = {(c, s) for c, s in hidden if c and s}
    hidden_counties = {c for c, s in hidden if c and s is None}
    hidden_subjects = {s for c, s in hidden if s and c is None}

    def below(groups: Mapping[str, tuple[int, Any]], wholes: Mapping[Any, int], withheld: set[Any]) -> set[str]:
        # Groups that lie in several parents are looked at as if in one: those of the programme.
        sizes = {g: n for g, (n, _) in groups.items()}
        placed = {g: parent for g, (_, parent) in groups.items() if parent is not None}
        found = withheld_children({g: sizes[g] for g in placed}, placed, wholes, withheld, smallest)
        mixed = {g: n for g, n in sizes.items() if g not in placed}
        return found | withheld_children(
            mixed, dict.fromkeys(mixed, None), {None: sum(mixed.values())}, set(), smallest
        )

    # A mixed class is what the others of its county leave of it, too: those of one subject are taken off before.
    mixed = {c: (n, parent[0] if parent else None) for c, (n, parent) in classes.items() if not (parent and parent[1])}
    alike = {c: found for c, found in classes.items() if c not in mixed}
    left = {
        county: n - sum(m for m, parent in alike.values() if parent and parent[0] == county)
        for county, n in counties.items()
    }
    return _Pattern(
        hidden_counties,
        hidden_subjects,
        cells,
        below(alike, grid, cells) | below(mixed, left, hidden_counties),
        below(schools, counties, hidden_counties),
        (None, None) in hidden or 0 < whole < smallest,
    )


def _size(group: Group, *, before: bool) -> int:
    if not before:
        return group.participating or 0
    # At the last issue: the widest of the shares' denominators.
    return max((s.denominator or 0 for s in group.shares_before.values()), default=0)


def _patterns(bulletin: Bulletin, smallest: int, *, before: bool) -> _Pattern:
    by_id = {g.group_id: g for g in bulletin.grid}

    def key(g: Group) -> Key:
        return (g.county_id or "", g.subject_id or "")

    return _pattern(
        _size(bulletin.whole, before=before),
        {g.county_id or "": _size(g, before=before) for g in bulletin.counties},
        {g.subject_id or "": _size(g, before=before) for g in bulletin.subjects},
        {key(g): _size(g, before=before) for g in by_id.values()},
        {g.group_id: (_size(g, before=before), key(g) if g.county_id else None) for g in bulletin.classes},
        {g.group_id: (_size(g, before=before), g.county_id) for g in bulletin.schools},
        smallest,
    )  # fmt: skip


def public_edition(bulletin: Bulletin, smallest: int) -> Bulletin:
    """The public edition of the full bulletin; cut a county's from it, so that all editions withhold the same.

    Raises:
        ValueError: the bulletin is a county's edition.
    """
    if bulletin.county_id is not None:
        raise ValueError("cut the county's edition from the public one, not the other way round")
    now, before = (_patterns(bulletin, smallest, before=when) for when in (False, True))

    # Shares of another indicator's enrolments may be of a few although the group is large.
    of_another = {i.indicator for i in bulletin.indicators if i.denominator not in ("called_up", "participating")}

    def shown(groups: Sequence[Group], kind: str) -> list[Group]:
        few = {
            i
            for i in of_another
            for g in groups
            for s in (g.shares.get(i), g.shares_before.get(i))
            if s is not None and 0 < (s.denominator or 0) < smallest
        }
        found = []
        for g in groups:
            key = (g.county_id or "", g.subject_id or "") if kind == "cells" else g.group_id
            g = replace(
                g,
                shares={i: _HIDDEN if i in few else s for i, s in g.shares.items()},
                shares_before={i: s for i, s in g.shares_before.items() if i not in few},
            )
            if key in getattr(now, kind):
                g = _withhold(g)
            elif key in getattr(before, kind):
                g = replace(g, shares_before={}, rank_before=None)
            found.append(g)
        return found

    counties = shown(bulletin.counties, "counties")
    warnings = [_public_warning(w, smallest) for w in bulletin.warnings]
    causes = {w.warning: w.count for w in warnings}
    return replace(
        bulletin,
        audience="public",
        smallest_group=smallest,
        whole=_withhold(bulletin.whole) if now.is_whole else bulletin.whole,
        called_up=0 if now.is_whole or 0 < bulletin.called_up < smallest else bulletin.called_up,
        called_up_by_county={} if now.counties else {c: n for c, n in bulletin.called_up_by_county.items() if not 0 < n < smallest},
        counties=counties,
        subjects=shown(bulletin.subjects, "subjects"),
        grid=shown(bulletin.grid, "cells"),
        # Of classes and schools those withheld are not even named.
        classes=[g for g in shown(bulletin.classes, "classes") if g.participating is not None],
        schools=[g for g in shown(bulletin.schools, "schools") if g.participating is not None],
        trend=_public_trend(bulletin.trend, smallest),
        warnings=warnings,
        learners=[],
        listed=None,
        class_names={},
        school_names={},
        featured=_public_featured(bulletin.featured, now.counties),
        actions=[a for a in bulletin.actions if a.when not in causes or causes[a.when] is not None],
        # Examples name single days and groups.
        notes=[replace(n, examples="") for n in bulletin.notes],
    )  # fmt: skip


def _withhold(group: Group) -> Group:
    return replace(
        group,
        participating=None,
        shares=dict.fromkeys(group.shares, _HIDDEN),
        shares_before={},
        rank=None,
        rank_before=None,
    )


def _public_trend(points: Iterable[TrendPoint], smallest: int) -> list[TrendPoint]:
    """Whole dates are left out where a county's group is small: the other counties would give it away."""
    points = list(points)
    small = {p.on for p in points if 0 < (p.share.denominator or 0) < smallest}
    return [p for p in points if p.on not in small]


def _public_warning(warning: WarningCount, smallest: int) -> WarningCount:
    counts = {c: n or 0 for c, n in warning.by_county.items()}
    total = warning.count or 0
    whole = {"all": total}
    small = {"all"} if 0 < total < smallest else set()
    hidden = withheld_children(counts, dict.fromkeys(counts, "all"), whole, small, smallest)
    # A single county has nobody to hide among: then the total is withheld, too.
    alone = bool(hidden) and (len(hidden) < 2 or sum(counts[c] for c in hidden) < smallest)
    return replace(
        warning,
        count=None if small or alone else total,
        by_county={c: None if c in hidden else n for c, n in counts.items()},
    )


def _public_featured(featured: Iterable[Featured], hidden: set[str]) -> list[Featured]:
    sums: dict[tuple[str, str | None], int] = defaultdict(int)
    for f in featured:
        if f.county_id not in hidden:
            sums[f.kind, f.county_id] += f.count
    return [Featured(kind, county, None, None, n) for (kind, county), n in sorted(sums.items(), key=str)]
