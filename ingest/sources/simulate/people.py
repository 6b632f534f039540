"""Who takes part, where they are placed, and how diligent they are."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ingest.sources.simulate.shares import Ints, allocate

__all__ = ["Cohort", "key_for", "make_cohort"]

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]
_ALPHABET = "ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz23456789"


def key_for(rng: np.random.Generator, prefix: str, count: int) -> list[str]:
    """``count`` random keys that start with ``prefix``."""
    letters = np.array(list(_ALPHABET))[rng.integers(0, len(_ALPHABET), (count, 18))]
    return [prefix + "".join(row) for row in letters]


@dataclass(frozen=True, slots=True)
class Cohort:
    """Learners as columns of equal length, and the staff of their classes."""

    enrolment_ids: list[str]
    learner_keys: list[str]
    class_ids: list[str]
    class_of: Ints
    county_of: list[str]
    subject_of: list[str]
    stage_of: list[str]
    school_of: list[str]
    #: 0 does everything at once, 1 leaves it to the last days.
    delay: Floats
    #: How much someone does, around 1.
    zeal: Floats
    studied: Bools
    passed: Bools
    tutor_keys: list[str]
    expert_keys: list[str]
    #: The mean of its learners' zeal, as a logarithm.
    class_zeal: Floats

    def __len__(self) -> int:
        return len(self.enrolment_ids)


def _places(figures: Mapping[str, int], places: list[dict[str, str]]) -> list[tuple[str, str, int, int]]:
    """(county, subject, enrolments, classes) for each cell that has any."""
    counties = [(p["id"], float(p["weight"])) for p in places if p["kind"] == "county"]
    subjects = [(p["id"], float(p["weight"])) for p in places if p["kind"] == "subject"]
    preschool = figures["kindergarten_enrolments"]
    cells = [(c, s, cw * sw) for c, cw in counties for s, sw in subjects]
    sizes = allocate(figures["enrolments"] - preschool, [w for *_, w in cells], 1)
    young = allocate(preschool, [w for _, w in counties], 1)
    rows = [(c, s, int(n)) for (c, s, _), n in zip(cells, sizes, strict=True)]
    rows += [(c, "preschool", int(n)) for (c, _), n in zip(counties, young, strict=True)]
    classes = allocate(figures["classes"], [n for *_, n in rows], 1)
    return [(c, s, n, int(k)) for (c, s, n), k in zip(rows, classes, strict=True)]


def _classes(county_of: list[str], school_of: list[str], count: int) -> Ints:
    """The class of each learner: classes of one county and of equal size, made of neighbouring schools and mixed in subject."""
    counties = list(dict.fromkeys(county_of))
    members = [[i for i, county in enumerate(county_of) if county == own] for own in counties]
    found = np.zeros(len(county_of), np.int64)
    first = 0
    for own, classes in zip(members, allocate(count, [len(own) for own in members], 1).tolist(), strict=True):
        sizes = allocate(len(own), [1.0] * classes)
        by_school = sorted(own, key=lambda i: school_of[i])
        found[by_school] = np.repeat(np.arange(first, first + classes), sizes)
        first += classes
    return found


def make_cohort(
    rng: np.random.Generator, figures: Mapping[str, int], places: list[dict[str, str]], prefix: str
) -> Cohort:
    """A cohort with the pack's totals; ids start with ``prefix``."""
    circle_of: list[int] = []
    county_of: list[str] = []
    subject_of: list[str] = []
    for county, subject, size, count in _places(figures, places):
        for members in allocate(size, [1.0] * count):
            circle_of += [circle_of[-1] + 1 if circle_of else 0] * int(members)
            county_of += [county] * int(members)
            subject_of += [subject] * int(members)
    total = len(circle_of)
    # Colleagues of one subject are alike in zeal; they are spread over the classes of their county.
    circles = np.array(circle_of, dtype=np.int64)
    draw = rng.choice(np.array(["primary", "junior", "senior"]), total, p=[0.5, 0.33, 0.17])
    stage_of = ["kindergarten" if s == "preschool" else str(d) for s, d in zip(subject_of, draw, strict=True)]
    school_no = rng.integers(1, 90, total)
    circle_zeal = rng.normal(0.0, 0.16, figures["classes"])
    zeal = np.clip(rng.lognormal(0.0, 0.28, total) * np.exp(circle_zeal[circles]), 0.3, 3.0)
    delay = np.clip(rng.beta(2.2, 2.2, total) - 0.5 * circle_zeal[circles], 0.0, 1.0)
    # The least zealous do not study, the next do not pass, with some luck on either side.
    order = np.argsort(zeal * rng.lognormal(0.0, 0.25, total), kind="stable")
    studied, passed = np.ones(total, bool), np.ones(total, bool)
    studied[order[: total - figures["studied"]]] = False
    passed[order[: total - figures["passed"]]] = False
    school_of = [f"school-{c}-{s[:2]}-{n:02d}" for c, s, n in zip(county_of, stage_of, school_no, strict=True)]
    classes = _classes(county_of, school_of, figures["classes"])
    return Cohort(
        enrolment_ids=[f"{prefix}enrolment-{i + 1:05d}" for i in range(total)],
        learner_keys=key_for(rng, "L", total),
        class_ids=[f"{prefix}class-{k + 1:03d}" for k in range(figures["classes"])],
        class_of=classes,
        county_of=county_of,
        subject_of=subject_of,
        stage_of=stage_of,
        school_of=school_of,
        delay=delay,
        zeal=zeal,
        studied=studied,
        passed=passed,
        tutor_keys=key_for(rng, "S", figures["tutors"]),
        expert_keys=key_for(rng, "S", figures["experts"]),
        class_zeal=np.bincount(classes, np.log(zeal)) / np.bincount(classes),
    )
