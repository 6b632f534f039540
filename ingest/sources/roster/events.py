"""What a roster comes to as events. The same step of the same enrolment is the same event, however often it is written."""

from __future__ import annotations

from datetime import UTC, datetime

import msgspec

from ingest.events import Envelope, encode_raw, format_time, latest_version
from ingest.events.enrolment import EnrolmentOpened, EnrolmentTransferred, EnrolmentWithdrawn
from ingest.events.group import GroupNamed
from ingest.log.port import NewRecord
from ingest.sources.ids import stable_id
from ingest.sources.roster.ledger import Place, Standing, no_class
from ingest.sources.roster.places import Group

__all__ = ["SOURCE", "RosterEvents"]

SOURCE = "roster"


class RosterEvents:
    """The records of a programme's rosters."""

    def __init__(self, programme_id: str) -> None:
        self._programme_id = programme_id

    def opened(
        self, learner_key: str, place: Place, at_us: int, before: Standing | None, gender: str | None
    ) -> NewRecord:
        """Somebody new takes part, or somebody who had left is back in the same enrolment."""
        enrolment = before.enrolment_id if before else stable_id(SOURCE, self._programme_id, learner_key)
        payload = EnrolmentOpened(enrolment_id=enrolment, is_called_up=True, gender=gender, **self._place(place))
        return self._event("enrolment.opened", learner_key, at_us, payload, before)

    def transferred(self, learner_key: str, place: Place, at_us: int, before: Standing) -> NewRecord:
        """An enrolment moves."""
        payload = EnrolmentTransferred(enrolment_id=before.enrolment_id, **self._place(place))
        return self._event("enrolment.transferred", learner_key, at_us, payload, before)

    def withdrawn(self, learner_key: str, at_us: int, before: Standing) -> NewRecord:
        """An enrolment ends."""
        payload = EnrolmentWithdrawn(enrolment_id=before.enrolment_id)
        return self._event("enrolment.withdrawn", learner_key, at_us, payload, before)

    def named(self, kind: str, group: Group, at_us: int) -> NewRecord:
        """A school or class has a name."""
        english = "Not in a class yet" if group.group_id == no_class(group.county_id) else None
        payload = GroupNamed(
            kind=kind,  # type: ignore[arg-type]  # one of its words, by who calls
            group_id=group.group_id, label_zh=group.label, label_en=english, county_id=group.county_id,
        )  # fmt: skip
        return self._event("group.named", None, at_us, payload, None)

    @staticmethod
    def _place(place: Place) -> dict[str, str]:
        return {name: value for name, value in place._asdict().items() if value is not None}

    def _event(
        self, event_type: str, learner_key: str | None, at_us: int, payload: msgspec.Struct, before: Standing | None
    ) -> NewRecord:
        at = format_time(datetime.fromtimestamp(at_us / 1_000_000, UTC))
        said = msgspec.json.encode(payload).decode()
        # What it follows is part of it: who leaves, comes back and leaves again on one day does so twice.
        event_id = stable_id(SOURCE, self._programme_id, event_type, at, said, before.event_id if before else "")
        value = encode_raw(
            Envelope(
                event_id=event_id, event_type=event_type, event_version=latest_version(event_type), occurred_at=at,
                programme_id=self._programme_id, learner_key=learner_key, source=SOURCE, payload=payload,
            )
        )  # fmt: skip
        return NewRecord((learner_key or event_id).encode(), value)
