"""Commands of reports between and after the bulletins: briefings, county packs, staff, the evaluation and survey reports."""

from __future__ import annotations

from collections.abc import Collection
from enum import StrEnum
from typing import Annotated

import typer

from pipelines import steps
from pipelines.commands.options import AsOf, Format, parse_date
from pipelines.console import output
from pipelines.settings import Settings
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
    formats: Collection[Format], smallest: int,
) -> None:  # fmt: skip
    workspace = Workspace(Settings.from_environment())
    folder, files = steps.write_briefings(
        workspace, programme, parse_date(as_of), kinds=[kind], ids=ids, audiences=[str(a) for a in audiences],
        formats=[str(f) for f in formats], smallest=smallest,
    )  # fmt: skip
    output.print(f"{files} files in {folder}", soft_wrap=True)


@app.command("class")
def class_(
    classes: Annotated[list[str] | None, typer.Argument(help="Class ids; by default every class.")] = None,
    programme: Programme = _USUAL,
    as_of: AsOf = None,
    audience: Audiences = _BOTH,
    format_: Formats = _ALL,
    smallest: Smallest = 10,
) -> None:
    """Class briefings (班级简报): rates beside county, subject and whole, rank, components, tutor, who needs help."""
    _write("class", classes or [], programme, as_of, audience, format_, smallest)


@app.command("subject")
def subject(
    subjects: Annotated[list[str] | None, typer.Argument(help="Subject ids; by default every subject.")] = None,
    programme: Programme = _USUAL,
    as_of: AsOf = None,
    audience: Audiences = _BOTH,
    format_: Formats = _ALL,
    smallest: Smallest = 10,
) -> None:
    """Subject briefings (学科简报): a subject by county and class, its experts, who needs help."""
    _write("subject", subjects or [], programme, as_of, audience, format_, smallest)


@app.command("county")
def county(
    counties: Annotated[list[str] | None, typer.Argument(help="County ids; by default every county.")] = None,
    programme: Programme = _USUAL,
    as_of: AsOf = None,
    audience: Audiences = _BOTH,
    format_: Formats = _ALL,
    smallest: Smallest = 10,
) -> None:
    """County data packs: subjects, schools, classes; the restricted workbook opens down to the learner."""
    _write("county", counties or [], programme, as_of, audience, format_, smallest)


@app.command("staff")
def staff(programme: Programme = _USUAL, as_of: AsOf = None, format_: Formats = _ALL) -> None:
    """What each tutor and expert did, how fast they answered, and what reminders came to; restricted only."""
    _write("staff", [], programme, as_of, [Audience.RESTRICTED], format_, 10)


@app.command("evaluation")
def evaluation(
    programme: Programme = _USUAL, as_of: AsOf = None, format_: Formats = _ALL, smallest: Smallest = 10
) -> None:
    """The evaluation report (自评报告): every table and figure with its trace, and where the published one contradicts itself.

    What events cannot know stands in slots that the pack's narrative.csv fills (slot,text_zh,text_en).
    """
    workspace = Workspace(Settings.from_environment())
    folder, files = steps.write_evaluation(
        workspace, programme, parse_date(as_of), formats=[str(f) for f in format_], smallest=smallest
    )
    output.print(f"{files} files in {folder}", soft_wrap=True)


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
    from pipelines import surveys  # its statistics take a second to import

    workspace = Workspace(Settings.from_environment())
    folder, files = surveys.write_survey(
        workspace, programme, parse_date(as_of), form_id=form_id, audiences=[str(a) for a in audience],
        formats=[str(f) for f in format_], smallest=smallest,
    )  # fmt: skip
    output.print(f"{files} files in {folder}", soft_wrap=True)
