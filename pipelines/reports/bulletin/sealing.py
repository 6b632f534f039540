"""Issued bulletins: sealed with their data, so that issuing one again gives every byte again and nothing changes silently."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import date, datetime
from hashlib import sha256
from pathlib import Path

import msgspec

from pipelines.reports.bulletin.compose import compose
from pipelines.reports.bulletin.editions import county_edition, public_edition
from pipelines.reports.bulletin.model import Bulletin, Group
from pipelines.reports.document.files import FORMATS, write_file
from pipelines.reports.document.names import file_part, folder_part
from pipelines.words import LANGUAGES, Share
from warehouse.errors import SealBroken

__all__ = ["ChangedFigure", "Seal", "Sealed", "changed_figures", "editions", "issue", "read_sealed"]

_DATA = "bulletin.json"
#: What the public edition says, sealed too: what to withhold is chosen once.
_PUBLIC = "public.json"
_SEAL = "seal.json"


class Seal(msgspec.Struct, frozen=True):
    """What was issued when, from what, and the SHA-256 of its data and of each file."""

    programme_id: str
    number: int
    sealed_at: datetime
    as_of: date
    known_by: datetime
    build_id: str
    definitions_digest: str
    time_zone: str
    smallest_group: int
    data_sha256: str
    public_sha256: str
    files_sha256: dict[str, str]


@dataclass(frozen=True, slots=True)
class Sealed:
    """An issued bulletin: its folder, its seal, and the full data of it."""

    folder: Path
    seal: Seal
    bulletin: Bulletin
    public: Bulletin


def editions(bulletin: Bulletin, public: Bulletin) -> Iterator[tuple[str, Bulletin]]:
    """Every edition by name: of the whole and of each county, public and restricted.

    A county's public edition is cut from the public one, so that all of them withhold the same; a county that is withheld
    has none.
    """
    yield "all.public", public
    yield "all.restricted", bulletin
    shown = {g.county_id for g in public.counties if g.participating is not None}
    for group in bulletin.counties:
        if group.county_id:
            name = file_part(group.county_id)
            if group.county_id in shown:
                yield f"{name}.public", county_edition(public, group.county_id)
            yield f"{name}.restricted", county_edition(bulletin, group.county_id)


def _folder(root: Path, programme_id: str, number: int) -> Path:
    return root / folder_part(programme_id) / f"{number:03d}"


def read_sealed(root: Path, programme_id: str, number: int) -> Sealed | None:
    """The issued bulletin; None where it was not issued yet.

    Raises:
        SealBroken: its data is not what was sealed, or its seal cannot be read.
    """
    folder = _folder(root, programme_id, number)
    if not (folder / _SEAL).exists():
        return None
    try:
        seal = msgspec.json.decode((folder / _SEAL).read_bytes(), type=Seal)
    except msgspec.MsgspecError:
        raise SealBroken(f"{folder / _SEAL} is damaged; put it back from a backup") from None
    models = []
    for name, digest in ((_DATA, seal.data_sha256), (_PUBLIC, seal.public_sha256)):
        try:
            data = (folder / name).read_bytes()
        except FileNotFoundError:
            raise SealBroken(f"{folder / name} is missing; put it back from a backup") from None
        if sha256(data).hexdigest() != digest:
            raise SealBroken(
                f"{folder / name} was changed after bulletin {number} was issued; restore it from a backup"
            )
        models.append(msgspec.json.decode(data, type=Bulletin))
    return Sealed(folder, seal, *models)


def issue(
    root: Path,
    bulletin: Bulletin,
    *,
    time_zone: str,
    smallest: int,
    sealed_at: datetime,
    report: Callable[[str], None] = lambda file: None,
) -> Sealed:
    """Write every edition of a bulletin in every format and both languages, and seal it; the seal comes last.

    A bulletin that was issued is written again from its sealed data, whatever ``bulletin`` says now.

    Raises:
        SealBroken: what comes out is not what was issued.
    """
    sealed = read_sealed(root, bulletin.programme_id, bulletin.number)
    if sealed is not None:
        bulletin, public, time_zone = sealed.bulletin, sealed.public, sealed.seal.time_zone
    else:
        public = public_edition(bulletin, smallest)
    folder = _folder(root, bulletin.programme_id, bulletin.number)
    folder.mkdir(parents=True, exist_ok=True)
    data, public_data = (msgspec.json.encode(model, order="sorted") for model in (bulletin, public))
    digests: dict[str, str] = {}
    for edition, cut in editions(bulletin, public):
        for language in LANGUAGES:
            names = {f"{edition}.{language}.{ending}": render for ending, render in FORMATS.items()}
            if sealed is not None:  # what was issued, and not what a later version would issue
                names = {name: render for name, render in names.items() if name in sealed.seal.files_sha256}
            document = compose(cut, language, time_zone) if names else None
            for name, render in names.items():
                assert document is not None
                content = render(document)
                digests[name] = sha256(content).hexdigest()
                if sealed is not None and digests[name] != sealed.seal.files_sha256[name]:
                    raise SealBroken(
                        f"{name} of bulletin {bulletin.number} comes out other than it was issued;"
                        " what was issued stands. Was Xueqing or one of its libraries changed since?"
                    )
                write_file(folder / name, content, private="restricted" in edition)
                report(name)
    if sealed is not None:
        return sealed
    write_file(folder / _DATA, data, private=True)
    write_file(folder / _PUBLIC, public_data, private=False)
    seal = Seal(
        bulletin.programme_id, bulletin.number, sealed_at, bulletin.as_of, bulletin.known_by, bulletin.build_id,
        bulletin.definitions_digest, time_zone, smallest, sha256(data).hexdigest(), sha256(public_data).hexdigest(), digests,
    )  # fmt: skip
    write_file(folder / _SEAL, msgspec.json.format(msgspec.json.encode(seal, order="sorted"), indent=1), private=False)
    return Sealed(folder, seal, bulletin, public)


@dataclass(frozen=True, slots=True)
class ChangedFigure:
    """A figure of an issued bulletin that would be another now; None where it was not there, or is not."""

    kind: str
    group_id: str
    indicator: str
    issued: Share | None
    now: Share | None


def changed_figures(issued: Bulletin, now: Bulletin) -> list[ChangedFigure]:
    """Every figure of a group that differs, in the order of the bulletin."""
    found = []
    for kind in ("whole", "counties", "subjects", "grid", "classes", "schools"):
        old, new = (_groups(b, kind) for b in (issued, now))
        for group_id in dict.fromkeys([*old, *new]):
            shares = [_figures(groups.get(group_id)) for groups in (old, new)]
            for indicator in dict.fromkeys([*shares[0], *shares[1]]):
                before, after = (s.get(indicator) for s in shares)
                if before != after:
                    found.append(ChangedFigure(kind, group_id, indicator, before, after))
    return found


def _groups(bulletin: Bulletin, kind: str) -> dict[str, Group]:
    groups = [bulletin.whole] if kind == "whole" else getattr(bulletin, kind)
    return {g.group_id: g for g in groups}


def _figures(group: Group | None) -> dict[str, Share]:
    if group is None:
        return {}
    return {"participating": Share(group.participating, group.participating), **group.shares}
