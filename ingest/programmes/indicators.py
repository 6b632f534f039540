"""What an indicator's row in a pack says, told in full."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from ingest.programmes.vocabulary import whole_groups

__all__ = ["MOST_SHARES", "USUAL_MEASURES", "in_full"]

#: How many indicators may lie between an indicator and its whole group.
MOST_SHARES = 8
#: What meets an indicator whose pack leaves its measure open, as packs once did.
USUAL_MEASURES: Mapping[str, str] = {
    "participation": "is_participating",
    "pass": "has_passed",
    "pass_of_studied": "has_passed",
}


def in_full(rows: Sequence[Mapping[str, str]]) -> list[dict[str, str]]:
    """The rows of one pack's ``indicators.csv``, each with a measure, and with its denominator followed to the whole group.

    ``shares_of`` names the indicators on the way, joined by ``|``, and ``whole_group`` the group at its end. A row that leads to no group,
    goes on for too long or takes a group's name is left out: nothing in the warehouse could be a share of it. ``programme check`` tells of it.
    """
    groups = whole_groups()
    denominators = {row["indicator"]: row["denominator"] for row in rows if row["indicator"] not in groups}
    found = []
    for row in rows:
        of, shares = row["denominator"], list[str]()
        while of in denominators and len(shares) < MOST_SHARES:
            shares.append(of)
            of = denominators[of]
        if of in groups and row["indicator"] not in groups:
            measure = row["measure"] or USUAL_MEASURES.get(row["indicator"], "")
            found.append({**row, "measure": measure, "whole_group": of, "shares_of": "|".join(shares)})
    return found
