"""Whom to remind, as a file for a gateway; and what a gateway sent, as events."""

from __future__ import annotations

import csv
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path
from typing import Literal, cast

import duckdb

from ingest.events import encode
from ingest.events.support import ReminderSent
from ingest.log.port import NewRecord
from ingest.sources.ids import stable_id
from pipelines.dates import day_of
from pipelines.reports.figures import clean_text
from warehouse.errors import BadSource, IdentityError

__all__ = ["COLUMNS", "Reminder", "due", "read_sent", "sent_events", "write_due"]

#: Columns of the file. A gateway reads phone (or account) and text; the others say later what was sent.
COLUMNS = ("programme_id", "rule_id", "channel", "as_of_on", "enrolment_id", "learner_key", "phone", "text")
SOURCE = "reminders"


@dataclass(frozen=True, slots=True)
class Reminder:
    """One learner to be reminded by a rule of the pack; ``text`` has its ``{count}`` filled in."""

    programme_id: str
    rule_id: str
    channel: str
    as_of: date
    enrolment_id: str
    learner_key: str
    text: str


def due(
    con: duckdb.DuckDBPyConnection, programme_id: str, as_of: date | None, language: str, rule: str | None = None
) -> list[Reminder]:
    """Whom the pack's reminders are for on a date (default: the last published one), quotas and quiet days respected.

    Raises:
        BadConfiguration: nothing is known of the programme by then.
    """
    on = day_of(con, programme_id, as_of)
    text = "text_zh" if language == "zh" else "text_en"
    rows = con.execute(
        f"""
        select d.rule_id, d.channel, d.enrolment_id, e.learner_key, r.{text}, d.measured_count
        from rpt_reminders_due d
        join dim_enrolments e on e.programme_id = d.programme_id and e.enrolment_id = d.enrolment_id
            and e.valid_from_on <= d.as_of_on and coalesce(e.valid_to_on, date '9999-12-31') > d.as_of_on
        join reference.definitions v on v.programme_id = d.programme_id and v.applies_from_on <= d.as_of_on
            and coalesce(v.applies_to_on, date '9999-12-31') > d.as_of_on
        join reference.reminders r on r.programme_id = d.programme_id and r.version = v.version and r.rule_id = d.rule_id
        where d.programme_id = $programme and d.as_of_on = $on and coalesce($rule, d.rule_id) = d.rule_id
        order by d.rule_id, d.position_number
        """,
        {"programme": programme_id, "on": on, "rule": rule},
    ).fetchall()
    return [
        Reminder(programme_id, rule_id, channel, on, enrolment, key, words.replace("{count}", f"{count:,}"))
        for rule_id, channel, enrolment, key, words, count in rows
    ]


def write_due(
    file: Path, reminders: list[Reminder], phone_of: Callable[[str], Mapping[str, str]] | None
) -> tuple[int, int]:
    """Write the file, for its owner only; returns how many it holds, and how many have no phone and are left out.

    Args:
        phone_of: a learner's details, from the vault; without it the column stays empty and everybody is in the file.
    """
    rows, without = [], 0
    for one in reminders:
        phone = ""
        if phone_of is not None:
            try:
                phone = phone_of(one.learner_key).get("phone", "")
            except IdentityError:  # forgotten, or never known
                phone = ""
            if not phone:
                without += 1
                continue
        rows.append(
            (one.programme_id, one.rule_id, one.channel, one.as_of.isoformat(), one.enrolment_id, one.learner_key, phone, one.text)
        )  # fmt: skip
    file.parent.mkdir(parents=True, exist_ok=True)
    file.touch(mode=0o600)
    file.chmod(0o600)
    with file.open(
        "w", newline="", encoding="utf-8-sig"
    ) as out:  # with its mark, so that a spreadsheet reads the Chinese right
        writer = csv.writer(out)
        writer.writerow(COLUMNS)
        writer.writerows([[_plain(cell) for cell in row] for row in rows])
    return len(rows), without


def _plain(text: str) -> str:
    """A cell that no spreadsheet takes for a formula."""
    cleaned = clean_text(text)
    return f"'{cleaned}" if cleaned[:1] in "=+-@\t" else cleaned


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
    missing = [c for c in COLUMNS if c not in (reader.fieldnames or ())]
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
