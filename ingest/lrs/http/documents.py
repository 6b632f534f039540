"""The resources State, Agent Profile, Activity Profile, Agents and Activities."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from dataclasses import dataclass
from itertools import chain
from typing import Any

import msgspec

from ingest.lrs.http.answering import Answer
from ingest.lrs.http.limits import MOST_BYTES
from ingest.lrs.http.requests import Call, Refused, etags, http_time, media_type
from ingest.lrs.index.port import Document, DocumentPlace
from ingest.lrs.standard.agents import account_of
from ingest.lrs.standard.formats import MOST_MEDIA_TYPE, given_media_type, plain_iri, plain_media_type, plain_uuid
from ingest.lrs.standard.rules import BadStatement
from ingest.lrs.standard.strict_json import parse_json
from ingest.lrs.writing.documents import DocumentWrite
from ingest.lrs.writing.store import Store
from warehouse.errors import IdentityError

__all__ = ["RESOURCES", "Documents", "Resource"]

_MOST_NAME = 2_000
_encode = msgspec.json.Encoder().encode
Before = tuple[bytes, Document] | None


@dataclass(frozen=True, slots=True)
class Resource:
    """A resource of documents: what its documents belong to, and the name of the parameter with their id."""

    kind: str
    id_name: str
    of_activity: bool
    of_agent: bool
    scope: str

    @property
    def is_state(self) -> bool:
        """Whether the documents are states: only these have registrations, and can be deleted together."""
        return self.kind == "state"


RESOURCES = {
    "activities/state": Resource("state", "stateId", True, True, "state"),
    "activities/profile": Resource("activity_profile", "profileId", True, False, "profile"),
    "agents/profile": Resource("agent_profile", "profileId", False, True, "profile"),
}


class Documents:
    """Stores and gives the documents of a key's programme."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def _names(self, resource: Resource, *more: str) -> tuple[str, ...]:
        return (
            resource.id_name, *(["activityId"] if resource.of_activity else []), *(["agent"] if resource.of_agent else []),
            *(["registration"] if resource.is_state else []), *more,
        )  # fmt: skip

    def _about(self, resource: Resource, call: Call) -> tuple[str | None, dict[str, Any] | None, str | None]:
        """The activity, agent and registration of a request, as far as the resource has them."""
        activity = call.required("activityId") if resource.of_activity else None
        if activity is not None and (not plain_iri(activity) or len(activity) > _MOST_NAME):
            raise Refused(400, "activityId: an IRI")
        agent = call.agent() if resource.of_agent else None
        if agent is not None and account_of(agent) is None:
            raise Refused(400, "agent: one with an identifier")
        registration = call.parameters.get("registration") if resource.is_state else None
        if registration is not None and not plain_uuid(registration):
            raise Refused(400, "registration: a UUID")
        return activity, agent, registration and registration.lower()

    def _id(self, resource: Resource, call: Call) -> str:
        found = call.required(resource.id_name)
        if not found or len(found) > _MOST_NAME or "\0" in found:
            raise Refused(400, f"{resource.id_name}: a text of at most {_MOST_NAME:,} characters")
        return found

    # -- giving

    def get(self, resource: Resource, call: Call) -> Answer:
        """A document, or the ids of a place's documents."""
        has_id = resource.id_name in call.parameters
        call.only(*self._names(resource, *([] if has_id else ["since"])))
        activity, agent, registration = self._about(resource, call)
        person = self._store.people.key_of(agent) if agent is not None else None
        is_nobody = agent is not None and person is None
        place = DocumentPlace(resource.kind, activity or "", person or "", registration or "")
        programme = call.key.programme_id
        if not has_id:
            since = call.microseconds("since")
            ids = [] if is_nobody else self._store.index.document_ids(programme, place, since)
            return Answer(200, json.dumps(ids, ensure_ascii=False).encode(), "application/json")
        document_id = self._id(resource, call)
        found = None if is_nobody else self._store.index.document(programme, place, document_id)
        if found is None:
            raise Refused(404, "there is no such document")
        try:
            content = self._store.opened(place, found)
        except IdentityError:
            raise Refused(404, "there is no such document") from None
        headers = {"etag": f'"{found.etag}"', "last-modified": http_time(found.stored_us)}
        if "if-none-match" in call.headers and found.etag in etags(call.headers["if-none-match"]):
            return Answer(304, headers=headers)
        return Answer(200, content, given_media_type(found.content_type), headers)

    # -- storing

    def put(self, resource: Resource, call: Call) -> Future[str | None]:
        """Store a document in place of what was there."""
        content_type = _content_type(call)
        # The versions differ: 1.0.3 lets a client replace a state without a condition, and asks for one to store a new profile.
        may_replace = resource.is_state and call.version == "1.0.3"
        may_create = resource.is_state or call.version != "1.0.3"

        def change(before: Before) -> tuple[bytes, str]:
            _check_condition(call, before)
            if not {"if-match", "if-none-match"} & call.headers.keys():
                if before is not None and not may_replace:
                    raise Refused(409, "there is a document: read it, and send its ETag in If-Match")
                if before is None and not may_create:
                    raise Refused(400, "If-None-Match: * is missing, by which a new document is stored")
            return call.body, content_type

        return self._write(resource, call, change)

    def post(self, resource: Resource, call: Call) -> Future[str | None]:
        """Merge a JSON object into the document that was there."""
        content_type = _content_type(call)
        said = _object(call.body) if _is_json(content_type) else None
        if _is_json(content_type) and said is None:
            raise Refused(400, "the document is not a JSON object")

        def change(before: Before) -> tuple[bytes, str]:
            _check_condition(call, before)
            if before is None:
                return call.body, content_type
            known = _object(before[0]) if _is_json(before[1].content_type) else None
            if said is None or known is None:
                raise Refused(400, "only a JSON object can be merged, and only into another")
            return _encode({**known, **said}), "application/json"

        return self._write(resource, call, change)

    def delete(self, resource: Resource, call: Call) -> Future[str | None]:
        """Delete a document; without an id all states of a place."""

        def change(before: Before) -> None:
            _check_condition(call, before)

        if resource.is_state and resource.id_name not in call.parameters:
            call.only(*self._names(resource))
            activity, agent, registration = self._about(resource, call)
            return self._store.write(
                DocumentWrite(call.key.programme_id, resource.kind, activity, agent, registration, None, change)
            )
        return self._write(resource, call, change)

    def _write(
        self, resource: Resource, call: Call, change: Callable[[Before], tuple[bytes, str] | None]
    ) -> Future[str | None]:
        call.only(*self._names(resource))
        activity, agent, registration = self._about(resource, call)
        document_id = self._id(resource, call)
        return self._store.write(
            DocumentWrite(call.key.programme_id, resource.kind, activity, agent, registration, document_id, change)
        )

    # -- agents and activities

    def person(self, call: Call) -> Answer:
        """The names and identifiers that the programme's statements give an agent, for keys that may read these statements."""
        call.only("agent")
        agent = call.agent()
        key = self._store.people.key_of(agent) if call.key.may("statements/read") else None
        known: Iterator[dict[str, Any]] = iter(())
        if key is not None:
            known = self._store.people.persons(key, self._store.index.forms(call.key.programme_id, key))
        found: dict[str, Any] = {"objectType": "Person"}
        size = 0
        for said in chain([agent], known):
            for name in ("name", "mbox", "mbox_sha1sum", "openid", "account"):
                if name in said and said[name] not in found.setdefault(name, []):
                    found[name].append(said[name])
                    size += len(_encode(said[name]))
            if size > MOST_BYTES:
                break
        found = {k: v for k, v in found.items() if v}
        return Answer(200, json.dumps(found, ensure_ascii=False).encode(), "application/json")

    def activity(self, call: Call) -> Answer:
        """The definition that statements give an activity."""
        call.only("activityId")
        activity_id = call.required("activityId")
        if not plain_iri(activity_id):
            raise Refused(400, "activityId: an IRI")
        definition = self._store.index.definitions(call.key.programme_id, [activity_id]).get(activity_id)
        found = {"objectType": "Activity", "id": activity_id, **({"definition": definition} if definition else {})}
        return Answer(200, _encode(found), "application/json")


def _content_type(call: Call) -> str:
    found = call.headers.get("content-type", "application/octet-stream").strip(" \t")
    if not plain_media_type(found):
        raise Refused(400, f"Content-Type: type/subtype as a header has it, of at most {MOST_MEDIA_TYPE:,} characters")
    return found


def _is_json(content_type: str) -> bool:
    return media_type(content_type) == "application/json"


def _object(content: bytes) -> dict[str, Any] | None:
    try:
        found = parse_json(content)
    except BadStatement:
        return None
    return found if isinstance(found, dict) else None


def _check_condition(call: Call, before: Before) -> None:
    """Raises Refused, 412, where If-Match or If-None-Match does not hold."""
    match, none_match = call.headers.get("if-match"), call.headers.get("if-none-match")
    etag = before[1].etag if before is not None else None
    if match is not None and (etag is None or not (match.strip() == "*" or etag in etags(match))):
        raise Refused(412, "If-Match: the document is another by now")
    if none_match is not None and etag is not None and (none_match.strip() == "*" or etag in etags(none_match)):
        raise Refused(412, "If-None-Match: there is such a document")
