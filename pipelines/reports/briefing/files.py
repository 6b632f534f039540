"""Writes briefings and packs into a folder of their date, with a list of what is there for the site."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator
from datetime import date
from pathlib import Path

import msgspec

from pipelines.reports.briefing.compose import class_briefing, county_pack, staff_activity, subject_briefing
from pipelines.reports.briefing.read import Standing
from pipelines.reports.bulletin.editions import public_edition
from pipelines.reports.bulletin.model import Label
from pipelines.reports.document import Document
from pipelines.reports.document.files import FORMATS, LANGUAGES, file_part, write_file
from warehouse.errors import BadConfiguration

__all__ = ["KINDS", "Entry", "Index", "Make", "count_files", "read_index", "write_briefings", "write_documents"]

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
    """What the folder holds; None where nothing was written."""
    file = folder / _INDEX
    return msgspec.json.decode(file.read_bytes(), type=Index) if file.exists() else None


def count_files(entries: Collection[Entry]) -> int:
    """How many files they are."""
    return sum(len(files) for entry in entries for files in entry.files.values())


Make = Callable[[str], Document | None]


def write_documents(
    folder: Path,
    index: Index,
    made: Iterator[tuple[str, str, Label, str, Make]],
    *,
    formats: Collection[str] = tuple(FORMATS),
    report: Callable[[str], None] = lambda name: None,
) -> list[Entry]:
    """Write reports given as (kind, id, label, audience, what makes it in a language) into ``folder``, and add them to its index."""
    folder.mkdir(parents=True, exist_ok=True)
    entries = []
    for kind, name, label, audience, make in made:
        files: dict[str, dict[str, str]] = {}
        for language in LANGUAGES:
            document = make(language)
            if document is None:
                continue
            stem = ".".join([kind, *([file_part(name)] if name else []), audience, language])
            files[language] = {ending: f"{stem}.{ending}" for ending in FORMATS if ending in formats}
            for ending, file in files[language].items():
                write_file(folder / file, FORMATS[ending](document), private=audience == "restricted")
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
    smallest: int = 10,
    report: Callable[[str], None] = lambda name: None,
) -> tuple[Path, list[Entry]]:
    """Write class and subject briefings, county packs and the activity of staff; returns the folder and what was written.

    Args:
        ids: classes, subjects or counties (default: all).
        audiences: what staff did is in restricted editions only, and so are withheld groups.
        smallest: groups of fewer are withheld from public editions, and what would give them away.

    Raises:
        BadConfiguration: there is no such class, subject or county.
    """
    full = standing.bulletin
    editions = {"restricted": full}
    if "public" in audiences:
        editions["public"] = public_edition(full, smallest)
    groups = {"class": full.classes, "subject": full.subjects, "county": full.counties}
    known = {g.group_id for kind in kinds for g in groups.get(kind, [])}
    if unknown := [name for name in ids if name not in known]:
        raise BadConfiguration(
            f"there is no {' or '.join(kinds)} {', '.join(unknown)}; there are: {', '.join(sorted(known)) or 'none'}"
        )
    makers = {"class": class_briefing, "subject": subject_briefing, "county": county_pack}

    def made() -> Iterator[tuple[str, str, Label, str, Make]]:
        for kind in kinds:
            for audience in audiences:
                for group in groups.get(kind, []):
                    if not ids or group.group_id in ids:

                        def make(
                            language: str, kind: str = kind, name: str = group.group_id, audience: str = audience
                        ) -> Document | None:
                            return makers[kind](standing, editions[audience], name, language, time_zone)

                        yield kind, group.group_id, group.label, audience, make
                if kind == "staff" and audience == "restricted":
                    label = Label("辅导教师与专家工作情况", "What tutors and experts did")
                    yield kind, "", label, audience, lambda language: staff_activity(standing, language, time_zone)

    folder = root / full.programme_id / full.as_of.isoformat()
    index = Index(
        programme_id=full.programme_id, programme=full.programme, as_of=full.as_of, is_simulated=full.is_simulated, entries=[]
    )  # fmt: skip
    return folder, write_documents(folder, index, made(), formats=formats, report=report)
