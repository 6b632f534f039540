"""Tables of totals: what a platform says that each person did so far, as of a date."""

from ingest.sources.totals.ledger import Known, TotalsLedger, Verdict
from ingest.sources.totals.map import TotalsMap, guess_map, read_map, write_map
from ingest.sources.totals.reading import Row, read_rows
from ingest.sources.totals.values import Finding, Reason

__all__ = [
    "Finding", "Known", "Reason", "Row", "TotalsLedger", "TotalsMap", "Verdict", "guess_map", "read_map", "read_rows", "write_map",
]  # fmt: skip
