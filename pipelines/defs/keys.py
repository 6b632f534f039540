"""Keys of the assets that other modules refer to (an imported asset would be defined twice)."""

from __future__ import annotations

import dagster as dg

__all__ = [
    "LOG",
    "NEW_RECORDS",
    "PUBLISHED",
    "RECORDS",
    "SITE",
    "briefings_key",
    "bulletins_key",
    "evaluation_key",
]

LOG = dg.AssetKey(["log", "events"])
RECORDS = dg.AssetKey(["lake", "records"])
NEW_RECORDS = dg.AssetKey(["lake", "new_records"])
PUBLISHED = dg.AssetKey(["warehouse", "published"])
SITE = dg.AssetKey(["reports", "site"])


def bulletins_key(programme_id: str) -> dg.AssetKey:
    """A programme's bulletins, of which each number is a partition."""
    return dg.AssetKey(["bulletins", programme_id])


def briefings_key(programme_id: str) -> dg.AssetKey:
    """A programme's briefings and packs, of the dates of its bulletins."""
    return dg.AssetKey(["briefings", programme_id])


def evaluation_key(programme_id: str) -> dg.AssetKey:
    """A programme's evaluation report."""
    return dg.AssetKey(["evaluation", programme_id])
