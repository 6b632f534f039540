"""What an import of rosters says, in both languages."""

from __future__ import annotations

from collections.abc import Sequence

from ingest.sources.roster import Verdict, Why
from pipelines.words import words_of

__all__ = ["reason_text", "why_text"]


def reason_text(why: Why, language: str) -> str:
    """Why a row, or a cell of it, was not taken."""
    return words_of("roster.reasons", language)[why]


def why_text(verdict: Verdict, files: Sequence[str], own_file: int, language: str) -> str:
    """Why a row, or a cell of it, was not taken; empty where all of it was.

    Args:
        files: what the rosters' files are called.
        own_file: the file that the row is in.
    """
    w = words_of("roster", language)
    if verdict.why is None:
        return w["joiner"].join(reason_text(note, language) for note in verdict.notes)
    reason = reason_text(verdict.why, language)
    if verdict.twice is None:
        return reason
    file, sheet, row = verdict.twice
    place = f"{sheet} {row}" if file == own_file else f"{files[file]} {sheet} {row}"
    return w["reason_and_place"].format(reason=reason, place=place)
