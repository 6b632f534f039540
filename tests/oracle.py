"""The rates in plain Python: no DuckDB, no SQL, none of the models. Slow, obvious, independent.

Reads raw records; answers who takes part, has logged in, studied and passed at the end of a date.
"""

from __future__ import annotations

import csv
import json
import tomllib
from collections import Counter, defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from decimal import ROUND_HALF_UP, Decimal
from fractions import Fraction
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


@dataclass
class Standing:
    counted: int = 0
    repeats: int = 0
    conflicts: int = 0
    waiting: int = 0


@dataclass
class Oracle:
    rules: Rules
    standing: Standing = field(default_factory=Standing)
    by_enrolment: dict[str, list[Event]] = field(default_factory=lambda: defaultdict(list))

    @classmethod
    def read(cls, records: Iterable[Raw], rules: Rules, programme_id: str) -> Oracle:
        oracle = cls(rules)
        events: dict[str, Event] = {}
        for raw in sorted(records, key=lambda r: r.arrival):
            try:
                body = json.loads(raw.value)
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
            recorded = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=raw.recorded_at_us)
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

    def status(self, day: date) -> dict[tuple[str, str | None, str | None], tuple[int, int, int, int, int]]:
        """(breakdown, key, second key) → (called up, participating, login, study, pass), empty cells left out."""
        cells: dict[tuple[str, str | None, str | None], Counter[str]] = defaultdict(Counter)
        for events in self.by_enrolment.values():
            state = self._enrolment(events, day)
            if state is None:
                continue
            place, flags = state
            county, subject = place.get("county_id"), place.get("subject_id")
            for cell in (
                ("programme", None, None),
                ("county", county, None),
                ("subject", subject, None),
                ("class", place.get("class_id"), None),
                ("school_stage", place.get("school_stage"), None),
                ("county_subject", county, subject),
            ):
                cells[cell].update(flags)
        names = ("called_up", "participating", "login", "study", "pass")
        return {cell: found for cell, c in cells.items() if any(found := tuple(c[n] for n in names))}  # type: ignore[misc]

    def _enrolment(self, events: list[Event], day: date) -> tuple[dict[str, Any], Counter[str]] | None:
        standing = [e for e in events if e.stands(day)]
        placings = [e for e in standing if e.body["event_type"] in ("enrolment.opened", "enrolment.transferred")]
        taking = [e for e in standing if e.body["event_type"] in ("enrolment.opened", "enrolment.withdrawn")]
        opened = [e for e in standing if e.body["event_type"] == "enrolment.opened"]
        place = max(placings, key=lambda e: e.order).payload if placings else {}
        flags: Counter[str] = Counter()
        if opened and max(opened, key=lambda e: e.order).payload.get("is_called_up", True) in (True, None):
            flags["called_up"] = 1
        if taking and max(taking, key=lambda e: e.order).body["event_type"] == "enrolment.opened":
            flags["participating"] = 1
            amounts = self._amounts(standing)
            for name in ("login", "study"):
                flags[name] = int(self._meets(self.rules.indicators[name], amounts))
            flags["pass"] = int(self._passes(amounts))
        return place, flags

    def _amounts(self, standing: list[Event]) -> dict[str, tuple[int, Fraction]]:
        """activity → (how many events, how much)."""
        found: dict[str, list[Fraction]] = defaultdict(list)
        decided: dict[tuple[str, str], list[tuple[Any, Fraction]]] = defaultdict(list)
        published = {e.payload["post_id"] for e in standing if e.body["event_type"] == "post.published"}
        for e in standing:
            p, kind = e.payload, e.body["event_type"]
            match kind:
                case "session.started":
                    found["session"].append(Fraction(1))
                case "video.watched":
                    seconds = p["watched_s"] if "watched_s" in p else p["seconds"]
                    found["video"].append(_thousandths(seconds))
                case "text.read":
                    found["text"].append(_thousandths(p["read_s"]))
                case "content.accessed":
                    found["content"].append(Fraction(p["click_count"]))
                case "journal.published":
                    found["journal"].append(Fraction(1))
                case "peer_review.submitted":
                    found["peer_review"].append(Fraction(1))
                case "post.published":
                    value = Fraction(0 if p.get("is_effective") is False else 1)
                    decided["effective_post", p["post_id"]].append(((0, *e.order), value))
                case "post.judged" | "post.voided":
                    if p["post_id"] in published:
                        value = Fraction(int(kind == "post.judged" and p["is_effective"]))
                        rank = 1 if kind == "post.judged" else 2
                        decided["effective_post", p["post_id"]].append(((rank, *e.order), value))
                case "assignment.graded":
                    if p["is_final"]:
                        value = Fraction(int(p["grade"] >= self.rules.pass_grade))
                        decided["assignment_passed", p["assignment_id"]].append((e.order, value))
                case "practice.awarded":
                    decided["practice_points", ""].append((e.order, _thousandths(p["points"])))
                case "outcome.approved":
                    decided["outcome_points", ""].append((e.order, _thousandths(p["points"])))
                case "outcome.rejected":
                    decided["outcome_points", ""].append((e.order, Fraction(0)))
                case "result.recorded":
                    value = Fraction(int(p["result"] in self.rules.passing))
                    decided["result_passed", ""].append((e.order, value))
        for (activity, _), decisions in decided.items():
            found[activity].append(max(decisions)[1])
        return {activity: (len(values), sum(values, Fraction(0))) for activity, values in found.items()}

    @staticmethod
    def _sum(names: str, measure: str, amounts: dict[str, tuple[int, Fraction]]) -> Fraction:
        at = 0 if measure == "event_count" else 1
        return sum((Fraction(amounts[n][at]) for n in names.split("|") if n in amounts), Fraction(0))

    def _meets(self, indicator: dict[str, str], amounts: dict[str, tuple[int, Fraction]]) -> bool:
        total = self._sum(indicator["activity"], indicator["measure"], amounts)
        threshold = Fraction(indicator["threshold"])
        return total > threshold if indicator["operator"] == ">" else total >= threshold

    def _passes(self, amounts: dict[str, tuple[int, Fraction]]) -> bool:
        points: dict[str, Decimal] = defaultdict(Decimal)
        needed = {c["stage"]: Decimal(c["stage_pass_points"]) for c in self.rules.components}
        for c in self.rules.components:
            achieved = max(Fraction(0), self._sum(c["activity"], c["measure"], amounts))
            target = Fraction(c["target"]) * Fraction(c["unit_size"])
            most = Fraction(c["max_points"])
            match c["scoring"]:
                case "linear":
                    exact = most * min(Fraction(1), achieved / target)
                case "awarded" | "awarded_if_approved":
                    exact = min(achieved, most)
                case _:
                    exact = most if achieved >= target else Fraction(0)
            value = Decimal(exact.numerator) / Decimal(exact.denominator)
            points[c["stage"]] += value.quantize(Decimal("0.000001"), ROUND_HALF_UP)
        return all(points[stage] >= least for stage, least in needed.items())


def _thousandths(value: float) -> Fraction:
    return Fraction(str(Decimal(str(value)).quantize(Decimal("0.001"), ROUND_HALF_UP)))


def _content(body: dict[str, Any]) -> str:
    return json.dumps({k: v for k, v in body.items() if k not in ("event_id", "replaces")}, sort_keys=True)
