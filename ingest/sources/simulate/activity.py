"""What learners and staff do, event by event.

Learners first log in; whatever else they do happens within two hours of one of their
sessions. Who passes is decided beforehand, and the evidence is drawn to match.
"""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

import msgspec
import numpy as np

from ingest.events import assessment as a
from ingest.events import enrolment as e
from ingest.events import learning as le
from ingest.events import staff as st
from ingest.events import support as su
from ingest.events import workshop as w
from ingest.programmes.pack import Pack
from ingest.programmes.rows import Phase
from ingest.sources.simulate.calendar import Calendar, Micros
from ingest.sources.simulate.people import Bools, Cohort
from ingest.sources.simulate.rows import Rows
from ingest.sources.simulate.shares import Ints, allocate, counts_for_percentages

__all__ = ["cohort_events"]

_MINUTE = 60_000_000
_DAY = 24 * 60 * _MINUTE


class _Stage:
    """What the parts of one cohort's simulation share."""

    def __init__(
        self, rng: np.random.Generator, rows: Rows, cohort: Cohort, figures: Mapping[str, int], pack: Pack
    ) -> None:
        self.rng, self.rows, self.cohort, self.figures, self.pack = rng, rows, cohort, figures, pack
        phases = {row.phase: row for row in pack.rows(Phase)}
        online, school = phases["online"], phases["school_based"]
        self.online = Calendar(online.starts_on, online.ends_on, pack.timezone)
        self.school = Calendar(school.starts_on, school.ends_on, pack.timezone)
        self.courses = [row["course_id"] for row in pack.tables["courses"]]
        self.course_rows = pack.tables["courses"]
        self.session_at: Micros = np.empty(0, np.int64)
        self.session_start: Ints = np.empty(0, np.int64)
        self.session_count: Ints = np.empty(0, np.int64)
        self.post_at: Micros = np.empty(0, np.int64)

    def id(self, kind: str, number: int) -> str:
        return f"{self.rows.prefix}{kind}-{number + 1}"

    def learners(self, who: Ints) -> list[str]:
        keys = self.cohort.learner_keys
        return [keys[i] for i in who.tolist()]

    def enrolments(self, who: Ints) -> list[str]:
        ids = self.cohort.enrolment_ids
        return [ids[i] for i in who.tolist()]

    def tutors(self, who: Ints) -> list[str]:
        keys, classes = self.cohort.tutor_keys, self.cohort.class_of
        return [keys[c] for c in classes[who].tolist()]

    def spread_over(self, total: int, among: Bools, minimum: int = 0, power: float = 1.0) -> Ints:
        """``total`` things shared out among the chosen by zeal: a count for every learner."""
        chosen = np.flatnonzero(among)
        noise = self.rng.lognormal(0.0, 0.35, len(chosen))
        out = np.zeros(len(self.cohort), np.int64)
        out[chosen] = allocate(total, self.cohort.zeal[chosen] ** power * noise, minimum)
        return out

    def within_sessions(self, counts: Ints) -> tuple[Ints, Micros]:
        """``counts[i]`` moments for each learner, each soon after one of their sessions."""
        who = np.repeat(np.arange(len(counts)), counts)
        pick = (self.rng.random(len(who)) * self.session_count[who]).astype(np.int64)
        at = self.session_at[self.session_start[who] + pick] + self.rng.integers(1, 110 * 60, len(who)) * 1_000_000
        return who, at


def cohort_events(rng: np.random.Generator, rows: Rows, cohort: Cohort, figures: Mapping[str, int], pack: Pack) -> None:
    """Put every event of one cohort into ``rows``; totals as in ``figures``."""
    stage = _Stage(rng, rows, cohort, figures, pack)
    _enrol(stage)
    _log_in(stage)
    _choose(stage)
    posts, journals = _take_part(stage)
    submitted = _assignments(stage)
    reviews = _peer_reviews(stage, submitted)
    _watch(stage, posts, journals, reviews)
    _school_based(stage)
    _staff(stage)
    _close(stage)
    _remind(stage)


def _enrol(s: _Stage) -> None:
    c = s.cohort
    at = s.online.at(s.rng, s.rng.integers(-20, -1, len(c)))
    payloads = [
        e.EnrolmentOpened(
            enrolment_id=c.enrolment_ids[i],
            class_id=c.class_ids[c.class_of[i]],
            school_id=c.school_of[i],
            county_id=c.county_of[i],
            subject_id=c.subject_of[i],
            school_stage=c.stage_of[i],
            is_called_up=True,
        )
        for i in range(len(c))
    ]
    s.rows.add("enrolment.opened", at, c.learner_keys, payloads)
    roles: list[tuple[Any, Any, str, str]] = [
        ("tutor", "class", key, c.class_ids[i]) for i, key in enumerate(c.tutor_keys)
    ]
    subjects = sorted(set(c.subject_of))
    roles += [("expert", "subject", key, subjects[i % len(subjects)]) for i, key in enumerate(c.expert_keys)]
    s.rows.add(
        "staff.appointed",
        s.online.uniform(s.rng, len(roles), -25, -20),
        [key for *_, key, _ in roles],
        [st.StaffAppointed(role=r, scope_kind=k, scope_id=i) for r, k, _, i in roles],
        staff=True,
    )
    staff = c.tutor_keys + c.expert_keys
    times = np.repeat(np.arange(len(staff)), 12)
    s.rows.add(
        "session.started",
        s.online.uniform(s.rng, len(times), 0, s.online.days - 1),
        [staff[i] for i in times],
        [le.SessionStarted(device="web")] * len(times),
        staff=True,
    )


def _log_in(s: _Stage) -> None:
    c = s.cohort
    counts = np.where(c.studied, np.maximum(3, s.rng.poisson(27 * c.zeal)), s.rng.integers(1, 3, len(c)))
    who, at = s.online.spread(s.rng, counts.astype(np.int64), c.delay)
    s.session_at, s.session_count = at, counts.astype(np.int64)
    s.session_start = np.concatenate([[0], np.cumsum(s.session_count)[:-1]])
    devices = np.where(s.rng.random(len(who)) < 0.58, "web", "app").tolist()
    ids = s.enrolments(who)
    s.rows.add(
        "session.started",
        at,
        s.learners(who),
        [le.SessionStarted(enrolment_id=i, device=d) for i, d in zip(ids, devices, strict=True)],
    )


def _choose(s: _Stage) -> None:
    c, rng = s.cohort, s.rng
    who = np.flatnonzero(c.studied)
    questions = s.figures["diagnostic_questions"]
    letters = np.array(list("ABCD"))[rng.integers(0, 4, (len(who), questions))].tolist()
    right = np.clip(rng.normal(0.62, 0.16, len(who)) * questions, 2, questions).astype(int)
    scores = np.round(right / questions * 100, 1).tolist()
    tiers = ["basic" if x < 50 else "intermediate" if x < 75 else "advanced" for x in scores]
    first = s.session_at[s.session_start[who]] + 20 * _MINUTE
    ids, keys = s.enrolments(who), s.learners(who)
    s.rows.add(
        "diagnostic.submitted",
        first,
        keys,
        [
            le.DiagnosticSubmitted(enrolment_id=i, answers=ans, score=x, tier=t)  # type: ignore[arg-type]
            for i, ans, x, t in zip(ids, letters, scores, tiers, strict=True)
        ],
    )
    per = rng.integers(4, 9, len(who))
    pick = np.repeat(who, per)
    courses = rng.integers(0, len(s.courses), len(pick))
    s.rows.add(
        "course.selected",
        np.repeat(first, per) + rng.integers(1, 30, len(pick)) * _MINUTE,
        s.learners(pick),
        [
            le.CourseSelected(
                enrolment_id=i, course_id=row["course_id"], category_id=row["category_id"], hours=float(row["hours"])
            )
            for i, row in zip(s.enrolments(pick), (s.course_rows[k] for k in courses.tolist()), strict=True)
        ],
    )


def _take_part(s: _Stage) -> tuple[Ints, Ints]:
    """Posts and journals; returns how many effective posts and journals each learner has."""
    c, rng, f = s.cohort, s.rng, s.figures
    posts = s.spread_over(f["interactions"], c.studied)
    who, at = s.within_sessions(posts)
    kinds = rng.choice(np.array(["post", "reply", "comment"]), len(who), p=[0.3, 0.45, 0.25]).tolist()
    lengths = rng.integers(12, 600, len(who)).tolist()
    post_ids = [s.id("post", i) for i in range(len(who))]
    s.post_at = at
    classes = c.class_of[who].tolist()
    shops = [f"{s.rows.prefix}workshop-{k + 1:03d}" for k in range(len(c.class_ids))]
    s.rows.add(
        "post.published",
        at,
        s.learners(who),
        [
            w.PostPublished(enrolment_id=i, post_id=p, workshop_id=shops[k], kind=kind, characters=n)
            for i, p, k, kind, n in zip(s.enrolments(who), post_ids, classes, kinds, lengths, strict=True)
        ],
    )
    judged = np.flatnonzero(rng.random(len(who)) < 0.06)
    bad = rng.random(len(judged)) < 0.35
    s.rows.add(
        "post.judged",
        at[judged] + rng.integers(60, 3 * 1440, len(judged)) * _MINUTE,
        s.tutors(who[judged]),
        [
            w.PostJudged(enrolment_id=i, post_id=post_ids[j], is_effective=not b)
            for i, j, b in zip(s.enrolments(who[judged]), judged.tolist(), bad.tolist(), strict=True)
        ],
        staff=True,
    )
    effective = posts - np.bincount(who[judged[bad]], minlength=len(c))

    spare = f["journals"] - int(c.passed.sum())
    journals = c.passed.astype(np.int64) + s.spread_over(spare, c.studied)
    who, at = s.within_sessions(journals)
    ids = [s.id("journal", i) for i in range(len(who))]
    sizes = rng.integers(200, 3000, len(who)).tolist()
    s.rows.add(
        "journal.published",
        at,
        s.learners(who),
        [
            w.JournalPublished(enrolment_id=i, journal_id=j, characters=n)
            for i, j, n in zip(s.enrolments(who), ids, sizes, strict=True)
        ],
    )
    best = rng.choice(len(who), f["featured_journals"], replace=False)
    s.rows.add(
        "journal.featured",
        at[best] + rng.integers(1, 6, len(best)) * _DAY,
        s.tutors(who[best]),
        [
            w.JournalFeatured(enrolment_id=i, journal_id=ids[j])
            for i, j in zip(s.enrolments(who[best]), best.tolist(), strict=True)
        ],
        staff=True,
    )
    return effective, journals


def _assignments(s: _Stage) -> Ints:
    """Assignments and their grades; returns the learner of each submission."""
    c, rng, f = s.cohort, s.rng, s.figures
    total = f["assignments"]
    failing = np.flatnonzero(c.studied & ~c.passed)
    passing = np.flatnonzero(c.passed)
    rest = total - len(passing)
    extra_fail = failing[: min(len(failing), rest)]
    again = rng.choice(passing, rest - len(extra_fail), replace=False)
    who = np.concatenate([passing, extra_fail, again])
    number = np.concatenate([np.ones(len(passing) + len(extra_fail), int), np.full(len(again), 2)]).tolist()
    tiers = rng.choice(np.array(["basic", "intermediate", "advanced"]), total, p=[0.3, 0.5, 0.2]).tolist()
    ids = [f"assignment-{t}-{n}" for t, n in zip(tiers, number, strict=True)]
    last = s.session_at[s.session_start[who] + s.session_count[who] - 1]
    at = last + rng.integers(5, 100, total) * _MINUTE
    enrolments = s.enrolments(who)
    s.rows.add(
        "assignment.submitted",
        at,
        s.learners(who),
        [
            a.AssignmentSubmitted(enrolment_id=i, assignment_id=x, tier=t)
            for i, x, t in zip(enrolments, ids, tiers, strict=True)
        ],
    )
    # One final grading each; the rest of the printed gradings are drafts before it.
    gradings = f["tutor_gradings"] + f["expert_gradings"]
    drafts = rng.choice(total, min(total, gradings - total), replace=False)
    which = np.concatenate([np.arange(total), drafts])
    final = np.arange(len(which)) < total
    by_expert = np.zeros(len(which), bool)
    by_expert[rng.choice(len(which), min(len(which), f["expert_gradings"]), replace=False)] = True
    passes = c.passed[who[which]]
    grades = np.where(final & passes, rng.integers(60, 100, len(which)), rng.integers(25, 60, len(which)))
    when = at[which] + np.where(final, rng.integers(3, 8, len(which)), rng.integers(0, 3, len(which))) * _DAY
    when = when + rng.integers(1, 600, len(which)) * _MINUTE
    experts = rng.integers(0, len(c.expert_keys), len(which)).tolist()
    tutors = s.tutors(who[which])
    keys = [c.expert_keys[x] if b else t for x, b, t in zip(experts, by_expert.tolist(), tutors, strict=True)]
    s.rows.add(
        "assignment.graded",
        when,
        keys,
        [
            a.AssignmentGraded(
                enrolment_id=enrolments[j], assignment_id=ids[j], grader_key=k, grade=float(g), is_final=bool(x)
            )
            for j, k, g, x in zip(which.tolist(), keys, grades.tolist(), final.tolist(), strict=True)
        ],
        staff=True,
    )
    best = rng.choice(len(passing), f["featured_assignments"], replace=False)
    s.rows.add(
        "assignment.featured",
        at[best] + 9 * _DAY,
        s.tutors(who[best]),
        [a.AssignmentFeatured(enrolment_id=enrolments[j], assignment_id=ids[j]) for j in best.tolist()],
        staff=True,
    )
    return who


def _others_work(who: Ints, submitted: Ints, drawn: Ints, people: int) -> Ints:
    """Whose work each review is of: of others in turn, from a drawn one on, so that nobody reviews the same work twice while there are others.

    Args:
        who: the reviewer of each review. submitted: those whose work there is. drawn: for each review a place in ``submitted``, of which
            each reviewer's first is used.
    """
    order = np.argsort(who, kind="stable")
    reviewers = who[order]
    is_first = np.r_[True, reviewers[1:] != reviewers[:-1]][: len(reviewers)]
    starts = np.flatnonzero(is_first)
    group = np.cumsum(is_first) - 1
    turn = drawn[order][starts][group] + np.arange(len(reviewers)) - starts[group]
    place = np.full(people, -1, dtype=np.int64)
    place[submitted] = np.arange(len(submitted))
    own = place[reviewers]
    after_own = (own + 1 + turn % max(1, len(submitted) - 1)) % len(submitted)
    found = np.empty_like(who)
    found[order] = submitted[np.where(own < 0, turn % len(submitted), after_own)]
    return found


def _peer_reviews(s: _Stage, submitted: Ints) -> Ints:
    c, rng = s.cohort, s.rng
    counts = np.where(c.passed, np.maximum(10, rng.poisson(9 * c.zeal)), rng.integers(0, 3, len(c)))
    counts = np.where(c.studied, counts, 0).astype(np.int64)
    # The zealous half reviews as much as it likes; the others' shortfall is real too.
    counts = np.where(c.passed & (rng.random(len(c)) < 0.25), rng.integers(4, 10, len(c)), counts)
    who, at = s.within_sessions(counts)
    target = _others_work(who, submitted, rng.integers(0, len(submitted), len(who)), len(c))
    scores = rng.integers(55, 100, len(who)).tolist()
    s.rows.add(
        "peer_review.submitted",
        at,
        s.learners(who),
        [
            a.PeerReviewSubmitted(enrolment_id=i, assignment_id="assignment", reviewed_enrolment_id=t, score=float(x))
            for i, t, x in zip(s.enrolments(who), s.enrolments(target), scores, strict=True)
        ],
    )
    return counts


def _watch(s: _Stage, posts: Ints, journals: Ints, reviews: Ints) -> None:
    """Study time, last: those who pass but have few points elsewhere study the whole target."""
    c, rng = s.cohort, s.rng
    minutes = np.clip(rng.normal(1750, 260, len(c)) * c.zeal**0.4, 500, 4200)
    weak = (
        20 * np.minimum(1, minutes / 1620)
        + 15 * np.minimum(1, posts / 15)
        + 10 * np.minimum(1, journals / 2)
        + 5 * np.minimum(1, reviews / 10)
        + 10
    ) < 38
    minutes = np.where(c.passed & weak, 1700, minutes)
    failing = c.studied & ~c.passed
    minutes = np.where(failing, rng.uniform(30, 700, len(c)), minutes)
    minutes = np.where(c.studied, minutes, 0)
    counts = np.maximum(1, np.round(minutes / 20.5)).astype(np.int64) * c.studied
    who, at = s.within_sessions(counts)
    raw = rng.uniform(0.5, 1.5, len(who))
    per = np.bincount(who, weights=raw, minlength=len(c))
    # Rounded up, so that nobody falls short of what was drawn.
    seconds = np.ceil(raw / per[who] * minutes[who] * 60).astype(int)
    is_text = rng.random(len(who)) < 0.09
    courses = [s.courses[k] for k in rng.integers(0, len(s.courses), len(who)).tolist()]
    positions = rng.integers(0, 2400, len(who))
    ids, keys = s.enrolments(who), s.learners(who)
    for kind in (False, True):
        pick = np.flatnonzero(is_text == kind).tolist()
        sec, pos = seconds.tolist(), positions.tolist()
        read: list[msgspec.Struct] = (
            [le.TextRead(enrolment_id=ids[j], course_id=courses[j], read_s=sec[j]) for j in pick]
            if kind
            else [
                le.VideoWatched(enrolment_id=ids[j], course_id=courses[j], watched_s=sec[j], position_s=pos[j])
                for j in pick
            ]
        )
        s.rows.add("text.read" if kind else "video.watched", at[pick], [keys[j] for j in pick], read)


def _school_based(s: _Stage) -> None:
    c, rng = s.cohort, s.rng
    last = s.school.days - 1
    handed = np.flatnonzero(c.passed | (c.studied & (rng.random(len(c)) < 0.6)))
    documents = [s.id("document", i) for i in range(len(handed))]
    at = s.school.uniform(rng, len(handed), 22, last - 6)
    ids, keys, tutors = s.enrolments(handed), s.learners(handed), s.tutors(handed)
    s.rows.add(
        "outcome.submitted",
        at,
        keys,
        [a.OutcomeSubmitted(enrolment_id=i, document_id=d) for i, d in zip(ids, documents, strict=True)],
    )
    ok = c.passed[handed]
    first_no = ok & (rng.random(len(handed)) < 0.04)
    no = np.flatnonzero(first_no | ~ok)
    s.rows.add(
        "outcome.rejected",
        at[no] + 1 * _DAY,
        [tutors[j] for j in no],
        [a.OutcomeRejected(enrolment_id=ids[j], document_id=documents[j]) for j in no],
        staff=True,
    )
    yes = np.flatnonzero(ok)
    points = rng.integers(12, 21, len(yes)).tolist()
    s.rows.add(
        "outcome.approved",
        at[yes] + rng.integers(2, 4, len(yes)) * _DAY,
        [tutors[j] for j in yes],
        [
            a.OutcomeApproved(enrolment_id=ids[j], document_id=documents[j], points=float(p))
            for j, p in zip(yes.tolist(), points, strict=True)
        ],
        staff=True,
    )
    awarded = np.flatnonzero(c.passed | (c.studied & (rng.random(len(c)) < 0.5)))
    marks = np.where(c.passed[awarded], rng.integers(14, 21, len(awarded)), rng.integers(4, 12, len(awarded)))
    s.rows.add(
        "practice.awarded",
        s.school.uniform(rng, len(awarded), 14, last - 3),
        s.tutors(awarded),
        [
            a.PracticeAwarded(enrolment_id=i, points=float(p))
            for i, p in zip(s.enrolments(awarded), marks.tolist(), strict=True)
        ],
        staff=True,
    )
    shared = s.spread_over(s.figures["resources"], c.studied)
    who = np.repeat(np.arange(len(c)), shared)
    kinds = rng.choice(np.array(["lesson_plan", "slides", "video", "paper", "photo"]), len(who)).tolist()
    s.rows.add(
        "resource.shared",
        s.school.uniform(rng, len(who), 0, last),
        s.learners(who),
        [
            w.ResourceShared(enrolment_id=i, resource_id=s.id("resource", n), kind=k)
            for n, (i, k) in enumerate(zip(s.enrolments(who), kinds, strict=True))
        ],
    )


def _staff(s: _Stage) -> None:
    c, rng, f = s.cohort, s.rng, s.figures
    days = s.online.days - 1

    def by(keys: list[str], total: int) -> list[str]:
        return [keys[i] for i in rng.integers(0, len(keys), total).tolist()]

    def add(event_type: str, keys: list[str], total: int, make: object) -> None:
        s.rows.add(
            event_type,
            s.online.uniform(rng, total, 0, days),
            by(keys, total),
            [make(n) for n in range(total)],  # type: ignore[operator]
            staff=True,
        )

    shop = [f"{s.rows.prefix}workshop-{k + 1:03d}" for k in range(len(c.class_ids))]
    tutors, experts = c.tutor_keys, c.expert_keys
    add(
        "announcement.published",
        tutors,
        f["announcements"],
        lambda n: st.AnnouncementPublished(announcement_id=s.id("announcement", n)),
    )
    add(
        "briefing.published",
        tutors,
        f["class_briefings"],
        lambda n: st.BriefingPublished(briefing_id=s.id("class-briefing", n), kind="class"),
    )
    add(
        "briefing.published",
        experts,
        f["subject_briefings"],
        lambda n: st.BriefingPublished(briefing_id=s.id("subject-briefing", n), kind="subject"),
    )
    add(
        "workshop_activity.held",
        tutors,
        f["workshop_activities"],
        lambda n: st.WorkshopActivityHeld(activity_id=s.id("activity", n), workshop_id=shop[n % len(shop)]),
    )
    add(
        "photo.uploaded",
        tutors,
        f["photos"],
        lambda n: st.PhotoUploaded(photo_id=s.id("photo", n), workshop_id=shop[n % len(shop)]),
    )
    add("article.published", experts, f["articles"], lambda n: st.ArticlePublished(article_id=s.id("article", n)))
    add(
        "qa_session.held",
        experts,
        f["expert_qa_sessions"],
        lambda n: st.QaSessionHeld(qa_session_id=s.id("qa", n), mode="recorded"),
    )
    rest = f["qa_sessions"] - f["expert_qa_sessions"]
    add("qa_session.held", tutors, rest, lambda n: st.QaSessionHeld(qa_session_id=s.id("live-qa", n), mode="live"))
    for keys, total, kind in (
        (tutors, f["tutor_posts"], "post"),
        (experts, f["expert_posts"], "post"),
    ):
        label = f"{'tutor' if keys is tutors else 'expert'}-{kind}"
        add(
            "post.published",
            keys,
            total,
            lambda n, k=kind, x=label: w.PostPublished(
                post_id=s.id(x, n), workshop_id=shop[n % len(shop)], kind=k, characters=120 + n % 400
            ),
        )
    total = f["expert_replies"]
    answered = rng.integers(0, len(s.post_at), total)
    s.rows.add(
        "post.published",
        s.post_at[answered] + (rng.lognormal(1.6, 1.0, total) * 60 * _MINUTE).astype(np.int64),
        by(experts, total),
        [
            w.PostPublished(
                post_id=s.id("expert-reply", n), workshop_id=shop[n % len(shop)], kind="reply",
                parent_post_id=s.id("post", i), characters=120 + n % 400,
            )
            for n, i in enumerate(answered.tolist())
        ],
        staff=True,
    )  # fmt: skip


def _close(s: _Stage) -> None:
    """Awards and the survey."""
    c, rng, f = s.cohort, s.rng, s.figures
    last = s.school.days - 1
    passed = np.flatnonzero(c.passed)
    best = passed[np.argsort(-c.zeal[passed], kind="stable")[: f["excellent_learners"]]]
    s.rows.add(
        "award.granted",
        s.school.uniform(rng, len(best), last + 1, last + 3),
        s.learners(best),
        [a.AwardGranted(enrolment_id=i, kind="excellent_learner") for i in s.enrolments(best)],
    )
    tutors = [c.tutor_keys[i] for i in np.argsort(-c.class_zeal, kind="stable")[: f["excellent_tutors"]].tolist()]
    s.rows.add(
        "award.granted",
        s.school.uniform(rng, len(tutors), last + 1, last + 3),
        tutors,
        [a.AwardGranted(kind="excellent_tutor") for _ in tutors],
        staff=True,
    )
    total = f["survey_respondents"]
    who = rng.choice(np.flatnonzero(c.studied), total, replace=False)
    answers: list[dict[str, int]] = [{} for _ in range(total)]
    columns = ("level_1_pct", "level_2_pct", "level_3_pct", "level_4_pct")
    for row in s.pack.table("published_survey"):
        counts = counts_for_percentages([Decimal(row[name]) for name in columns], total)
        levels = np.repeat(np.arange(1, 5), counts)
        for person, level in zip(rng.permutation(total)[: len(levels)].tolist(), levels.tolist(), strict=True):
            answers[person][row["item_id"]] = level
    s.rows.add(
        "survey.answered",
        s.school.uniform(rng, total, last - 10, last),
        s.learners(who),
        [
            su.SurveyAnswered(enrolment_id=i, form_id="satisfaction-2017", answers=ans)
            for i, ans in zip(s.enrolments(who), answers, strict=True)
        ],
    )


#: Days without a session after which somebody is reminded.
_IDLE_DAYS = 8


def _remind(s: _Stage) -> None:
    """Half of those who stay away are reminded; whether they come back is as it was drawn."""
    who = np.repeat(np.arange(len(s.cohort)), s.session_count)
    order = np.lexsort((s.session_at, who))
    who, at = who[order], s.session_at[order]
    idle = np.flatnonzero((who[1:] == who[:-1]) & (np.diff(at) > (_IDLE_DAYS + 1) * _DAY))
    idle = idle[s.rng.random(len(idle)) < 0.5]
    # In the forenoon of the ninth day.
    days = at[idle] // _DAY + _IDLE_DAYS + 1
    sent = days * _DAY + s.rng.integers(90, 240, len(idle)) * _MINUTE
    reminded = who[idle]
    s.rows.add(
        "reminder.sent",
        sent,
        s.learners(reminded),
        [su.ReminderSent(enrolment_id=i, channel="sms", rule_id="come_back") for i in s.enrolments(reminded)],
    )
