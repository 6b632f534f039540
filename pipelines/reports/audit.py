"""An audit as a document."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date

from pipelines.audit.comparing import Comparison
from pipelines.audit.model import Audit, Statement
from pipelines.audit.told import (
    compared_texts,
    correction_text,
    figures_text,
    power_text,
    strength,
    summary_text,
    unread_text,
)
from pipelines.reports.document import Block, Column, Document, Heading, Notice, Paragraph, Row, Table, Value
from pipelines.words import words_of

__all__ = ["compose_audit"]

#: Lines printed of what holds; the workbook has them all.
_PRINTED = 60


def compose_audit(audit: Audit, language: str, *, file: str, on: date, compared: Comparison | None = None) -> Document:
    """The document: findings, what holds and how much that says, what could not be told or read."""
    w = words_of("audit", language)
    passed = [s for s in audit.statements if s.verdict.holds is True]
    vague = [s for s in audit.statements if s.verdict.holds is None]
    blocks: list[Block] = []
    if compared is not None and compared.is_simulated:
        blocks.append(Notice(w["simulated"]))
    blocks.append(Paragraph(summary_text(audit, language)))
    blocks += _findings(audit, language)
    if compared is not None:
        blocks += _against(audit, compared, language)
    if audit.unread:
        rows = [Row([Value.of_text(unread_text(u, language)), Value.of_text(u.why)]) for u in audit.unread]
        blocks += [Heading(w["unread"]), Table(w["unread"], w["unread"], _texts(w["where"], w["reason"]), rows)]
    for name, statements in (("passed", passed), ("vague", vague)):
        if statements:
            blocks += [Heading(w[name]), _stated(audit, statements, w[name], language)]
    subtitle = w["subtitle"].format(
        file=file, figures=f"{len(audit.figures):,}", statements=f"{len(audit.statements):,}"
    )
    return Document(language, w["title"], subtitle, on, blocks, [w["power_note"]])


def _texts(*labels: str) -> list[Column]:
    return [Column(label, is_number=False) for label in labels]


def _findings(audit: Audit, language: str) -> list[Block]:
    w = words_of("audit", language)
    if not audit.findings:
        return [Heading(w["findings"]), Paragraph(w["none"])]
    between = words_of("text", language)["clause_joiner"]
    rows = []
    for one in audit.findings:
        nearest = dict.fromkeys(
            f"{audit.figures[n].label.of(language)} {text}" if len(one.figures) > 1 else text for n, text in one.nearest
        )
        rows.append(
            Row(
                [
                    Value.of_text(words_of("audit.severities", language)[one.severity]),
                    Value.of_text(figures_text(audit, one.figures, language)),
                    Value.of_text(words_of("audit.rules", language)[one.rule]),
                    Value.of_text(one.verdict.arithmetic.of(language)),
                    Value.of_text(between.join(nearest)),
                    Value.of_text(between.join(correction_text(audit, c, language) for c in one.corrections[:2])),
                    Value.of_text(power_text(one.power)),
                ]
            )
        )
    columns = _texts(w["severity"], w["which"], w["rule"], w["why"], w["nearest"], w["correction"], w["power"])
    return [Heading(w["findings"]), Table(w["findings"], w["findings"], columns, rows)]


def _stated(audit: Audit, statements: Sequence[Statement], title: str, language: str) -> Table:
    w = words_of("audit", language)
    rows = [
        Row(
            [
                Value.of_text(figures_text(audit, one.figures, language)),
                Value.of_text(words_of("audit.rules", language)[one.rule]),
                Value.of_text(one.verdict.arithmetic.of(language)),
                Value.of_text(w[strength(one.power)] if one.verdict.holds else ""),
                Value.of_text(power_text(one.power)),
            ]
        )
        for one in statements
    ]
    more = f"{len(rows):,}"
    columns = _texts(w["which"], w["rule"], w["why"], w["strength"], w["power"])
    return Table(title, title, columns, rows, most=_PRINTED, more=f"{_PRINTED} / {more}")


def _against(audit: Audit, compared: Comparison, language: str) -> list[Block]:
    w = words_of("audit", language)
    rows = [Row([Value.of_text(text) for text in compared_texts(audit, one, language)]) for one in compared.rows]
    note = w["against_note"].format(on=compared.as_of.isoformat(), programme=compared.programme_id)
    columns = _texts(w["which"], w["printed"], w["recomputed"], w["difference"], w["verdict"])
    return [Heading(w["against"]), Table(w["against"], w["against"], columns, rows, note=note)]
