"""Lists of learners, restricted: whom warnings are about, and who has completed; of the whole or of one county."""

from __future__ import annotations

from collections.abc import Sequence
from zoneinfo import ZoneInfo

from pipelines.reports.briefing.compose import Report
from pipelines.reports.briefing.model import LearnerRow, Standing
from pipelines.reports.bulletin.editions import county_edition
from pipelines.reports.bulletin.model import Learner
from pipelines.reports.document import Column, Document, Heading, Paragraph, Row, Table, Value
from pipelines.reports.document.blocks import LazyRows
from pipelines.reports.people import Persons, who_columns, who_values
from pipelines.words import NO_VALUE, count_text, words_of

__all__ = ["LISTS", "learner_list", "listed_enrolments"]

LISTS = ("warnings", "completion")
_PRINTED = 60


def _warned(standing: Standing, county: str | None) -> list[Learner]:
    """Whom a warning is about: the gravest first, then by place."""
    levels = {w.warning: ("red", "orange", "yellow").index(w.level) for w in standing.bulletin.warnings}
    found = [x for x in standing.bulletin.learners if x.warnings and county in (None, x.county_id)]
    return sorted(found, key=lambda x: (min(levels.get(w, 9) for w in x.warnings), *_place(x)))


def _completed(standing: Standing, county: str | None) -> list[LearnerRow]:
    return sorted((x for x in standing.learners if x.has_passed and county in (None, x.county_id)), key=_place)


def _place(x: Learner | LearnerRow) -> tuple[str, str, str, str]:
    return x.county_id or "", x.school_id or "", x.class_id or "", x.enrolment_id


def listed_enrolments(standing: Standing, kind: str, county: str | None) -> list[str]:
    """Whom a list of :data:`LISTS` names."""
    found: Sequence[Learner | LearnerRow] = (_warned if kind == "warnings" else _completed)(standing, county)
    return [x.enrolment_id for x in found]


def learner_list(
    standing: Standing, kind: str, county: str | None, language: str, time_zone: str, persons: Persons | None = None
) -> Document:
    """A list of :data:`LISTS`, of one county or of the whole."""
    return _List(standing, kind, county, language, time_zone, persons).document()


class _List(Report):
    def __init__(
        self, standing: Standing, kind: str, county: str | None, language: str, time_zone: str, persons: Persons | None
    ) -> None:
        edition = standing.bulletin if county is None else county_edition(standing.bulletin, county)
        super().__init__(standing, edition, language, str(ZoneInfo(time_zone)), persons)
        self.kind, self.county_id = kind, county

    def document(self) -> Document:
        w = words_of("briefing.lists", self.language)
        title = w[self.kind]
        people: Sequence[Learner | LearnerRow] = (_warned if self.kind == "warnings" else _completed)(
            self.standing, self.county_id
        )
        labels = {one.warning: one.label.of(self.language) for one in self.b.warnings}

        def place(kind: str, name: str | None) -> Value:
            return Value.of_text(self.scopes.get((kind, name or ""), name or NO_VALUE))

        def line(x: Learner | LearnerRow) -> Row:
            last = (
                [Value.of_text(", ".join(labels.get(one, one) for one in x.warnings))]
                if isinstance(x, Learner)
                else [Value.of_date(x.last_session_on, self.language)]
            )
            return Row(
                [
                    *who_values(self.persons, x.enrolment_id, self.language), place("school", x.school_id), place("class", x.class_id),
                    *([] if self.county_id else [place("county", x.county_id)]), place("subject", x.subject_id), Value.of_points(x.points),
                    Value.of_points(x.missing_points), *last,
                ]
            )  # fmt: skip

        columns = [
            *who_columns(self.persons, self.w["learner"], self.language), Column(self.w["school"], is_number=False),
            Column(self.w["class"], is_number=False), *([] if self.county_id else [Column(self.county, is_number=False)]),
            Column(self.subject, is_number=False), Column(self.w["points"]), Column(self.w["missing"]),
            Column(self.w["warnings"] if self.kind == "warnings" else self.v["last_session"], is_number=False),
        ]  # fmt: skip
        more = self.w["more"].format(shown=_PRINTED, all=count_text(len(people)))
        table = Table(title, title, columns, LazyRows(people, line), most=_PRINTED, more=more)
        blocks = [*self.quality(), Heading(title)]
        blocks += [Paragraph(w["count"].format(n=count_text(len(people)))), table] if people else [Paragraph(w["none"])]
        name = title if self.county_id is None else w["of"].format(what=title, name=self.all_counties[self.county_id])
        return self.made(name, blocks)
