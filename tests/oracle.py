"""The rates in plain Python: no DuckDB, no SQL, none of the models. Slow, obvious, independent.

Reads raw records; answers who takes part, has logged in, studied and passed at the end of a date.
"""

from __future__ import annotations

import csv
import gc
import itertools
import json
import tomllib
from bisect import bisect_right
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from decimal import ROUND_CEILING, ROUND_HALF_UP, Decimal
from fractions import Fraction
from functools import cache, cached_property
from operator import attrgetter
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo


@contextmanager
def uncollected() -> Iterator[None]:
    """Without looking for cycles, in a million dictionaries of JSON that have none: neither now nor ever after."""
    gc.disable()
    try:
        yield
    finally:
        gc.freeze()
        gc.enable()


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


@dataclass(slots=True)
class Event:
    raw: Raw
    body: dict[str, Any]
    kind: str
    payload: dict[str, Any]
    on: date
    at: datetime
    #: The dates on which it ceases to count and counts again, by turns.
    turns: list[date] = field(default_factory=list)

    @property
    def order(self) -> tuple[Any, ...]:
        return (self.at, *self.raw.arrival)

    def stands(self, day: date) -> bool:
        return self.on <= day and sum(turn <= day for turn in self.turns) % 2 == 0


class Enrolment:
    """The events of one, told apart: most only add up, and of those it is enough to know the sums at the end of a date."""

    def __init__(self) -> None:
        self.events: list[Event] = []

    @cached_property
    def others(self) -> list[Event]:
        """What is not just added up: it decides something, or was taken back."""
        return [e for e in self.events if not _only_adds(e)]

    @cached_property
    def added(self) -> dict[str, tuple[list[date], list[int]]]:
        """Activity → the dates of its events, and how much they are with all before them, in millionths."""
        found: dict[str, tuple[list[date], list[int]]] = defaultdict(lambda: ([], [0]))
        for e in sorted(filter(_only_adds, self.events), key=attrgetter("on")):
            activity, amount = _added(e)
            days, sums = found[activity]
            days.append(e.on)
            sums.append(sums[-1] + amount)
        return dict(found)


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
Cell = tuple[str | None, ...]
#: Activity → how many events, and how much in millionths, of which all quantities are whole numbers.
Amounts = dict[str, tuple[int, int]]


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
        self.breakdowns = dict(BREAKDOWNS)
        if (folder / "breakdowns.csv").exists():
            with (folder / "breakdowns.csv").open(encoding="utf-8") as file:
                self.breakdowns |= {r["breakdown"]: tuple(r["dimensions"].split("|")) for r in csv.DictReader(file)}
        with (folder / "counties.csv").open(encoding="utf-8") as file:
            self.counties = {r["county_id"]: r for r in csv.DictReader(file)}


@dataclass
class Standing:
    counted: int = 0
    repeats: int = 0
    conflicts: int = 0
    waiting: int = 0
    set_aside: int = 0


@dataclass
class Oracle:
    rules: Rules
    versions: list[tuple[date, Rules]]
    standing: Standing = field(default_factory=Standing)
    named: list[Event] = field(default_factory=list)
    by_enrolment: dict[str, Enrolment] = field(default_factory=lambda: defaultdict(Enrolment))
    _known: dict[tuple[str, date], Amounts] = field(default_factory=dict)

    @classmethod
    @uncollected()
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
        when = cache(lambda text: _when(text, rules.zone))
        for raw in sorted(records, key=attrgetter("recorded_at_us", "partition", "offset")):
            if recorded_before is not None and _recorded(raw) >= recorded_before:
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
            at, on = when(body["occurred_at"])
            events[body["event_id"]] = Event(raw, body, body["event_type"], body["payload"], on, at)
        for event_id, words in _words(events).items():
            if event_id in events:
                is_void = False
                # What is said last on a day holds at its end.
                for day, takes_away in {_recorded(raw).astimezone(rules.zone).date(): t for raw, t in words}.items():
                    if takes_away != is_void:
                        is_void = takes_away
                        events[event_id].turns.append(day)
        learners = defaultdict(set)
        for e in events.values():
            if e.kind == "enrolment.opened":
                learners[e.payload["enrolment_id"]].add(e.body["learner_key"])
        for event in events.values():
            if event.kind == "group.named":
                oracle.named.append(event)
            enrolment = event.payload.get("enrolment_id")
            learner = event.body.get("learner_key")
            if enrolment in learners and learner is not None and learner not in learners[enrolment]:
                oracle.standing.set_aside += 1
            elif enrolment is None or enrolment in learners:
                if event.kind == "peer_review.submitted" and (
                    event.payload["reviewed_enrolment_id"] == enrolment
                    or event.payload["reviewed_enrolment_id"] not in learners
                ):
                    oracle.standing.set_aside += 1
                else:
                    oracle.standing.counted += 1
                if enrolment is not None:
                    oracle.by_enrolment[enrolment].events.append(event)
            else:
                oracle.standing.waiting += 1
        return oracle

    def names(self, day: date) -> dict[tuple[str, str], tuple[str, str, str | None]]:
        """(kind, id) → how a school, class or workshop is called on a date, in both languages, and its county; of the named ones."""
        found = {}
        for group in {(e.payload["kind"], e.payload["group_id"]) for e in self.named}:
            its = [e for e in self.named if (e.payload["kind"], e.payload["group_id"]) == group]
            first = min(e.on for e in its)
            # The first name holds before its date, too.
            standing = [e for e in its if e.stands(max(day, first))]
            if standing:
                p = max(standing, key=lambda e: (e.on, *e.order)).payload
                found[group] = (p["label_zh"], p.get("label_en") or p["label_zh"], p.get("county_id"))
        return found

    def status(self, day: date) -> dict[Cell, Counter[str]]:
        """(breakdown, its places) → how many are in each whole group and meet each indicator; empty cells are left out."""
        cells: dict[Cell, Counter[str]] = defaultdict(Counter)
        for enrolment in self.by_enrolment:
            state = self._enrolment(enrolment, day)
            if state is None:
                continue
            place, flags = state
            for breakdown, parts in self.rules.breakdowns.items():
                cells[breakdown, *(place.get(part) for part in parts)].update(flags)
        return {cell: found for cell, counts in cells.items() if (found := +counts)}

    def _enrolment(self, enrolment: str, day: date) -> tuple[dict[str, Any], Counter[str]] | None:
        rules = self.rules_on(day)
        standing = [e for e in self.by_enrolment[enrolment].others if e.stands(day)]
        placings = [e for e in standing if e.kind in ("enrolment.opened", "enrolment.transferred")]
        taking = [e for e in standing if e.kind in ("enrolment.opened", "enrolment.withdrawn")]
        opened = [e for e in standing if e.kind == "enrolment.opened"]
        tiers = [e for e in standing if e.kind in ("diagnostic.submitted", "diagnostic.tier_changed")]
        place = dict(max(placings, key=lambda e: e.order).payload) if placings else {}
        county = self.rules.counties.get(place.get("county_id") or "", {})
        place["city_id"], place["province_id"] = county.get("city_id") or None, county.get("province_id") or None
        place["tier"] = max(tiers, key=lambda e: e.order).payload["tier"] if tiers else None
        told = [e for e in opened if e.payload.get("gender") is not None]
        place["gender"] = max(told, key=lambda e: e.order).payload["gender"] if told else None
        flags: Counter[str] = Counter()
        if opened and max(opened, key=lambda e: e.order).payload.get("is_called_up", True) in (True, None):
            flags["called_up"] = 1
        if taking and max(taking, key=lambda e: e.order).kind == "enrolment.opened":
            flags["participating"] = 1
        amounts = self._amounts(enrolment, day)
        met = {name: self._meets(row, amounts) for name, row in rules.indicators.items() if row["activity"]}
        standing = {"is_participating": bool(flags["participating"]), "has_passed": self._passes(amounts, rules)}
        usual = {"participation": "is_participating", "pass": "has_passed", "pass_of_studied": "has_passed"}
        met |= {n: standing[r["measure"] or usual[n]] for n, r in rules.indicators.items() if not r["activity"]}
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
        for enrolment, its in self.by_enrolment.items():
            if min(e.on for e in its.others if e.kind == "enrolment.opened") > day:
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
        return {activity: Fraction(total, _MILLION) for activity, (_, total) in self._amounts(enrolment, day).items()}

    def rules_on(self, day: date) -> Rules:
        """The definitions that apply to a date."""
        return [rules for start, rules in self.versions if start <= day][-1]

    def _amounts(self, enrolment: str, day: date) -> Amounts:
        if (enrolment, day) not in self._known:
            self._known[enrolment, day] = self._added_up(
                enrolment, self.by_enrolment[enrolment], day, self.rules_on(day)
            )
        return self._known[enrolment, day]

    def _added_up(self, own: str, enrolment: Enrolment, day: date, rules: Rules) -> Amounts:
        found: Amounts = {}
        for activity, (days, sums) in enrolment.added.items():
            if count := bisect_right(days, day):
                found[activity] = (count, sums[count])

        def add(activity: str, amount: int) -> None:
            count, total = found.get(activity, (0, 0))
            found[activity] = (count + 1, total + amount)

        standing = [e for e in enrolment.others if e.stands(day)]
        decided: dict[tuple[str, str], list[tuple[Any, int]]] = defaultdict(list)
        told: dict[tuple[str, str, str], list[tuple[Any, int]]] = defaultdict(list)
        published = {e.payload["post_id"] for e in standing if e.kind == "post.published"}
        posts: dict[str, list[Event]] = defaultdict(list)
        for e in sorted(enrolment.others, key=attrgetter("order")):
            if e.kind.startswith("post."):
                posts[e.payload["post_id"]].append(e)
        once: dict[str, set[Any]] = defaultdict(set)
        for e in standing:
            p, kind = e.payload, e.kind
            if kind == "journal.published":
                once["journal"].add(p["journal_id"])
            elif kind == "peer_review.submitted":
                if p["reviewed_enrolment_id"] in self.by_enrolment and p["reviewed_enrolment_id"] != own:
                    once["peer_review"].add((p["assignment_id"], p["reviewed_enrolment_id"]))
            elif kind in _ADDED:
                add(*_added(e))
            match kind:
                case "course.selected" | "course.deselected":
                    decided["course_selected", p["course_id"]].append((e.order, _MILLION * (kind == "course.selected")))
                case "post.published":
                    value = 0 if p.get("is_effective") is False else _MILLION
                    decided["effective_post", p["post_id"]].append(((_published_again(posts, e), 0, *e.order), value))
                case "post.judged" | "post.voided":
                    if p["post_id"] in published:
                        value = _MILLION * (kind == "post.judged" and p["is_effective"])
                        rank = 1 if kind == "post.judged" else 2
                        decided["effective_post", p["post_id"]].append(
                            ((_published_again(posts, e), rank, *e.order), value)
                        )
                case "assignment.graded":
                    if p["is_final"]:
                        value = _MILLION * (p["grade"] >= rules.pass_grade)
                        decided["assignment_passed", p["assignment_id"]].append((e.order, value))
                        weighted = Decimal(str(p["grade"])) * Decimal(str(p.get("weight_pct") or 0)) / 100
                        decided["weighted_grade", p["assignment_id"]].append((e.order, _millionths(weighted)))
                case "practice.awarded":
                    add("practice_awarded", _MILLION)
                    decided["practice_points", ""].append((e.order, _millionths(p["points"])))
                case "outcome.approved":
                    decided["outcome_points", ""].append((e.order, _millionths(p["points"])))
                case "outcome.rejected":
                    decided["outcome_points", ""].append((e.order, 0))
                case "result.recorded":
                    value = _MILLION * (p["result"] in rules.passing)
                    decided["result_passed", ""].append((e.order, value))
                case "totals.reported":
                    for activity, amount in p["totals"].items():
                        told[activity, p["platform"], p.get("course_id") or ""].append(
                            ((e.on, *e.order), _millionths(amount))
                        )
        for (activity, _), decisions in decided.items():
            add(activity, max(decisions)[1])
        for activity, things in once.items():
            found[activity] = (len(things), _MILLION * len(things))
        for (activity, *_), amounts in told.items():
            count, total = found.get(activity, (0, 0))
            amount = max(amounts)[1]
            found[activity] = (count + (amount // _MILLION if activity in _TOLD_BY_EVENTS else 0), total + amount)
        return found

    @staticmethod
    def _sum(names: str, measure: str, amounts: Amounts) -> Fraction:
        at = 0 if measure == "event_count" else 1
        total = sum(amounts[n][at] for n in names.split("|") if n in amounts)
        return _exact(total, 1 if measure == "event_count" else _MILLION)

    def _meets(self, indicator: dict[str, str], amounts: Amounts) -> bool:
        total = self._sum(indicator["activity"], indicator["measure"], amounts)
        threshold = _exact(indicator["threshold"])
        return total > threshold if indicator["operator"] == ">" else total >= threshold

    def _component(self, c: dict[str, str], amounts: Amounts) -> tuple[Any, ...]:
        """What was achieved, points, things to do for full points, clipped or not."""
        achieved = max(_exact(0), self._sum(c["activity"], c["measure"], amounts))
        return _scored(achieved, c["scoring"], c["target"], c["unit_size"], c["max_points"])

    def _passes(self, amounts: Amounts, rules: Rules) -> bool:
        points: dict[str, Decimal] = defaultdict(Decimal)
        for c in rules.components:
            points[c["stage"]] += self._component(c, amounts)[1]
        needed = {c["stage"]: Decimal(c["stage_pass_points"]) for c in rules.components if c["stage_pass_points"]}
        return all(points[stage] >= least for stage, least in needed.items())


def _published_again(posts: Mapping[str, list[Event]], event: Event) -> int:
    """How often the post had been withdrawn when it was published for the last time before an event, or by it."""
    withdrawn = found = 0
    for e in posts[event.payload["post_id"]]:
        withdrawn += e.kind == "post.voided"
        if e.kind == "post.published":
            found = withdrawn
        if e is event:
            break
    return found


#: What counts once, however often it is told.
_ONCE = {"journal.published", "peer_review.submitted"}
#: What is added up, event by event → the activity that it adds to.
_ADDED = {
    "session.started": "session", "video.watched": "video", "text.read": "text", "content.accessed": "content",
    "journal.published": "journal", "peer_review.submitted": "peer_review", "assignment.submitted": "assignment_submitted",
    "resource.shared": "resource", "diagnostic.submitted": "diagnostic", "outcome.submitted": "outcome_submitted",
    "award.granted": "award", "journal.featured": "journal_featured", "assignment.featured": "assignment_featured",
}  # fmt: skip


#: Totals that say how many events there were.
_TOLD_BY_EVENTS = {
    "session", "journal", "assignment_submitted", "peer_review", "resource", "post", "outcome_submitted", "journal_featured",
    "assignment_featured",
}  # fmt: skip


def _words(events: dict[str, Event]) -> dict[str, list[tuple[Raw, bool]]]:
    """Event id → what is said of it, in the order in which it takes effect: by which record, and whether it takes the event away.

    A void of the event takes away, a void of that gives back, and so on; each when it and all on its way have been recorded.
    """
    found: dict[str, list[tuple[Any, Raw, bool]]] = defaultdict(list)
    for event_id, event in events.items():
        if event.kind != "event.voided":
            continue
        seen, last, depth, target = {event_id}, event.raw, 1, event.payload["voided_event_id"]
        while target not in seen and target in events and events[target].kind == "event.voided":
            seen.add(target)
            last = max(last, events[target].raw, key=lambda raw: raw.arrival)
            depth, target = depth + 1, events[target].payload["voided_event_id"]
        # Who comes back to where they were are about nothing.
        if target not in seen:
            found[target].append(((last.arrival, depth, event.raw.arrival), last, depth % 2 == 1))
    return {
        target: [(raw, takes) for _, raw, takes in sorted(some, key=lambda s: s[0])] for target, some in found.items()
    }


def _only_adds(e: Event) -> bool:
    # A diagnosis says the tier, too.
    return e.kind in _ADDED and e.kind != "diagnostic.submitted" and e.kind not in _ONCE and not e.turns


def _added(e: Event) -> tuple[str, int]:
    """The activity that an event adds to, and by how many millionths: of seconds, of clicks, or of times."""
    p = e.payload
    match e.kind:
        case "video.watched":
            amount = _millionths(p["watched_s"] if "watched_s" in p else p["seconds"])
        case "text.read":
            amount = _millionths(p["read_s"])
        case "content.accessed":
            amount = _MILLION * p["click_count"]
        case _:
            amount = _MILLION
    return _ADDED[e.kind], amount


def _when(text: str, zone: ZoneInfo) -> tuple[datetime, date]:
    at = datetime.fromisoformat(text).astimezone(UTC)
    return at, at.astimezone(zone).date()


def _recorded(raw: Raw) -> datetime:
    return datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=raw.recorded_at_us)


_exact = cache(Fraction)
_MILLION = 1_000_000


@cache
def _millionths(value: float | Decimal) -> int:
    return int(Decimal(str(value)).quantize(Decimal("0.000001"), ROUND_HALF_UP).scaleb(6))


def _content(body: dict[str, Any]) -> str:
    return json.dumps({k: v for k, v in body.items() if k not in ("event_id", "replaces")}, sort_keys=True)


@cache
def _scored(achieved: Fraction, scoring: str, goal_units: str, unit_size: str, max_points: str) -> tuple[Any, ...]:
    target = _exact(goal_units) * _exact(unit_size)
    most = _exact(max_points)
    goal = target
    match scoring:
        case "linear" | "weighted_assessments":
            exact = most * min(Fraction(1), achieved / target)
        case "awarded" | "awarded_if_approved":
            exact, goal = min(achieved, most), most
        case _:
            exact = most if achieved >= target else Fraction(0)
    points = (Decimal(exact.numerator) / Decimal(exact.denominator)).quantize(Decimal("0.000001"), ROUND_HALF_UP)
    left = max(Fraction(0), goal - achieved) / _exact(unit_size)
    todo = int((Decimal(left.numerator) / Decimal(left.denominator)).to_integral_value(ROUND_CEILING))
    return achieved, points, todo, scoring.startswith("awarded") and achieved > most
