"""Our events as statements of our profile, and all records of one person."""

from __future__ import annotations

import json
from base64 import b64decode
from collections import Counter
from collections.abc import Collection, Iterator
from dataclasses import dataclass, field
from typing import Any

from ingest.events import format_time, upcast
from ingest.events.free_text import merged
from ingest.events.json_text import read_json
from ingest.events.numbers import decode
from ingest.events.profile import ENROLMENT, VERB, spec_of, statement_of
from ingest.identity.sealing import Sealer, header_of
from ingest.lrs.standard.agents import HOME_PAGE
from ingest.lrs.standard.meaning import enrolment_said
from ingest.lrs.standard.words import SEALED
from ingest.sealed_records import opened_event
from pipelines.workspace import Workspace
from warehouse.query import connect_lake

__all__ = ["Exported", "export_statements", "records_of"]

_NOBODY = {"objectType": "Agent", "account": {"homePage": "urn:xueqing", "name": "nobody"}}
_BATCH = 10_000


@dataclass(slots=True)
class Exported:
    """How many statements were written of each type, and how many events are none that a statement may say."""

    written: Counter[str] = field(default_factory=Counter)
    left_out: Counter[str] = field(default_factory=Counter)


def export_statements(workspace: Workspace, programme_id: str, done: Exported) -> Iterator[bytes]:
    """The programme's accepted events in the lake as statements, one JSON object a line, in the order of the log's offsets.

    People are the keys that the lake has; statements are as they are there, without people's own words.
    """
    with connect_lake(workspace.lake) as con:
        rows = con.execute(
            "select event_id, event_type, event_version, occurred_at, source, learner_key, staff_key, payload from lake.accepted"
            ' where programme_id = ? order by "offset", "partition"',
            [programme_id],
        )
        while batch := rows.fetchmany(_BATCH):
            for event_id, event_type, version, occurred_at, source, learner_key, staff_key, payload in batch:
                said = json.loads(payload)
                if event_type == "xapi.statement_stored":
                    # Without what is sealed: it is somebody's own words, and this is for others.
                    plain = {name: part for name, part in said["statement"].items() if name != SEALED}
                    statement = _placed(plain, said.get("enrolment_id"))
                else:
                    spec = spec_of(f"{VERB}{event_type}")
                    if spec is None:
                        done.left_out[event_type] += 1
                        continue
                    statement = statement_of(
                        event_id, spec, format_time(occurred_at), source, upcast(event_type, version, said)[1],
                        _agent(staff_key or learner_key), is_staff=staff_key is not None,
                    )  # fmt: skip
                done.written[event_type] += 1
                yield json.dumps(statement, ensure_ascii=False).encode() + b"\n"


def records_of(
    workspace: Workspace, sealer: Sealer, keys: Collection[str], enrolments: Collection[tuple[str, str]]
) -> list[dict[str, Any]]:
    """Every accepted record of the lake that is a person's own, or about an enrolment of theirs, in the order of time; payloads as JSON.

    Words that are sealed in the log are opened. Other people stay keys.

    Args:
        keys: all keys of the person.
        enrolments: (programme_id, enrolment_id).

    Raises:
        LogUnavailable: the log cannot be read.
    """
    with connect_lake(workspace.lake) as con:
        rows = con.execute(
            """
            select event_id, event_type, event_version, occurred_at, recorded_at, programme_id, enrolment_id, learner_key, staff_key,
                source, payload, "partition", "offset"
            from lake.accepted
            where learner_key in (select unnest($1)) or staff_key in (select unnest($1))
                or (programme_id, enrolment_id) in (select (unnest($2), unnest($3)))
            order by occurred_at, recorded_at, event_id
            """,
            [sorted(keys), *([list(part) for part in zip(*sorted(enrolments), strict=True)] or [[], []])],
        )
        names = [column[0] for column in rows.description or ()]
        found = [dict(zip(names, row, strict=True)) for row in rows.fetchall()]
    for record in found:
        for at in ("occurred_at", "recorded_at"):
            record[at] = format_time(record[at])
        kept = workspace.existing_log.record_at(record.pop("partition"), record.pop("offset"))
        record["payload"] = _whole(sealer, json.loads(record["payload"]), kept[1] if kept is not None else None)
    return found


def _whole(sealer: Sealer, payload: dict[str, Any], value: bytes | None) -> dict[str, Any]:
    """A payload of the lake with the words that the log has sealed; without those whose key is gone."""
    if value is not None and b'"sealed"' in value:
        payload = {**payload, **opened_event(sealer, read_json(value)).get("payload", {})}
    statement = payload.get("statement")
    if isinstance(statement, dict) and SEALED in statement:
        words = sealer.open(statement[SEALED], f"statement {statement.get('id')}")
        plain = {name: part for name, part in statement.items() if name != SEALED}
        payload = {**payload, "statement": plain if words is None else merged(plain, decode(words))}
    if isinstance(payload.get("content"), str):
        payload = {**payload, "content": _document(sealer, payload)}
    return payload


def _document(sealer: Sealer, payload: dict[str, Any]) -> str | None:
    """What a person has kept in a document, as text; None where its key is gone. Of an earlier version it stays as the log has it."""
    try:
        sealed = b64decode(payload["content"], validate=True)
    except ValueError:
        return str(payload["content"])
    if header_of(sealed) is None:
        return str(payload["content"])
    place = [payload.get(name) or "" for name in ("kind", "activity_id", "person_key", "registration")]
    opened = sealer.open(sealed, " ".join(["document", *place]))
    return None if opened is None else opened.decode("utf-8", "replace")


def _placed(statement: dict[str, Any], enrolment_id: str | None) -> dict[str, Any]:
    """A statement that names the enrolment which it was found to belong to."""
    if enrolment_id is None or enrolment_said(statement) is not None:
        return statement
    context = statement.get("context", {})
    return {
        **statement,
        "context": {**context, "extensions": {**context.get("extensions", {}), ENROLMENT: enrolment_id}},
    }


def _agent(key: str | None) -> dict[str, Any]:
    return {"objectType": "Agent", "account": {"homePage": HOME_PAGE, "name": key}} if key is not None else _NOBODY
