"""PUT and POST of the Statements resource."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from typing import Any

from ingest.lrs.access.keys import Key
from ingest.lrs.attachments import Attachments, sha2_matches
from ingest.lrs.http.answering import Answer
from ingest.lrs.http.multipart import Part, boundary_of, split_parts
from ingest.lrs.http.requests import Call, Refused, check_uuid, media_type
from ingest.lrs.standard.rules import BadStatement, check_statement
from ingest.lrs.standard.signatures import SIGNATURE, check_signature
from ingest.lrs.standard.strict_json import parse_json
from ingest.lrs.standard.words import attachments_of
from ingest.lrs.writing.store import Store

__all__ = ["Statements", "Storing"]


@dataclass(frozen=True, slots=True)
class Storing:
    """Statements on their way to the log: their future, their verbs, and the answer when they are durable."""

    future: Future[list[str]]
    verbs: Counter[str]
    answer: Callable[[list[str]], Answer]


class Statements:
    """Stores statements of the programme of a key.

    Args:
        most: statements of one request, at most.
        authority: the agent by whose authority a key stores statements.
    """

    def __init__(
        self, store: Store, attachments: Attachments, most: int, authority: Callable[[Key], dict[str, Any]]
    ) -> None:
        self._store, self._attachments, self._most, self._authority = store, attachments, most, authority

    def put(self, call: Call) -> Storing:
        """Take one statement under the id in the parameters."""
        call.only("statementId")
        statement_id = call.required("statementId")
        check_uuid(statement_id, "statementId")
        said, parts = self._body(call)
        if not isinstance(said, dict):
            raise Refused(400, "one statement is expected")
        if str(said.get("id", statement_id)).lower() != statement_id.lower():
            raise Refused(400, "id: another than statementId")
        return self._take(call, [{**said, "id": statement_id}], parts, lambda ids: Answer(204))

    def post(self, call: Call) -> Storing:
        """Take one statement or a list of them; all are stored, or none."""
        call.only()
        said, parts = self._body(call)
        statements = said if isinstance(said, list) else [said]
        if len(statements) > self._most:
            raise Refused(413, f"more than {self._most:,} statements at once")
        return self._take(
            call, statements, parts, lambda ids: Answer(200, json.dumps(ids).encode(), "application/json")
        )

    def _body(self, call: Call) -> tuple[Any, dict[str, bytes]]:
        """The JSON of a body, and the contents of attachments by hash."""
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
        self._keep_attachments(call.key.programme_id, self._authority(call.key), statements, contents)
        version = "1.0.0" if call.version.startswith("1.") else call.version
        future = self._store.put(
            call.key.programme_id, statements, self._authority(call.key), version,
            opens_enrolments="enrolments/open" in call.key.scopes,
        )  # fmt: skip
        return Storing(future, Counter(str(s["verb"]["id"]) for s in statements), answer)

    def _keep_attachments(
        self, programme_id: str, authority: Mapping[str, Any], statements: Sequence[Mapping[str, Any]],
        contents: dict[str, bytes],
    ) -> None:  # fmt: skip
        wanted: set[str] = set()
        for statement in statements:
            for attachment in attachments_of(statement):
                sha2 = attachment["sha2"].lower()
                wanted.add(sha2)
                if sha2 in contents:
                    if attachment["usageType"] == SIGNATURE:
                        check_signature(statement, attachment, contents[sha2])
                elif attachment["usageType"] == SIGNATURE or "fileUrl" not in attachment:
                    raise Refused(400, "attachments: a part with the content is missing, and there is no fileUrl")
        if set(contents) - wanted:
            raise Refused(400, "a part is no attachment of these statements")
        for statement in statements if contents else ():
            whose = self._store.people.whose(statement, authority)
            for sha2 in {attachment["sha2"].lower() for attachment in attachments_of(statement)} & contents.keys():
                self._attachments.put(programme_id, whose, sha2, contents[sha2])


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
