"""Rosters into enrolments: what is known, what a roster changes, and the copy for its sender."""

from pipelines.collect.rosters.importing import Outcome, RosterRun, import_rosters
from pipelines.collect.rosters.words import reason_text, why_text

__all__ = ["Outcome", "RosterRun", "import_rosters", "reason_text", "why_text"]
