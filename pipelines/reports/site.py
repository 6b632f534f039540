"""All issued reports as a static site: an index in each language, a search by county, class and school, the status pages."""

from __future__ import annotations

import os
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path

from pipelines.reports.briefing.files import Index, read_index
from pipelines.reports.bulletin.model import Bulletin, Group
from pipelines.reports.bulletin.sealing import Sealed, read_sealed
from pipelines.reports.document.blocks import Value, date_text
from pipelines.reports.document.html import render_template
from pipelines.reports.document.names import file_part, folder_part
from pipelines.reports.public import list_public
from pipelines.words import LANGUAGES, Label, words_of
from warehouse.errors import BadConfiguration

__all__ = ["issued", "write_site"]

_ENDINGS = {"html": "HTML", "pdf": "PDF", "xlsx": "XLSX", "md": "Markdown"}


@dataclass(frozen=True, slots=True)
class _Edition:
    audience: str
    county: Label | None
    #: By language: (format, address).
    files: Mapping[str, Sequence[tuple[str, str]]]


@dataclass(frozen=True, slots=True)
class _Issue:
    number: int
    title: Label
    as_of: date
    issued_on: date
    editions: Sequence[_Edition]


@dataclass(frozen=True, slots=True)
class _Report:
    """A briefing, pack or evaluation report; ``files`` by language: (format, address)."""

    label: Label
    is_restricted: bool
    files: Mapping[str, Sequence[tuple[str, str]]]


@dataclass(slots=True)
class _Programme:
    label: Label
    is_simulated: bool
    status: Mapping[str, str]
    bulletins: list[_Issue] = field(default_factory=list)
    #: By date, newest first, then by kind.
    briefings: list[tuple[date, dict[str, list[_Report]]]] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class _Found:
    """A group that can be searched for, as the newest bulletin has it; ``values``: size and three rates."""

    kind: str
    name: Label
    place: Label
    values: Sequence[Value]
    number: int
    address: Mapping[str, str]
    #: Its briefing or pack, else the bulletin.
    page: Mapping[str, str]


def issued(bulletins: Path) -> list[Sealed]:
    """Every issued bulletin under the folder, by programme and number.

    Raises:
        SealBroken: one was changed after it was issued.
    """
    found = []
    for seal in sorted(bulletins.glob("*/*/seal.json")):
        sealed = read_sealed(bulletins, seal.parent.parent.name, int(seal.parent.name))
        if sealed is not None:
            found.append(sealed)
    return found


def write_site(
    target: Path,
    bulletins: Sequence[Sealed],
    status: Mapping[str, Mapping[str, Path]],
    *,
    language: str,
    restricted: bool = False,
    briefings: Path | None = None,
) -> Path:
    """Write the site in the place of the one before, all of it or nothing; returns its start page.

    Args:
        status: each programme's status pages, by language.
        briefings: the folder of briefings, packs and evaluation reports.
        language: of the start page.
        restricted: take the restricted editions in, too; then nothing of it is public, whoever carries it.

    Raises:
        BadConfiguration: there is nothing to show.
    """
    fresh = target.with_name(f".{target.name}.new")
    shutil.rmtree(fresh, ignore_errors=True)
    fresh.mkdir(parents=True, mode=0o700)
    programmes: dict[str, _Programme] = {}
    newest: dict[str, Sealed] = {}
    for sealed in bulletins:
        public = sealed.public
        page = {code: f.name for code, f in status.get(public.programme_id, {}).items()}
        programme = programmes.setdefault(public.programme_id, _Programme(public.programme, public.is_simulated, page))
        programme.bulletins.append(
            _Issue(
                public.number,
                public.title,
                public.as_of,
                public.issued_on,
                _copied(sealed, fresh, restricted=restricted),
            )
        )
        newest[public.programme_id] = sealed
    for name, pages in status.items():
        programmes.setdefault(name, _Programme(Label(name, name), False, {code: f.name for code, f in pages.items()}))
        for file in pages.values():
            shutil.copyfile(file, fresh / file.name)
    addresses: dict[tuple[str, str, str], Mapping[str, str]] = {}
    for folder in sorted(briefings.glob("*/*/"), reverse=True) if briefings is not None else []:
        index = read_index(folder)
        if index is not None:
            name = index.programme_id
            programme = programmes.setdefault(name, _Programme(index.programme, index.is_simulated, {}))
            programme.briefings.append(
                (index.as_of, _briefings(folder, index, fresh, restricted=restricted, addresses=addresses))
            )
    if not programmes:
        raise BadConfiguration("no report was issued yet; run: xueqing bulletin issue 1")
    groups = [found for sealed in newest.values() for found in _groups(sealed.public, addresses)]
    for code in LANGUAGES:
        w = words_of("site", code)
        html = render_template(
            "site.html.j2", language=code, other=next(x for x in LANGUAGES if x != code), title=w["title"], w=w,
            editions=words_of("site.editions", code), report_kinds=words_of("site.report_kinds", code),
            group_kinds=words_of("site.group_kinds", code),
            programmes=list(programmes.values()), groups=groups, is_restricted=restricted, date_text=date_text,
        )  # fmt: skip
        (fresh / f"index.{code}.html").write_text(html, encoding="utf-8")
    shutil.copyfile(fresh / f"index.{language}.html", fresh / "index.html")
    if not restricted:
        list_public(fresh)
    old = target.with_name(f".{target.name}.old")
    shutil.rmtree(old, ignore_errors=True)
    if target.exists():
        os.replace(target, old)
    os.replace(fresh, target)
    shutil.rmtree(old, ignore_errors=True)
    return target / "index.html"


def _folder(bulletin: Bulletin) -> str:
    return f"bulletins/{folder_part(bulletin.programme_id)}/{bulletin.number:03d}"


def _copied(sealed: Sealed, site: Path, *, restricted: bool) -> list[_Edition]:
    """Copy the editions that the site shows; their files by language."""
    folder = _folder(sealed.bulletin)
    (site / folder).mkdir(parents=True)
    counties = {file_part(g.county_id): g.label for g in sealed.bulletin.counties if g.county_id}
    # The whole first, then the counties as the bulletin has them.
    order = {name: place for place, name in enumerate(["all", *counties])}
    names = {name.rsplit(".", 2)[0] for name in sealed.seal.files_sha256}
    found = []
    for edition in sorted(names, key=lambda n: (order.get(n.rsplit(".", 1)[0], len(order)), n)):
        county, audience = edition.rsplit(".", 1)
        if audience == "restricted" and not restricted:
            continue
        files = {}
        for code in LANGUAGES:
            files[code] = [(label, f"{folder}/{edition}.{code}.{ending}") for ending, label in _ENDINGS.items()]
            for _, address in files[code]:
                shutil.copy(sealed.folder / Path(address).name, site / address)
        found.append(_Edition(audience, counties.get(county), files))
    return found


def _briefings(
    folder: Path,
    index: Index,
    site: Path,
    *,
    restricted: bool,
    addresses: dict[tuple[str, str, str], Mapping[str, str]],
) -> dict[str, list[_Report]]:
    """Copy what the site shows of a folder; ``addresses`` learns where the page of a group is, the newest first."""
    target = f"briefings/{folder_part(index.programme_id)}/{index.as_of}"
    (site / target).mkdir(parents=True)
    found: dict[str, list[_Report]] = {}
    for kind in ("evaluation", "survey", "subject", "class", "county", "staff"):
        for entry in index.entries:
            if entry.kind != kind or (entry.audience == "restricted" and not restricted):
                continue
            files = {
                code: [(_ENDINGS[ending], f"{target}/{name}") for ending, name in entry.files.get(code, {}).items()]
                for code in LANGUAGES
            }
            for _, address in (x for some in files.values() for x in some):
                shutil.copy(folder / Path(address).name, site / address)
            found.setdefault(kind, []).append(_Report(entry.label, entry.audience == "restricted", files))
            pages = {code: some[0][1] for code, some in files.items() if some and some[0][0] == "HTML"}
            if entry.audience == "public" and len(pages) == len(LANGUAGES):
                addresses.setdefault((index.programme_id, kind, entry.id), pages)
    return found


def _groups(public: Bulletin, addresses: Mapping[tuple[str, str, str], Mapping[str, str]]) -> list[_Found]:
    counties = {g.county_id: g.label for g in public.counties}
    subjects = {g.subject_id: g.label for g in public.subjects}
    address = {code: f"{_folder(public)}/all.public.{code}.html" for code in LANGUAGES}

    def place(kind: str, g: Group) -> Label:
        if kind == "county":
            return public.programme
        parts = [x for x in (counties.get(g.county_id), subjects.get(g.subject_id)) if x is not None]
        return Label(" ".join(p.zh for p in parts), ", ".join(p.en for p in parts))

    def values(g: Group) -> list[Value]:
        if g.participating is None:
            return [Value.hidden()] * 4
        rates = [g.shares.get(name) for name in ("login", "study", "pass")]
        return [
            Value.of_count(g.participating),
            *(Value.missing() if s is None else Value.hidden() if s.denominator is None else Value.of_share(s.numerator, s.denominator) for s in rates),
        ]  # fmt: skip

    return [
        _Found(
            kind,
            g.label,
            place(kind, g),
            values(g),
            public.number,
            address,
            addresses.get((public.programme_id, kind, g.group_id), address),
        )
        for kind, groups in (("county", public.counties), ("class", public.classes), ("school", public.schools))
        for g in groups
    ]
