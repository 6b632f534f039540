"""The audit of printed figures."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer
from rich.markup import escape
from rich.table import Table
from rich.text import Text

from pipelines.audit.auditing import audit as audited
from pipelines.audit.comparing import Comparison
from pipelines.audit.model import Audit, PrintedFigure, Statement
from pipelines.audit.read import read_figures, read_relations, read_shares
from pipelines.audit.told import (
    compared_texts,
    correction_text,
    figures_text,
    power_text,
    strength,
    summary_text,
    unread_text,
)
from pipelines.commands.options import AsOf, Language, parse_date
from pipelines.console import errors, output
from pipelines.reading.comparison import compare
from pipelines.reading.marts import open_marts
from pipelines.reports.audit import compose_audit
from pipelines.reports.document.files import check_endings, write_document
from pipelines.settings import Settings, default_language
from pipelines.words import words_of
from pipelines.workspace import Workspace
from warehouse.errors import BadConfiguration

__all__ = ["register"]

_COLOURS = {"error": "red", "warning": "yellow", "notice": "cyan"}


def register(app: typer.Typer) -> None:
    """Add the command to ``app``."""
    app.command()(audit)


def audit(
    figures: Annotated[
        Path, typer.Argument(help="CSV with figure_id and value_as_printed, and what else is known (docs/auditing.md).")
    ],
    relations: Annotated[
        Path | None, typer.Option("--relations", "-r", help="CSV: left, relation (=, <=, >=, <, >), right, why.")
    ] = None,
    shares: Annotated[
        list[Path] | None,
        typer.Option(
            "--shares", "-s", help="CSV, one row an item: item, and a column ending in _pct for each part of 100 %."
        ),
    ] = None,
    respondents: Annotated[
        str | None, typer.Option(help="Who answered the items of --shares: a number, or a figure's id.")
    ] = None,
    against: Annotated[
        str | None, typer.Option(help="A programme: its events' figures beside those whose indicator is named.")
    ] = None,
    as_of: AsOf = None,
    to: Annotated[
        list[Path] | None,
        typer.Option("--to", help="Write the audit to a file: .html, .pdf, .xlsx or .md; repeatable."),
    ] = None,
    all_: Annotated[bool, typer.Option("--all", help="Print what holds, too, and how much that says.")] = False,
    language: Language = None,
) -> None:
    """Say what cannot be true of figures as they were printed, and what the simplest correction would be.

    Shares that no whole number gives (GRIM), means and standard deviations that none give (GRIMMER, DEBIT), parts that do not
    add up, rates that are not their quotient, relations that fail, figures that differ, fall or are out of order.

    Exits with 3 where something cannot be.
    """
    check_endings(to or [], "audit")
    lang = language or default_language()
    found, unread = read_figures(figures)
    for file in shares or []:
        more, bad = read_shares(file, found, respondents)
        twice = found.keys() & more.keys()
        if any(not name.startswith("=") for name in twice):
            raise BadConfiguration(f"{file.name}: {', '.join(sorted(twice))} are figures already")
        found |= more
        unread += bad
    done = audited(found, read_relations(relations) if relations else (), unread)
    compared = _compared(against, as_of, found) if against else None
    _print(done, compared, lang, is_full=all_)
    for path in to or []:
        document = compose_audit(done, lang, file=figures.name, on=datetime.now(UTC).date(), compared=compared)
        write_document(path, document, private=False)
        output.print(str(path), soft_wrap=True)
    if done.errors:
        raise typer.Exit(3)


def _compared(programme: str, as_of: str | None, figures: dict[str, PrintedFigure]) -> Comparison:
    workspace = Workspace(Settings.from_environment())
    with open_marts(workspace.warehouse.published) as con:
        return compare(con, programme, parse_date(as_of), figures)


def _print(done: Audit, compared: Comparison | None, lang: str, *, is_full: bool) -> None:
    w = words_of("audit", lang)
    if done.findings:
        output.print(_findings(done, lang))
    if is_full:
        output.print(_passed([s for s in done.statements if s.verdict.holds is not False], done, lang))
    if compared is not None:
        output.print(_against(compared, done, lang))
    for one in done.unread:
        where = escape(unread_text(one, lang))
        errors.print(f"[yellow]{w['unread']}:[/yellow] {where}: {escape(one.why)}", soft_wrap=True)
    output.print(summary_text(done, lang), soft_wrap=True)


def _findings(done: Audit, lang: str) -> Table:
    w = words_of("audit", lang)
    table = Table(title=w["findings"], show_lines=True)
    for name in ("severity", "which", "why", "correction", "power"):
        table.add_column(w[name], justify="right" if name == "power" else "left")
    for one in done.findings:
        table.add_row(
            Text(words_of("audit.severities", lang)[one.severity], _COLOURS[one.severity]),
            figures_text(done, one.figures, lang),
            f"{words_of('audit.rules', lang)[one.rule]}\n{one.verdict.arithmetic.of(lang)}",
            "\n".join(correction_text(done, c, lang) for c in one.corrections[:1]),
            power_text(one.power),
        )
    return table


def _passed(statements: list[Statement], done: Audit, lang: str) -> Table:
    w = words_of("audit", lang)
    table = Table(title=w["passed"])
    for name in ("which", "why", "strength", "power"):
        table.add_column(w[name], justify="right" if name == "power" else "left")
    for one in statements:
        told = w[strength(one.power)] if one.verdict.holds else w["vague"]
        table.add_row(
            figures_text(done, one.figures, lang),
            one.verdict.arithmetic.of(lang),
            told,
            power_text(one.power),
        )
    return table


def _against(compared: Comparison, done: Audit, lang: str) -> Table:
    w = words_of("audit", lang)
    caption = w["against_note"].format(on=compared.as_of, programme=compared.programme_id)
    table = Table(title=w["against"], caption=f"{caption} {w['simulated'] if compared.is_simulated else ''}")
    for name in ("which", "printed", "recomputed", "difference", "verdict"):
        table.add_column(w[name], justify="left" if name in ("which", "verdict") else "right")
    for one in compared.rows:
        table.add_row(*compared_texts(done, one, lang))
    return table
