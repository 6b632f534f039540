"""The rates in plain Python: no DuckDB, no SQL, none of the models. Slow, obvious, independent.

Reads raw records; answers who takes part, has logged in, studied and passed at the end of a date.
"""

from __future__ import annotations

import csv
import itertools
import json
import tomllib
from collections import Counter, defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from decimal import ROUND_CEILING, ROUND_HALF_UP, Decimal
from fractions import Fraction
from functools import cache, cached_property
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo


@dataclass
class Raw:
    partition: int
    offset: int
    recorded_at_us: int
    value: bytes

    @property
    def arrival(self) -> tuple[int, int, int]:
        return (self.recorded_at_us, self.partition, self.offset)

    @cached_property
    def body(self) -> Any:
        """The record as JSON.

        Raises:
            ValueError: it is none.
        """
        return json.loads(self.value)


@dataclass
class Event:
    raw: Raw
    body: dict[str, Any]
    on: date
    recorded_on: date
    at: datetime
    voided_on: date | None = None

    @property
    def payload(self) -> dict[str, Any]:
        return self.body["payload"]  # type: ignore[no-any-return]

    @property
    def order(self) -> tuple[Any, ...]:
        return (self.at, *self.raw.arrival)

    def stands(self, day: date) -> bool:
        return self.on <= day and (self.voided_on is None or max(self.voided_on, self.on) > day)


#: Breakdown → the places whose values make a cell.
BREAKDOWNS: dict[str, tuple[str, ...]] = {
    "programme": (),
    **{
        d.removesuffix("_id"): (d,)
        for d in ("province_id", "city_id", "county_id", "school_id", "class_id", "subject_id")
    },
    **{d: (d,) for d in ("school_stage", "tier", "gender")},
    "city_subject": ("city_id", "subject_id"),
    "county_subject_school_stage": ("county_id", "subject_id", "school_stage"),
    **{
        f"{a.removesuffix('_id')}_{b.removesuffix('_id')}": (a, b)
        for a, b in itertools.combinations(("county_id", "subject_id", "school_stage", "tier", "gender"), 2)
    },
}
#: Everything that a cell counts.
COUNTS = (
    "called_up", "participating", "participation", "registration", "login", "study", "course_study", "diagnostic", "selection",
    "workshop", "assignment_submission", "assignment_pass", "resource_submission", "school_based", "pass", "pass_of_studied",
    "excellent",
)  # fmt: skip
Cell = tuple[str | None, ...]


class Rules:
    """A pack's folder, read again by other means."""

    def __init__(self, folder: Path) -> None:
        settings = tomllib.loads((folder / "programme.toml").read_text(encoding="utf-8"))
        self.zone = ZoneInfo(settings["timezone"])
        self.pass_grade = settings["assignment_pass_grade"]
        self.passing = set(settings["passing_results"])
        with (folder / "assessment_rules.csv").open(encoding="utf-8") as file:
            self.components = list(csv.DictReader(file))
        with (folder / "indicators.csv").open(encoding="utf-8") as file:
            self.indicators = {r["indicator"]: r for r in csv.DictReader(file)}
        with (folder / "counties.csv").open(encoding="utf-8") as file:
            self.counties = {r["county_id"]: r for r in csv.DictReader(file)}


@dataclass
class Standing:
    counted: int = 0
    repeats: int = 0
    conflicts: int = 0
    waiting: int = 0


@dataclass
class Oracle:
    rules: Rules
    versions: list[tuple[date, Rules]]
    standing: Standing = field(default_factory=Standing)
    by_enrolment: dict[str, list[Event]] = field(default_factory=lambda: defaultdict(list))
    _known: dict[tuple[str, date], dict[str, tuple[int, Fraction]]] = field(default_factory=dict)

    @classmethod
    def read(
        cls,
        records: Iterable[Raw],
        rules: Rules,
        programme_id: str,
        *,
        later: Iterable[tuple[date, Rules]] = (),
        recorded_before: datetime | None = None,
    ) -> Oracle:
        oracle = cls(rules, [(date.min, rules), *later])
        events: dict[str, Event] = {}
        for raw in sorted(records, key=lambda r: r.arrival):
            recorded = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=raw.recorded_at_us)
            if recorded_before is not None and recorded >= recorded_before:
                continue
            try:
                body = raw.body
            except ValueError:
                continue
            if not isinstance(body, dict) or body.get("programme_id") != programme_id:
                continue
            first = events.get(body["event_id"])
            if first is not None:
                if _content(first.body) == _content(body):
                    oracle.standing.repeats += 1
                else:
                    oracle.standing.conflicts += 1
                continue
            at = datetime.fromisoformat(body["occurred_at"]).astimezone(UTC)
            events[body["event_id"]] = Event(
                raw, body, at.astimezone(rules.zone).date(), recorded.astimezone(rules.zone).date(), at
            )
        for event in events.values():
            if event.body["event_type"] == "event.voided":
                target = events.get(event.payload["voided_event_id"])
                if target is not None and (target.voided_on is None or event.recorded_on < target.voided_on):
                    target.voided_on = event.recorded_on
        opened = {e.payload["enrolment_id"] for e in events.values() if e.body["event_type"] == "enrolment.opened"}
        for event in events.values():
            enrolment = event.payload.get("enrolment_id")
            if enrolment is None or enrolment in opened:
                oracle.standing.counted += 1
                if enrolment is not None:
                    oracle.by_enrolment[enrolment].append(event)
            else:
                oracle.standing.waiting += 1
        return oracle

    def status(self, day: date) -> dict[Cell, tuple[int, ...]]:
        """(breakdown, its places) → COUNTS, empty cells left out."""
        cells: dict[Cell, Counter[str]] = defaultdict(Counter)
        for enrolment in self.by_enrolment:
            state = self._enrolment(enrolment, day)
            if state is None:
                continue
            place, flags = state
            for breakdown, parts in BREAKDOWNS.items():
                cells[breakdown, *(place.get(part) for part in parts)].update(flags)
        return {cell: found for cell, c in cells.items() if any(found := tuple(c[n] for n in COUNTS))}

    def _enrolment(self, enrolment: str, day: date) -> tuple[dict[str, Any], Counter[str]] | None:
        rules = self.rules_on(day)
        standing = [e for e in self.by_enrolment[enrolment] if e.stands(day)]
        placings = [e for e in standing if e.body["event_type"] in ("enrolment.opened", "enrolment.transferred")]
        taking = [e for e in standing if e.body["event_type"] in ("enrolment.opened", "enrolment.withdrawn")]
        opened = [e for e in standing if e.body["event_type"] == "enrolment.opened"]
        tiers = [e for e in standing if e.body["event_type"] in ("diagnostic.submitted", "diagnostic.tier_changed")]
        place = dict(max(placings, key=lambda e: e.order).payload) if placings else {}
        county = self.rules.counties.get(place.get("county_id") or "", {})
        place["city_id"], place["province_id"] = county.get("city_id") or None, county.get("province_id") or None
        place["tier"] = max(tiers, key=lambda e: e.order).payload["tier"] if tiers else None
        told = [e for e in opened if e.payload.get("gender") is not None]
        place["gender"] = max(told, key=lambda e: e.order).payload["gender"] if told else None
        flags: Counter[str] = Counter()
        if opened and max(opened, key=lambda e: e.order).payload.get("is_called_up", True) in (True, None):
            flags["called_up"] = 1
        if taking and max(taking, key=lambda e: e.order).body["event_type"] == "enrolment.opened":
            flags["participating"] = 1
        amounts = self._amounts(enrolment, day)
        met = {name: self._meets(row, amounts) for name, row in rules.indicators.items() if row["activity"]}
        met |= {"participation": bool(flags["participating"]), "pass": self._passes(amounts, rules)}
        met["pass_of_studied"] = met["pass"]
        for name, row in rules.indicators.items():
            of, counts = row["denominator"], met[name]
            while of not in ("called_up", "participating"):
                counts, of = counts and met[of], rules.indicators[of]["denominator"]
            flags[name] = int(counts and bool(flags[of]))
        return place, flags

    def scores(self, day: date) -> dict[str, dict[str, Any]]:
        """Enrolment → its components, stages and score card at the end of a date."""
        found = {}
        rules = self.rules_on(day)
        for enrolment, events in self.by_enrolment.items():
            if min(e.on for e in events if e.body["event_type"] == "enrolment.opened") > day:
                continue
            amounts = self._amounts(enrolment, day)
            cards = {c["component"]: self._component(c, amounts) for c in rules.components}
            stages = {}
            for c in rules.components:
                points = sum(
                    (cards[k["component"]][1] for k in rules.components if k["stage"] == c["stage"]), Decimal(0)
                )
                needed = Decimal(c["stage_pass_points"]) if c["stage_pass_points"] else None
                missing = max(Decimal(0), (needed or Decimal(0)) - points)
                stages[c["stage"]] = (points, missing, None if needed is None else points >= needed)
            total = (
                sum((s[0] for s in stages.values()), Decimal(0)),
                sum((s[1] for s in stages.values()), Decimal(0)),
                sum(1 for s in stages.values() if s[2]),
                all(s[2] is not False for s in stages.values()),
            )
            found[enrolment] = {"components": cards, "stages": stages, "card": total}
        return found

    def amounts_of(self, enrolment: str, day: date) -> dict[str, Fraction]:
        """Activity → how much of it an enrolment has at the end of a date."""
        return {activity: quantity for activity, (_, quantity) in self._amounts(enrolment, day).items()}

    def rules_on(self, day: date) -> Rules:
        """The definitions that apply to a date."""
        return [rules for start, rules in self.versions if start <= day][-1]

    def _amounts(self, enrolment: str, day: date) -> dict[str, tuple[int, Fraction]]:
        """activity → (how many events, how much)."""
        if (enrolment, day) not in self._known:
            standing = [e for e in self.by_enrolment[enrolment] if e.stands(day)]
            self._known[enrolment, day] = self._added_up(standing, self.rules_on(day))
        return self._known[enrolment, day]

    @staticmethod
    def _added_up(standing: list[Event], rules: Rules) -> dict[str, tuple[int, Fraction]]:
        # In thousandths, of which all quantities are whole numbers.
        found: dict[str, list[int]] = defaultdict(list)
        decided: dict[tuple[str, str], list[tuple[Any, int]]] = defaultdict(list)
        published = {e.payload["post_id"] for e in standing if e.body["event_type"] == "post.published"}
        for e in standing:
            p, kind = e.payload, e.body["event_type"]
            match kind:
                case "session.started":
                    found["session"].append(1000)
                case "video.watched":
                    seconds = p["watched_s"] if "watched_s" in p else p["seconds"]
                    found["video"].append(_thousandths(seconds))
                case "text.read":
                    found["text"].append(_thousandths(p["read_s"]))
                case "content.accessed":
                    found["content"].append(1000 * p["click_count"])
                case (
                    "journal.published" | "peer_review.submitted" | "assignment.submitted" | "resource.shared"
                    | "diagnostic.submitted" | "outcome.submitted" | "award.granted" | "journal.featured" | "assignment.featured"
                ):  # fmt: skip
                    found[_PLAIN[kind]].append(1000)
                case "course.selected" | "course.deselected":
                    decided["course_selected", p["course_id"]].append((e.order, 1000 * (kind == "course.selected")))
                case "post.published":
                    value = 0 if p.get("is_effective") is False else 1000
                    decided["effective_post", p["post_id"]].append(((0, *e.order), value))
                case "post.judged" | "post.voided":
                    if p["post_id"] in published:
                        value = 1000 * (kind == "post.judged" and p["is_effective"])
                        rank = 1 if kind == "post.judged" else 2
                        decided["effective_post", p["post_id"]].append(((rank, *e.order), value))
                case "assignment.graded":
                    if p["is_final"]:
                        value = 1000 * (p["grade"] >= rules.pass_grade)
                        decided["assignment_passed", p["assignment_id"]].append((e.order, value))
                        weighted = Decimal(str(p["grade"])) * Decimal(str(p.get("weight_pct") or 0)) / 100
                        decided["weighted_grade", p["assignment_id"]].append((e.order, _thousandths(weighted)))
                case "practice.awarded":
                    found["practice_awarded"].append(1000)
                    decided["practice_points", ""].append((e.order, _thousandths(p["points"])))
                case "outcome.approved":
                    decided["outcome_points", ""].append((e.order, _thousandths(p["points"])))
                case "outcome.rejected":
                    decided["outcome_points", ""].append((e.order, 0))
                case "result.recorded":
                    value = 1000 * (p["result"] in rules.passing)
                    decided["result_passed", ""].append((e.order, value))
        for (activity, _), decisions in decided.items():
            found[activity].append(max(decisions)[1])
        return {activity: (len(values), Fraction(sum(values), 1000)) for activity, values in found.items()}

    @staticmethod
    def _sum(names: str, measure: str, amounts: dict[str, tuple[int, Fraction]]) -> Fraction:
        at = 0 if measure == "event_count" else 1
        return sum((Fraction(amounts[n][at]) for n in names.split("|") if n in amounts), Fraction(0))

    def _meets(self, indicator: dict[str, str], amounts: dict[str, tuple[int, Fraction]]) -> bool:
        total = self._sum(indicator["activity"], indicator["measure"], amounts)
        threshold = _exact(indicator["threshold"])
        return total > threshold if indicator["operator"] == ">" else total >= threshold

    def _component(self, c: dict[str, str], amounts: dict[str, tuple[int, Fraction]]) -> tuple[Any, ...]:
        """What was achieved, points, things to do for full points, clipped or not."""
        achieved = max(Fraction(0), self._sum(c["activity"], c["measure"], amounts))
        target = _exact(c["target"]) * _exact(c["unit_size"])
        most = _exact(c["max_points"])
        goal = target
        match c["scoring"]:
            case "linear" | "weighted_assessments":
                exact = most * min(Fraction(1), achieved / target)
            case "awarded" | "awarded_if_approved":
                exact, goal = min(achieved, most), most
            case _:
                exact = most if achieved >= target else Fraction(0)
        points = (Decimal(exact.numerator) / Decimal(exact.denominator)).quantize(Decimal("0.000001"), ROUND_HALF_UP)
        left = max(Fraction(0), goal - achieved) / _exact(c["unit_size"])
        todo = int((Decimal(left.numerator) / Decimal(left.denominator)).to_integral_value(ROUND_CEILING))
        return achieved, points, todo, c["scoring"].startswith("awarded") and achieved > most

    def _passes(self, amounts: dict[str, tuple[int, Fraction]], rules: Rules) -> bool:
        points: dict[str, Decimal] = defaultdict(Decimal)
        for c in rules.components:
            points[c["stage"]] += self._component(c, amounts)[1]
        needed = {c["stage"]: Decimal(c["stage_pass_points"]) for c in rules.components if c["stage_pass_points"]}
        return all(points[stage] >= least for stage, least in needed.items())


_PLAIN = {
    "journal.published": "journal", "peer_review.submitted": "peer_review", "assignment.submitted": "assignment_submitted",
    "resource.shared": "resource", "diagnostic.submitted": "diagnostic", "outcome.submitted": "outcome_submitted",
    "award.granted": "award", "journal.featured": "journal_featured", "assignment.featured": "assignment_featured",
}  # fmt: skip


_exact = cache(Fraction)


@cache
def _thousandths(value: float | Decimal) -> int:
    return int(Decimal(str(value)).quantize(Decimal("0.001"), ROUND_HALF_UP).scaleb(3))


def _content(body: dict[str, Any]) -> str:
    return json.dumps({k: v for k, v in body.items() if k not in ("event_id", "replaces")}, sort_keys=True)
