"""Rosters: lists of who takes part in a programme, as offices keep them."""

from ingest.sources.roster.entries import Entry, Places, SheetRead, read_entries
from ingest.sources.roster.ledger import Change, Fact, Gone, Ledger, Place, Standing, Verdict, Where, decide
from ingest.sources.roster.mapping import Mapped, read_mapping, write_mapping
from ingest.sources.roster.values import Why

__all__ = [
    "Change", "Entry", "Fact", "Gone", "Ledger", "Mapped", "Place", "Places", "SheetRead", "Standing", "Verdict", "Where", "Why", "decide",
    "read_entries", "read_mapping", "write_mapping",
]  # fmt: skip
