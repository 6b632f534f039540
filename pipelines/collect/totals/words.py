"""What an import of totals says of a row, in both languages."""

from __future__ import annotations

from collections.abc import Sequence

from ingest.sources.roster import Why
from ingest.sources.totals import Reason, Verdict
from pipelines.collect.rosters.words import reason_text
from pipelines.words import words_of

__all__ = ["finding_text", "row_text"]


def finding_text(why: Reason | Why, language: str) -> str:
    """Why a row was not used."""
    return reason_text(why, language) if isinstance(why, Why) else words_of("totals.reasons", language)[why]


def row_text(verdict: Verdict, files: Sequence[str], own_file: int, language: str) -> str:
    """Why a row was not used, with the row that contradicts it; empty where it was."""
    if verdict.why is None:
        return ""
    reason = finding_text(verdict.why, language)
    if verdict.twice is None:
        return reason
    file, sheet, row = verdict.twice
    place = f"{sheet} {row}" if file == own_file else f"{files[file]} {sheet} {row}"
    return words_of("roster", language)["reason_and_place"].format(reason=reason, place=place)
