"""A survey's analysis as a document, for the public or for those who may read what people wrote."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import ROUND_HALF_UP, Decimal

import numpy as np

from pipelines.reports.disclosure import withheld_children
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
from pipelines.reports.survey.charts import Bar, diverging_svg
from pipelines.survey.analysis import Analysis, GroupAnswers
from pipelines.survey.statistics import REPLICATES, Estimate, ItemResult
from pipelines.words import Label, words_of

__all__ = ["compose_survey", "interval_text", "number_text"]

#: Lines printed of a long table; the workbook has them all.
_PRINTED = 40
#: More groups make no picture.
_MOST_BARS = 30


def number_text(value: float | None, decimals: int = 2, scale: int = 1) -> str:
    """A number, half up; a dash for none."""
    return _number(value, decimals, scale).text


def interval_text(estimate: Estimate, decimals: int = 2, scale: int = 1) -> str:
    """``low–high``; empty without an interval."""
    if estimate.low is None:
        return ""
    return f"{number_text(estimate.low, decimals, scale)}–{number_text(estimate.high, decimals, scale)}"


def _number(value: float | None, decimals: int = 2, scale: int = 1) -> Value:
    if value is None or value != value:
        return Value.missing()
    return Value.of_points(Decimal(repr(float(value))) * scale, decimals)


def _percent(value: float | None) -> Value:
    if value is None:
        return Value.missing()
    rounded = (Decimal(repr(float(value))) * 100).quantize(Decimal("0.01"), ROUND_HALF_UP)
    return Value("percent", f"{rounded}", rounded)


def _p(value: float) -> Value:
    return Value.of_text("< 0.001" if value < 0.001 else number_text(value, 3))


def _text(text: str) -> Value:
    return Value.of_text(text)


def compose_survey(analysis: Analysis, language: str, *, on: date, is_public: bool, sort: str = "form") -> Document:
    """The document.

    Args:
        on: the date under the title.
        is_public: without what people wrote, and without groups, counts and items of fewer than ``analysis.smallest``.
        sort: ``form`` or ``mean``: the order of the items.
    """
    return _Composer(analysis, language, on, sort, is_public=is_public).document()


@dataclass(frozen=True, slots=True)
class _Item:
    """An item beside its place in the form."""

    place: int
    label: str
    result: ItemResult


class _Composer:
    def __init__(self, analysis: Analysis, language: str, on: date, sort: str, *, is_public: bool) -> None:
        self.a, self.language, self.on, self.is_public = analysis, language, on, is_public
        self.form, self.w = analysis.answers.form, words_of("survey", language)
        self.levels = [level.label.of(language) for level in self.form.levels]
        self.n = analysis.answers.respondents
        self.smallest = analysis.smallest if is_public else 0
        items = [
            _Item(n, item.label.of(language) + (self.w["reversed"] if item.is_reversed else ""), result)
            for n, (item, result) in enumerate(zip(self.form.items, analysis.items, strict=True))
        ]
        if sort == "mean":
            items.sort(key=lambda i: (-(i.result.mean.value or 0), i.place))
        self.items = items

    def document(self) -> Document:
        w, people = self.w, self.a.people
        parts = [people.programme.of(self.language)] if people else []
        parts += [w["answered"].format(n=f"{self.n:,}"), w["public" if self.is_public else "restricted"]]
        blocks: list[Block] = []
        if people and people.is_simulated:
            blocks.append(Notice(w["simulated"]))
        if self.n == 0:
            blocks.append(Paragraph(w["nobody"]))
        elif self.n < self.smallest:
            blocks.append(Paragraph(w["withheld"].format(n=self.smallest)))
        else:
            sections: Sequence[Callable[[], list[Block]]] = (
                self.summary, self.item_table, self.shares, self.multiple, self.response, self.beside_others, self.weighted, self.groups,
                self.differences, self.behaviour, self.scale, self.correlations,
            )  # fmt: skip
            for section in sections:
                blocks += section()
        for section in (self.quality, self.texts, self.methods):
            blocks += section()
        return Document(self.language, self.form.label.of(self.language), " · ".join(parts), self.on, blocks)

    # -- pieces

    def table(
        self, name: str, columns: Sequence[Column], rows: Sequence[Row], note: str = "", most: int | None = None
    ) -> Table:
        more = self.w["more"].format(shown=most, all=f"{len(rows):,}") if most and len(rows) > most else ""
        return Table(name, name, columns, rows, note=note, most=most, more=more)

    def column(self, key: str, group: str = "", *, is_number: bool = True) -> Column:
        return Column(self.w[key], group, is_number=is_number)

    def is_few(self, count: int) -> bool:
        return 0 < count < self.smallest

    def count(self, count: int) -> Value:
        return Value.hidden() if self.is_few(count) else Value.of_count(count)

    def group_name(self, name: str) -> str:
        people = self.a.people
        return people.names[name].of(self.language) if people and name in people.names else name

    def named(self, name: str) -> str:
        """A group's name within a sentence."""
        text = self.group_name(name)
        return text.lower() if self.language == "en" and text[1:].islower() else text

    def value_name(self, name: str, value: str, unknown: str) -> str:
        people = self.a.people
        known = people.labels.get(name, {}) if people else {}
        return known.get(value, Label(value, value)).of(self.language) if value else self.w[unknown]

    # -- sections

    def summary(self) -> list[Block]:
        w, a = self.w, self.a
        cards = [Card(w["respondents"], Value.of_count(self.n))]
        if a.asked:
            cards.append(Card(w["asked"], Value.of_count(a.asked)))
            cards.append(Card(w["rate"], Value.of_share(self.n, a.asked)))
        if a.reliability:
            cards.append(
                Card(w["alpha"], _number(a.reliability.alpha.value, 3), [interval_text(a.reliability.alpha, 3)])
            )
        if a.asked == self.n:
            said = w["census"]
        else:
            fpc = w["fpc"].format(asked=f"{a.asked:,}") if a.asked else ""
            said = w["sampled"].format(
                confidence=f"{100 * a.confidence:g}", method=words_of("survey.interval_methods", self.language)[a.method], k=len(self.levels), fpc=fpc
            )  # fmt: skip
        return [Heading(w["summary"]), Cards(cards), Paragraph(said)]

    def item_table(self) -> list[Block]:
        w = self.w
        rows, bars, told = [], [], []
        has_top = len(self.levels) > 2
        for item in self.items:
            r = item.result
            if self.is_few(r.answered):
                rows.append(Row([_text(item.label), *[Value.hidden()] * (6 if has_top else 5)]))
                continue
            top = (
                [Value.of_share(sum(r.counts[-2:]), r.answered), _text(interval_text(r.top_two, 2, 100))]
                if has_top
                else []
            )
            rows.append(
                Row(
                    [
                        _text(item.label), Value.of_count(r.answered), *top, _number(r.mean.value), _text(interval_text(r.mean)),
                        _number(r.median.value, 1),
                    ]
                )
            )  # fmt: skip
            if r.answered:
                bars.append(Bar(item.label, r.answered, [100 * c / r.answered for c in r.counts]))
                told.append(self.described(item.label, r.counts, r.answered))
        columns = [
            self.column("item", is_number=False), self.column("n"), *([self.column("top_two"), self.column("interval")] if has_top else []),
            self.column("mean"), self.column("interval"), self.column("median"),
        ]  # fmt: skip
        found: list[Block] = [
            Heading(w["items"]),
            self.table(w["items"], columns, rows, w["scores"].format(first=self.levels[0], last=self.levels[-1], k=len(self.levels))),
        ]  # fmt: skip
        return [*found, self.picture(w["picture"], bars, told)] if bars else found

    def described(self, label: str, counts: Sequence[int], answered: int) -> str:
        shares = [
            f"{level} {Value.of_share(int(c), answered).text} %"
            for level, c in zip(reversed(self.levels), reversed(counts), strict=True)
        ]
        return self.w["described"].format(item=label, shares=self.w["share_joiner"].join(shares))

    def picture(self, caption: str, bars: Sequence[Bar], told: Sequence[str]) -> Chart:
        neutral = self.form.position(self.form.neutral) if self.form.neutral is not None else None
        place = neutral - 1 if neutral is not None else None
        svg = diverging_svg(bars, self.levels, place, axis=self.w["axis"], counted=self.w["counted"])
        note = self.w["bars"] + (self.w["neutral_apart"] if place is not None else "")
        return Chart(svg, self.w["captioned"].format(caption=caption, text=note), " ".join(told))

    def shares(self) -> list[Block]:
        rows = []
        for item in self.items:
            r = item.result
            if self.is_few(r.answered) or not r.answered:
                continue
            for level, count, share in reversed(list(zip(self.levels, r.counts, r.shares, strict=True))):
                rows.append(
                    Row(
                        [
                            _text(item.label), _text(level), Value.of_count(count), Value.of_share(count, r.answered),
                            _percent(share.low), _percent(share.high),
                        ]
                    )
                )  # fmt: skip
        columns = [
            self.column("item", is_number=False), self.column("level", is_number=False), self.column("count"), self.column("share"),
            self.column("low"), self.column("high"),
        ]  # fmt: skip
        most = max(_PRINTED, len(self.levels) * 15)
        return [Heading(self.w["shares"]), self.table(self.w["shares"], columns, rows, most=most)] if rows else []

    def multiple(self) -> list[Block]:
        w = self.w
        columns = [self.column("option", is_number=False), self.column("count"), self.column("share")]
        found: list[Block] = []
        for name, asked in self.a.answers.multiple.items():
            answered = asked.answered
            note = w["multiple_note"].format(n=self.count(answered).text)
            rows = [
                Row([_text(option or w["other_options"]), Value.of_count(count), Value.of_share(count, answered)])
                for option, count in ([] if self.is_few(answered) else asked.counts(self.smallest))
            ]
            found.append(self.table(name, columns, rows, note, most=_PRINTED))
        return [Heading(w["multiple"]), *found] if found else []

    def response(self) -> list[Block]:
        w, rows = self.w, []
        for name, groups in self.a.response.items():
            sizes = {value: r.respondents for value, r in groups.items()}
            hidden = withheld_children(sizes, dict.fromkeys(sizes, ""), {"": self.n}, (), self.smallest)
            hidden |= {value for value, r in groups.items() if self.is_few(r.asked)}
            for value, r in sorted(groups.items(), key=lambda g: (g[0] == "", -g[1].asked, g[0])):
                cells = (
                    [Value.of_count(r.asked), Value.of_count(r.respondents), Value.of_share(r.respondents, r.asked)]
                    if value not in hidden
                    else [Value.hidden()] * 3
                )
                rows.append(Row([_text(self.group_name(name)), _text(self.value_name(name, value, "unknown")), *cells]))
        if not rows:
            return []
        columns = [
            self.column("group", is_number=False), self.column("value_of", is_number=False), self.column("participants"),
            self.column("respondents"), self.column("rate"),
        ]  # fmt: skip
        return [Heading(w["response"]), self.table(w["response"], columns, rows, most=_PRINTED)]

    def beside_others(self) -> list[Block]:
        w, a = self.w, self.a
        others = len(a.people.keys) - self.n if a.people else 0
        if not a.beside_others or not others or self.is_few(others):
            return []
        rows = [
            Row(
                [
                    _text(w[f"m_{b.measure}"]), *(_percent(v) if b.measure == "passed" else _number(v) for v in (b.respondents, b.others)),
                    _number(b.standardised, 3),
                ]
            )
            for b in a.beside_others
        ]  # fmt: skip
        columns = [
            self.column("kind", is_number=False), self.column("of_respondents"), self.column("of_others"), self.column("standardised"),
        ]  # fmt: skip
        return [
            Heading(w["nonresponse"]), self.table(w["nonresponse"], columns, rows, w["nonresponse_note"].format(n=f"{self.n:,}", others=f"{others:,}"))
        ]  # fmt: skip

    def weighted(self) -> list[Block]:
        found: list[Block] = []
        for name, items in self.a.weighted.items():
            rows = []
            for item in self.items:
                w = items[item.place]
                r = item.result
                if w is None or self.is_few(r.answered):
                    continue
                for n in reversed(range(len(self.levels))):
                    rows.append(
                        Row(
                            [
                                _text(item.label), _text(self.levels[n]), Value.of_share(r.counts[n], r.answered),
                                _percent(w.shares[n].value), _percent(w.shares[n].low), _percent(w.shares[n].high), _number(w.design),
                            ]
                        )
                    )  # fmt: skip
            columns = [
                self.column("item", is_number=False), self.column("level", is_number=False), self.column("raw"), self.column("weighted"),
                self.column("low"), self.column("high"), self.column("design"),
            ]  # fmt: skip
            title = self.w["strata"].format(name=self.named(name))
            if rows:
                note = self.w["strata_note"].format(n=max(2, self.a.smallest))
                found.append(self.table(title, columns, rows, note, most=len(self.levels) * 4))
        return [Heading(self.w["weighting"]), *found] if found else []

    def groups(self) -> list[Block]:
        w = self.w
        found: list[Block] = []
        for name, groups in self.a.by_group.items():
            if len(groups) < 2:
                continue
            title = w["group_means"].format(name=self.named(name))
            ordered = sorted(groups.items(), key=lambda g: (g[0] == "", -g[1].respondents, g[0]))
            hidden = self._hidden_means(groups)
            rows = []
            for value, group in ordered:
                for item in self.items:
                    counts = [int(n) for n in group.counts[item.place]]
                    answered = sum(counts)
                    shares = [Value.of_share(n, answered) for n in reversed(counts)]
                    cells = [Value.of_count(answered), *shares, _number(group.means[item.place])]
                    if (item.place, value) in hidden:
                        cells = [Value.hidden()] * len(cells)
                    rows.append(Row([_text(self.value_name(name, value, "merged")), _text(item.label), *cells]))
            columns = [
                Column(self.group_name(name), is_number=False), self.column("item", is_number=False), self.column("n"),
                *(Column(level, w["share"]) for level in reversed(self.levels)), self.column("mean"),
            ]  # fmt: skip
            if len(ordered) <= _MOST_BARS:
                found.append(self._group_picture(name, ordered))
            note = w["merged_note"].format(n=self.a.smallest) if "" in groups else ""
            found.append(self.table(title, columns, rows, note, most=_PRINTED))
        return [Heading(w["by_group"]), *found] if found else []

    def _hidden_means(self, groups: Mapping[str, GroupAnswers]) -> set[tuple[int, str]]:
        hidden = set()
        for item in self.items:
            sizes = {value: int(g.counts[item.place].sum()) for value, g in groups.items()}
            gone = withheld_children(
                sizes, dict.fromkeys(sizes, ""), {"": item.result.answered}, (), self.smallest
            )  # fmt: skip
            hidden |= {(item.place, value) for value in gone}
        return hidden

    def _group_picture(self, name: str, ordered: Sequence[tuple[str, GroupAnswers]]) -> Chart:
        straight = [n for n, item in enumerate(self.form.items) if not item.is_reversed]
        bars, told = [], []
        for value, group in ordered:
            counts = group.counts[straight].sum(axis=0)
            whole = int(counts.sum())
            if not whole:
                continue
            label = self.value_name(name, value, "merged")
            bars.append(Bar(label, group.respondents, [100 * int(c) / whole for c in counts]))
            told.append(self.described(label, [int(c) for c in counts], whole))
        return self.picture(self.w["all_items"].format(name=self.named(name)), bars, told)

    def differences(self) -> list[Block]:
        w = self.w
        if not self.a.by_group:
            return []
        if not self.a.differences:
            return [Heading(w["groups"]), Paragraph(w["no_groups"])]
        rows = [
            Row(
                [
                    _text(self.group_name(d.group)), _text(self.form.items[d.item].label.of(self.language)), Value.of_count(len(d.sizes)),
                    _number(d.statistic), _p(d.p), _p(d.adjusted), _number(d.effect, 3),
                ]
            )
            for d in sorted(self.a.differences, key=lambda d: (d.adjusted, -d.effect))
            if not self.is_few(self.a.items[d.item].answered)
        ]  # fmt: skip
        columns = [
            self.column("group", is_number=False), self.column("item", is_number=False), self.column("compared"), self.column("h"),
            self.column("p"), self.column("adjusted"), self.column("effect"),
        ]  # fmt: skip
        note = w["groups_note"].format(n=max(2, self.a.smallest))
        return [Heading(w["groups"]), self.table(w["groups"], columns, rows, note, most=_PRINTED)]

    def behaviour(self) -> list[Block]:
        w = self.w
        rows = [
            Row(
                [
                    _text(w[f"m_{b.measure}"]), Value.of_count(b.respondents), _number(b.rho.value, 3), _text(interval_text(b.rho, 3)),
                    _p(b.p), _p(b.adjusted),
                ]
            )
            for b in self.a.behaviour if not self.is_few(b.respondents)
        ]  # fmt: skip
        columns = [
            self.column("measure", is_number=False), self.column("respondents"), self.column("rho"), self.column("interval"),
            self.column("p"), self.column("adjusted"),
        ]  # fmt: skip
        return [Heading(w["behaviour"]), self.table(w["behaviour"], columns, rows, w["behaviour_note"])] if rows else []

    def scale(self) -> list[Block]:
        w, r = self.w, self.a.reliability
        if r is None or self.is_few(r.respondents):
            return []
        said = [
            f"{w[name]} {number_text(e.value, 5)}" + (w["with"].format(text=i) if (i := interval_text(e, 5)) else "")
            for name, e in (("alpha", r.alpha), ("omega", r.omega))
        ]
        rows = [
            Row([_text(item.label), _number(r.alpha_without[item.place], 4), _number(r.item_rest[item.place], 3)])
            for item in self.items
        ]
        columns = [self.column("item", is_number=False), self.column("without"), self.column("item_rest")]
        whole = w["whole"].format(n=f"{r.respondents:,}")
        return [Heading(w["scale"]), Items([*said, whole]), self.table(w["scale"], columns, rows)]

    def correlations(self) -> list[Block]:
        w, found = self.w, self.a.correlations
        labels = {item.place: item.label for item in self.items}
        k = len(self.form.items)
        pairs = [(i, j) for i in range(k) for j in range(i + 1, k) if not np.isnan(found[i, j])]
        shown = {i.place for i in self.items if not self.is_few(i.result.answered)}
        pairs = sorted((p for p in pairs if set(p) <= shown), key=lambda p: (-abs(found[p]), p))
        if not pairs:
            return []
        rows = [Row([_text(labels[i]), _text(labels[j]), _number(float(found[i, j]), 3)]) for i, j in pairs]
        columns = [
            self.column("item", is_number=False),
            Column(w["other_item"], is_number=False),
            self.column("rho"),
        ]
        return [
            Heading(w["correlation"]),
            self.table(w["correlation"], columns, rows, w["correlation_note"], most=15),
        ]

    def quality(self) -> list[Block]:
        w, a = self.w, self.a
        facts = [
            (w["rows"], a.answers.rows_read), (w["left_out"], len(a.answers.problems)), (w["complete"], a.complete), (w["straight"], int(a.straight.sum())),
            (w["alike"], int(a.alike.sum())),
        ]  # fmt: skip
        rows = [Row([_text(label), self.count(n)]) for label, n in facts]
        rows += [
            Row([_text(w["omitted"].format(item=item.label)), Value.of_count(a.answers.not_applicable[self.form.items[item.place].item_id])])
            for item in self.items
        ]  # fmt: skip
        columns = [self.column("kind", is_number=False), self.column("count")]
        found: list[Block] = [Heading(w["quality"]), self.table(w["quality"], columns, rows, most=_PRINTED)]
        seconds = a.answers.median_seconds
        if seconds is not None and self.n >= self.smallest:
            found.append(Paragraph(w["median_time"].format(n=number_text(seconds, 0))))
        if a.answers.unused_columns:
            found.append(Paragraph(w["unused"].format(names=", ".join(a.answers.unused_columns))))
        if not self.is_public and a.answers.problems:
            where = [
                Row([_text(w["row"].format(row=p.row, column=p.column)), _text(p.value), _text(p.why.of(self.language))])
                for p in a.answers.problems
            ]  # fmt: skip
            columns = [self.column(name, is_number=False) for name in ("where", "cell", "why")]
            found.append(self.table(w["problems"], columns, where, most=_PRINTED))
        return [*found, *self.flagged()]

    def flagged(self) -> list[Block]:
        """Who answered in a way that somebody should look at, by row and key; in the restricted edition only."""
        w, answers = self.w, self.a.answers
        places = np.flatnonzero(self.a.straight | self.a.alike).tolist()
        if self.is_public or not places:
            return []

        def row(place: int) -> Row:
            key = answers.keys[place] if answers.keys else ""
            why = w["straight" if self.a.straight[place] else "alike"]
            return Row([Value.of_count(int(answers.rows[place])), _text(key), _text(why)])

        columns = [self.column("sheet"), self.column("key", is_number=False), self.column("why", is_number=False)]
        return [self.table(w["flagged"], columns, LazyRows(places, row), most=_PRINTED)]

    def texts(self) -> list[Block]:
        w = self.w
        found: list[Block] = []
        for name, values in self.a.answers.texts.items():
            said = [v.strip() for v in values if v.strip()]
            found.append(Paragraph(w["texts_counted"].format(name=name, n=self.count(len(said)).text)))
            if not self.is_public and said:
                rows = [Row([_text(v)]) for v in said]
                found.append(self.table(name, [self.column("quoted", is_number=False)], rows, most=_PRINTED))
        return [Heading(w["texts"]), *found] if found else []

    def methods(self) -> list[Block]:
        w = self.w
        names = ["shares", "interval", "reliability", "comparison", "groups"]
        names += ["weights"] if self.a.weighted else []
        terms = [(w[f"d_{n}"], w[f"d_{n}_text"].format(n=self.a.smallest, replicates=REPLICATES)) for n in names]
        return [Heading(w["methods"]), Definitions(terms)]
