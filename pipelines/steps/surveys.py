"""Surveys of a programme: answers from files into events, and the report of those that stand."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Collection, Iterator, Mapping, Sequence
from datetime import UTC, date, datetime, time
from hashlib import sha256
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np
import pyarrow as pa

from ingest.events import encode
from ingest.events.support import SurveyAnswered
from ingest.log.port import NewRecord
from ingest.programmes.pack import Pack
from ingest.sources.ids import stable_id
from pipelines.console import progress
from pipelines.reading.marts import open_marts
from pipelines.reading.survey import answered_forms, answers_in_events, keys_of_enrolments, read_people
from pipelines.reports.briefing.files import Index, Make, count_files, write_documents
from pipelines.reports.document import Document
from pipelines.reports.document.files import FORMATS, write_file
from pipelines.reports.document.names import folder_part
from pipelines.reports.survey.compose import compose_survey
from pipelines.spreadsheets import safe_cell
from pipelines.survey.analysis import Analysis, analyse
from pipelines.survey.answers import Answers, Problem
from pipelines.survey.estimates import estimates
from pipelines.survey.form import check_order, form_ids, pack_form
from pipelines.survey.matching import in_the_packs_terms
from pipelines.survey.method import Method
from pipelines.survey.people import tied
from pipelines.words import Label, label_of
from pipelines.workspace import Workspace
from warehouse.errors import BadConfiguration
from warehouse.publish import SURVEY_ESTIMATES

__all__ = ["import_answers", "programme_survey", "survey_estimates", "write_problems", "write_survey"]

SOURCE = "survey-file"


def programme_survey(
    workspace: Workspace, programme_id: str, as_of: date | None, *, form_id: str | None = None, answers: Answers | None = None,
    method: Method = Method.WILSON, confidence: float = 0.95, smallest: int = 10,
) -> Analysis:  # fmt: skip
    """Analyse the answers that stand in a programme's events, or a file's ``answers`` tied to its enrolments.

    A file's answers are in the terms of the pack's form of that id, where the pack has one.

    Raises:
        BadConfiguration: the form file and the pack's form contradict each other, or nobody has put the form's levels in order.
    """
    pack = workspace.definitions.in_force(programme_id, as_of)
    if answers is not None:
        check_order(answers.form)
        if answers.form.form_id in form_ids(pack):
            answers = in_the_packs_terms(answers, pack_form(pack, answers.form.form_id))
    with open_marts(workspace.warehouse.published) as con:
        people = read_people(con, pack, as_of)
        found = (
            tied(answers, people) if answers is not None else answers_in_events(con, pack_form(pack, form_id), people)
        )
    return analyse(found, people, method=method, confidence=confidence, smallest=smallest)


def survey_estimates(marts: Path, packs: Mapping[str, Pack]) -> pa.Table:
    """Of every form of the packs that somebody has answered, as of the last date known; columns as in SURVEY_ESTIMATES."""
    rows: list[dict[str, Any]] = []
    with open_marts(marts) as con:
        for programme_id, form_id in answered_forms(con):
            pack = packs.get(programme_id)
            if pack is not None and form_id in form_ids(pack):
                people = read_people(con, pack, None)
                answers = answers_in_events(con, pack_form(pack, form_id), people)
                if answers.respondents:
                    rows += estimates(analyse(answers, people))
    return pa.Table.from_pylist(rows, schema=SURVEY_ESTIMATES)


def write_survey(
    workspace: Workspace, programme_id: str, as_of: date | None, *, form_id: str | None = None, audiences: Collection[str] = ("public", "restricted"),
    formats: Collection[str] = tuple(FORMATS), smallest: int = 10,
) -> tuple[Path, int]:  # fmt: skip
    """Write the survey report of a programme beside its briefings; returns the folder and how many files."""
    with progress() as bar:
        task = bar.add_task("Survey report", total=1)
        analysis = programme_survey(workspace, programme_id, as_of, form_id=form_id, smallest=smallest)
        people, form = analysis.people, analysis.answers.form
        assert people is not None
        index = Index(
            programme_id=programme_id, programme=people.programme, as_of=people.as_of, is_simulated=people.is_simulated, entries=[]
        )  # fmt: skip

        def made() -> Iterator[tuple[str, str, Label, str, Make]]:
            for audience in audiences:

                def make(language: str, *, is_public: bool = audience == "public") -> Document:
                    return compose_survey(analysis, language, on=people.as_of, is_public=is_public)

                yield "survey", form.form_id, form.label, audience, make

        folder = workspace.settings.briefings / folder_part(programme_id) / people.as_of.isoformat()
        entries = write_documents(folder, index, made(), formats=formats)
        bar.advance(task)
    return folder, count_files(entries)


def import_answers(workspace: Workspace, answers: Answers, programme_id: str, answered_on: date) -> tuple[int, Answers]:
    """Append a ``survey.answered`` event for each respondent who takes part, with the answers that fit the form.

    The same answers of the same enrolment on the same day are the same event, however often they are imported.

    Returns:
        How many events, and the answers with everything that was left out.

    Raises:
        BadConfiguration: the pack has no such form, the form file contradicts it, or nobody has put its levels in order. Nothing is
            written then.
    """
    pack = workspace.definitions.in_force(programme_id, answered_on)
    check_order(answers.form)
    if answers.form.form_id not in form_ids(pack):
        told = label_of(
            "survey.matching", "no_form", form=answers.form.form_id, programme=programme_id, known=", ".join(form_ids(pack)) or "–"
        )  # fmt: skip
        raise BadConfiguration(f"{told.zh}\n{told.en}")
    answers = in_the_packs_terms(answers, pack_form(pack, answers.form.form_id))
    with open_marts(workspace.warehouse.published) as con:
        people = read_people(con, pack, None)
        learners = keys_of_enrolments(con, programme_id)
    found = tied(answers, people)
    at = datetime.combine(answered_on, time(12), ZoneInfo(pack.timezone)).astimezone(UTC)
    records = _events(found, learners, programme_id, at)
    digest = sha256(b"".join(r.value for r in records)).hexdigest()[:32]
    return len(workspace.log.append(records, batch_id=f"survey/{digest}")) if records else 0, found


def _events(answers: Answers, learners: dict[str, str], programme_id: str, at: datetime) -> list[NewRecord]:
    form = answers.form
    codes = np.array([0, *(level.code for level in form.levels)])
    records = []
    for key, row in zip(answers.keys, answers.codes, strict=True):
        said = {item.item_id: int(codes[p]) for item, p in zip(form.items, row.tolist(), strict=True) if p}
        if not said:
            continue
        parts = ("survey", programme_id, form.form_id, key, at.isoformat(), json.dumps(said, sort_keys=True))
        value = encode(
            SurveyAnswered(enrolment_id=key, form_id=form.form_id, answers=said), event_type="survey.answered",
            event_id=stable_id(*parts), occurred_at=at, programme_id=programme_id, source=SOURCE, learner_key=learners[key],
        )  # fmt: skip
        records.append(NewRecord(learners[key].encode(), value))
    return records


def write_problems(file: Path, problems: Sequence[Problem], language: str) -> None:
    """What did not fit, as CSV that only its owner may read: row, column, value, why."""
    text = io.StringIO()
    writer = csv.writer(text)
    writer.writerow(["row", "column", "value", "why"])
    writer.writerows([safe_cell(x) for x in (p.row, p.column, p.value, p.why.of(language))] for p in problems)
    file.parent.mkdir(parents=True, exist_ok=True)
    write_file(file, text.getvalue().encode("utf-8-sig"), private=True)
