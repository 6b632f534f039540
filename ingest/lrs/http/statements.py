"""The Statements resource."""

from __future__ import annotations

import json
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from typing import Any

import msgspec

from ingest.lrs.attachments import Attachments, sha2_matches
from ingest.lrs.facets import Facet
from ingest.lrs.formats import plain_iri, plain_uuid
from ingest.lrs.http.formats import as_asked
from ingest.lrs.http.multipart import Part, boundary_of, join_parts, split_parts
from ingest.lrs.http.requests import Call, Refused, http_time, media_type
from ingest.lrs.index import Query, Stored
from ingest.lrs.keys import Key
from ingest.lrs.rules import BadStatement, check_statement
from ingest.lrs.signatures import SIGNATURE, check_signature
from ingest.lrs.store import Store
from ingest.lrs.strict_json import parse_json

__all__ = ["Answer", "Statements"]

_FILTERS = (
    "agent", "verb", "activity", "registration", "related_activities", "related_agents", "since", "until", "limit", "format",
    "attachments", "ascending",
)  # fmt: skip
_MOST_A_PAGE, _USUAL_PAGE = 500, 100


@dataclass(frozen=True, slots=True)
class Answer:
    """What is answered; a HEAD request gets all but the body."""

    status: int
    body: bytes = b""
    content_type: str | None = None
    headers: Mapping[str, str] | None = None


@dataclass(frozen=True, slots=True)
class Storing:
    """Statements on their way: what becomes of them, what they say, and the answer when they are durable."""

    future: Future[list[str]]
    verbs: Counter[str]
    answer: Callable[[list[str]], Answer]


class Statements:
    """Stores and gives statements of the programme of a key."""

    def __init__(
        self, store: Store, attachments: Attachments, path: str, most: int, authority: Callable[[Key], dict[str, Any]]
    ) -> None:
        self._store, self._attachments, self._path, self._most = store, attachments, path, most
        self._authority = authority

    # -- storing

    def put(self, call: Call) -> Storing:
        """Take one statement under the id in the parameters."""
        call.only("statementId")
        statement_id = call.required("statementId")
        _check_uuid(statement_id, "statementId")
        said, parts = self._body(call)
        if not isinstance(said, dict):
            raise Refused(400, "one statement is expected")
        if str(said.get("id", statement_id)).lower() != statement_id.lower():
            raise Refused(400, "id: another than statementId")
        return self._take(call, [{**said, "id": statement_id}], parts, lambda ids: Answer(204))

    def post(self, call: Call) -> Storing:
        """Take one statement, or all of a list, or none."""
        call.only()
        said, parts = self._body(call)
        statements = said if isinstance(said, list) else [said]
        if len(statements) > self._most:
            raise Refused(413, f"more than {self._most:,} statements at once")
        return self._take(
            call, statements, parts, lambda ids: Answer(200, json.dumps(ids).encode(), "application/json")
        )

    def _body(self, call: Call) -> tuple[Any, dict[str, bytes]]:
        """The JSON, and the contents of attachments by hash."""
        content_type = call.headers.get("content-type", "")
        kind = media_type(content_type)
        if kind == "multipart/mixed":
            first, *rest = split_parts(call.body, boundary_of(content_type))
            if media_type(first.headers.get("content-type", "")) != "application/json":
                raise Refused(400, "the first part is to be application/json")
            return parse_json(first.content), _contents(rest)
        if kind != "application/json":
            raise Refused(400, "Content-Type: application/json, or multipart/mixed with attachments")
        return parse_json(call.body), {}

    def _take(
        self, call: Call, statements: Sequence[Any], contents: dict[str, bytes], answer: Callable[[list[str]], Answer]
    ) -> Storing:
        for n, statement in enumerate(statements):
            try:
                check_statement(statement, call.version)
            except BadStatement as error:
                place = f"statement {n}: " if len(statements) > 1 else ""
                raise Refused(400, f"{place}{error}") from None
        ids = [s["id"].lower() for s in statements if "id" in s]
        if len(set(ids)) < len(ids):
            raise Refused(400, "an id comes twice")
        self._keep_attachments(call.key.programme_id, statements, contents)
        version = "1.0.0" if call.version.startswith("1.") else call.version
        future = self._store.put(
            call.key.programme_id, statements, self._authority(call.key), version,
            opens_enrolments="enrolments/open" in call.key.scopes,
        )  # fmt: skip
        return Storing(future, Counter(str(s["verb"]["id"]) for s in statements), answer)

    def _keep_attachments(
        self, programme_id: str, statements: Sequence[Mapping[str, Any]], contents: dict[str, bytes]
    ) -> None:
        wanted: set[str] = set()
        for statement in statements:
            for attachment in _attachments_of(statement):
                sha2 = attachment["sha2"].lower()
                wanted.add(sha2)
                if sha2 in contents:
                    if attachment["usageType"] == SIGNATURE:
                        check_signature(statement, attachment, contents[sha2])
                elif attachment["usageType"] == SIGNATURE or "fileUrl" not in attachment:
                    raise Refused(400, "attachments: a part with the content is missing, and there is no fileUrl")
        if set(contents) - wanted:
            raise Refused(400, "a part is no attachment of these statements")
        for sha2, content in contents.items():
            self._attachments.put(programme_id, sha2, content)

    # -- giving

    def get(self, call: Call) -> Answer:
        """One statement, or a page of those that match."""
        through = {"x-experience-api-consistent-through": self._store.consistent_through()}
        if "more" in call.parameters:
            call.only("more")
            call.parameters = _opened(call.parameters["more"])
            after = tuple(json.loads(call.parameters.pop("after")))
            return self._page(call, after, through)
        single = [n for n in ("statementId", "voidedStatementId") if n in call.parameters]
        if single:
            call.only(*single, "format", "attachments")
            if len(single) > 1:
                raise Refused(400, "either statementId or voidedStatementId")
            return self._one(call, single[0], through)
        call.only(*_FILTERS)
        return self._page(call, None, through)

    def _one(self, call: Call, name: str, through: Mapping[str, str]) -> Answer:
        statement_id = call.parameters[name].lower()
        _check_uuid(statement_id, name)
        found = self._store.index.statements(call.key.programme_id, [statement_id]).get(statement_id)
        if found is None or found.is_voided is not (name == "voidedStatementId") or not self._may_read(call, found):
            raise Refused(404, "there is no such statement", through)
        statement = as_asked(self._store.people.restored(found.statement), call)
        headers = {**through, "last-modified": http_time(found.stored_us)}
        return self._answered(call, statement, [statement], headers)

    def _may_read(self, call: Call, found: Stored) -> bool:
        if call.key.may("statements/read"):
            return True
        mine = self._store.people.key_of(self._authority(call.key))
        account = found.statement["authority"].get("account", {})
        return mine is not None and str(account.get("name", "")).rpartition(".")[0] == mine

    def _page(self, call: Call, after: Any, through: Mapping[str, str]) -> Answer:
        asked = call.parameters
        limit = _whole(asked.get("limit", "0"))
        size = min(limit or _USUAL_PAGE, _MOST_A_PAGE)
        facets = self._facets(call)
        since, until = call.microseconds("since"), call.microseconds("until")
        is_ascending = call.truth("ascending")
        if asked.get("format", "exact") not in ("exact", "ids", "canonical"):
            raise Refused(400, "format: exact, ids or canonical")
        found: list[Stored] = []
        if facets is not None:
            query = Query(facets, since, until, is_ascending, size + 1, after)
            found = self._store.index.find(call.key.programme_id, query)
        page = found[:size]
        more = ""
        if len(found) > size:
            place = [page[-1].stored_us, page[-1].place]
            more = f"{self._path}?more={_closed({**asked, 'after': json.dumps(place)})}"
        statements = [as_asked(self._store.people.restored(s.statement), call) for s in page]
        headers = dict(through)
        if page:
            headers["last-modified"] = http_time(max(s.stored_us for s in page))
        body = {"statements": statements, "more": more}
        return self._answered(call, body, statements, headers)

    def _facets(self, call: Call) -> list[tuple[int, str]] | None:
        """What is asked for, the rarest first; None where nothing can match."""
        asked, found = call.parameters, []
        related = (call.truth("related_agents"), call.truth("related_activities"))
        if "registration" in asked:
            _check_uuid(asked["registration"], "registration")
            found.append((int(Facet.REGISTRATION), asked["registration"].lower()))
        if "agent" in asked:
            key = self._store.people.key_of(call.agent())
            if key is None:
                return None
            found.append((int(Facet.RELATED_AGENT if related[0] else Facet.AGENT), key))
        if not call.key.may("statements/read"):
            mine = self._store.people.key_of(self._authority(call.key))
            if mine is None:
                return None
            found.append((int(Facet.AUTHORITY), mine))
        for name, facet in (
            ("activity", Facet.RELATED_ACTIVITY if related[1] else Facet.ACTIVITY), ("verb", Facet.VERB),
        ):  # fmt: skip
            if name in asked:
                if not plain_iri(asked[name]):
                    raise Refused(400, f"{name}: an IRI")
                found.append((int(facet), asked[name]))
        return found

    def _answered(
        self, call: Call, body: Any, statements: Sequence[Mapping[str, Any]], headers: Mapping[str, str]
    ) -> Answer:
        content = msgspec.json.encode(body)
        if not call.truth("attachments"):
            return Answer(200, content, "application/json", headers)
        parts = [Part({"Content-Type": "application/json"}, content)]
        given: set[str] = set()
        for statement in statements:
            for attachment in _attachments_of(statement):
                sha2 = attachment["sha2"].lower()
                kept = self._attachments.get(call.key.programme_id, sha2) if sha2 not in given else None
                if kept is not None:
                    given.add(sha2)
                    parts.append(
                        Part(
                            {
                                "Content-Type": attachment["contentType"], "Content-Transfer-Encoding": "binary",
                                "X-Experience-API-Hash": attachment["sha2"],
                            },
                            kept,
                        )
                    )  # fmt: skip
        joined, content_type = join_parts(parts)
        return Answer(200, joined, content_type, headers)


def _attachments_of(statement: Mapping[str, Any]) -> Sequence[Mapping[str, Any]]:
    """A statement's, and those of the substatement that it may have."""
    within = statement["object"] if statement["object"].get("objectType") == "SubStatement" else {}
    return [*statement.get("attachments", ()), *within.get("attachments", ())]


def _contents(parts: Sequence[Part]) -> dict[str, bytes]:
    found = {}
    for part in parts:
        sha2 = part.headers.get("x-experience-api-hash", "").lower()
        if part.headers.get("content-transfer-encoding", "").lower() != "binary":
            raise Refused(400, "an attachment's part is to have Content-Transfer-Encoding: binary")
        if not sha2_matches(part.content, sha2):
            raise Refused(400, "X-Experience-API-Hash: missing, or not that of the part's content")
        found[sha2] = part.content
    return found


def _check_uuid(text: str, name: str) -> None:
    if not plain_uuid(text):
        raise Refused(400, f"{name}: a UUID")


def _whole(text: str) -> int:
    if not text.isascii() or not text.isdigit() or len(text) > 9:
        raise Refused(400, "limit: a whole number from 0")
    return int(text)


def _closed(parameters: Mapping[str, str]) -> str:
    return urlsafe_b64encode(json.dumps(parameters, ensure_ascii=False).encode()).decode().rstrip("=")


def _opened(text: str) -> dict[str, str]:
    try:
        found = json.loads(urlsafe_b64decode(text + "=" * (-len(text) % 4)))
        place = json.loads(found["after"])
        if not all(isinstance(v, str) for v in found.values()) or not all(isinstance(n, int) for n in place):
            raise ValueError
        if len(place) != 2 or set(found) - {*_FILTERS, "after"}:
            raise ValueError
    except (ValueError, KeyError, TypeError, AttributeError):
        raise Refused(400, "more: not what this server has given") from None
    return dict(found)
