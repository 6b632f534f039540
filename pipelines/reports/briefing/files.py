"""Writes briefings and packs into a folder of their date, with a list of what is there for the site."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Sequence
from datetime import date
from pathlib import Path

import msgspec

from pipelines.reports.briefing.compose import class_briefing, county_pack, staff_activity, subject_briefing
from pipelines.reports.briefing.lists import LISTS, learner_list, listed_enrolments
from pipelines.reports.briefing.model import Standing
from pipelines.reports.bulletin.editions import public_edition
from pipelines.reports.bulletin.model import Group
from pipelines.reports.document import Document
from pipelines.reports.document.files import FORMATS, write_file
from pipelines.reports.document.locking import locked
from pipelines.reports.document.names import file_part, folder_part
from pipelines.reports.people import Persons, marked
from pipelines.words import LANGUAGES, Label, label_of
from warehouse.errors import BadConfiguration, SealBroken

__all__ = [
    "KINDS",
    "Entry",
    "Index",
    "Make",
    "PersonsOf",
    "count_files",
    "read_index",
    "write_briefings",
    "write_documents",
]

#: Kinds of report, and of which groups there is one each.
KINDS = ("class", "subject", "county", "staff")
_INDEX = "index.json"


class Entry(msgspec.Struct, frozen=True, kw_only=True):
    """One report in one edition: its files by language and format, relative to the folder."""

    kind: str
    id: str
    label: Label
    audience: str
    files: dict[str, dict[str, str]]


class Index(msgspec.Struct, frozen=True, kw_only=True):
    """What a folder holds."""

    programme_id: str
    programme: Label
    as_of: date
    is_simulated: bool
    entries: list[Entry]


def read_index(folder: Path) -> Index | None:
    """What the folder holds; None where nothing was written.

    Raises:
        SealBroken: what says so cannot be read.
    """
    file = folder / _INDEX
    try:
        return msgspec.json.decode(file.read_bytes(), type=Index) if file.exists() else None
    except msgspec.MsgspecError:
        raise SealBroken(
            f"{file} is damaged; put it back from a backup, or delete it and write the reports again"
        ) from None


def count_files(entries: Collection[Entry]) -> int:
    """How many files they are."""
    return sum(len(files) for entry in entries for files in entry.files.values())


Make = Callable[[str], Document | None]
#: Gives names of enrolments and of staff for a report of a kind and a label.
PersonsOf = Callable[[str, Label, Collection[str], Collection[str]], Persons]


def write_documents(
    folder: Path,
    index: Index,
    made: Iterator[tuple[str, str, Label, str, Make]],
    *,
    formats: Collection[str] = tuple(FORMATS),
    languages: Collection[str] = LANGUAGES,
    password: str | None = None,
    report: Callable[[str], None] = lambda name: None,
) -> list[Entry]:
    """Write reports given as (kind, id, label, audience, what makes it in a language) into ``folder``, and add them to its index.

    Args:
        password: what the files open with (:mod:`pipelines.reports.document.locking`).
    """
    folder.mkdir(parents=True, exist_ok=True)
    entries = []
    for kind, name, label, audience, make in made:
        files: dict[str, dict[str, str]] = {}
        for language in languages:
            document = make(language)
            if document is None:
                continue
            stem = ".".join([kind, *([file_part(name)] if name else []), audience, language])
            files[language] = {ending: f"{stem}.{ending}" for ending in FORMATS if ending in formats}
            for ending, file in files[language].items():
                content = FORMATS[ending](document)
                if password is not None:
                    content = locked(content, ending, password)
                write_file(folder / file, content, private=audience == "restricted")
        report(name or kind)
        if files:
            entries.append(Entry(kind=kind, id=name, label=label, audience=audience, files=files))
    before = read_index(folder)
    fresh = {(e.kind, e.id, e.audience) for e in entries}
    kept = [e for e in before.entries if (e.kind, e.id, e.audience) not in fresh] if before else []
    whole = msgspec.structs.replace(index, entries=[*kept, *entries])
    write_file(folder / _INDEX, msgspec.json.encode(whole), private=False)
    return entries


def write_briefings(
    root: Path,
    standing: Standing,
    *,
    time_zone: str,
    kinds: Collection[str] = KINDS,
    ids: Collection[str] = (),
    audiences: Collection[str] = ("public", "restricted"),
    formats: Collection[str] = tuple(FORMATS),
    languages: Collection[str] = LANGUAGES,
    smallest: int = 10,
    persons_of: PersonsOf | None = None,
    password: str | None = None,
    report: Callable[[str], None] = lambda name: None,
) -> tuple[Path, list[Entry]]:
    """Write class and subject briefings, county packs, the activity of staff and lists; returns the folder and what was written.

    Args:
        ids: classes, subjects or counties, by id or name (default: all).
        audiences: what staff did is in restricted editions only, and so are withheld groups.
        smallest: groups of fewer are withheld from public editions, and what would give them away.
        persons_of: gives the names for a report; asked once for each of the restricted ones that is written.

    Raises:
        BadConfiguration: there is no such class, subject or county.
    """
    full = standing.bulletin
    editions = {"restricted": full}
    if "public" in audiences:
        editions["public"] = public_edition(full, smallest)
    groups = {
        "class": full.classes,
        "subject": full.subjects,
        "county": full.counties,
        **dict.fromkeys(LISTS, full.counties),
    }
    known = {g.group_id for kind in kinds for g in groups.get(kind, [])}
    ids = [_id_of(name, [g for kind in kinds for g in groups.get(kind, [])]) for name in ids]
    if unknown := [name for name in ids if name not in known]:
        raise BadConfiguration(
            f"there is no {' or '.join(kinds)} {', '.join(unknown)}; there are: {', '.join(sorted(known)) or 'none'}"
        )
    makers = {"class": class_briefing, "subject": subject_briefing, "county": county_pack}

    def made() -> Iterator[tuple[str, str, Label, str, Make]]:
        for kind in kinds:
            for audience in audiences:
                for group in groups.get(kind, []) if kind in makers else []:
                    if not ids or group.group_id in ids:
                        persons = _asked(persons_of, standing, kind, group.group_id, group.label, audience)

                        def make(
                            language: str, kind: str = kind, name: str = group.group_id, audience: str = audience,
                            persons: Persons | None = persons,
                        ) -> Document | None:  # fmt: skip
                            return _named(
                                makers[kind](standing, editions[audience], name, language, time_zone, persons), persons
                            )

                        yield kind, group.group_id, group.label, audience, make
                if kind in LISTS and audience == "restricted":
                    wanted: list[Group | None] = [g for g in full.counties if g.group_id in ids]
                    for county in wanted or [None]:
                        yield _list(standing, kind, county, time_zone, persons_of)
                if kind == "staff" and audience == "restricted":
                    label = label_of("briefing", "staff")
                    of_staff = _asked(persons_of, standing, kind, "", label, audience)

                    def make_staff(language: str, persons: Persons | None = of_staff) -> Document | None:
                        return _named(staff_activity(standing, language, time_zone, persons), persons)

                    yield kind, "", label, audience, make_staff

    folder = root / folder_part(full.programme_id) / full.as_of.isoformat()
    index = Index(
        programme_id=full.programme_id, programme=full.programme, as_of=full.as_of, is_simulated=full.is_simulated, entries=[]
    )  # fmt: skip
    return folder, write_documents(
        folder, index, made(), formats=formats, languages=languages, password=password, report=report
    )


def _id_of(name: str, groups: Sequence[Group]) -> str:
    """The id of the one group that is called so in either language; what is an id, or nobody's name, stays."""
    called = {g.group_id for g in groups if name in (g.group_id, g.label.zh, g.label.en)}
    return called.pop() if len(called) == 1 else name


def _list(
    standing: Standing, kind: str, county: Group | None, time_zone: str, persons_of: PersonsOf | None
) -> tuple[str, str, Label, str, Make]:
    name = None if county is None else county.group_id
    label = label_of("briefing.lists", "whole") if county is None else county.label
    persons = persons_of(kind, label, listed_enrolments(standing, kind, name), ()) if persons_of else None

    def make(language: str) -> Document | None:
        return _named(learner_list(standing, kind, name, language, time_zone, persons), persons)

    return kind, name or "", label, "restricted", make


def _asked(
    persons_of: PersonsOf | None, standing: Standing, kind: str, name: str, label: Label, audience: str
) -> Persons | None:
    """The names for a report: of just those whom it lists."""
    if persons_of is None or audience != "restricted":
        return None
    staff = [x.staff_key for x in standing.staff if kind == "staff" or (x.scope_kind, x.scope_id) == (kind, name)]
    if kind == "subject":
        learners = [x.enrolment_id for x in standing.bulletin.learners if x.subject_id == name]
    elif kind == "staff":
        learners = []
    else:
        learners = [x.enrolment_id for x in standing.learners if getattr(x, f"{kind}_id") == name]
    return persons_of(kind, label, learners, staff if kind != "county" else [])


def _named(document: Document | None, persons: Persons | None) -> Document | None:
    return document if document is None or persons is None else marked(document, persons, is_sealed=False)
