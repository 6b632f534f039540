"""Whom to remind, as a file for a gateway; and what a gateway sent, as events."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from datetime import UTC, date, datetime
from hashlib import sha256
from pathlib import Path
from typing import Literal, cast

from ingest.events import encode
from ingest.events.support import ReminderSent
from ingest.log.port import NewRecord
from ingest.sources.ids import stable_id
from pipelines.reading.marts import open_marts
from pipelines.reading.reminders import Reminder, due
from pipelines.reports.people import Person, Persons
from pipelines.spreadsheets import safe_cell
from pipelines.steps.naming import Naming, name_keys, who_asks
from pipelines.words import clean_text
from pipelines.workspace import Workspace
from warehouse.errors import BadSource

__all__ = ["COLUMNS", "read_sent", "record_reminders", "sent_events", "write_due", "write_reminders"]

#: Columns of the file. A gateway reads name, phone and text; the others say later what was sent.
COLUMNS = ("programme_id", "rule_id", "channel", "as_of_on", "enrolment_id", "learner_key", "name", "phone", "text")
_FOR_GATEWAY = ("name", "phone")
SOURCE = "reminders"


def write_due(file: Path, reminders: list[Reminder], persons: Persons | None) -> tuple[int, int]:
    """Write the file, for its owner only; returns how many it holds, and how many have no phone and are left out.

    Args:
        persons: learners' names and phones; without them both columns stay empty and everybody is in the file.
    """
    rows, without = [], 0
    for one in reminders:
        person = Person("", "")
        if persons is not None:
            person = persons.people.get(one.enrolment_id, person)
            if not person.phone:
                without += 1
                continue
        rows.append(
            (
                one.programme_id, one.rule_id, one.channel, one.as_of.isoformat(), one.enrolment_id, one.learner_key, person.name,
                person.phone, one.text,
            )
        )  # fmt: skip
    file.parent.mkdir(parents=True, exist_ok=True)
    file.touch(mode=0o600)
    file.chmod(0o600)
    with file.open(
        "w", newline="", encoding="utf-8-sig"
    ) as out:  # with its mark, so that a spreadsheet reads the Chinese right
        writer = csv.writer(out)
        writer.writerow(COLUMNS)
        writer.writerows([[safe_cell(clean_text(cell)) for cell in row] for row in rows])
    return len(rows), without


def read_sent(file: Path) -> list[Reminder]:
    """The reminders of a file that :func:`write_due` wrote; lines that the gateway did not send are taken out before.

    Raises:
        BadSource: it is no such file; says which line.
    """
    try:
        with file.open(newline="", encoding="utf-8-sig") as source:
            return list(_rows(file, csv.DictReader(source)))
    except OSError as error:
        raise BadSource(f"{file} cannot be read: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise BadSource(f"{file} is not UTF-8; save it as CSV UTF-8") from error


def _rows(file: Path, reader: csv.DictReader[str]) -> Iterator[Reminder]:
    missing = [c for c in COLUMNS if c not in (*_FOR_GATEWAY, *(reader.fieldnames or ()))]
    if missing:
        raise BadSource(f"{file} has no column {', '.join(missing)}; it takes what xueqing reminders due wrote")
    for row in reader:
        try:
            yield Reminder(
                row["programme_id"], row["rule_id"], row["channel"], date.fromisoformat(row["as_of_on"]),
                row["enrolment_id"].removeprefix("'"), row["learner_key"], row["text"],
            )  # fmt: skip
        except (ValueError, AttributeError, TypeError) as error:
            raise BadSource(f"{file} line {reader.line_num} is not as it was written: {error}") from error


def sent_events(reminders: list[Reminder], sent_at: datetime) -> list[NewRecord]:
    """A ``reminder.sent`` event for each; the same reminder has the same event id, however often it is told."""
    return [
        NewRecord(
            one.learner_key.encode(),
            encode(
                ReminderSent(
                    enrolment_id=one.enrolment_id, channel=cast(Literal["sms", "wechat", "mail"], one.channel), rule_id=one.rule_id
                ),
                event_type="reminder.sent",
                event_id=stable_id("reminder", one.programme_id, one.rule_id, one.as_of.isoformat(), one.enrolment_id),
                occurred_at=sent_at,
                programme_id=one.programme_id,
                source=SOURCE,
                learner_key=one.learner_key,
            ),
        )
        for one in reminders
    ]  # fmt: skip


def write_reminders(
    workspace: Workspace, programme_id: str, as_of: date | None, file: Path, language: str, *, rule: str | None, phones: bool
) -> tuple[int, int]:  # fmt: skip
    """Write the file for a gateway; returns how many reminders it holds and how many learners have no phone."""
    with open_marts(workspace.warehouse.published) as con:
        reminders = due(con, programme_id, as_of, language, rule)
    if not phones:
        return write_due(file, reminders, None)
    scope = f"reminders{f' {rule}' if rule else ''}, {reminders[0].as_of}" if reminders else "reminders"
    keys = {one.enrolment_id: one.learner_key for one in reminders}
    return write_due(
        file, reminders, name_keys(workspace, Naming(who_asks(), "reminders due"), programme_id, scope, keys)
    )


def record_reminders(workspace: Workspace, file: Path) -> int:
    """Append what a file says was sent; returns how many reminders."""
    records = sent_events(read_sent(file), datetime.now(UTC))
    return len(workspace.log.append(records, batch_id=f"reminders/{sha256(file.read_bytes()).hexdigest()[:32]}"))
