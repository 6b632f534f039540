"""What an audit says, in words."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from decimal import Decimal

from pipelines.audit.comparing import Compared
from pipelines.audit.model import Audit, Correction, Unread
from pipelines.words import words_of

__all__ = [
    "compared_texts",
    "correction_text",
    "figures_text",
    "power_text",
    "strength",
    "summary_text",
    "unread_text",
]


def strength(power: float | None) -> str:
    """How much a pass says, as a word's name."""
    if power is None or power <= 0.005:
        return "nothing"
    return "strong" if power >= 0.9 else "fair" if power >= 0.5 else "weak"


def power_text(power: float | None) -> str:
    """A power in percent; nothing where it is not known."""
    if power is None:
        return ""
    return f"{Decimal(power * 100).quantize(Decimal('0.1'))}%"


def figures_text(audit: Audit, names: Sequence[str], language: str) -> str:
    """Figures with what they say and how they were printed."""
    told = [f"{audit.figures[n].label.of(language)} {audit.figures[n].printed.text}" for n in names]
    return words_of("text", language)["clause_joiner"].join(dict.fromkeys(told))


def correction_text(audit: Audit, correction: Correction, language: str) -> str:
    """What to change, and what that would change besides."""
    w, figure = words_of("audit", language), audit.figures[correction.figure]
    text = w["corrected"].format(
        figure=figure.label.of(language),
        old=figure.printed.text,
        new=correction.text,
        kind=correction.kind.of(language),
    )
    more = w["resolves"].format(n=correction.resolves) if correction.resolves > 1 else ""
    return text + more + (w["breaks"].format(n=correction.breaks) if correction.breaks else "")


def compared_texts(audit: Audit, one: Compared, language: str) -> tuple[str, str, str, str, str]:
    """A printed figure, as printed, as recomputed, the difference, and the verdict."""
    w, figure = words_of("audit", language), audit.figures[one.figure]
    verdict = w["cannot"] if one.recomputed is None else w["agrees" if one.agrees else "differs"]
    difference = "" if one.difference is None else f"{one.difference:+,f}"
    return figure.label.of(language), figure.printed.text, one.recomputed or "", difference, verdict


def unread_text(one: Unread, language: str) -> str:
    """Where a cell stands that could not be read."""
    return words_of("audit", language)["row"].format(file=one.file, row=one.row, column=one.column)


def summary_text(audit: Audit, language: str) -> str:
    """How many findings there are of each severity, and how much holds."""
    found, held = Counter(s.severity for s in audit.findings), Counter(s.verdict.holds for s in audit.statements)
    return words_of("audit", language)["summary"].format(
        errors=found["error"], warnings=found["warning"], notices=found["notice"], passed=held[True], vague=held[None]
    )
