"""GET of the Statements resource: one statement, or a page of those that match a query."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import msgspec

from ingest.lrs.access.keys import Key
from ingest.lrs.attachments import Attachments
from ingest.lrs.http.answering import Answer
from ingest.lrs.http.formats import FORMATS, as_asked, named_in, with_definitions
from ingest.lrs.http.limits import MOST_BYTES
from ingest.lrs.http.more import More
from ingest.lrs.http.multipart import Part, join_parts
from ingest.lrs.http.requests import Call, Refused, check_uuid, http_time
from ingest.lrs.index.port import Found, Query, Stored
from ingest.lrs.standard.agents import whose_of
from ingest.lrs.standard.facets import Facet
from ingest.lrs.standard.formats import given_media_type, plain_iri
from ingest.lrs.standard.words import attachments_of
from ingest.lrs.writing.store import Store

__all__ = ["THROUGH", "Giving"]

#: The header that tells until when queries find everything that was stored.
THROUGH = "x-experience-api-consistent-through"

_FILTERS = (
    "agent", "verb", "activity", "registration", "related_activities", "related_agents", "since", "until", "limit", "format",
    "attachments", "ascending",
)  # fmt: skip
_MOST_A_PAGE, _USUAL_PAGE = 500, 100
#: Bytes of a query, at most: the link to the next page carries them, and has to fit into the head of a request.
_MOST_ASKED = 20_000
#: Seconds for which an answer without a statement may repeat the time until which queries find everything.
_FRESH_S = 1.0
_encode = msgspec.json.Encoder().encode


class Giving:
    """Gives statements of the programme of a key.

    Args:
        path: the resource's own path, for links to further pages.
        authority: the agent by whose authority a key stores statements.
    """

    def __init__(
        self, store: Store, attachments: Attachments, path: str, authority: Callable[[Key], dict[str, Any]]
    ) -> None:
        self._store, self._attachments, self._path, self._authority = store, attachments, path, authority
        self._more = More(store.people.signature)
        self._told = (time.monotonic(), store.consistent_through())

    def through(self) -> str:
        """The time until which queries find everything that was stored."""
        self._told = (time.monotonic(), self._store.consistent_through())
        return self._told[1]

    def told_through(self, *, is_fresh: bool) -> str | None:
        """That time as the last answer told it, which stays true; None where that was long ago and ``is_fresh`` asks for better."""
        at, text = self._told
        return text if not is_fresh or time.monotonic() - at < _FRESH_S else None

    def get(self, call: Call) -> Answer:
        """One statement, or a page of those that match."""
        through = {THROUGH: self.through()}
        if "more" in call.parameters:
            call.only("more")
            call.parameters, after = self._more.opened(call.key.programme_id, call.parameters["more"])
            return self._page(call, after, through)
        single = [n for n in ("statementId", "voidedStatementId") if n in call.parameters]
        if single:
            call.only(*single, "format", "attachments")
            if len(single) > 1:
                raise Refused(400, "either statementId or voidedStatementId")
            return self._one(call, single[0], through)
        call.only(*_FILTERS)
        if sum(len(value.encode()) for value in call.parameters.values()) > _MOST_ASKED:
            raise Refused(400, f"the query: more than {_MOST_ASKED:,} bytes")
        return self._page(call, None, through)

    def _one(self, call: Call, name: str, through: Mapping[str, str]) -> Answer:
        statement_id = call.parameters[name].lower()
        check_uuid(statement_id, name)
        _check_format(call)
        found = self._store.index.statements(call.key.programme_id, [statement_id]).get(statement_id)
        if found is None or found.is_voided is not (name == "voidedStatementId") or not self._may_read(call, found):
            raise Refused(404, "there is no such statement", through)
        (statement,), parts = self._given(call, [found])
        return _answer(call, statement, parts, {**through, "last-modified": http_time(found.stored_us)})

    def _may_read(self, call: Call, found: Stored) -> bool:
        if call.key.may("statements/read"):
            return True
        mine = self._store.people.key_of(self._authority(call.key))
        account = found.statement["authority"].get("account", {})
        return mine is not None and str(account.get("name", "")).rpartition(".")[0] == mine

    def _page(self, call: Call, after: tuple[int, int] | None, through: Mapping[str, str]) -> Answer:
        asked = call.parameters
        size = min(_whole(asked.get("limit", "0")) or _USUAL_PAGE, _MOST_A_PAGE)
        facets = self._facets(call)
        since, until = call.microseconds("since"), call.microseconds("until")
        is_ascending = call.truth("ascending")
        _check_format(call)
        found = Found([], has_more=False)
        if facets is not None:
            query = Query(facets, since, until, is_ascending, size, after, MOST_BYTES)
            found = self._store.index.find(call.key.programme_id, query)
        statements, parts = self._given(call, found.statements)
        page = found.statements[: len(statements)]
        more = ""
        if page and (found.has_more or len(page) < len(found.statements)):
            place = (page[-1].stored_us, page[-1].place)
            more = f"{self._path}?more={self._more.closed(call.key.programme_id, asked, place)}"
        headers = dict(through)
        if page:
            headers["last-modified"] = http_time(max(s.stored_us for s in page))
        return _answer(call, _encode({"statements": [*map(msgspec.Raw, statements)], "more": more}), parts, headers)

    def _given(self, call: Call, found: Sequence[Stored]) -> tuple[list[bytes], list[Part]]:
        """The JSON of the first statements, as many as :data:`MOST_BYTES` hold, with the parts of their attachments.

        The first statement is always given. What it would have beyond these bytes is left out: of attachments those that a
        fileUrl gives, too.
        """
        statements: list[bytes] = []
        parts: list[Part] = []
        sent: set[str] = set()
        total = 0
        for whose, statement in self._as_asked(call, found):
            content = _encode(statement)
            wanted = self._attached(call, statement, whose, sent) if call.truth("attachments") else {}
            size = len(content) + sum(size for _, size in wanted.values())
            if statements and total + size > MOST_BYTES:
                break
            total += len(content)
            for sha2, (attachment, size) in wanted.items():
                if total + size <= MOST_BYTES or "fileUrl" not in attachment:
                    kept = self._attachments.get(call.key.programme_id, whose, sha2)
                    if kept is not None:
                        parts.append(_part(attachment, kept))
                        sent.add(sha2)
                        total += len(kept)
            statements.append(content)
        return statements, parts

    def _attached(
        self, call: Call, statement: Mapping[str, Any], whose: str, sent: set[str]
    ) -> dict[str, tuple[Mapping[str, Any], int]]:
        """A statement's attachments by hash, each with its size; without those that are sent or were never stored."""
        found: dict[str, tuple[Mapping[str, Any], int]] = {}
        for attachment in attachments_of(statement):
            sha2 = attachment["sha2"].lower()
            size = self._attachments.size(call.key.programme_id, whose, sha2) if sha2 not in sent else None
            if size is not None:
                found[sha2] = (found.get(sha2, (attachment, size))[0], size)
        return found

    def _as_asked(self, call: Call, found: Sequence[Stored]) -> Iterator[tuple[str, dict[str, Any]]]:
        """The first statements in the format of the request, one at a time, each with the key of whose it is."""
        known: Mapping[str, Mapping[str, Any]] | None = None
        # A key that may read its own statements only is not told what others say of an activity.
        if call.parameters.get("format") == "canonical" and call.key.may("statements/read"):
            found, known = self._defined(call.key.programme_id, found)
        for one in found:
            statement = with_definitions(one.statement, known) if known is not None else one.statement
            yield whose_of(one.statement), as_asked(self._store.people.whole(statement), call)

    def _defined(
        self, programme_id: str, found: Sequence[Stored]
    ) -> tuple[Sequence[Stored], Mapping[str, Mapping[str, Any]]]:
        """The first statements, as many as have :data:`MOST_BYTES` of definitions, and these definitions.

        A definition counts as often as it is named, because it is written there. Of a first statement that names more, some activities
        keep the definition that the statement itself has.
        """
        named = [Counter(named_in(one.statement)) for one in found]
        sizes = self._store.index.definition_sizes(programme_id, {name for names in named for name in names})
        count, total = 0, 0
        wanted: set[str] = set()
        for names in named:
            size = sum(sizes.get(name, 0) * times for name, times in names.items())
            if count and total + size > MOST_BYTES:
                break
            count += 1
            for name, times in names.items():
                if total + sizes.get(name, 0) * times <= MOST_BYTES:
                    total += sizes.get(name, 0) * times
                    wanted.add(name)
        return found[:count], self._store.index.definitions(programme_id, wanted)

    def _facets(self, call: Call) -> list[tuple[int, str]] | None:
        """The facets that the query asks for, the rarest first; None where no statement can match."""
        asked, found = call.parameters, []
        related = (call.truth("related_agents"), call.truth("related_activities"))
        if "registration" in asked:
            check_uuid(asked["registration"], "registration")
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


def _answer(call: Call, content: bytes, parts: Sequence[Part], headers: Mapping[str, str]) -> Answer:
    """JSON, or with ``attachments=true`` JSON and the attachments after it."""
    if not call.truth("attachments"):
        return Answer(200, content, "application/json", headers)
    joined, content_type = join_parts([Part({"Content-Type": "application/json"}, content), *parts])
    return Answer(200, joined, content_type, headers)


def _part(attachment: Mapping[str, Any], content: bytes) -> Part:
    return Part(
        {
            "Content-Type": given_media_type(attachment["contentType"]), "Content-Transfer-Encoding": "binary",
            "X-Experience-API-Hash": attachment["sha2"],
        },
        content,
    )  # fmt: skip


def _whole(text: str) -> int:
    if not text.isascii() or not text.isdigit() or len(text) > 9:
        raise Refused(400, "limit: a whole number from 0")
    return int(text)


def _check_format(call: Call) -> None:
    if call.parameters.get("format", "exact") not in FORMATS:
        raise Refused(400, f"format: {', '.join(FORMATS)}")
