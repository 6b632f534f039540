"""The command that brings in tables of totals."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer
from rich.table import Table

from ingest.sources.roster import Where
from ingest.sources.totals import Finding, TotalsMap, Verdict, guess_map, read_map, write_map
from pipelines.collect.totals import TotalsOutcome, TotalsRun, finding_text, headers_of, import_totals
from pipelines.commands.options import Language, parse_date
from pipelines.commands.roster import where_text
from pipelines.console import errors, output
from pipelines.settings import Settings, default_language
from pipelines.words import words_of
from pipelines.workspace import Workspace
from warehouse.errors import BadConfiguration

__all__ = ["table"]

#: Rows with a total that falls that are printed.
_MOST_LOWER = 20


def table(
    files: Annotated[list[Path], typer.Argument(help="Tables (XLSX, XLS, ODS, CSV, TSV), or folders of them.")],
    programme: Annotated[str, typer.Option("--programme", "-p", help="Programme that the tables are of.")],
    map_file: Annotated[Path, typer.Option("--map", help="What the columns are (TOML; docs/sources.md).")],
    as_of: Annotated[
        str | None,
        typer.Option(
            "--as-of",
            help="Local date at whose end the totals hold; by default a column's, or the one in the name of the file or folder or in the title.",
        ),
    ] = None,
    apply: Annotated[bool, typer.Option("--apply", help="Do it; without, only say what would be done.")] = False,
    guess: Annotated[
        bool, typer.Option("--guess", help="Write a first map of the columns that are known, and read nothing.")
    ] = False,
    returned: Annotated[
        Path | None,
        typer.Option(help="Folder for the copies that go back to the senders; by default that of each file."),
    ] = None,
    language: Language = None,
) -> None:
    """Append what a platform says that everybody did so far: a table of totals such as minutes, posts and scores, by a map of its columns.

    A later table counts what it adds to the one before; one that comes late takes its place by its date. What cannot be used comes back as
    a copy of the table with a column that says why. Names and numbers of people are only compared with the vault.
    """
    spoken = language or default_language()
    if guess:
        _guess(files, map_file, spoken)
        return
    run = TotalsRun(files, programme, _map(map_file), parse_date(as_of), returned, apply, spoken)
    _print(import_totals(Workspace(Settings.from_environment()), run), run, spoken)


def _map(file: Path) -> TotalsMap:
    try:
        return read_map(file.read_text(encoding="utf-8"), file.name)
    except FileNotFoundError:
        raise BadConfiguration(f"there is no {file}; --guess writes a first one") from None
    except (OSError, UnicodeDecodeError) as error:
        raise BadConfiguration(f"{file} cannot be read as text in UTF-8 ({type(error).__name__})") from None


def _guess(files: Sequence[Path], map_file: Path, language: str) -> None:
    if map_file.exists():
        raise BadConfiguration(f"{map_file} is there already; name another file with --map, or remove it")
    found, unknown = guess_map(headers_of(files, lambda name: len(guess_map([name])[1]) == 0))
    if not found.totals:
        raise BadConfiguration(
            "no column has the name of a total that is known; write the map by hand (docs/sources.md)"
        )
    map_file.write_text(write_map(found, unknown), encoding="utf-8")
    w = words_of("totals", language)
    for header, meant in {**found.columns, **{h: " ".join(m) for h, m in found.totals.items()}}.items():
        output.print(f"  {header} = {meant}", soft_wrap=True, markup=False)
    if unknown:
        errors.print(w["not_guessed"].format(columns=", ".join(unknown)), soft_wrap=True, markup=False)
    output.print(w["guessed"].format(file=map_file), soft_wrap=True)


def _print(outcome: TotalsOutcome, run: TotalsRun, language: str) -> None:
    w = words_of("totals", language)
    names = ["" if len(outcome.files) == 1 else f"{file.name} " for file in outcome.files]
    for file, read in outcome.sheets:
        if read.header is None:
            errors.print(w["no_table"].format(file=file.name, sheet=read.name))
        elif read.unused:
            errors.print(w["unused"].format(file=file.name, sheet=read.name, columns=", ".join(read.unused)))
    if outcome.dates:
        dates = ", ".join(f"{day} ({count:,})" for day, count in sorted(outcome.dates.items()))
        output.print(w["dates"].format(dates=dates), soft_wrap=True)
    counts = Table(box=None, pad_edge=False)
    counts.add_column(w["finding"])
    counts.add_column(words_of("roster", language)["rows"], justify="right")
    counts.add_column(words_of("roster", language)["where"], overflow="fold")
    for finding in Finding:
        where = "" if finding is Finding.SAME else where_text(outcome.rows[finding], names, language)
        counts.add_row(words_of("totals.findings", language)[finding], f"{outcome.counts[finding]:,}", where)
    output.print(counts)
    for why, count in outcome.reasons.most_common():
        output.print(f"  {count:,}  {finding_text(why, language)}", soft_wrap=True)
    _print_lower(outcome.lower, names, language)
    for file in outcome.returned:
        output.print(w["returned"].format(file=file), soft_wrap=True)
    output.print(w["written"].format(n=outcome.written) if run.applies else w["not_written"], soft_wrap=True)


def _print_lower(lower: Sequence[tuple[Where, Verdict]], names: Sequence[str], language: str) -> None:
    w = words_of("totals", language)
    if lower:
        output.print(w["lower"])
    for where, verdict in lower[:_MOST_LOWER]:
        changes = ", ".join(f"{one.activity} {one.before / 1000:,g} → {one.now / 1000:,g}" for one in verdict.lower)
        text = w["lower_row"].format(
            file=names[where.file], sheet=where.sheet, row=where.row, on=verdict.as_of, changes=changes
        )
        output.print(f"  {text}", soft_wrap=True, markup=False)
    if len(lower) > _MOST_LOWER:
        output.print(f"  {w['lower_more'].format(n=len(lower) - _MOST_LOWER)}")
