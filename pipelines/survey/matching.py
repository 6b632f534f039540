"""A form file beside the same form of a programme's pack: events carry the pack's items and codes, or nothing is written."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from itertools import pairwise

import msgspec
import numpy as np

from pipelines.survey.answers import Answers
from pipelines.survey.form import Form, Item, Level, plain
from pipelines.words import Label, label_of
from warehouse.errors import BadConfiguration

__all__ = ["in_the_packs_terms"]


def in_the_packs_terms(answers: Answers, pack: Form) -> Answers:
    """Answers with the items, levels and codes of the pack's form; both scales have the same order, or this refuses.

    A level is known by its labels. A code that a form gives to a level is compared with the pack's, because a file may hold codes:
    where 1 is the best level in the pack and the lowest in the form, the answers would come out upside down.

    Args:
        pack: the form of the same id in the programme's pack.

    Raises:
        BadConfiguration: a level or an item is not the pack's, or is another one there: every difference, in both languages.
    """
    form = answers.form
    differences: list[Label] = []
    places = _places(form, pack, differences)
    items = _items(form, pack, differences)
    if differences:
        told = [
            label_of("survey.matching", "refused", form=form.form_id),
            *(label_of("survey.matching", "difference", text=one) for one in differences),
            label_of("survey.matching", "sides", form=_scale(form), pack=_scale(pack)),
            label_of("survey.matching", "mend"),
        ]
        raise BadConfiguration("\n".join([*(line.zh for line in told), *(line.en for line in told)]))
    kept = {place: level for place, level in zip(places, form.levels, strict=True) if place is not None}
    matched = msgspec.structs.replace(
        form,
        levels=tuple(_joined(level, kept.get(n)) for n, level in enumerate(pack.levels, 1)),
        items=tuple(items), neutral=pack.neutral, has_codes=True,
    )  # fmt: skip
    positions = np.array([0, *(place or 0 for place in places)], np.int8)
    return replace(answers, form=matched, codes=positions[answers.codes])


def _joined(level: Level, own: Level | None) -> Level:
    if own is None:
        return level
    return msgspec.structs.replace(level, aliases=(own.label_zh, own.label_en, *own.aliases))


def _words(*texts: str) -> set[str]:
    return {plain(text) for text in texts if plain(text)}


def _scale(form: Form) -> Label:
    """The levels from the lowest to the highest, each with its code."""
    return Label(
        " < ".join(f"{level.code} {level.label_zh}" if form.has_codes else level.label_zh for level in form.levels),
        " < ".join(f"{level.code} {level.label_en}" if form.has_codes else level.label_en for level in form.levels),
    )


def _places(form: Form, pack: Form, differences: list[Label]) -> list[int | None]:
    """The place in the pack's scale of each level of the form, from 1."""
    by_word = _by_word((n, (level.label_zh, level.label_en)) for n, level in enumerate(pack.levels, 1))
    places: list[int | None] = []
    for level in form.levels:
        found = set().union(*(by_word.get(w, set()) for w in _words(level.label_zh, level.label_en, *level.aliases)))
        place = found.pop() if len(found) == 1 else None
        if place is None:
            differences.append(label_of("survey.matching", "level_unknown", level=level.label))
        elif form.has_codes and pack.levels[place - 1].code != level.code:
            differences.append(
                label_of(
                    "survey.matching", "code_differs", level=level.label, code=level.code, other=pack.levels[place - 1].code
                )
            )  # fmt: skip
        places.append(place)
    known = [place for place in places if place is not None]
    if any(high <= low for low, high in pairwise(known)):
        differences.append(label_of("survey.matching", "order_differs"))
    return places


def _items(form: Form, pack: Form, differences: list[Label]) -> list[Item]:
    """The form's items under the pack's ids and labels."""
    by_id = {plain(item.item_id): n for n, item in enumerate(pack.items)}
    by_word = _by_word((n, (item.label_zh, item.label_en)) for n, item in enumerate(pack.items))
    found: list[Item] = []
    taken: dict[int, Item] = {}
    for item in form.items:
        named = by_id.get(plain(item.item_id))
        labelled = set().union(*(by_word.get(w, set()) for w in _words(item.label_zh, item.label_en)))
        headed = set().union(*(by_word.get(w, set()) for w in _words(*item.columns)))
        if named in labelled:
            labelled = {named}
        places = labelled or headed
        about = {"item": item.item_id, "label": item.label}
        if named is not None and not labelled and not _words(item.label_zh, item.label_en) <= _words(item.item_id):
            # A form may number its items as the pack does and mean others: item-1 is the first of its columns in many a draft.
            differences.append(label_of("survey.matching", "item_labelled", other=pack.items[named].label, **about))
            continue
        if named is not None and not labelled:
            places = {named}
        if len(places) != 1:
            differences.append(label_of("survey.matching", "item_unknown", **about))
            continue
        (place,) = places
        own = pack.items[place]
        if named is not None and named != place:
            differences.append(label_of("survey.matching", "item_differs", other=own.item_id, **about))
        elif place in taken:
            differences.append(label_of("survey.matching", "item_twice", other=own.item_id, **about))
        elif own.is_reversed != item.is_reversed:
            differences.append(label_of("survey.matching", "reversed_differs", **about))
        taken[place] = item
        found.append(msgspec.structs.replace(own, columns=(item.label_zh, item.label_en, *item.columns)))
    return found


def _by_word(named: Iterable[tuple[int, tuple[str, ...]]]) -> Mapping[str, set[int]]:
    """Each word and the places that have it."""
    found: dict[str, set[int]] = {}
    for place, texts in named:
        for word in _words(*texts):
            found.setdefault(word, set()).add(place)
    return found
