"""Forgetting people, redacting single records and ending what was kept long enough: said in the log first, done in the vault then.

Whatever dies in between, the next command that opens the vault finishes it (:mod:`pipelines.erasing`); run again, each of these finishes
what is left.
"""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from hashlib import sha256

import msgspec

from ingest.events import encode
from ingest.events.correction import LearnerErased
from ingest.events.programme import TextRedacted, TextsRetired
from ingest.identity import Vault
from ingest.identity.periods import Period
from ingest.identity.sealing import Sealer, header_of
from ingest.log.port import NewRecord
from ingest.lrs.attachments import Attachments
from ingest.lrs.standard.agents import whose_of
from ingest.lrs.standard.words import attachments_of
from ingest.lrs.writing.people import People
from ingest.sealed_records import sealed_texts
from pipelines.erasing import ERASED, REDACTED, RETIRED, apply_erasures
from pipelines.steps.naming import delete_named
from pipelines.workspace import Workspace
from warehouse.errors import BadConfiguration, IdentityError, LakeDamaged
from warehouse.query import connect_lake

__all__ = ["Ending", "Receipt", "check_programme", "due_periods", "end_periods", "forget", "redact", "redact_event"]

_SOURCE = "xueqing-identity"


@dataclass(frozen=True, slots=True)
class Receipt:
    """What was destroyed of a person, and where that is recorded; it names nobody.

    Attributes:
        record: where the log says so, as ``partition:offset``; empty where it said so before.
        accounts: by how many accounts the person was found.
        forms: in how many ways statements wrote the person.
        attachments: how many files were deleted.
        named: how many files with names were deleted: they may have named the person, and can be written again.
    """

    person_key: str
    programme_id: str
    log_id: str
    record: str
    done_at: str
    accounts: int
    forms: int
    attachments: int
    named: int

    @property
    def digest(self) -> str:
        """Names the receipt: of all that it says."""
        return sha256(msgspec.json.encode(self)).hexdigest()


def forget(workspace: Workspace, vault: Vault, person_key: str, programme_id: str) -> Receipt:
    """Destroy all keys of a person, and delete what only the person attached, and the home's files with names.

    Args:
        programme_id: in whose name it is recorded (:func:`check_programme`).

    Raises:
        IdentityError: the vault knows nobody of that key.
        LogUnavailable: nobody is forgotten yet.
    """
    if not vault.knows(person_key):
        raise IdentityError("the vault knows nobody of that key")
    log, record = workspace.existing_log, ""
    # Whoever has several keys is forgotten by all of them; the log has them all before the vault forgets one.
    keys = vault.same_person(person_key)
    known = [vault.known_of(key) for key in keys]
    remembered = [key for key in keys if not vault.is_forgotten(key)]
    if remembered:
        placed = log.append([NewRecord(key.encode(), _erased(key, programme_id)) for key in remembered])
        record = ", ".join(map(_place, placed))
        for key in remembered:
            vault.forget(key)
    attachments = Attachments(workspace.settings.attachments, Sealer(vault))
    deleted = sum(attachments.delete_all(key) for key in keys)
    named = delete_named(workspace.settings)
    done_at = datetime.now(UTC).isoformat(timespec="seconds")
    accounts, forms = (sum(counts) for counts in zip(*known, strict=True))
    return Receipt(", ".join(keys), programme_id, log.log_id, record, done_at, accounts, forms, deleted, named)


def _erased(key: str, programme_id: str) -> bytes:
    return encode(
        LearnerErased(), event_type=ERASED, event_id=str(uuid.uuid4()), occurred_at=datetime.now(UTC), programme_id=programme_id,
        source=_SOURCE, learner_key=key,
    )  # fmt: skip


def _place(placed: tuple[int, int, int]) -> str:
    return f"{placed[0]}:{placed[1]}"


def check_programme(workspace: Workspace, programme_id: str) -> None:
    """A programme is one that has definitions, or of which there are events.

    Raises:
        BadConfiguration: it is neither.
    """
    try:
        known = workspace.definitions.programmes
    except LakeDamaged:  # nobody has to wait for its mending to be forgotten
        known = list(workspace.packs_on_disk())
    if programme_id in known:
        return
    if workspace.lake.exists:
        with connect_lake(workspace.lake) as con:
            asked = "select 1 from lake.accepted where programme_id = ? limit 1"
            if con.execute(asked, [programme_id]).fetchone():
                return
    workspace.definitions.in_force(programme_id)


def redact_event(workspace: Workspace, event: str) -> int:
    """Redact the record of an event or a statement by its id, or of ``partition:offset``; returns how many texts it had.

    Raises:
        BadConfiguration: there is no such record, or it has nothing sealed.
    """
    partition, colon, offset = event.partition(":")
    if colon and partition.isdigit() and offset.isdigit():
        return redact(workspace, int(partition), int(offset))
    rows = []
    if workspace.lake.exists:
        with connect_lake(workspace.lake) as con:
            rows = con.execute(
                'select "partition", "offset" from lake.accepted where event_id = ?'
                " or (event_type = 'xapi.statement_stored' and (payload ->> '$.statement_id') = ?) order by 1, 2",
                [event.lower(), event.lower()],
            ).fetchall()
    if not rows:
        raise BadConfiguration(
            "the lake has no event of that id; xueqing sink brings in what is new, and PARTITION:OFFSET names any record"
        )
    return sum(redact(workspace, *row) for row in rows)


def redact(workspace: Workspace, partition: int, offset: int) -> int:
    """Destroy the keys of what is sealed in one record; the record stays, and what rules read of it. Returns how many texts it had.

    Raises:
        BadConfiguration: there is no such record, or it has nothing sealed.
    """
    log = workspace.existing_log
    if partition not in log.end_offsets() or (found := log.record_at(partition, offset)) is None or found[1] is None:
        raise BadConfiguration(f"the log has no record {partition}:{offset}")
    with closing(workspace.vault()) as vault:
        texts: list[str | bytes] = sealed_texts(found[1])
        files = _files_of(workspace, vault, found[1])
        texts += [text for _, _, _, text in files]
        names = [header_of(text) for text in texts]
        leaves = sorted({f"{name.period}:{name.leaf}" for name in names if name is not None})
        if not leaves:
            raise BadConfiguration(
                f"record {partition}:{offset} has nothing sealed: it has no words in it, or was written before words were sealed"
                " (docs/privacy.md)"
            )
        periods = {period.period: period.programme_id for period in vault.periods.all()}
        programme_id = periods.get(leaves[0].partition(":")[0]) or workspace.definitions.programmes[0]
        event = encode(
            TextRedacted(texts=leaves), event_type=REDACTED, event_id=str(uuid.uuid4()), occurred_at=datetime.now(UTC),
            programme_id=programme_id, source=_SOURCE,
        )  # fmt: skip
        log.append([NewRecord(f"{partition}:{offset}".encode(), event)])
        apply_erasures(vault, log, workspace.lake)
        attachments = Attachments(workspace.settings.attachments, Sealer(vault))
        for programme, whose, sha2, _ in files:
            attachments.delete(programme, whose, sha2)
    return len(leaves)


def _files_of(workspace: Workspace, vault: Vault, value: bytes) -> list[tuple[str, str, str, bytes]]:
    """The attachments of a statement's record: programme, whose, hash, and the file's sealed content."""
    if b"xapi.statement_stored" not in value:
        return []
    document = msgspec.json.decode(value)
    statement, people = document["payload"]["statement"], People(vault)
    attachments, whose = Attachments(workspace.settings.attachments, people.sealer), whose_of(statement)
    found = []
    for attachment in attachments_of(people.whole(statement)):
        sha2 = attachment["sha2"].lower()
        sealed = attachments.sealed(document["programme_id"], whose, sha2)
        if sealed is not None:
            found.append((document["programme_id"], whose, sha2, sealed))
    return found


@dataclass(frozen=True, slots=True)
class Ending:
    """Periods of a programme's kind that have been kept long enough."""

    programme_id: str
    kind: str
    months_kept: int
    periods: Sequence[Period] = field(default=())

    @property
    def months(self) -> Sequence[str]:
        """The months of sealing, each once."""
        return sorted({period.month for period in self.periods})


def due_periods(workspace: Workspace, vault: Vault, until: date) -> list[Ending]:
    """What, as of a day, has been kept as long as each programme's retention.csv says; a kind without a row is kept.

    A month is kept until so many months after its end.
    """
    found: dict[tuple[str, str], list[Period]] = {}
    for period in vault.periods.all():
        if period.destroyed_at is None:
            found.setdefault((period.programme_id, period.kind), []).append(period)
    endings = []
    for (programme_id, kind), periods in sorted(found.items()):
        if programme_id not in workspace.definitions.programmes:
            continue
        rules = {
            row["kind"]: int(row["months"]) for row in workspace.definitions.in_force(programme_id).tables["retention"]
        }
        if kind not in rules:
            continue
        due = [period for period in periods if _kept_until(period.month, rules[kind]) <= until]
        if due:
            endings.append(Ending(programme_id, kind, rules[kind], due))
    return endings


def _kept_until(month: str, months: int) -> date:
    """The first day on which what was sealed in a month is due."""
    year, number = map(int, month.split("-"))
    whole = year * 12 + number + months
    return date(whole // 12, whole % 12 + 1, 1)


def end_periods(workspace: Workspace, vault: Vault, endings: Sequence[Ending], until: date) -> None:
    """Destroy the keys of periods.

    Raises:
        LogUnavailable: nothing is destroyed yet.
    """
    log = workspace.existing_log
    records = []
    for ending in endings:
        event = encode(
            TextsRetired(until_on=until.isoformat(), periods=[period.period for period in ending.periods]),
            event_type=RETIRED, event_id=str(uuid.uuid4()), occurred_at=datetime.now(UTC), programme_id=ending.programme_id,
            source=_SOURCE,
        )  # fmt: skip
        records.append(NewRecord(ending.programme_id.encode(), event))
    if records:
        log.append(records)
        apply_erasures(vault, log, workspace.lake)
