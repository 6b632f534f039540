"""Tables of totals into reports of totals: what is known, what a table adds, and the copy for its sender."""

from pipelines.collect.totals.importing import TotalsOutcome, TotalsRun, headers_of, import_totals
from pipelines.collect.totals.words import finding_text

__all__ = ["TotalsOutcome", "TotalsRun", "finding_text", "headers_of", "import_totals"]
