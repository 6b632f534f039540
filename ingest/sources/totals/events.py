"""What a table of totals comes to as events. The same totals of the same enrolment and date are the same event, however often they are told."""

from __future__ import annotations

import json
from datetime import datetime, time
from zoneinfo import ZoneInfo

from ingest.events import Envelope, encode_raw, format_time, latest_version
from ingest.events.totals import TotalsReported
from ingest.log.port import NewRecord
from ingest.sources.ids import stable_id
from ingest.sources.roster.ledger import Where
from ingest.sources.totals.ledger import Verdict

__all__ = ["TotalsEvents"]

_TYPE = "totals.reported"
#: The last second of a date.
_END = time(23, 59, 59)


class TotalsEvents:
    """The records of a platform's totals in a programme."""

    def __init__(self, programme_id: str, platform: str, zone: ZoneInfo) -> None:
        self._programme_id, self._platform, self._zone = programme_id, platform, zone

    def reported(self, verdict: Verdict, where: Where, sheet: int, file_digest: str) -> NewRecord:
        """The report of a row that is to be used.

        Args:
            sheet: the number of its sheet in the file, from 1.
        """
        assert verdict.as_of is not None
        as_of = verdict.as_of.isoformat()
        # What it replaces is part of it: totals that are corrected and corrected back are told three times. Voided totals, too.
        event_id = stable_id(
            _TYPE, self._programme_id, self._platform, verdict.enrolment_id, verdict.course_id, as_of,
            json.dumps(verdict.totals, sort_keys=True), verdict.follows,
        )  # fmt: skip
        payload = TotalsReported(
            enrolment_id=verdict.enrolment_id, platform=self._platform, as_of=as_of, course_id=verdict.course_id or None,
            totals={activity: total / 1000 for activity, total in sorted(verdict.totals.items())},
            file_digest=file_digest, sheet=sheet, row=where.row,
        )  # fmt: skip
        value = encode_raw(
            Envelope(
                event_id=event_id, event_type=_TYPE, event_version=latest_version(_TYPE),
                occurred_at=format_time(datetime.combine(verdict.as_of, _END, self._zone)), programme_id=self._programme_id,
                learner_key=verdict.learner_key, source=f"totals:{self._platform}", payload=payload,
            )
        )  # fmt: skip
        return NewRecord(verdict.learner_key.encode(), value)
