"""Between the checked record and the log's bytes: what is somebody's own words is sealed here, and opened again for who may read it.

An event keeps the members that its type has; its free text, and whatever else its producer sent, becomes the envelope's ``sealed``. Bytes
that are no event become a record that says why, and holds them sealed. (docs/decisions/0010)
"""

from __future__ import annotations

import re
from base64 import b64decode, b64encode
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import msgspec

from ingest.events import Envelope, Reason, Refusal, encode_raw, validate
from ingest.events.free_text import divided, merged
from ingest.events.json_text import NotReadable, read_json
from ingest.events.numbers import decode
from ingest.events.validation import set_aside
from ingest.identity.sealing import Sealer, header_of
from ingest.lrs.standard.words import SEALED, divided_statement
from warehouse.errors import IdentityError

__all__ = ["opened_event", "opened_record", "sealed_event", "sealed_record", "sealed_texts"]

_encode = msgspec.json.Encoder().encode
#: Whose bytes that are no event may be, and of which programme: they need not be JSON.
_KEY = re.compile(rb'"(?:learner|staff)_key"\s*:\s*"([A-Za-z0-9_-]{8,64})"')
_PROGRAMME = re.compile(rb'"programme_id"\s*:\s*"([^"\\\x00-\x1f]{1,200})"')
_SET_ASIDE = {"refused", "sealed"}
_ASIDE = "record that is no event"


def sealed_event(sealer: Callable[[], Sealer], value: bytes, event: Envelope) -> Envelope:
    """An event whose words are sealed; the event itself where it has none.

    Args:
        sealer: called only where there is something to seal: it opens the vault.
        value: the record's bytes, of which ``event`` is what the catalogue reads.
    """
    document = read_json(value, as_written=True)
    hidden = divided(document, event) or {}
    whose = event.learner_key or event.staff_key
    if event.sealed is not None:
        if _is_ours(sealer(), event.sealed, _about(event)):
            return event
        # Anybody may write the name; it is read by nobody.
        hidden["sealed"] = event.sealed
        event = msgspec.structs.replace(event, sealed=None)
    if event.event_type.startswith("xapi."):
        event = _without_words(sealer, event, document["payload"], whose)
    if not hidden:
        return event
    text = sealer().seal_marked(whose, event.programme_id, "event", _about(event), _encode(hidden))
    return msgspec.structs.replace(event, sealed=text)


def _about(event: Envelope) -> str:
    return f"event {event.event_id}"


def _is_ours(sealer: Sealer, text: object, about: str) -> bool:
    """Whether a text was sealed here: a copy of a log of ours that comes in again keeps what it has."""
    if not isinstance(text, str) or header_of(text) is None:
        return False
    try:
        return sealer.open(text, about) is not None
    except IdentityError:
        return False


def _without_words(sealer: Callable[[], Sealer], event: Envelope, said: dict[str, Any], whose: str | None) -> Envelope:
    """A record of our store of statements that comes in again from a copy of earlier days."""
    payload = dict(event.payload)
    if event.event_type == "xapi.statement_stored":
        statement = said["statement"]
        about = f"statement {statement.get('id')}"
        if SEALED in statement and _is_ours(sealer(), statement[SEALED], about):
            return event
        try:
            plain, hidden = divided_statement({k: v for k, v in statement.items() if k != SEALED})
        except (KeyError, TypeError, AttributeError):
            plain, hidden = {}, dict(statement)  # no statement: no reader takes it for one
        if hidden:
            text = sealer().seal(whose, event.programme_id, "statement", about, _encode(hidden))
            payload["statement"] = {**plain, SEALED: text}
    elif event.event_type == "xapi.document_stored":
        content = _decoded(payload["content"])
        if header_of(content) is None:
            place = [payload.get(name) or "" for name in ("kind", "activity_id", "person_key", "registration")]
            about = " ".join(["document", *place])
            sealed = sealer().seal_bytes(payload.get("person_key"), event.programme_id, "document", about, content)
            payload["content"] = b64encode(sealed).decode()
    return msgspec.structs.replace(event, payload=payload)


def _decoded(text: str) -> bytes:
    try:
        return b64decode(text, validate=True)
    except ValueError:
        return text.encode()


def sealed_record(sealer: Callable[[], Sealer], value: bytes) -> bytes:
    """The bytes that the log is given for a record as it came: an event's as they are where there are no words in it."""
    found = validate(value, datetime.now(UTC))
    if isinstance(found, Refusal):
        if found.reason is Reason.PERSONAL_KEY and b"learner.erased" in value:
            return value  # it asks to forget somebody of an earlier day, whose key is their name
        return value if _is_aside(sealer, value) else _aside(sealer(), value, found)
    event = sealed_event(sealer, value, found)
    return value if event is found else encode_raw(event)


def _is_aside(sealer: Callable[[], Sealer], value: bytes) -> bool:
    if b'"refused"' not in value:
        return False
    try:
        document = read_json(value)
    except NotReadable:
        return False
    return (
        isinstance(document, dict) and document.keys() == _SET_ASIDE and _is_ours(sealer(), document["sealed"], _ASIDE)
    )


def _aside(sealer: Sealer, value: bytes, why: Refusal) -> bytes:
    keys = [match.decode() for match in _KEY.findall(value)]
    whose = next((key for key in keys if sealer.knows(key)), None)
    programme = _PROGRAMME.search(value)
    name = programme[1].decode("utf-8", "replace") if programme else ""
    return set_aside(why, sealer.seal(whose, name, "quarantine", _ASIDE, value))


def opened_record(sealer: Sealer, value: bytes) -> bytes | None:
    """A quarantined record's bytes as they came; None where their key is gone."""
    try:
        document = read_json(value)
    except NotReadable:
        return value
    if not isinstance(document, dict) or document.keys() != _SET_ASIDE or header_of(str(document["sealed"])) is None:
        return value
    return sealer.open(document["sealed"], _ASIDE)


def opened_event(sealer: Sealer, document: dict[str, Any]) -> dict[str, Any]:
    """An event's record, whole; without its words where their key is gone."""
    text = document.get("sealed")
    plain = {k: v for k, v in document.items() if k != "sealed"}
    if not isinstance(text, str):
        return plain
    words = sealer.open(text, f"event {document['event_id']}")
    return plain if words is None else merged(plain, decode(words))


def sealed_texts(value: bytes) -> list[str | bytes]:
    """The sealed texts of a record, whatever it is: of an event, of its statement, of its document, of bytes that are none."""
    try:
        document = read_json(value)
    except NotReadable:
        return []
    if not isinstance(document, dict):
        return []
    payload = document.get("payload")
    payload = payload if isinstance(payload, dict) else {}
    statement = payload.get("statement")
    texts = [document.get("sealed"), statement.get(SEALED) if isinstance(statement, dict) else None]
    found: list[str | bytes] = [text for text in texts if isinstance(text, str) and header_of(text) is not None]
    if isinstance(payload.get("content"), str):
        content = _decoded(payload["content"])
        found += [content] if header_of(content) is not None else []
    return found
