"""The evaluation report as a document of blocks, from the marts and the programme's pack."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import date
from decimal import Decimal
from zoneinfo import ZoneInfo

from pipelines.audit.told import correction_text, figures_text
from pipelines.reports.bulletin.model import Group
from pipelines.reports.document import (
    Block,
    Column,
    Document,
    Heading,
    Items,
    Notice,
    Paragraph,
    Row,
    Slot,
    Table,
    Value,
)
from pipelines.reports.document.blocks import date_text
from pipelines.reports.evaluation.model import RATES, STAFF_ACTIVITIES, Evaluation
from pipelines.words import Label, Share, label_of, percent, words_of

__all__ = ["compose_evaluation"]


def compose_evaluation(evaluation: Evaluation, language: str, time_zone: str) -> Document:
    """The document."""
    return _Composer(evaluation, language, ZoneInfo(time_zone)).document()


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]


class _Composer:
    def __init__(self, evaluation: Evaluation, language: str, zone: ZoneInfo) -> None:
        self.e, self.b, self.language, self.zone = evaluation, evaluation.bulletin, language, zone
        self.w, self.bw, self.v = (words_of(x, language) for x in ("evaluation", "bulletin", "briefing"))
        self.indicators = {i.indicator: i for i in self.b.indicators}
        self.county = self.b.county_name.of(language)
        #: Traces in the order in which figures refer to them.
        self.traces: dict[str, tuple[str, str]] = {}

    def day(self, on: date) -> str:
        return date_text(on, self.language)

    def document(self) -> Document:
        b, w = self.b, self.w
        blocks: list[Block] = []
        if b.is_simulated:
            blocks.append(Notice(f"{self.bw['simulated']} {w['simulated_note']}"))
        blocks.append(Paragraph(w["computed"]))
        for part in (
            self.overview, self.phases, self.content, self.results, self.carried_out, self.school_based, self.counties, self.survey,
            self.reflection, self.published, self.contradictions, self.all_traces,
        ):  # fmt: skip
            blocks += part()
        known = b.known_by.astimezone(self.zone)
        when = self.v["when"].format(as_of=self.day(b.as_of), known=f"{self.day(known.date())} {known:%H:%M}")
        footer = [
            self.bw["made"].format(programme=b.programme.of(self.language), build=b.build_id, digest=b.definitions_digest[:12]),
            self.bw["rounding"], self.bw["hidden"].format(n=b.smallest_group),
        ]  # fmt: skip
        title = self.v["title"].format(programme=b.programme.of(self.language), what=w["what"])
        return Document(self.language, title, f"{self.bw['public']} · {when}", b.as_of, blocks, footer)

    # -- parts of tables

    def label(self, name: str) -> str:
        if "+" in name:
            return " + ".join(map(self.label, name.split("+")))
        kind, _, rest = name.partition(":")
        if name in ("counties", "subjects"):  # as the programme calls them
            return self.county if name == "counties" else self.b.subject_name.of(self.language)
        if name in (figures := words_of("evaluation.figures", self.language)):
            return figures[name]
        if name in self.indicators:
            return self.indicators[name].label.of(self.language)
        if kind == "stage":
            return self.e.stages.get(rest, Label(rest, rest)).of(self.language)
        if kind in ("hours", "topics"):
            labels = dict(self.e.categories)
            return f"{labels[rest].of(self.language)} · {self.w[kind]}"
        return f"{self.v.get(kind, kind)} · {self.v.get(rest, rest)}" if kind != "staff" else self.v[rest]

    def traced(self, name: str, label: str, command: str) -> Value:
        """A cell that leads to how a figure is computed again."""
        if name not in self.traces:
            self.traces[name] = (label, command)
        number = list(self.traces).index(name) + 1
        return Value("text", f"T{number}", link=f"trace-{number}")

    def value(self, name: str) -> Value:
        """A computed figure."""
        if name in self.e.withheld:
            return Value.hidden()
        found = self.e.figures.get(name)
        if found is None or found.value is None:
            return Value.missing()
        if isinstance(found.value, Share):
            return Value.of_share(found.value.numerator, found.value.denominator)
        return Value.of_count(found.value) if isinstance(found.value, int) else Value.of_points(found.value, 1)

    def items(self, title: str, names: Sequence[str], *, zeros: bool = True) -> list[Block]:
        """A table of figures, one a line, each with its trace."""
        w = self.w
        rows = []
        for name in names:
            figure = self.e.figures.get(name)
            if figure is None or (not zeros and not figure.value and name not in self.e.withheld):
                continue
            rows.append(
                Row(
                    [
                        Value.of_text(self.label(name)),
                        self.value(name),
                        self.traced(name, self.label(name), figure.command),
                    ]
                )
            )
        columns = [Column(w["item"], is_number=False), Column(w["value"]), Column(w["trace"])]
        return [Table(title, title, columns, rows)] if rows else []

    def slot(self, *names: str) -> list[Block]:
        found: list[Block] = []
        for name in names:
            text = self.e.narrative.get(name)
            said = text.of(self.language).strip() if text else ""
            found.append(Slot(words_of("evaluation.slots", self.language)[name], said or self.w["slot_empty"]))
        return found

    # -- sections

    def overview(self) -> list[Block]:
        w = self.w
        names = ["called_up", "participating", "counties", "schools", "classes", "subjects", "tutors", "experts", "topics", "hours", "bulletins"]  # fmt: skip
        columns = [
            Column(w["figure"], is_number=False), Column(w["numerator"]), Column(w["denominator"]), Column(w["rate"]), Column(w["trace"]),
        ]  # fmt: skip
        stages = [f"stage:{stage}" for stage in self.e.stages]
        shown = [
            i
            for i in ("participation", "login", "study", "pass", "pass_of_studied", "excellent")
            if i in self.indicators
        ]
        tables = [*self.items(w["overview"], names, zeros=False), *self.items(w["stages"], stages)]
        rates = Table(w["rates"], w["rates"], columns, [Row(self._rate(i)) for i in shown])
        return [Heading(w["overview"]), *tables, rates, *self.slot("budget")]

    def _rate(self, indicator: str) -> list[Value]:
        found = self.e.figures.get(indicator)
        share = found.value if found is not None and isinstance(found.value, Share) else Share(None, None)
        label = self.indicators[indicator].label.of(self.language)
        return [
            Value.of_text(label), Value.of_count(share.numerator), Value.of_count(share.denominator),
            Value.of_share(share.numerator, share.denominator),
            self.traced(indicator, label, found.command) if found else Value.missing(),
        ]  # fmt: skip

    def phases(self) -> list[Block]:
        w = self.w
        columns = [
            Column(w["phase"], is_number=False),
            Column(w["from"], is_number=False),
            Column(w["to"], is_number=False),
        ]
        rows = [
            Row(
                [
                    Value.of_text(label.of(self.language)),
                    Value.of_date(first, self.language),
                    Value.of_date(last, self.language),
                ]
            )
            for label, first, last in self.e.phases
        ]
        table: list[Block] = [Table(w["phases"], w["phases"], columns, rows)] if rows else []
        return [Heading(w["phases"]), *self.slot("goals"), *table]

    def content(self) -> list[Block]:
        w = self.w
        columns = [Column(w["category"], is_number=False), Column(w["topics"]), Column(w["hours"]), Column(w["trace"])]
        rows = []
        for category, label in self.e.categories:
            name, figure = f"hours:{category}", self.e.figures[f"hours:{category}"]
            trace = self.traced(name, label.of(self.language), figure.command)
            rows.append(
                Row([Value.of_text(label.of(self.language)), self.value(f"topics:{category}"), self.value(name), trace])
            )
        if rows:
            hours = self.traced("hours", self.label("hours"), self.e.figures["hours"].command)
            rows.append(Row([Value.of_text(w["all"]), self.value("topics"), self.value("hours"), hours], is_total=True))
        table: list[Block] = [Table(w["content"], w["content"], columns, rows)] if rows else []
        return [Heading(w["content"]), *self.slot("methods"), *table]

    def results(self) -> list[Block]:
        w = self.w
        teams: list[Block] = []
        for role, people in (("tutor", "tutors"), ("expert", "experts"), ("manager", "managers")):
            if self.e.figures[people].value:
                names = [
                    people,
                    *(["tutors_logged_in"] if role == "tutor" else []),
                    *(f"{role}:{a}" for a in STAFF_ACTIVITIES),
                ]
                teams += self.items(self.v[people], names, zeros=False)
        outputs = ["journals", "assignments", "peer_reviews", "interactions", "effective_posts", "resources", "featured_journals", "featured_assignments", "study_hours"]  # fmt: skip
        return [Heading(w["results"]), *teams, *self.items(w["outputs"], outputs, zeros=False)]

    def carried_out(self) -> list[Block]:
        w = self.w
        columns = [
            Column(w["stage"], is_number=False), Column(w["component"], is_number=False), Column(w["target"]), Column(w["points"]),
            Column(w["scoring"], is_number=False),
        ]  # fmt: skip
        rows, marks = [], {}
        for stage, whole, least, label, target, _, points, scoring in self.e.rules:
            name = self.w.get({"school_based": "stage_school_based"}.get(stage, stage), stage)
            if least is not None:
                marks[stage] = w["pass_at"].format(
                    stage=name, max=f"{whole.normalize():f}", least=f"{least.normalize():f}"
                )
            rows.append(
                Row(
                    [
                        Value.of_text(name), Value.of_text(label.of(self.language)), Value.of_points(target, 0),
                        Value.of_points(points, 0), Value.of_text(w.get(scoring, scoring)),
                    ]
                )
            )  # fmt: skip
        issues = [
            Row(
                [
                    Value.of_count(i.number), Value.of_date(i.as_of, self.language), Value.of_date(i.issued_on, self.language),
                    Value.of_text(i.title.of(self.language)),
                ]
            )
            for i in self.e.calendar
        ]  # fmt: skip
        calendar_columns = [
            Column(w["number"]), Column(w["as_of"], is_number=False), Column(w["issued"], is_number=False), Column(w["title"], is_number=False),
        ]  # fmt: skip
        found: list[Block] = [Heading(w["carried_out"]), *self.slot("plan", "management", "platform", "teams")]
        if rows:
            found += [Table(w["rules"], w["rules"], columns, rows), Items(list(marks.values()))]
        if issues:
            title = words_of("evaluation.figures", self.language)["bulletins"]
            found.append(Table(title, title, calendar_columns, issues))
        awards = self.items(w["awards"], ["awarded", "staff_awarded", "reminders"], zeros=False)
        return [*found, *awards, *self.slot("contests")]

    def school_based(self) -> list[Block]:
        title = self.w["school_based"]
        return [Heading(title), *self.items(title, ["school_based_count", "outcomes", "passed"]), *self.slot("offline")]

    def counties(self) -> list[Block]:
        w, b = self.w, self.b
        if not b.counties:
            return []
        shown = [i for i in RATES if i in self.indicators and i != "pass_of_studied"]
        columns = [Column(self.county, is_number=False), Column(self.bw["enrolments"])]
        for i in shown:
            columns += [
                Column(w["numerator"], self.indicators[i].label.of(self.language)),
                Column("%", self.indicators[i].label.of(self.language)),
            ]
        rows = []
        for group in [*b.counties, replace(b.whole, label=label_of("evaluation", "all"))]:
            place = f" county={group.county_id}" if group.county_id else ""
            label = group.label.of(self.language)
            commands = f'xueqing explain "{b.programme_id} pass_rate{place} as-of {b.as_of}"'
            trace = self.traced(f"county:{group.group_id}", label, commands)
            rows.append(Row([Value.of_text(label), *self._group(group, shown), trace], is_total=not group.county_id))
        title = w["counties"].format(county=self.county if self.language == "zh" else self.county.lower())
        return [Heading(title), Table(title, title, [*columns, Column(w["trace"])], rows), *self.slot("counties")]

    def _group(self, group: Group, shown: Sequence[str]) -> list[Value]:
        if group.participating is None:
            return [Value.hidden()] * (1 + 2 * len(shown))
        cells = [Value.of_count(group.participating)]
        for i in shown:
            share = group.shares.get(i) or Share(None, None)
            cells += [Value.of_count(share.numerator), Value.of_share(share.numerator, share.denominator)]
        return cells

    def survey(self) -> list[Block]:
        w = self.w
        if not self.e.survey:
            return []
        labels = dict(self.e.levels)
        # The best first; levels that the form has not come last.
        numbers = [*labels, *sorted({n for _, _, counts in self.e.survey for n in counts} - labels.keys())]
        columns = [Column(w["item"], is_number=False), Column(w["answered"])]
        for n in numbers:
            columns.append(Column(labels.get(n, Label(str(n), str(n))).of(self.language)))
        columns += [Column(w["top_two"]), Column(w["trace"])]
        response = self.items(w["of_participating"], ["respondents", "participating"])
        rows = []
        for item, label, counts in self.e.survey:
            whole = sum(counts.values())
            if whole < self.b.smallest_group:
                rows.append(Row([Value.of_text(label.of(self.language)), *[Value.hidden()] * (len(columns) - 1)]))
                continue
            quoted = item.replace("'", "''")
            sql = (
                f"select level, answer_count, item_answer_count from rpt_survey_items where programme_id = '{self.b.programme_id}'"
                f" and as_of_on = date '{self.b.as_of}' and item_id = '{quoted}' order by level"
            )
            rows.append(
                Row(
                    [
                        Value.of_text(label.of(self.language)), Value.of_count(whole),
                        *(Value.of_share(counts.get(n, 0), whole) for n in numbers),
                        Value.of_share(sum(counts.get(n, 0) for n in numbers[:2]), whole),
                        self.traced(f"survey:{item}", label.of(self.language), f'xueqing sql "{sql}"'),
                    ]
                )
            )  # fmt: skip
        title = w["survey"]
        return [
            Heading(title), *response, Table(title, title, columns, rows, note=w["survey_note"]),
        ]  # fmt: skip

    def reflection(self) -> list[Block]:
        return [
            Heading(self.w["reflection"]),
            *self.slot("words", "experience", "innovations", "problems", "directions"),
        ]

    def published(self) -> list[Block]:
        w = self.w
        title = w["published"]
        if not self.e.published:
            return [Heading(title), Paragraph(w["no_published"])]
        columns = [
            Column(w["item"], is_number=False), Column(w["where"], is_number=False), Column(w["printed"]), Column(w["recomputed"]),
            Column(w["verdict"], is_number=False), Column(w["trace"]),
        ]  # fmt: skip
        rows = []
        for one in self.e.published:
            figure = self.e.figures.get(one.indicator)
            if one.indicator in self.e.withheld:
                found, verdict, trace = Value.hidden(), "", Value.missing()
            elif figure is None or figure.value is None:
                found, verdict, trace = Value.missing(), w["cannot"], Value.missing()
            else:
                found = self.value(one.indicator)
                if isinstance(figure.value, Share):
                    told = percent(figure.value.numerator or 0, figure.value.denominator or 0, one.printed.decimals)
                    found = Value("points", f"{told}%", Decimal(told)) if figure.value.denominator else Value.missing()
                verdict = w["same" if found.number is not None and found.number == one.printed.value else "differs"]
                trace = self.traced(one.indicator, self.label(one.indicator), figure.command)
            rows.append(
                Row(
                    [
                        Value.of_text(_capital(one.label.of(self.language))), Value.of_text(one.where.of(self.language)),
                        Value.of_text(one.printed.text), found, Value.of_text(verdict), trace,
                    ]
                )
            )  # fmt: skip
        return [Heading(title), Table(title, title, columns, rows, note=w["published_note"])]

    def contradictions(self) -> list[Block]:
        w = self.w
        title = w["contradictions"]
        if not self.e.published:
            return []
        if not self.e.audit.findings:
            return [Heading(title), Paragraph(w["no_contradictions"])]
        rows = [
            Row(
                [
                    Value.of_text(_capital(figures_text(self.e.audit, one.figures, self.language))),
                    Value.of_text(words_of("audit.rules", self.language)[one.rule]),
                    Value.of_text(one.verdict.arithmetic.of(self.language)),
                    Value.of_text(
                        "".join(correction_text(self.e.audit, c, self.language) for c in one.corrections[:1])
                    ),
                ]
            )
            for one in self.e.audit.findings
        ]
        columns = [Column(w[name], is_number=False) for name in ("which", "rule", "why", "simplest")]
        return [Heading(title), Table(title, title, columns, rows)]

    def all_traces(self) -> list[Block]:
        w = self.w
        rows = [
            Row([Value.of_text(f"T{n}"), Value.of_text(label), Value.of_text(command)], anchor=f"trace-{n}")
            for n, (label, command) in enumerate(self.traces.values(), 1)
        ]
        columns = [
            Column(w["trace"], is_number=False),
            Column(w["item"], is_number=False),
            Column(w["how"], is_number=False),
        ]
        return [Heading(w["traces"]), Table(w["traces"], w["traces"], columns, rows)]
