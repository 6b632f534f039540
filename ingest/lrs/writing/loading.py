"""Stores statements that no client has posted: from a file, or from another store."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable
from concurrent.futures import Future
from typing import Any

from ingest.lrs.standard.rules import VERSIONS, BadStatement, check_statement
from ingest.lrs.standard.strict_json import parse_json
from ingest.lrs.writing.planning import Conflict, TooLarge
from ingest.lrs.writing.store import Store
from ingest.sources.ids import stable_id
from ingest.sources.recorded import RecordedTimes
from ingest.sources.report import ImportReport

__all__ = ["load_statements"]

#: Whose claims of when statements were recorded are told: a statement names no source.
IMPORTED = "statements"
#: Statements on their way at once: those that wait together are committed together.
_UNDER_WAY = 1_000


def load_statements(
    store: Store, programme_id: str, lines: Iterable[bytes], authority: dict[str, Any], report: ImportReport,
    reject: Callable[[bytes, str], None], *, opens_enrolments: bool = False, advance: Callable[[], None] = lambda: None,
    recorded: RecordedTimes | None = None,
) -> None:  # fmt: skip
    """Store statements, one JSON object a line. An import can be run again: statements that are stored are passed over.

    A statement without an id gets one that is made from its text.

    Args:
        reject: takes a line that is not stored, and why: no statement, or another one has its id. The line may have names.
        advance: called for each line that is done.
        recorded: reads when each was first recorded; a statement whose claim makes no sense is set aside. None: they are recorded now.

    Raises:
        LogUnavailable: the log cannot take them.
    """
    waiting: deque[tuple[bytes, str, Future[list[str]]]] = deque()

    def settle() -> None:
        line, verb, future = waiting.popleft()
        try:
            future.result()
        except (Conflict, TooLarge) as error:
            why = "another statement has its id" if isinstance(error, Conflict) else str(error)
            report.set_aside["statements", why] += 1
            reject(line, why)
        else:
            report.used["statements"] += 1
            report.events[f"verb {verb}"] += 1
        advance()

    for line in lines:
        if not line.strip():
            continue
        report.rows["statements"] += 1
        try:
            statement = parse_json(line)
            version = statement.get("version", VERSIONS[-1]) if isinstance(statement, dict) else VERSIONS[-1]
            spoken = VERSIONS[0] if str(version).startswith("1.") else VERSIONS[-1]
            check_statement(statement, spoken)
        except BadStatement as error:
            report.set_aside["statements", "not a statement"] += 1
            reject(line, str(error))
            advance()
            continue
        recorded_us = recorded.read(statement) if recorded is not None else None
        if isinstance(recorded_us, str):
            report.set_aside["statements", recorded_us] += 1
            reject(line, recorded_us)
            advance()
            continue
        if recorded is not None and recorded_us is not None:
            recorded.note(IMPORTED, recorded_us)
        said = {"id": stable_id("xapi", programme_id, line.strip().decode()), **statement}
        future = store.put(
            programme_id,
            [said],
            authority,
            "1.0.0" if spoken == VERSIONS[0] else spoken,
            opens_enrolments=opens_enrolments,
            recorded_us=recorded_us,
        )
        waiting.append((line, str(statement["verb"]["id"]), future))
        if len(waiting) >= _UNDER_WAY:
            settle()
    while waiting:
        settle()
