"""Commands of reports between and after the bulletins: briefings, county packs, staff, the evaluation and survey reports."""

from __future__ import annotations

from collections.abc import Collection
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from pipelines.commands.options import AsOf, Format, PasswordFile, WithNames, naming_of, parse_date
from pipelines.console import output
from pipelines.settings import Settings
from pipelines.steps.reports import write_briefings, write_evaluation, write_source_account
from pipelines.workspace import Workspace

__all__ = ["app"]

app = typer.Typer(
    no_args_is_help=True,
    help="Briefings of classes and subjects, county data packs, what staff did, and the evaluation and survey reports, in both languages.",
)
_USUAL = "tianshui-2017"


class Audience(StrEnum):
    """For whom an edition is."""

    PUBLIC = "public"
    RESTRICTED = "restricted"


Programme = Annotated[str, typer.Option("--programme", "-p", help="Programme id.")]
Formats = Annotated[list[Format], typer.Option("--format", "-f", help="One or more; by default all.")]
SomeFormats = Annotated[list[Format] | None, typer.Option("--format", "-f", help="One or more; by default all.")]
Audiences = Annotated[
    list[Audience],
    typer.Option(
        help="public names no person and withholds small groups; restricted is for its owner only. By default both."
    ),
]
Smallest = Annotated[int, typer.Option(min=0, help="Groups of fewer are withheld from public editions.")]
_ALL, _BOTH = list(Format), list(Audience)


def _write(
    kind: str, ids: Collection[str], programme: str, as_of: str | None, audiences: Collection[Audience],
    formats: Collection[Format] | None, smallest: int, *, with_names: bool, password_file: Path | None,
) -> None:  # fmt: skip
    workspace = Workspace(Settings.from_environment())
    naming = naming_of(workspace.settings, f"report {kind}", with_names=with_names, password_file=password_file)
    usual = _ALL if naming is None or naming.password is None else [Format.XLSX, Format.PDF]
    folder, files = write_briefings(
        workspace, programme, parse_date(as_of), kinds=[kind], ids=ids, audiences=[str(a) for a in audiences],
        formats=[str(f) for f in formats or usual], smallest=smallest, naming=naming,
    )  # fmt: skip
    output.print(f"{files} files{' with names' if naming else ''} in {folder}", soft_wrap=True)


@app.command("class")
def class_(
    classes: Annotated[list[str] | None, typer.Argument(help="Classes, by id or name; by default every class.")] = None,
    programme: Programme = _USUAL,
    as_of: AsOf = None,
    audience: Audiences = _BOTH,
    format_: SomeFormats = None,
    smallest: Smallest = 10,
    with_names: WithNames = False,
    password_file: PasswordFile = None,
) -> None:
    """Class briefings (班级简报): rates beside county, subject and whole, rank, components, tutor, who needs help."""
    _write(
        "class",
        classes or [],
        programme,
        as_of,
        audience,
        format_,
        smallest,
        with_names=with_names,
        password_file=password_file,
    )


@app.command("subject")
def subject(
    subjects: Annotated[
        list[str] | None, typer.Argument(help="Subjects, by id or name; by default every subject.")
    ] = None,
    programme: Programme = _USUAL,
    as_of: AsOf = None,
    audience: Audiences = _BOTH,
    format_: SomeFormats = None,
    smallest: Smallest = 10,
    with_names: WithNames = False,
    password_file: PasswordFile = None,
) -> None:
    """Subject briefings (学科简报): a subject by county and class, its experts, who needs help."""
    _write(
        "subject",
        subjects or [],
        programme,
        as_of,
        audience,
        format_,
        smallest,
        with_names=with_names,
        password_file=password_file,
    )


@app.command("county")
def county(
    counties: Annotated[
        list[str] | None, typer.Argument(help="Counties, by id or name; by default every county.")
    ] = None,
    programme: Programme = _USUAL,
    as_of: AsOf = None,
    audience: Audiences = _BOTH,
    format_: SomeFormats = None,
    smallest: Smallest = 10,
    with_names: WithNames = False,
    password_file: PasswordFile = None,
) -> None:
    """County data packs: subjects, schools, classes; the restricted workbook opens down to the learner."""
    _write(
        "county",
        counties or [],
        programme,
        as_of,
        audience,
        format_,
        smallest,
        with_names=with_names,
        password_file=password_file,
    )


@app.command("staff")
def staff(
    programme: Programme = _USUAL,
    as_of: AsOf = None,
    format_: SomeFormats = None,
    with_names: WithNames = False,
    password_file: PasswordFile = None,
) -> None:
    """What each tutor and expert did, how fast they answered, and what reminders came to; restricted only."""
    _write(
        "staff",
        [],
        programme,
        as_of,
        [Audience.RESTRICTED],
        format_,
        10,
        with_names=with_names,
        password_file=password_file,
    )


def _add_list(kind: str, told: str) -> None:
    @app.command(kind, help=told)
    def command(
        counties: Annotated[
            list[str] | None, typer.Argument(help="Counties, by id or name; by default one list of the whole.")
        ] = None,
        programme: Programme = _USUAL,
        as_of: AsOf = None,
        format_: SomeFormats = None,
        with_names: WithNames = False,
        password_file: PasswordFile = None,
    ) -> None:
        _write(
            kind, counties or [], programme, as_of, [Audience.RESTRICTED], format_, 10, with_names=with_names,
            password_file=password_file,
        )  # fmt: skip


_add_list("warnings", "The list of warnings: whom they are about, by class, school and county; restricted only.")
_add_list("completion", "The completion list: who has passed, with points, by school and class; restricted only.")


@app.command("evaluation")
def evaluation(
    programme: Programme = _USUAL, as_of: AsOf = None, format_: Formats = _ALL, smallest: Smallest = 10
) -> None:
    """The evaluation report (自评报告): every table and figure with its trace, and where the published one contradicts itself.

    What events cannot know stands in slots that the pack's narrative.csv fills (slot,text_zh,text_en).
    """
    workspace = Workspace(Settings.from_environment())
    folder, files = write_evaluation(
        workspace, programme, parse_date(as_of), formats=[str(f) for f in format_], smallest=smallest
    )
    output.print(f"{files} files in {folder}", soft_wrap=True)


@app.command("source")
def source(
    source: Annotated[str, typer.Argument(help="As events name it, such as moodle:moodle.example.org.")],
    programme: Programme = _USUAL,
    format_: SomeFormats = None,
) -> None:
    """The statement of account to a platform (数据来源对账单): what came of it, and what is late, repeated, refused or impossible.

    With the ids of events and without people, for the platform's provider to mend.
    """
    workspace = Workspace(Settings.from_environment())
    for file in write_source_account(workspace, programme, source, formats=[str(f) for f in format_ or _ALL]):
        output.print(str(file), soft_wrap=True)


@app.command("survey")
def survey(
    programme: Programme = _USUAL,
    as_of: AsOf = None,
    form_id: Annotated[str | None, typer.Option("--form-id", help="Which of the programme's forms.")] = None,
    audience: Audiences = _BOTH,
    format_: Formats = _ALL,
    smallest: Smallest = 10,
) -> None:
    """The survey report (满意度调查): what was answered, how sure that is, who did not answer, satisfaction beside behaviour."""
    from pipelines.steps import surveys  # its statistics take a second to import

    workspace = Workspace(Settings.from_environment())
    folder, files = surveys.write_survey(
        workspace, programme, parse_date(as_of), form_id=form_id, audiences=[str(a) for a in audience],
        formats=[str(f) for f in format_], smallest=smallest,
    )  # fmt: skip
    output.print(f"{files} files in {folder}", soft_wrap=True)
