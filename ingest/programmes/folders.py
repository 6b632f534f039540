"""The packs on the disk: those that ship, and those of a folder that the settings name."""

from __future__ import annotations

import tomllib
from collections.abc import Collection
from importlib import resources
from pathlib import Path

from ingest.programmes.pack import SETTINGS_FILE, Pack, load_pack
from warehouse.errors import BadConfiguration

__all__ = ["find_packs"]


def find_packs(extra: Path | None = None, *, loaded: Collection[str] = ()) -> dict[str, Pack]:
    """Every pack that ships, and those in the folder ``extra``, by programme id.

    Args:
        loaded: programmes that the log has definitions of. A pack of theirs that has errors is left out: it is a draft of the next one.

    Raises:
        BadConfiguration: a pack of another programme has errors, or two have the same id.
    """
    shipped = Path(str(resources.files("programmes")))
    packs: dict[str, Pack] = {}
    for root in [shipped, *([extra] if extra else [])]:
        if not root.is_dir():
            raise BadConfiguration(f"there is no folder of programme packs at {root}")
        for folder in sorted(p.parent for p in root.glob(f"*/{SETTINGS_FILE}")):
            try:
                pack = load_pack(folder)
            except BadConfiguration:
                if _programme_of(folder) in loaded:
                    continue
                raise
            if pack.programme_id in packs:
                raise BadConfiguration(
                    f"two packs are called {pack.programme_id}: {folder} and {packs[pack.programme_id].path}"
                )
            packs[pack.programme_id] = pack
    return packs


def _programme_of(folder: Path) -> object:
    """The programme that a pack with errors says it is."""
    try:
        return tomllib.loads((folder / SETTINGS_FILE).read_text(encoding="utf-8-sig")).get("programme_id")
    except (ValueError, RecursionError):
        return None
