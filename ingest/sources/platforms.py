"""From the lines of a platform's log to records: people become keys, and each line counts once, as what the pack says."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from typing import NamedTuple

import msgspec

from ingest.events import Envelope, encode_raw, latest_version
from ingest.events.enrolment import EnrolmentOpened
from ingest.events.platform import PlatformEventRecorded
from ingest.log.port import NewRecord
from ingest.sources.counting import Counting
from ingest.sources.entries import MAKERS, LogEntry, NotTold, identifier
from ingest.sources.ids import StableIds, stable_id
from ingest.sources.report import ImportReport

__all__ = ["Platform", "PlatformLog"]

_OPENED = "enrolment.opened"
_WITHDRAWN = "enrolment.withdrawn"
_UNCOUNTED = "platform.event_recorded"


class Platform(NamedTuple):
    """Where a log comes from and where it goes.

    Attributes:
        name: as ``sources.csv`` calls it.
        source: of the events.
        programme_id: the programme they belong to.
        opened_at: when enrolments begin that the import opens, RFC 3339; None where it opens none.
    """

    name: str
    source: str
    programme_id: str
    opened_at: str | None = None


class PlatformLog:
    """Makes records of entries, a batch at a time; it keeps what it knows of people, not of lines.

    Args:
        learner_keys: gives the learner key of each account.
        enrolments: gives the enrolments of each learner key in the programme.
        report: filled as entries are read; its counts are by event name.
    """

    def __init__(
        self,
        platform: Platform,
        counting: Counting,
        learner_keys: Callable[[Iterable[str]], Mapping[str, str]],
        enrolments: Callable[[Collection[str]], Mapping[str, Collection[str]]],
        report: ImportReport,
    ) -> None:
        self._platform, self._counting, self._report = platform, counting, report
        self._learner_keys, self._read_enrolments = learner_keys, enrolments
        self._keys: dict[str, str] = {}
        self._enrolments: dict[str, set[str]] = {}
        #: The learner's own enrolment in a course, where there is one, by both.
        self._own: dict[tuple[str, str], str] = {}
        self._ids = StableIds(platform.source, platform.programme_id)
        self._versions = {name: latest_version(name) for name in (*MAKERS, _OPENED, _UNCOUNTED)}

    def records(self, entries: Sequence[LogEntry]) -> tuple[list[NewRecord], list[NewRecord]]:
        """The enrolments that some entries open, to be appended first; and the records of the entries, one for each that says something new.

        Args:
            entries: each has an account.
        """
        rule_of = self._counting.rule
        ruled = [(entry, rule_of(entry)) for entry in entries]
        accounts = [e.affected if r is not None and r.is_affected and e.affected else e.account for e, r in ruled]
        self._meet(accounts)
        opened: list[NewRecord] = []
        found: list[NewRecord] = []
        for (entry, rule), account in zip(ruled, accounts, strict=True):
            key = self._keys[account]
            counts_as = rule.counts_as if rule is not None else ""
            if rule is not None and not counts_as:
                continue  # named, and to count for nothing
            enrolment_id = self._enrolment(entry, key, opened)
            reason = "not_named"
            if counts_as:
                if enrolment_id is None:
                    reason = "no_enrolment"
                elif counts_as == _OPENED:
                    continue  # opened by now: by a roster, or just before this
                elif counts_as == _WITHDRAWN and self._platform.opened_at is None:
                    reason = "by_roster"
                else:
                    try:
                        payload = MAKERS[counts_as](entry, enrolment_id)
                    except NotTold:
                        reason = "not_told"
                    else:
                        event_id = self._ids.of(entry.identity)
                        found.append(self._record(counts_as, event_id, entry.at, key, payload, entry.recorded_us))
                        continue
            found.append(self._kept(entry, key, enrolment_id, reason))
        return opened, found

    def _meet(self, accounts: Sequence[str]) -> None:
        unknown = [account for account in dict.fromkeys(accounts) if account not in self._keys]
        if unknown:
            keys = self._learner_keys(unknown)
            self._keys.update(keys)
            for key, ids in self._read_enrolments(list(keys.values())).items():
                self._enrolments.setdefault(key, set(ids))

    def _enrolment(self, entry: LogEntry, key: str, opened: list[NewRecord]) -> str | None:
        """The learner's own enrolment in the course, opened where that is wanted; or the only one; or none."""
        found = self._own.get((entry.course, key))
        if found is not None:
            return found
        known = self._enrolments[key]
        own = identifier(f"{entry.course}/{key}") if entry.course else None
        if own is not None and own in known:
            self._own[entry.course, key] = own
            return own
        opened_at = self._platform.opened_at
        if own is not None and opened_at is not None:
            known.add(own)
            payload = EnrolmentOpened(enrolment_id=own, class_id=entry.course, course_id=entry.course)
            event_id = stable_id(self._platform.source, self._platform.programme_id, "opened", own)
            opened.append(self._record(_OPENED, event_id, opened_at, key, payload))
            return own
        return next(iter(known)) if len(known) == 1 else None

    def _kept(self, entry: LogEntry, key: str, enrolment_id: str | None, reason: str) -> NewRecord:
        name = entry.names[0]
        self._report.uncounted[name, reason] += 1
        payload = PlatformEventRecorded(
            enrolment_id=enrolment_id, platform=self._platform.name, name=identifier(name), reason=reason,  # type: ignore[arg-type]
            counted_id=self._ids.of(entry.identity), course_id=entry.course or None, object_id=entry.object or None,
        )  # fmt: skip
        # An id of its own: the line may count once the pack names it or a roster has come, and is then imported again.
        event_id = self._ids.of(f"{entry.identity}\x1funcounted")
        return self._record(_UNCOUNTED, event_id, entry.at, key, payload, entry.recorded_us)

    def _record(
        self, event_type: str, event_id: str, at: str, key: str, payload: msgspec.Struct, recorded_us: int | None = None
    ) -> NewRecord:
        self._report.events[event_type] += 1
        value = encode_raw(
            Envelope(
                event_id=event_id, event_type=event_type, event_version=self._versions[event_type], occurred_at=at,
                programme_id=self._platform.programme_id, learner_key=key, source=self._platform.source, payload=payload,
            )
        )  # fmt: skip
        return NewRecord(key.encode(), value, recorded_us)
