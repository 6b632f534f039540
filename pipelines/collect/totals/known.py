"""What the log says of a platform's totals, and whose enrolments a table may be about."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping
from typing import NamedTuple

from ingest.identity import Vault
from ingest.sources.roster import Fact, Ledger, Standing
from ingest.sources.roster.places import Groups
from ingest.sources.roster.recognising import Recogniser
from ingest.sources.totals import Known, Reason, TotalsLedger
from pipelines.collect.rosters.known import ROSTER_TYPES, GroupName, LogEvent, Void, events_of, said_by
from pipelines.workspace import Workspace

__all__ = ["Enrolments", "Whose", "know"]

_REPORTED = "totals.reported"
_AT_ONCE = 5_000


class Whose(NamedTuple):
    """The enrolment of a row and its learner."""

    learner_key: str
    enrolment_id: str


class Enrolments:
    """The enrolments of a programme by who has them.

    Args:
        counties: of the programme: a school goes by its name within each.
        schools: by their names.
    """

    def __init__(self, ledger: Ledger, vault: Vault, counties: Iterator[str], schools: Groups) -> None:
        self._ledger, self._vault, self._schools = ledger, vault, schools
        self._counties = list(counties)
        #: The course that an enrolment is in, where its opening tells one.
        self.courses: dict[str, str] = {}
        self._namesakes: Mapping[bytes, list[tuple[str, Standing]]] | None = None

    def named(self, recogniser: Recogniser, name: bytes, school: str) -> tuple[str, Reason | None]:
        """The key of the one person with a name who takes part in a school, or why nobody is."""
        if self._namesakes is None:
            self._namesakes = defaultdict(list)
            for key, standing in self._ledger.taking_part():
                if self._vault.knows(key) and (hashed := recogniser.name_of(key)) is not None:
                    self._namesakes[hashed].append((key, standing))
        schools = {self._schools.known(county, school) for county in self._counties}
        found = {
            key
            for key, standing in self._namesakes.get(name, ())
            if standing.place.school_id and standing.place.school_id in schools
        }
        if len(found) > 1:
            return "", Reason.SEVERAL_NAMESAKES
        return (found.pop(), None) if found else ("", Reason.NOT_FOUND)

    def of(self, person_key: str, course_id: str) -> Whose | Reason:
        """The enrolment that totals of a person belong to: the one that the person has, or has in the course, or had last."""
        every = [(key, s) for key in self._vault.same_person(person_key) for s in self._ledger.standings(key)]
        taking_part = [(key, s) for key, s in every if s.is_open]
        if len(taking_part) > 1:
            in_course = [
                (key, s) for key, s in taking_part if course_id and self.courses.get(s.enrolment_id) == course_id
            ]
            taking_part = in_course if len(in_course) == 1 else taking_part
        if len(taking_part) > 1:
            return Reason.SEVERAL_ENROLMENTS
        # Who has left may have studied before.
        key, standing = max(taking_part or every, key=lambda one: one[1].changed_us, default=("", None))
        return Whose(key, standing.enrolment_id) if standing is not None else Reason.NO_ENROLMENT


def know(
    workspace: Workspace, programme_id: str, platform: str, ledger: Ledger, totals: TotalsLedger, enrolments: Enrolments, schools: Groups
) -> None:  # fmt: skip
    """Fill both ledgers with what the log says up to its last record.

    Raises:
        LakeMismatch, LogReplaced, LakeDamaged, LogUnavailable: it cannot be read.
    """
    facts: list[Fact] = []
    reports: list[Known] = []
    for event in events_of(workspace.log, workspace.lake, programme_id, (*ROSTER_TYPES, _REPORTED)):
        if event.event_type == _REPORTED:
            if event.payload["platform"] == platform:
                reports.append(_report(event))
        else:
            said = said_by(event)
            if isinstance(said, Void):
                ledger.void([said.event_id])
                totals.void([said.event_id])
            elif isinstance(said, GroupName):
                if said.kind == "school":
                    schools.add(said.group_id, said.county_id, *said.labels)
            else:
                facts.append(said)
                if event.event_type == "enrolment.opened" and event.payload.get("course_id"):
                    enrolments.courses[said.enrolment_id] = event.payload["course_id"]
        if len(facts) + len(reports) >= _AT_ONCE:
            ledger.know(facts)
            totals.know(reports)
            facts.clear()
            reports.clear()
    ledger.know(facts)
    totals.know(reports)
    ledger.know_all()


def _report(event: LogEvent) -> Known:
    payload = event.payload
    return Known(
        event.event_id, payload["enrolment_id"], payload.get("course_id") or "", payload["as_of"], event.recorded_us, event.partition,
        event.offset, {activity: round(total * 1000) for activity, total in payload["totals"].items()},
    )  # fmt: skip
