"""A bulletin in one language, as a document of blocks in the order that offices expect."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date
from decimal import Decimal
from zoneinfo import ZoneInfo

from pipelines.reports.bulletin.charts import county_trends_svg, funnel_svg, pace_svg
from pipelines.reports.bulletin.model import (
    HEADLINE,
    PRINTED_GROUPS,
    PRINTED_LEARNERS,
    Bulletin,
    Group,
    Indicator,
    Learner,
    Listed,
)
from pipelines.reports.document import (
    Block,
    Card,
    Cards,
    Chart,
    Column,
    Definitions,
    Document,
    Heading,
    Items,
    LazyRows,
    Notice,
    Paragraph,
    Row,
    Table,
    Value,
)
from pipelines.reports.document.blocks import date_text
from pipelines.reports.people import Persons, who_columns, who_values
from pipelines.words import NO_VALUE, Label, Share, count_text, words_of

__all__ = ["Composer", "compose"]


def compose(bulletin: Bulletin, language: str, time_zone: str, persons: Persons | None = None) -> Document:
    """The document; a section about which the programme has nothing is left out.

    Args:
        persons: names and phones of those whom a restricted edition lists.
    """
    return Composer(bulletin, language, ZoneInfo(time_zone), persons).document()


def _ratio(share: Share | None) -> Decimal | None:
    """Percent, exact; None where it is empty or withheld."""
    if share is None or share.numerator is None or not share.denominator:
        return None
    return Decimal(100 * share.numerator) / Decimal(share.denominator)


def _is_behind(share: Share, needed: Decimal) -> bool:
    """Whether a rate is below what the pace asks, as ``rpt_behind_pace`` has it; a sealed bulletin has the two and no verdict."""
    return bool(share.denominator) and Decimal(share.numerator or 0) < needed * (share.denominator or 0)


def _reached(learner: Learner) -> str:
    if learner.has_passed:
        return "reached_pass"
    if learner.has_studied:
        return "reached_study"
    return "reached_login" if learner.has_logged_in else "reached_none"


def _listed(bulletin: Bulletin) -> Listed:
    if bulletin.listed is not None:
        return bulletin.listed
    n = len(bulletin.learners)
    met = [sum(getattr(x, f"has_{what}") for x in bulletin.learners) for what in ("logged_in", "studied", "passed")]
    return Listed(len(bulletin.classes), len(bulletin.schools), n, *(n - m for m in met))


class Composer:
    """Makes a document of a bulletin's edition; briefings use its parts."""

    def __init__(self, bulletin: Bulletin, language: str, zone: ZoneInfo, persons: Persons | None = None) -> None:
        self.b, self.language, self.zone, self.persons = bulletin, language, zone, persons
        self.w: Mapping[str, str] = words_of("bulletin", language)
        self.indicators = {i.indicator: i for i in bulletin.indicators}
        self.county = bulletin.county_name.of(language)
        self.subject = bulletin.subject_name.of(language)
        self.shown = [
            i
            for i in dict.fromkeys([*HEADLINE, *(i.indicator for i in bulletin.indicators if i.is_focus)])
            if i in self.indicators
        ]
        self.labels = {g.county_id: g.label.of(language) for g in bulletin.counties if g.county_id}

    def day(self, day: date) -> str:
        return date_text(day, self.language)

    def name(self, indicator: str) -> str:
        return self.indicators[indicator].label.of(self.language)

    def document(self) -> Document:
        b, w = self.b, self.w
        edition = (
            w["edition_all"]
            if b.county_id is None
            else w["edition_county"].format(county=self.labels.get(b.county_id, b.county_id))
        )
        blocks: list[Block] = []
        if b.is_simulated:
            blocks.append(Notice(w["simulated"]))
        for part in (
            self.quality, self.headline, self.funnel, self.pace, self.ranking, self.trend, self.grid, self.classes_and_schools,
            self.warnings, self.learners, self.featured, self.steps, self.definitions,
        ):  # fmt: skip
            blocks += part()
        known = b.known_by.astimezone(self.zone)
        times = w["as_of"].format(
            as_of=self.day(b.as_of), issued=self.day(b.issued_on), known=f"{self.day(known.date())} {known:%H:%M}"
        )
        return Document(
            self.language,
            f"{b.programme.of(self.language)} {w['title'].format(number=b.number, title=b.title.of(self.language))}",
            f"{edition} · {w[b.audience]} · {times}",
            b.issued_on,
            blocks,
            self.footer(),
        )

    def footer(self) -> list[str]:
        """What the report was made from, how rates are rounded, and what is withheld."""
        b, w = self.b, self.w
        made = w["made"].format(
            programme=b.programme.of(self.language), build=b.build_id, digest=b.definitions_digest[:12]
        )
        return [made, w["rounding"], *([w["hidden"].format(n=b.smallest_group)] if b.smallest_group else [])]

    def quality(self) -> list[Block]:
        b, w = self.b, self.w
        lines = []
        if b.last_recorded_at is None:
            lines.append(w["no_records"])
        else:
            at = b.last_recorded_at.astimezone(self.zone)
            lines.append(w["fresh"].format(at=f"{self.day(at.date())} {at:%H:%M}"))
        found = [
            w["not_met"].format(claim=n.claim.of(self.language), examples=f" ({n.examples})" if n.examples else "")
            for n in b.notes
        ]
        lines += found or [w["all_met" if b.is_checked else "unchecked"]]
        return [Heading(w["quality"]), Items(lines)]

    def _change(self, now: Share | None, before: Share | None) -> Decimal | None:
        new, old = _ratio(now), _ratio(before)
        return None if new is None or old is None else new - old

    def since(self, change: Value) -> str:
        """A change in words, and since when."""
        words = self.w["since" if change.number else "no_change"]
        return words.format(change=change.text, number=self.b.number - 1)

    def _card(self, indicator: Indicator) -> Card:
        b, w = self.b, self.w
        share = b.whole.shares.get(indicator.indicator, Share(None, None))
        details = []
        if share.denominator is not None and share.numerator is not None:
            details.append(w["of"].format(n=count_text(share.numerator), of=count_text(share.denominator)))
        change = self._change(share, b.whole.shares_before.get(indicator.indicator))
        if change is not None:
            details.append(self.since(Value.of_change(change)))
        if indicator.needed_ratio is not None and _ratio(share) is not None:
            asked = 100 * indicator.needed_ratio
            details.append(
                w["behind" if _is_behind(share, indicator.needed_ratio) else "on_pace"].format(
                    needed=Value.of_points(asked).text
                )
            )
        label = indicator.label.of(self.language) + (f" · {w['focus_note']}" if indicator.is_focus else "")
        return Card(label, self._share(share), details)

    def _share(self, share: Share | None, *, shaded: bool = False) -> Value:
        if share is None:
            return Value.missing()
        if share.numerator is None and share.denominator is None:
            return Value.hidden()
        return Value.of_share(share.numerator, share.denominator, shaded=shaded)

    def headline(self) -> list[Block]:
        b, w = self.b, self.w
        size = Card(
            w["participating"], Value.of_count(b.whole.participating) if b.whole.participating is not None else Value.hidden(),
            [w["of_called_up"].format(n=count_text(b.whole.participating or 0), of=count_text(b.called_up))] if b.called_up else [],
        )  # fmt: skip
        return [Heading(w["headline"]), Cards([size, *(self._card(self.indicators[i]) for i in self.shown)])]

    def funnel(self) -> list[Block]:
        b, w = self.b, self.w
        steps = [(w["called_up"], b.called_up), (w["participating"], b.whole.participating)]
        for name in HEADLINE:
            share = b.whole.shares.get(name)
            steps.append((w[name], share.numerator if share else None))
        known = [(label, n) for label, n in steps if n is not None]
        if len(known) < len(steps):
            return []
        described = ", ".join(f"{label} {count_text(n)}" for label, n in known)
        return [Chart(funnel_svg(known), w["funnel"], f"{w['funnel']}: {described}")]

    def pace(self) -> list[Block]:
        b, w = self.b, self.w
        found: list[Block] = []
        for name in [i for i in self.shown if self.indicators[i].is_focus and i in b.pace] or [
            i for i in ("pass",) if i in b.pace
        ]:
            points = [p for p in b.trend if p.indicator == name and p.county_id == b.county_id]
            now, asked = _ratio(b.whole.shares.get(name)), b.pace[name][-1][1] * 100
            if not points or now is None:
                continue
            described = w["pace_text"].format(
                indicator=self.name(name),
                on=self.day(b.as_of),
                actual=Value.of_points(now).text,
                needed=Value.of_points(asked).text,
            )
            caption = w["pace"].format(indicator=self.name(name))
            svg = pace_svg(points, b.pace[name], actual=w["actual"], needed=w["needed"], axis=w["rate"])
            found.append(Chart(svg, w["captioned"].format(caption=caption, text=described), described))
        return found

    def _moved(self, group: Group) -> Value:
        if group.rank is None or group.rank_before is None:
            return Value.missing()
        change = group.rank_before - group.rank
        words = self.w["up"] if change > 0 else self.w["down"] if change < 0 else self.w["same"]
        return Value.of_text(words.format(n=abs(change)))

    def _standings(
        self, name: str, caption: str, label: str, groups: Sequence[Group], most: int | None, count: int | None = None
    ) -> Table:
        """A ranking; of classes and schools with the county they are in."""
        placed = any(g.county_id and g.county_id != g.group_id for g in groups) and self.b.county_id is None
        columns = [
            Column(self.w["rank"]), Column(label, is_number=False), *([Column(self.county, is_number=False)] if placed else []),
            Column(self.w["moved"], is_number=False), Column(self.w["enrolments"]),
            *(Column(self.name(i)) for i in self.shown), Column(self.w["change"]),
        ]  # fmt: skip

        def line(g: Group) -> Row:
            hidden = g.participating is None
            return Row(
                [
                    Value.of_count(g.rank) if not hidden else Value.hidden(),
                    Value.of_text(g.label.of(self.language)),
                    *([Value.of_text(self.labels.get(g.county_id or "", g.county_id or ""))] if placed else []),
                    self._moved(g),
                    Value.of_count(g.participating) if not hidden else Value.hidden(),
                    *(self._share(g.shares.get(i)) for i in self.shown),
                    Value.of_change(self._change(g.shares.get("pass"), g.shares_before.get("pass"))),
                ]
            )

        rows = LazyRows(groups, line)
        more = self.w["more"].format(shown=most, all=len(rows) if count is None else count)
        return Table(name, caption, columns, rows, most=most, more=more, count=count)

    def ranking(self) -> list[Block]:
        b, w = self.b, self.w
        title = w["ranking"].format(name=self.county)
        if b.county_id is not None:
            own = next((g for g in b.counties if g.county_id == b.county_id), None)
            if own is None or own.rank is None:
                return []
            before = w["own_rank_before"].format(number=b.number - 1, rank=own.rank_before) if own.rank_before else ""
            text = w["own_rank"].format(
                county=self.labels[b.county_id], rank=own.rank, ranked=own.ranked, before=before
            )
            return [Heading(title), Paragraph(text)]
        if not b.counties:
            return []
        ordered = sorted(b.counties, key=lambda g: (g.rank is None, g.rank or 0, g.group_id))
        return [Heading(title), self._standings(self.county, title, self.county, ordered, None)]

    def trend(self) -> list[Block]:
        b, w = self.b, self.w
        wanted = {i: self.name(i) for i in self.shown if self.indicators[i].is_focus} or {
            i: self.name(i) for i in self.shown
        }
        wanted = dict(list(wanted.items())[:4])
        labels = self.labels if b.county_id is None else {b.county_id: self.labels.get(b.county_id, b.county_id)}
        points = [
            p for p in b.trend if p.county_id in labels and p.indicator in wanted and p.share.numerator is not None
        ]
        if not points:
            return []
        described = w["trend_text"].format(
            counties=self.w["joiner"].join(labels.values()),
            indicators=self.w["joiner"].join(wanted.values()), on=self.day(b.as_of),
        )  # fmt: skip
        title = w["trend"].format(county=self.county if self.language == "zh" else self.county.lower())
        return [Heading(title), Chart(county_trends_svg(points, labels, wanted, axis=w["rate"]), described, described)]

    def grid(self) -> list[Block]:
        b, w = self.b, self.w
        if not b.grid:
            return []
        counties = [(g.county_id, g.label.of(self.language), g) for g in b.counties]
        if b.county_id is not None:
            counties = [c for c in counties if c[0] == b.county_id]
        cells = {(g.county_id, g.subject_id): g for g in b.grid}
        present = {s for c, s in cells if b.county_id in (None, c)}
        subjects = [(g.subject_id, g.label.of(self.language), g) for g in b.subjects if g.subject_id in present]
        # The longer side goes down the page.
        down, across, turned = (
            (subjects, counties, False) if len(subjects) >= len(counties) else (counties, subjects, True)
        )
        rates = [i for i in HEADLINE if i in self.indicators] if len(across) <= 4 else ["pass"]
        totals = b.county_id is None

        def line(group: Group | None) -> list[Value]:
            if group is None:
                return [Value.missing()] * (len(rates) + 1)
            if group.participating is None:
                return [Value.hidden()] * (len(rates) + 1)
            return [
                Value.of_count(group.participating),
                *(self._share(group.shares.get(i), shaded=i == "pass") for i in rates),
            ]

        columns = [Column(self.county if turned else self.subject, is_number=False)]
        for _, label, _ in across:
            columns += [Column(w["number"], label), *(Column(w[f"short_{i}"], label) for i in rates)]
        if totals:
            columns += [Column(w["number"], w["total"]), *(Column(w[f"short_{i}"], w["total"]) for i in rates)]
        rows = []
        for key, label, group in down:
            row = [Value.of_text(label)]
            for other, _, _ in across:
                row += line(cells.get((key, other) if turned else (other, key)))
            rows.append(Row([*row, *(line(group) if totals else [])]))
        last = [Value.of_text(w["total"])]
        for _, _, group in across:
            last += line(group)
        rows.append(Row([*last, *(line(b.whole) if totals else [])], is_total=True))
        title = w["grid"].format(county=self.county, subject=self.subject)
        return [Heading(title), Table(title, title, columns, rows, note=w["grid_note"])]

    def classes_and_schools(self) -> list[Block]:
        b, w = self.b, self.w
        found: list[Block] = []
        listed = b.listed
        for name, label, groups, count in (
            ("classes", "class", b.classes, listed.classes if listed else None),
            ("schools", "school", b.schools, listed.schools if listed else None),
        ):
            if groups:
                found += [
                    Heading(w[name]),
                    self._standings(
                        w[name], w["ranking"].format(name=w[label]), w[label], groups, PRINTED_GROUPS, count
                    ),
                ]
        return found

    def warnings(self) -> list[Block]:
        b, w = self.b, self.w
        if not b.warnings:
            return [Heading(w["warnings"]), Paragraph(w["no_warnings"])]
        counties = [c for c in self.labels if b.county_id in (None, c)]
        columns = [
            Column(w["warning"], is_number=False), Column(w["level"], is_number=False),
            *(Column(self.labels[c]) for c in counties), *([Column(w["total"])] if b.county_id is None else []),
            Column(w["meaning"], is_number=False),
        ]  # fmt: skip

        def count(n: int | None) -> Value:
            return Value.hidden() if n is None else Value.of_count(n)

        rows = [
            Row(
                [
                    Value.of_text(one.label.of(self.language)),
                    Value.of_text(words_of("bulletin.levels", self.language)[one.level]),
                    *(count(one.by_county.get(c, 0)) for c in counties),
                    *([count(one.count)] if b.county_id is None else []),
                    Value.of_text(one.definition.of(self.language)),
                ]
            )
            for one in b.warnings
        ]
        return [Heading(w["warnings"]), Table(w["warnings"], w["warnings"], columns, rows)]

    def _called(self, names: Mapping[str, Label], name: str | None) -> Value:
        """A class or a school by its name of the date; by its id where it has none."""
        if name is None:
            return Value.missing()
        return Value.of_text(names[name].of(self.language) if name in names else name)

    def learners(self) -> list[Block]:
        b, w = self.b, self.w
        if b.audience != "restricted":
            return []
        if not b.learners:
            return [Heading(w["laggards"]), Paragraph(w["laggards_none"])]
        number = _listed(b)
        counts = w["not_logged_in"].format(
            n=count_text(number.not_logged_in),
            study=count_text(number.not_studied),
            passed=count_text(number.not_passed),
        )
        labels = {one.warning: one.label.of(self.language) for one in b.warnings}
        subjects = {g.subject_id: g.label.of(self.language) for g in b.subjects}
        columns = [
            *who_columns(self.persons, w["learner"], self.language), Column(w["class"], is_number=False), Column(w["school"], is_number=False),
            Column(self.county, is_number=False), Column(self.subject, is_number=False), Column(w["reached"], is_number=False),
            Column(w["points"]), Column(w["missing"]), Column(w["warnings"], is_number=False),
        ]  # fmt: skip
        # Those who are furthest from the goal come first.
        ordered = sorted(
            b.learners,
            key=lambda x: (x.has_logged_in, x.has_studied, -(x.missing_points or 0), x.county_id or "", x.enrolment_id),
        )

        def line(x: Learner) -> Row:
            return Row(
                [
                    *who_values(self.persons, x.enrolment_id, self.language), self._called(b.class_names, x.class_id), self._called(b.school_names, x.school_id),
                    Value.of_text(self.labels.get(x.county_id or "", x.county_id or NO_VALUE)),
                    Value.of_text(subjects.get(x.subject_id, x.subject_id or NO_VALUE)),
                    Value.of_text(w[_reached(x)]),
                    Value.of_points(x.points), Value.of_points(x.missing_points),
                    Value.of_text(", ".join(labels.get(one, one) for one in x.warnings)),
                ]
            )  # fmt: skip

        rows = LazyRows(ordered, line)
        more = w["more"].format(shown=PRINTED_LEARNERS, all=count_text(number.learners))
        table = Table(
            w["laggards"], w["laggards"], columns, rows, most=PRINTED_LEARNERS, more=more, count=number.learners
        )
        return [Heading(w["laggards"]), Paragraph(counts), table]

    def featured(self) -> list[Block]:
        b, w = self.b, self.w
        if not b.featured:
            return [Heading(w["featured"]), Paragraph(w["featured_none"])]
        kinds = ("journal_featured", "assignment_featured")
        if b.audience == "restricted":
            columns = [
                *who_columns(self.persons, w["learner"], self.language), Column(self.county, is_number=False), Column(self.subject, is_number=False),
                *(Column(w[k]) for k in kinds),
            ]  # fmt: skip
            keys = list(dict.fromkeys((f.enrolment_id, f.county_id, f.subject_id) for f in b.featured))
        else:
            columns = [Column(self.county, is_number=False), *(Column(w[k]) for k in kinds)]
            keys = [(None, c, None) for c in dict.fromkeys(f.county_id for f in b.featured)]
        sums: dict[tuple[object, str], int] = {}
        for f in b.featured:
            key = (
                (f.enrolment_id, f.county_id, f.subject_id) if b.audience == "restricted" else (None, f.county_id, None)
            )
            sums[key, f.kind] = sums.get((key, f.kind), 0) + f.count
        subjects = {g.subject_id: g.label.of(self.language) for g in b.subjects}
        keys.sort(key=lambda k: (-sum(sums.get((k, kind), 0) for kind in kinds), k[1] or "", k[0] or ""))
        rows = []
        for enrolment, county, subject in keys:
            place = Value.of_text(self.labels.get(county or "", county or NO_VALUE))
            head = [place]
            if b.audience == "restricted":
                head = [
                    *who_values(self.persons, enrolment or "", self.language),
                    place,
                    Value.of_text(subjects.get(subject, subject or NO_VALUE)),
                ]
            rows.append(Row([*head, *(Value.of_count(sums.get(((enrolment, county, subject), k), 0)) for k in kinds)]))
        more = w["more"].format(shown=PRINTED_GROUPS, all=count_text(len(rows)))
        return [
            Heading(w["featured"]),
            Table(w["featured"], w["featured"], columns, rows, most=PRINTED_GROUPS, more=more),
        ]

    def steps(self) -> list[Block]:
        b, w = self.b, self.w
        if not b.actions:
            return [Heading(w["steps"]), Paragraph(w["steps_none"])]
        causes = {one.warning: one.label.of(self.language) for one in b.warnings}
        causes |= {f"pace:{i.indicator}": i.label.of(self.language) for i in b.indicators}
        columns = [
            Column(w["step"], is_number=False), Column(w["owner"], is_number=False), Column(w["due"], is_number=False),
            Column(w["because"], is_number=False),
        ]  # fmt: skip
        rows = [
            Row(
                [
                    Value.of_text(a.text.of(self.language).replace("{count}", count_text(a.count))), Value.of_text(a.owner.of(self.language)),
                    Value.of_date(a.due_on, self.language), Value.of_text(causes.get(a.when, a.when)),
                ]
            )
            for a in b.actions
        ]  # fmt: skip
        return [Heading(w["steps"]), Table(w["steps"], w["steps"], columns, rows)]

    def definitions(self) -> list[Block]:
        terms = [(i.label.of(self.language), i.definition.of(self.language)) for i in self.b.indicators]
        return [Heading(self.w["definitions"]), Definitions(terms)]
