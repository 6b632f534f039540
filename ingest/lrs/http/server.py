"""The resources: from a request to its answer."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from contextlib import ExitStack, suppress
from dataclasses import replace
from functools import partial
from typing import Any, TypeVar

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response

from ingest.lrs.access.keys import Key
from ingest.lrs.attachments import Attachments
from ingest.lrs.http.access import Access
from ingest.lrs.http.alternate import first_part, from_form, is_json
from ingest.lrs.http.answering import CORS, Answer, allow, answered, durable, preflight, refusal, response_of
from ingest.lrs.http.bodies import Bodies, JsonCount
from ingest.lrs.http.caliper import CaliperEndpoint, CountingOf, basic_of
from ingest.lrs.http.documents import RESOURCES, Documents
from ingest.lrs.http.events import Collector, answer_of
from ingest.lrs.http.giving import THROUGH, Giving
from ingest.lrs.http.guarding import DOCUMENT
from ingest.lrs.http.limits import Limits
from ingest.lrs.http.observing import Observer
from ingest.lrs.http.requests import (
    Call,
    Refused,
    authorization_in,
    headers_of,
    likely_version,
    media_type,
    query_parameters,
    spoken_version,
)
from ingest.lrs.http.statements import Statements, Storing
from ingest.lrs.http.turns import Turns
from ingest.lrs.standard.rules import VERSIONS
from ingest.lrs.writing.store import Store
from warehouse.errors import LogUnavailable

__all__ = ["Server"]

T = TypeVar("T")
#: Bytes below which a body is read at once: a thread costs more than reading a few statements. A larger one would hold up other requests.
_SMALL_BYTES = 131_072
#: The minutes over which arrivals are counted.
_RECENT_MIN = (1, 15)


class Server:
    """Answers the requests of a store's clients."""

    def __init__(
        self, store: Store, access: Access, attachments: Attachments, bodies: Bodies, turns: Turns, observer: Observer,
        base_url: str, prefix: str, limits: Limits, counting_of: CountingOf,
    ) -> None:  # fmt: skip
        self._access, self._bodies, self._turns, self._observer = access, bodies, turns, observer
        self._most_events = limits.events

        def authority(key: Key) -> dict[str, Any]:
            return {"objectType": "Agent", "account": {"homePage": base_url, "name": key.key_id}}

        self._statements = Statements(store, attachments, limits.statements, authority)
        self._giving = Giving(store, attachments, f"{prefix}/statements", authority)
        self._documents = Documents(store)
        self._collector = Collector(store, limits.events)
        self._caliper = CaliperEndpoint(store, limits.events, counting_of)

    async def _who(self, request: Request, headers: Any) -> Key:
        client = request.scope.get("client")
        key = await self._access.who(headers, client[0] if client is not None else "")
        request.scope["key_id"] = key.key_id
        return key

    async def _read(self, key: Key, body: bytes, work: Callable[[], T]) -> T:
        """What ``work`` reads in a body: at once, or where the body is large in a thread, in the turn of its programme."""
        return work() if len(body) < _SMALL_BYTES else await self._turns.work(key.programme_id, work)

    async def about(self, request: Request) -> Response:
        """The about resource: the versions of xAPI that the server speaks. It asks for no key."""
        version = likely_version(request.headers.get("x-experience-api-version"))
        if request.method == "OPTIONS":
            return response_of(Answer(204, headers=preflight()), version)
        if request.method not in ("GET", "HEAD"):
            return response_of(refusal(Refused(405, "GET or HEAD")), version)
        # Clients of 1.0.x know no later version, and some take one for an error.
        later = () if version == VERSIONS[0] else VERSIONS[1:]
        body = json.dumps({"version": ["1.0.0", "1.0.1", "1.0.2", VERSIONS[0], *later]}).encode()
        return response_of(Answer(200, body, "application/json"), version, is_head=request.method == "HEAD")

    async def answer(self, request: Request) -> Response:
        """Any other resource of xAPI."""
        method, resource = request.method, request.path_params["resource"].removesuffix("/")
        headers = headers_of(request.scope)
        told = headers.get("x-experience-api-version")
        version = likely_version(told, is_alternate=not told and "method" in request.query_params)
        if method == "OPTIONS":
            return response_of(Answer(204, headers=preflight()), version)
        is_known = False

        async def work(stack: ExitStack) -> Answer:
            nonlocal version, method, is_known
            call = await self._call(request, headers, stack)
            version, method, is_known = call.version, call.method, True
            return await self._routed(resource, call)

        found = await answered(work)
        if resource == "statements" and THROUGH not in (found.headers or {}):
            through = self._giving.told_through(is_fresh=is_known)
            with suppress(LogUnavailable):
                through = through or await run_in_threadpool(self._giving.through)
            through = through or self._giving.told_through(is_fresh=False)
            found = replace(found, headers={**(found.headers or {}), THROUGH: str(through)})
        return response_of(found, version, is_head=method == "HEAD")

    async def events(self, request: Request) -> Response:
        """The collector."""
        count = JsonCount(one_by_one=True, lines=self._most_events)
        return await self._collect(request, count, self._collector.post)

    async def caliper(self, request: Request) -> Response:
        """Caliper's endpoint."""
        # In a thread, however small: it asks the vault and the index.
        return await self._collect(request, JsonCount(), self._caliper.post, authorization_of=basic_of, in_thread=True)

    async def _collect(
        self,
        request: Request,
        count: JsonCount,
        post: Callable[[Key, str, bytes], tuple[Future[list[str]], Callable[[Sequence[str]], list[dict[str, str]]]]],
        authorization_of: Callable[[str], str] = str,
        *,
        in_thread: bool = False,
    ) -> Response:
        """Take the events of a request, and answer for each."""
        if request.method == "OPTIONS":
            return Response(status_code=204, headers={**CORS, **preflight()})

        async def work(stack: ExitStack) -> Answer:
            if request.method != "POST":
                raise Refused(405, "POST", {"allow": "POST"})
            headers = headers_of(request.scope)
            if "authorization" in headers:
                headers["authorization"] = authorization_of(headers["authorization"])
            key = await self._who(request, headers)
            if not key.may("events/write"):
                raise Refused(403, "this key may not; it would need events/write")
            body = await self._bodies.read(request, headers, stack, key.programme_id, count)
            reading = partial(post, key, headers.get("content-type", ""), body)
            future, told = await (
                self._turns.work(key.programme_id, reading) if in_thread else self._read(key, body, reading)
            )
            events = told(await durable(future))
            for status, times in Counter(event["status"] for event in events).items():
                self._observer.took("event", status, times)
            self._observer.arrivals.add(
                key.programme_id,
                "event",
                key.label or key.key_id,
                Counter(event["event_type"] for event in events if event["status"] == "accepted"),
            )
            return answer_of(events)

        found = await answered(work)
        headers = {**CORS, **(found.headers or {}), "content-type": found.content_type or "application/json"}
        return Response(found.body, found.status, headers)

    async def live(self, request: Request) -> Response:
        """What arrived in the programme of a key in the last minutes, by verb and source."""

        async def work(stack: ExitStack) -> Answer:
            key = await self._who(request, headers_of(request.scope))
            content = await run_in_threadpool(self._arrived, key.programme_id)
            return Answer(200, content, "application/json", {"cache-control": "no-store"})

        found = await answered(work)
        return Response(found.body, found.status, {**(found.headers or {}), "content-type": "application/json"})

    def _arrived(self, programme_id: str) -> bytes:
        found = {
            f"last_{minutes}_min": [
                {"kind": kind, "name": name, "source": source, "count": count}
                for kind, name, source, count in self._observer.arrivals.since(programme_id, minutes * 60)
            ]
            for minutes in _RECENT_MIN
        }
        return json.dumps({"programme_id": programme_id, **found}, ensure_ascii=False).encode()

    def _stored(self, call: Call) -> Storing:
        if not is_json(call.headers):
            JsonCount().add_all(first_part(call))
        return self._statements.put(call) if call.method == "PUT" else self._statements.post(call)

    async def _call(self, request: Request, headers: dict[str, str], stack: ExitStack) -> Call:
        parameters = query_parameters(request.scope["query_string"])
        method, body = request.method, b""
        if method == "POST" and "method" in parameters:
            return await self._alternate(request, parameters, headers, stack)
        key = await self._who(request, headers)
        version = spoken_version(headers.get("x-experience-api-version"))
        if method in ("PUT", "POST"):
            # PUT of a document takes any content; POST merges JSON.
            is_read = is_json(headers) and (method == "POST" or request.path_params["resource"] not in RESOURCES)
            count = JsonCount() if is_read else None
            body = await self._bodies.read(request, headers, stack, key.programme_id, count)
        return Call(method, headers, parameters, body, version, key)

    async def _alternate(
        self, request: Request, parameters: dict[str, str], headers: dict[str, str], stack: ExitStack
    ) -> Call:
        """A request in the alternate syntax: the parameters, some headers and the content are fields of a form."""
        method = parameters.pop("method").upper()
        if parameters:
            raise Refused(400, "of the alternate request syntax only method is in the query")
        if media_type(headers.get("content-type", "")) != "application/x-www-form-urlencoded":
            raise Refused(400, "the alternate request syntax is application/x-www-form-urlencoded")
        if method not in ("GET", "HEAD", "PUT", "POST", "DELETE"):
            raise Refused(400, "method: GET, HEAD, PUT, POST or DELETE")
        known = await self._who(request, headers) if "authorization" in headers else None

        async def identified(start: bytes) -> str:
            return (await self._who(request, {"authorization": authorization_in(start)})).programme_id

        sender = known.programme_id if known is not None else identified
        form = await self._bodies.read(request, headers, stack, sender)
        key = known or await self._who(request, {"authorization": authorization_in(form)})
        merged, fields, body = await self._read(key, form, partial(from_form, headers, form))
        if merged.get("authorization") != headers.get("authorization", merged.get("authorization")):
            key = await self._who(request, merged)
        version = spoken_version(merged.get("x-experience-api-version"))
        if version != "1.0.3":
            raise Refused(400, "the alternate request syntax is not part of xAPI 2.0.0")
        return Call(method, merged, fields, body, version, key)

    async def _routed(self, resource: str, call: Call) -> Answer:
        reads = call.method in ("GET", "HEAD")
        if resource == "statements":
            if reads:
                allow(call, "statements/read", "statements/read/mine")
                return await run_in_threadpool(self._giving.get, call)
            if call.method in ("PUT", "POST"):
                allow(call, "statements/write")
                stored = await self._read(call.key, call.body, partial(self._stored, call))
                ids = await durable(stored.future)
                self._observer.took("statement", "stored", len(ids))
                self._observer.arrivals.add(
                    call.key.programme_id, "statement", call.key.label or call.key.key_id, stored.verbs
                )
                return stored.answer(ids)
            raise Refused(405, "GET, HEAD, PUT or POST")
        if resource in RESOURCES:
            kind = RESOURCES[resource]
            allow(call, kind.scope)
            if reads:
                found = await run_in_threadpool(self._documents.get, kind, call)
                return replace(found, headers={**(found.headers or {}), **DOCUMENT})
            write = {"PUT": self._documents.put, "POST": self._documents.post, "DELETE": self._documents.delete}
            etag = await durable(await self._read(call.key, call.body, partial(write[call.method], kind, call)))
            return Answer(204, headers={"etag": f'"{etag}"'} if etag else {})
        if resource in ("agents", "activities"):
            if not reads:
                raise Refused(405, "GET or HEAD")
            allow(call, "statements/read", "profile", "state")
            give = self._documents.person if resource == "agents" else self._documents.activity
            return await run_in_threadpool(give, call)
        raise Refused(404, "there is no such resource; xAPI has statements, activities, agents and about")
