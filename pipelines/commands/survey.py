"""Commands of surveys: forms, answers, their analysis."""

from __future__ import annotations

from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.markup import escape
from rich.table import Table

from pipelines.commands.options import AsOf, Language, parse_date
from pipelines.commands.report import Audience
from pipelines.console import errors, output
from pipelines.reports.document.files import check_endings, write_document
from pipelines.settings import Settings, default_language
from pipelines.survey.answers import Answers, read_answers
from pipelines.survey.files import read_file
from pipelines.survey.form import read_form
from pipelines.survey.method import Method
from pipelines.words import clean_text, percent, words_of
from pipelines.workspace import Workspace
from warehouse.errors import BadConfiguration

if TYPE_CHECKING:  # the statistics take a second to import
    from pipelines.survey.analysis import Analysis

__all__ = ["app"]

app = typer.Typer(
    no_args_is_help=True,
    help="""Satisfaction surveys: answers from files (CSV, XLSX, SPSS) or events, analysed with intervals.

`xueqing survey form ANSWERS.csv` writes a form file to start from; `xueqing survey analyse ANSWERS.csv --form FORM.toml`
says what the answers say. How: docs/surveys.md.""",
)
#: Problems told on the terminal; --problems writes them all.
_TOLD = 10


class Sort(StrEnum):
    """The order of the items."""

    FORM = "form"
    MEAN = "mean"


FormFile = Annotated[
    Path | None, typer.Option("--form", help="The form file (TOML): items, levels in their order, columns.")
]
Problems = Annotated[
    Path | None, typer.Option("--problems", help="Write every cell and row that did not fit to this CSV.")
]


@app.command("form")
def form(
    file: Annotated[Path, typer.Argument(help="Answers: .csv, .tsv, .xlsx or .sav.")],
    to: Annotated[
        Path, typer.Option("--to", help="The form file to write; of further scales form-2.toml and so on, beside it.")
    ] = Path("form.toml"),
    language: Language = None,
) -> None:
    """Write form files to start from, one for each scale: its columns as items, its values as levels from the lowest to the highest.

    Look them through: labels, reversed items, the key. Where nothing says which level is the lowest, put the levels in order and set
    is_order_confirmed to true.
    """
    from pipelines.survey.drafting import draft_forms

    drafts = draft_forms(read_file(file))
    targets = [to, *(to.with_name(f"{to.stem}-{n}{to.suffix}") for n in range(2, len(drafts) + 1))]
    there = [target for target in targets if target.exists()]
    if there:
        raise BadConfiguration(f"{there[0]} is there already; choose another with --to")
    w = words_of("survey.drafts", language or default_language())
    if len(drafts) > 1:
        output.print(w["several"].format(n=len(drafts)), soft_wrap=True)
    for draft, target in zip(drafts, targets, strict=True):
        with target.open("x", encoding="utf-8") as written:
            written.write(draft.text)
        scale = w["scale"].format(name=draft.scale) if draft.scale else w["unknown"]
        output.print(escape(w["written"].format(file=target, n=len(draft.items), scale=scale)), soft_wrap=True)
        if not draft.is_order_confirmed:
            why = w["unconfirmed" if draft.is_whole else "incomplete"].format(file=target)
            output.print(f"[yellow]{escape(why)}[/yellow]", soft_wrap=True)
    output.print(escape(w["next"].format(command=f"xueqing survey analyse {file} --form {to}")), soft_wrap=True)


@app.command("analyse")
def analyse_(
    file: Annotated[Path | None, typer.Argument(help="Answers: .csv, .tsv, .xlsx or .sav.")] = None,
    form_file: FormFile = None,
    programme: Annotated[
        str | None,
        typer.Option(
            "--programme", "-p", help="Without a file: the answers in its events. With one: tie them to its enrolments."
        ),
    ] = None,
    form_id: Annotated[str | None, typer.Option("--form-id", help="Which of the programme's forms.")] = None,
    as_of: AsOf = None,
    asked: Annotated[
        int | None, typer.Option(min=1, help="How many could have answered; corrects for a finite population.")
    ] = None,
    method: Annotated[Method, typer.Option(help="Simultaneous intervals of the levels.")] = Method.WILSON,
    confidence: Annotated[float, typer.Option(min=0.5, max=0.999)] = 0.95,
    smallest: Annotated[int, typer.Option(min=0, help="Smaller groups are merged, and withheld from the public.")] = 10,
    audience: Annotated[
        Audience, typer.Option(help="public, or restricted: with free text, for its owner only.")
    ] = Audience.PUBLIC,
    sort: Annotated[Sort, typer.Option(help="Items in the form's order, or by their mean.")] = Sort.FORM,
    to: Annotated[
        list[Path] | None, typer.Option("--to", help="Write the report: .html, .pdf, .xlsx or .md; repeatable.")
    ] = None,
    problems: Problems = None,
    language: Language = None,
) -> None:
    """Shares, means and medians with intervals, reliability, groups, who did not answer, and satisfaction beside behaviour."""
    from pipelines.reports.survey.compose import compose_survey
    from pipelines.steps.surveys import programme_survey
    from pipelines.survey.analysis import analyse

    lang = language or default_language()
    check_endings(to or [], "report")
    read = _read(file, form_file) if file else None
    if programme:
        workspace = Workspace(Settings.from_environment())
        analysis = programme_survey(
            workspace, programme, parse_date(as_of), form_id=form_id, answers=read, method=method, confidence=confidence,
            smallest=smallest,
        )  # fmt: skip
    elif read is None:
        raise BadConfiguration("name a file of answers with its --form, or a --programme")
    else:
        analysis = analyse(read, asked=asked, method=method, confidence=confidence, smallest=smallest)
    _print(analysis, lang, is_public=audience is Audience.PUBLIC)
    _tell(analysis.answers, problems, lang)
    on = analysis.people.as_of if analysis.people else datetime.now(UTC).date()
    for path in to or []:
        is_public = audience is Audience.PUBLIC
        document = compose_survey(analysis, lang, on=on, is_public=is_public, sort=sort)
        write_document(path, document, private=not is_public)
        output.print(str(path), soft_wrap=True)


@app.command("import")
def import_(
    file: Annotated[Path, typer.Argument(help="Answers: .csv, .tsv, .xlsx or .sav.")],
    answered_on: Annotated[str, typer.Option("--answered-on", help="Local date of the answers, such as 2017-12-20.")],
    programme: Annotated[str, typer.Option("--programme", "-p", help="Programme whose enrolments the key names.")],
    form_file: FormFile = None,
    problems: Problems = None,
    language: Language = None,
) -> None:
    """Append a file's answers to the log as survey.answered events; importing a file again changes nothing.

    What does not fit the form, and answers of nobody who takes part, are left out, told and kept in a file of the home.
    """
    from pipelines.steps.surveys import import_answers

    workspace = Workspace(Settings.from_environment())
    day = parse_date(answered_on)
    assert day is not None
    answers = _read(file, form_file)
    written, found = import_answers(workspace, answers, programme, day)
    _tell(
        found,
        problems or workspace.settings.home / "rejected" / f"{file.name}.problems.csv",
        language or default_language(),
    )
    output.print(f"{written:,} answer sheets appended; next: xueqing sink, xueqing build")


def _read(file: Path, form_file: Path | None) -> Answers:
    if form_file is None:
        raise BadConfiguration(
            f"how is {file.name} to be read? name its --form (xueqing survey form {file} begins one)"
        )
    return read_answers(file, read_form(form_file))


def _tell(answers: Answers, file: Path | None, lang: str) -> None:
    from pipelines.steps.surveys import write_problems

    w = words_of("survey", lang)
    for one in answers.problems[:_TOLD]:
        where = escape(w["row"].format(row=one.row, column=one.column))
        errors.print(
            f"[yellow]{w['left_out']}:[/yellow] {where}: {escape(one.value)} {escape(one.why.of(lang))}", soft_wrap=True
        )
    if len(answers.problems) > _TOLD:
        errors.print(f"… {len(answers.problems):,}", soft_wrap=True)
    if file is not None and answers.problems:
        write_problems(file, answers.problems, lang)
        errors.print(f"{w['problems']}: {file}", soft_wrap=True)
    if answers.unused_columns:
        errors.print(escape(w["unused"].format(names=", ".join(answers.unused_columns))), soft_wrap=True)


def _print(analysis: Analysis, lang: str, *, is_public: bool) -> None:
    from pipelines.reports.survey.compose import interval_text, number_text

    w = words_of("survey", lang)
    answers, smallest = analysis.answers, analysis.smallest if is_public else 0
    if analysis.people and analysis.people.is_simulated:
        output.print(f"[yellow]{w['simulated']}[/yellow]")
    if answers.respondents < max(1, smallest):
        output.print(w["withheld"].format(n=smallest) if answers.respondents else w["nobody"])
        return
    table = Table(title=escape(answers.form.label.of(lang)))
    table.add_column(w["item"], overflow="fold")
    for name in ("n", "top_two", "interval", "mean", "interval", "median"):
        table.add_column(w[name], justify="right", no_wrap=name in ("interval", "mean"))
    for item, r in zip(answers.form.items, analysis.items, strict=True):
        label = item.label.of(lang) + (w["reversed"] if item.is_reversed else "")
        if 0 < r.answered < smallest:
            table.add_row(label, *["*"] * 6)
            continue
        table.add_row(
            label, f"{r.answered:,}", percent(sum(r.counts[-2:]), r.answered) if len(r.counts) > 2 else "–",
            interval_text(r.top_two, 2, 100), number_text(r.mean.value), interval_text(r.mean), number_text(r.median.value, 1),
        )  # fmt: skip
    output.print(table)
    for name, asked in answers.multiple.items():
        if asked.answered and asked.answered >= smallest:
            table = Table(title=escape(name), caption=w["multiple_note"].format(n=f"{asked.answered:,}"))
            table.add_column(w["option"], overflow="fold")
            for column in ("count", "share"):
                table.add_column(w[column], justify="right")
            for option, count in asked.counts(smallest):
                label = escape(clean_text(option)) or w["other_options"]
                table.add_row(label, f"{count:,}", percent(count, asked.answered))
            output.print(table)
    facts = [f"{w['respondents']} {answers.respondents:,}"]
    if analysis.asked:
        facts.append(f"{w['rate']} {percent(answers.respondents, analysis.asked)}")
    scale = analysis.reliability
    if scale and scale.respondents >= smallest:
        for name, e in (("alpha", scale.alpha), ("omega", scale.omega)):
            within = interval_text(e, 5)
            facts.append(f"{w[name]} {number_text(e.value, 5)}" + (f" ({within})" if within else ""))
    straight = int(analysis.straight.sum())
    if straight >= smallest:
        facts.append(f"{w['straight']} {straight:,}")
    if answers.median_seconds is not None:
        facts.append(w["median_time"].format(n=number_text(answers.median_seconds, 0)))
    output.print(words_of("text", lang)["clause_joiner"].join(facts), soft_wrap=True)
