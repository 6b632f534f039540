"""Class and subject briefings, county packs and the activity of staff, each as a document of blocks."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from decimal import Decimal
from zoneinfo import ZoneInfo

from pipelines.reports.briefing.model import LearnerRow, StaffRow, Standing
from pipelines.reports.bulletin.charts import lines_svg
from pipelines.reports.bulletin.compose import Composer
from pipelines.reports.bulletin.editions import county_edition
from pipelines.reports.bulletin.model import HEADLINE, Bulletin, Group, WarningCount
from pipelines.reports.document import Block, Chart, Column, Document, Heading, Notice, Paragraph, Row, Table, Value
from pipelines.reports.people import Persons, who_columns, who_values
from pipelines.words import NO_VALUE, Share, words_of

__all__ = ["Report", "class_briefing", "county_pack", "staff_activity", "subject_briefing"]

_PRINTED = 40
_STAFF = (
    "announcement", "post", "reply", "briefing", "grading", "workshop_activity", "photo", "article", "qa_session",
)  # fmt: skip


def class_briefing(
    standing: Standing, edition: Bulletin, class_id: str, language: str, time_zone: str, persons: Persons | None = None
) -> Document | None:
    """A class's briefing, from the full bulletin of the standing or from its public edition; None where that withholds it.

    Args:
        persons: names and phones of those whom a restricted edition lists.
    """
    return _briefing(standing, edition, "class", class_id, language, time_zone, persons)


def subject_briefing(
    standing: Standing,
    edition: Bulletin,
    subject_id: str,
    language: str,
    time_zone: str,
    persons: Persons | None = None,
) -> Document | None:
    """As :func:`class_briefing`, of a subject."""
    return _briefing(standing, edition, "subject", subject_id, language, time_zone, persons)


def _briefing(
    standing: Standing,
    edition: Bulletin,
    kind: str,
    group_id: str,
    language: str,
    time_zone: str,
    persons: Persons | None,
) -> Document | None:
    groups = edition.classes if kind == "class" else edition.subjects
    group = next((g for g in groups if g.group_id == group_id and g.participating is not None), None)
    if group is None:
        return None
    return _Briefing(standing, edition, kind, group, language, time_zone, persons).document()


class Report(Composer):
    """What all of them share: the words, the dates of a report without a number, tables of staff."""

    def __init__(
        self, standing: Standing, edition: Bulletin, language: str, time_zone: str, persons: Persons | None
    ) -> None:
        super().__init__(edition, language, ZoneInfo(time_zone), persons)
        self.standing = standing
        self.v = words_of("briefing", language)
        self.is_restricted = edition.audience == "restricted"
        self.subjects = {g.subject_id: g.label.of(language) for g in standing.bulletin.subjects if g.subject_id}
        b = standing.bulletin
        groups = {"subject": b.subjects, "class": b.classes, "school": b.schools, "county": b.counties}
        #: The name of what a member of staff was appointed to, by kind and id.
        self.scopes = {(kind, g.group_id): g.label.of(language) for kind, of in groups.items() for g in of}
        self.all_counties = {g.county_id: g.label.of(language) for g in standing.bulletin.counties if g.county_id}

    def since(self, change: Value) -> str:
        before = self.b.previous_as_of or self.b.as_of
        return self.v["since_week" if change.number else "no_change_week"].format(
            change=change.text, on=self.day(before)
        )

    def made(self, what: str, blocks: Sequence[Block]) -> Document:
        b, w, v = self.b, self.w, self.v
        known = b.known_by.astimezone(self.zone)
        when = v["when"].format(as_of=self.day(b.as_of), known=f"{self.day(known.date())} {known:%H:%M}")
        head: list[Block] = [Notice(w["simulated"])] if b.is_simulated else []
        title = v["title"].format(programme=b.programme.of(self.language), what=what)
        return Document(self.language, title, f"{w[b.audience]} · {when}", b.as_of, [*head, *blocks], self.footer())

    def headline_of(self, group: Group) -> list[Block]:
        """The cards of one group."""
        self.b = replace(self.b, whole=group, called_up=0)
        return self.headline()

    def outputs(self, learners: Sequence[LearnerRow]) -> list[Block]:
        """In restricted editions: a withheld group's would be what the others leave of the whole."""
        v = self.v
        if not learners or not self.is_restricted:
            return []
        sums: list[tuple[str, Value]] = [
            (v["study_mean"], Value.of_points(sum((x.study_s for x in learners), Decimal(0)) / 60 / len(learners), 1)),
            (v["posts"], Value.of_count(sum(x.post_count for x in learners))),
            (v["effective_posts"], Value.of_count(sum(x.effective_post_count for x in learners))),
            (v["journals"], Value.of_count(sum(x.journal_count for x in learners))),
            (v["featured_all"], Value.of_count(sum(x.featured_count for x in learners))),
            (v["assignments"], Value.of_count(sum(x.assignment_count for x in learners))),
            (v["peer_reviews"], Value.of_count(sum(x.peer_review_count for x in learners))),
            (v["resources"], Value.of_count(sum(x.resource_count for x in learners))),
        ]
        rows = [Row([Value.of_text(label), value]) for label, value in sums]
        columns = [Column(v["output"], is_number=False), Column(v["amount"])]
        return [Heading(v["outputs"]), Table(v["outputs"], v["outputs"], columns, rows, note=v["output_note"])]

    def staff_table(self, title: str, staff: Sequence[StaffRow], *, most: int | None = None) -> list[Block]:
        """Members of staff with what they did; a column that is empty of all of them is left out."""
        v = self.v
        if not staff:
            return []
        counted = [a for a in _STAFF if any(getattr(x, f"{a}_count") for x in staff)]
        columns = [
            *who_columns(self.persons, v["staff_key"], self.language), Column(v["of_scope"], is_number=False), *(Column(v[a]) for a in counted),
            Column(v["responded"]), Column(v["response_h"]), Column(v["class_pass"]),
        ]  # fmt: skip

        def line(who: list[Value], scope: str, rows: Sequence[StaffRow]) -> list[Value]:
            answered = sum(x.responded_post_count for x in rows)
            waited = sum((x.mean_response_s or 0) * x.responded_post_count for x in rows)
            alone = rows[0] if len(rows) == 1 else None
            return [
                *who, Value.of_text(scope),
                *(Value.of_count(sum(getattr(x, f"{a}_count") for x in rows)) for a in counted),
                Value.of_count(answered),
                Value.of_points(Decimal(waited) / 3600 / answered, 1) if answered else Value.missing(),
                Value.of_share(alone.pass_count, alone.participating_count) if alone else Value.missing(),
            ]  # fmt: skip

        rows = [
            Row(
                line(
                    who_values(self.persons, x.staff_key, self.language),
                    self.scopes.get((x.scope_kind or "", x.scope_id or ""), x.scope_id or NO_VALUE),
                    [x],
                )
            )
            for x in staff
        ]
        if len(staff) > 1:
            blank = [Value.of_text("")] * (len(who_columns(self.persons, "", self.language)) - 1)
            rows.append(Row(line([Value.of_text(v["staff_all"]), *blank], "", staff), is_total=True))
        more = self.w["more"].format(shown=most, all=len(rows))
        return [Heading(title), Table(title, title, columns, rows, most=most, more=more)]


class _Briefing(Report):
    """Of one class or subject."""

    def __init__(
        self,
        standing: Standing,
        edition: Bulletin,
        kind: str,
        group: Group,
        language: str,
        time_zone: str,
        persons: Persons | None,
    ) -> None:
        super().__init__(standing, edition, language, time_zone, persons)
        self.kind, self.group = kind, group
        self.own = [x for x in standing.learners if x.group(kind) == group.group_id]

    def document(self) -> Document:
        name = self.group.label.of(self.language)
        edition = self.b
        blocks = [
            *self.quality(), *self.headline_of(self.group), *self.beside(edition), *self.parts(edition), *self.week_by_week(name),
            *self.components(), *self.outputs(self.own), *self.staff(), *self.people(), *self.definitions(),
        ]  # fmt: skip
        return self.made(self.v[self.kind].format(name=name), blocks)

    def beside(self, edition: Bulletin) -> list[Block]:
        """The group, its county and subject, and the whole."""
        v, g = self.v, self.group
        lines = [(v[f"this_{self.kind}"], g)]
        if self.kind == "class":
            lines += [(c.label.of(self.language), c) for c in edition.counties if c.county_id == g.county_id]
            lines += [(s.label.of(self.language), s) for s in edition.subjects if s.subject_id == g.subject_id]
        lines.append((v["whole"], edition.whole))
        shown = [i for i in self.shown if i in self.indicators]
        columns = [
            Column(v["scope"], is_number=False),
            Column(self.w["enrolments"]),
            *(Column(self.name(i)) for i in shown),
        ]
        rows = [Row([Value.of_text(label), *self._line(group, shown)]) for label, group in lines]
        blocks: list[Block] = [Heading(v["beside"]), Table(v["beside"], v["beside"], columns, rows)]
        if g.rank is not None and g.ranked:
            before = v["own_rank_before"].format(
                on=self.day(edition.previous_as_of or edition.as_of), rank=g.rank_before
            )
            text = v["own_rank"].format(
                name=g.label.of(self.language), rank=g.rank, ranked=g.ranked, before=before if g.rank_before else ""
            )
            blocks.append(Paragraph(text))
        return blocks

    def _line(self, group: Group, shown: Sequence[str]) -> list[Value]:
        if group.participating is None:
            return [Value.hidden()] * (len(shown) + 1)
        return [Value.of_count(group.participating), *(self._share(group.shares.get(i)) for i in shown)]

    def parts(self, edition: Bulletin) -> list[Block]:
        """A subject's counties and classes."""
        if self.kind != "subject":
            return []
        v, g = self.v, self.group
        shown = list(self.shown)
        by_county = v["counties_of"].format(county=self.county if self.language == "zh" else self.county.lower())
        cells = [c for c in edition.grid if c.subject_id == g.subject_id]
        columns = [
            Column(self.county, is_number=False),
            Column(self.w["enrolments"]),
            *(Column(self.name(i)) for i in shown),
        ]
        labels = {c.county_id: c.label.of(self.language) for c in edition.counties}
        rows = [Row([Value.of_text(labels.get(c.county_id, c.county_id or "–")), *self._line(c, shown)]) for c in cells]
        found: list[Block] = [Heading(by_county), Table(by_county, by_county, columns, rows)] if rows else []
        classes = [c for c in edition.classes if c.subject_id == g.subject_id]
        if classes:
            table = self._standings(v["classes_of"], v["classes_of"], self.w["class"], classes, _PRINTED)
            found += [Heading(v["classes_of"]), table]
        elif self.is_restricted and self.own:
            found += [Heading(v["classes_of"]), self._own_by_class(edition)]
        return found

    def _own_by_class(self, edition: Bulletin) -> Table:
        """A subject's learners by class, where classes are mixed in subject: of each class only they are counted."""
        v = self.v
        columns = [
            Column(self.w["class"], is_number=False), Column(self.county, is_number=False), Column(self.w["enrolments"]),
            *(Column(self.name(i)) for i in HEADLINE if i in self.indicators),
        ]  # fmt: skip
        members = {c: list(own) for c, own in _by(self.own, lambda x: x.class_id)}
        rows = []
        for c in edition.classes:
            own = members.get(c.group_id, [])
            met = {
                "login": sum(x.has_logged_in for x in own), "study": sum(x.has_studied for x in own), "pass": sum(x.has_passed for x in own)
            }  # fmt: skip
            if own:
                values = [Value.of_share(met[i], len(own)) for i in HEADLINE if i in self.indicators]
                county = Value.of_text(self.all_counties.get(c.county_id or "", c.county_id or NO_VALUE))
                rows.append(Row([Value.of_text(c.label.of(self.language)), county, Value.of_count(len(own)), *values]))
        more = self.w["more"].format(shown=_PRINTED, all=len(rows))
        return Table(v["classes_of"], v["classes_of"], columns, rows, most=_PRINTED, more=more)

    def week_by_week(self, name: str) -> list[Block]:
        points = self.standing.weeks.get((self.kind, self.group.group_id), [])
        if not self.is_restricted or not points:
            return []
        described = self.v["weeks_text"].format(name=name, on=self.day(self.b.as_of))
        labels = {i: self.name(i) for i in HEADLINE if i in self.indicators}
        return [Heading(self.v["weeks"]), Chart(lines_svg(points, labels, axis=self.w["rate"]), described, described)]

    def components(self) -> list[Block]:
        v = self.v
        found = self.standing.components.get((self.kind, self.group.group_id), [])
        if not self.is_restricted or not found:
            return []
        columns = [
            Column(v["component"], is_number=False),
            Column(v["mean_points"]),
            Column(v["max_points"]),
            Column(v["full"]),
        ]
        rows = [
            Row(
                [
                    Value.of_text(c.label.of(self.language)), Value.of_points(c.points_sum / c.enrolment_count),
                    Value.of_points(c.max_points, 0), Value.of_count(c.full_count),
                ]
            )
            for c in found
        ]  # fmt: skip
        return [Heading(v["components"]), Table(v["components"], v["components"], columns, rows)]

    def staff(self) -> list[Block]:
        if not self.is_restricted:
            return []
        own = [x for x in self.standing.staff if (x.scope_kind, x.scope_id) == (self.kind, self.group.group_id)]
        return self.staff_table(self.v["tutors" if self.kind == "class" else "experts"], own)

    def people(self) -> list[Block]:
        """Warnings, learners in need of help and next steps, of this group; in restricted editions."""
        if not self.is_restricted:
            return []
        full = self.standing.bulletin
        learners = [
            x for x in full.learners if (x.class_id if self.kind == "class" else x.subject_id) == self.group.group_id
        ]
        counts = Counter(w for x in learners for w in x.warnings)
        warnings = [_of_few(w, counts[w.warning]) for w in full.warnings]
        self.b = replace(
            self.b, learners=learners, warnings=warnings, counties=[],
            actions=list(self.standing.steps.get((self.kind, self.group.group_id), ())),
        )  # fmt: skip
        roster = []
        if self.kind == "class":
            roster = self.roster()
        return [*self.warnings(), *self.learners(), *roster, *self.steps()]

    def warnings(self) -> list[Block]:
        """Without columns of counties."""
        labels, self.labels = self.labels, {}
        found = super().warnings()
        self.labels = labels
        return found

    def roster(self) -> list[Block]:
        columns = _learner_columns(self)
        rows = [
            Row([*who_values(self.persons, x.enrolment_id, self.language, with_school=True), *_learner_values(self, x)])
            for x in self.own
        ]
        more = self.w["more"].format(shown=_PRINTED, all=len(rows))
        title = self.v["roster"]
        return [
            Heading(title),
            Table(
                title,
                title,
                [*who_columns(self.persons, self.w["learner"], self.language, with_school=True), *columns],
                rows,
                most=_PRINTED,
                more=more,
            ),
        ]


def _of_few(warning: WarningCount, count: int) -> WarningCount:
    return replace(warning, count=count, by_county={"": count})


def _learner_columns(r: Report) -> list[Column]:
    w, v = r.w, r.v
    return [
        Column(w["reached"], is_number=False), Column(w["points"]), Column(w["missing"]), Column(v["study_min"]),
        Column(v["effective_posts"]), Column(v["journals"]), Column(v["assignments"]), Column(v["peer_reviews"]),
        Column(v["resources"]), Column(v["last_session"], is_number=False),
    ]  # fmt: skip


def _learner_values(r: Report, x: LearnerRow) -> list[Value]:
    reached = "pass" if x.has_passed else "study" if x.has_studied else "login" if x.has_logged_in else "none"
    return [
        Value.of_text(r.w[f"reached_{reached}"]), Value.of_points(x.points), Value.of_points(x.missing_points),
        Value.of_points(x.study_s / 60, 0), Value.of_count(x.effective_post_count), Value.of_count(x.journal_count),
        Value.of_count(x.assignment_count), Value.of_count(x.peer_review_count), Value.of_count(x.resource_count),
        Value.of_date(x.last_session_on, r.language),
    ]  # fmt: skip


def county_pack(
    standing: Standing,
    edition: Bulletin,
    county_id: str,
    language: str,
    time_zone: str,
    persons: Persons | None = None,
) -> Document | None:
    """A county's figures, from the full bulletin or the public edition; the restricted one goes down to the learner.

    Args:
        persons: names and phones of those whom a restricted edition lists.
    """
    if not any(g.county_id == county_id and g.participating is not None for g in edition.counties):
        return None
    return _CountyPack(standing, county_edition(edition, county_id), county_id, language, time_zone, persons).document()


class _CountyPack(Report):
    def __init__(
        self,
        standing: Standing,
        edition: Bulletin,
        county_id: str,
        language: str,
        time_zone: str,
        persons: Persons | None,
    ) -> None:
        super().__init__(standing, edition, language, time_zone, persons)
        self.county_id = county_id

    def document(self) -> Document:
        own = [x for x in self.standing.learners if x.county_id == self.county_id]
        name = self.all_counties[self.county_id]
        blocks = [*self.quality(), *self.headline(), *self.grid(), *self.classes_and_schools(), *self.outputs(own)]
        if self.is_restricted:
            blocks += [*self.warnings(), *self.drill_down(name, own), *self.featured()]
        return self.made(self.v["county"].format(county=self.county, name=name), [*blocks, *self.definitions()])

    def drill_down(self, name: str, own: Sequence[LearnerRow]) -> list[Block]:
        """One table of all levels, each below the other; a workbook opens them one by one."""
        v = self.v
        columns = [
            *self._unit_columns(), Column(v["reported"]), Column(self.w["enrolments"]), Column(v["logged_in"]),
            Column(self.name("login")), Column(v["studied"]), Column(self.name("study")), Column(v["passed"]), Column(self.name("pass")),
            Column(v["posts"]), *_learner_columns(self),
        ]  # fmt: skip
        rows = [self._sum(name, own, 0)]
        classes, schools = (
            {g.group_id: g.label.of(self.language) for g in groups}
            for groups in (self.standing.bulletin.classes, self.standing.bulletin.schools)
        )
        for school, in_school in _by(own, lambda x: x.school_id):
            rows.append(self._sum(schools.get(school, school) if school else v["no_school"], in_school, 1))
            for class_id, in_class in _by(in_school, lambda x: x.class_id):
                rows.append(self._sum(classes.get(class_id, class_id) if class_id else v["no_class"], in_class, 2))
                rows += [self._learner(x) for x in in_class]
        more = self.w["more"].format(shown=_PRINTED, all=len(rows))
        table = Table(
            v["drill"],
            v["drill"],
            columns,
            rows,
            note=v["drill_note"].format(county=self.county),
            most=_PRINTED,
            more=more,
        )
        return [Heading(v["drill"]), table]

    def _unit_columns(self) -> list[Column]:
        """The column of all levels; where learners have names, it has these, and their phones and ids stand beside it."""
        unit = Column(self.v["unit"].format(county=self.county), is_number=False)
        return [unit, *who_columns(self.persons, self.w["learner"], self.language)[1:]]

    def _sum(self, name: str, learners: Sequence[LearnerRow], level: int) -> Row:
        n = len(learners)
        met = [sum(getattr(x, f"has_{what}") for x in learners) for what in ("logged_in", "studied", "passed")]
        minutes = sum((x.study_s for x in learners), Decimal(0)) / 60
        sums = [
            sum(getattr(x, f"{what}_count") for x in learners)
            for what in ("effective_post", "journal", "assignment", "peer_review", "resource")
        ]
        cells = [
            Value.of_text(name), *([Value.of_text("")] * (len(self._unit_columns()) - 1)), Value.of_count(sum(x.is_called_up for x in learners)), Value.of_count(n),
            *(value for k in met for value in (Value.of_count(k), Value.of_share(k, n))),
            Value.of_count(sum(x.post_count for x in learners)), Value.of_text(""), Value.missing(), Value.missing(),
            Value.of_points(minutes, 0), *(Value.of_count(s) for s in sums), Value.missing(),
        ]  # fmt: skip
        return Row(cells, level=level)

    def _learner(self, x: LearnerRow) -> Row:
        met = [Value.of_count(int(m)) for m in (x.has_logged_in, x.has_studied, x.has_passed)]
        blank = Value.of_text("")
        cells = [
            *who_values(self.persons, x.enrolment_id, self.language), Value.of_count(int(x.is_called_up)), Value.of_count(1),
            met[0], blank, met[1], blank, met[2], blank, Value.of_count(x.post_count), *_learner_values(self, x),
        ]  # fmt: skip
        return Row(cells, level=3)


def _by(
    learners: Iterable[LearnerRow], key: Callable[[LearnerRow], str | None]
) -> list[tuple[str | None, list[LearnerRow]]]:
    found: dict[str | None, list[LearnerRow]] = {}
    for x in learners:
        found.setdefault(key(x), []).append(x)
    return sorted(found.items(), key=lambda item: (item[0] is None, item[0] or ""))


def staff_activity(standing: Standing, language: str, time_zone: str, persons: Persons | None = None) -> Document:
    """What every tutor and expert did, and what reminders came to; restricted, because it is about persons."""
    return _Staff(standing, standing.bulletin, language, time_zone, persons).document()


class _Staff(Report):
    def document(self) -> Document:
        blocks: list[Block] = []
        for role, title in (("tutor", "tutors"), ("expert", "experts"), ("manager", "managers")):
            blocks += self.staff_table(self.v[title], [x for x in self.standing.staff if x.role == role])
        return self.made(self.v["staff"], [*(blocks or [Paragraph(self.v["none"])]), *self.reminders()])

    def reminders(self) -> list[Block]:
        v = self.v
        if not self.standing.reminders:
            return []
        columns = [
            Column(v["rule"], is_number=False), Column(v["channel"], is_number=False), Column(v["sent"]), Column(v["reminded"]),
            Column(v["over"]), Column(v["came_back"]), Column(v["came_back_rate"]),
        ]  # fmt: skip
        rows = [
            Row(
                [
                    Value.of_text(r.rule_id), Value.of_text(v.get(r.channel, r.channel)), Value.of_count(r.sent),
                    Value.of_count(r.enrolments), Value.of_count(r.over), Value.of_count(r.came_back), self._share(Share(r.came_back, r.over)),
                ]
            )
            for r in self.standing.reminders
        ]  # fmt: skip
        return [Heading(v["reminders"]), Table(v["reminders"], v["reminders"], columns, rows, note=v["reminders_note"])]
