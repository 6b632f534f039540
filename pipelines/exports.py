"""Our events as statements of our profile."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from ingest.events import format_time, upcast
from ingest.events.profile import ENROLMENT, VERB, spec_of, statement_of
from ingest.lrs.meaning import enrolment_said
from ingest.lrs.people import HOME_PAGE
from pipelines.workspace import Workspace
from warehouse.query import connect_lake

__all__ = ["Exported", "export_statements"]

_NOBODY = {"objectType": "Agent", "account": {"homePage": "urn:xueqing", "name": "nobody"}}
_BATCH = 10_000


@dataclass(slots=True)
class Exported:
    """How many statements were written of each type, and how many events are none that a statement may say."""

    written: Counter[str] = field(default_factory=Counter)
    left_out: Counter[str] = field(default_factory=Counter)


def export_statements(workspace: Workspace, programme_id: str, done: Exported) -> Iterator[bytes]:
    """The programme's accepted events in the lake as statements, one JSON object a line, in the order of the log's offsets.

    People are the keys that the lake has; statements are as they are there.
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
                    statement = _placed(said["statement"], said.get("enrolment_id"))
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
