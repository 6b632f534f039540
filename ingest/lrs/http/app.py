"""The application: xAPI, the collector of events, and what a server tells of itself."""

from __future__ import annotations

import asyncio
import json
from collections import Counter
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from contextlib import AsyncExitStack
from dataclasses import dataclass
from functools import partial
from typing import Any

from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Route
from starlette.types import ASGIApp

from ingest.lrs.attachments import Attachments
from ingest.lrs.http.access import Access
from ingest.lrs.http.bodies import Bodies
from ingest.lrs.http.documents import RESOURCES, Documents
from ingest.lrs.http.events import Collector, answer_of
from ingest.lrs.http.observing import Observer
from ingest.lrs.http.openapi import description
from ingest.lrs.http.requests import Call, Refused, media_type, query_parameters, spoken_version
from ingest.lrs.http.statements import Answer, Statements
from ingest.lrs.index import TooCostly
from ingest.lrs.keys import Key
from ingest.lrs.rules import VERSIONS, BadStatement
from ingest.lrs.store import Store, TooBusy
from ingest.lrs.writes import Conflict, TooLarge
from warehouse.errors import LogUnavailable

__all__ = ["Limits", "make_app", "resource_of"]

_METHODS = ("GET", "HEAD", "PUT", "POST", "DELETE", "OPTIONS")
#: Headers that the alternate request syntax of 1.0.3 carries as fields of a form.
_FORM_HEADERS = {
    "authorization", "x-experience-api-version", "content-type", "content-length", "if-match", "if-none-match", "accept-language", "accept",
}  # fmt: skip
_CORS = {
    "access-control-allow-origin": "*",
    "access-control-expose-headers": "ETag, Last-Modified, Content-Type, X-Experience-API-Version, X-Experience-API-Consistent-Through",
}
_SMALL_BYTES = 65_536
#: Minutes of arrivals that are told.
_RECENT_MIN = (1, 15)


@dataclass(frozen=True, slots=True)
class Limits:
    """What is taken at most.

    Attributes:
        body_bytes: of a request's body, packed and unpacked.
        statements: in a request.
        events: in a request of the collector.
        held_bytes: bodies of all requests under way together; beyond, they are answered 503.
        patience_s: seconds for which a client may send nothing in the midst of a body.
    """

    body_bytes: int = 16 << 20
    statements: int = 1_000
    events: int = 10_000
    held_bytes: int = 256 << 20
    patience_s: float = 20.0


def make_app(
    store: Store, access: Access, attachments: Attachments, *, base_url: str, prefix: str = "/xapi", limits: Limits | None = None,
    observer: Observer | None = None, pages: Sequence[BaseRoute] = (),
) -> ASGIApp:  # fmt: skip
    """The xAPI resources under ``prefix``, ``/events``, ``/live``, ``/health``, ``/ready``, ``/metrics`` and ``/openapi.json``.

    Args:
        base_url: where clients find the server; the authority of what they store is an account there.
        observer: what is told of the requests; a new one where there is none.
        pages: what else is served.
    """
    limits = limits or Limits()
    observer = observer or Observer(resource_of)
    bodies = Bodies(limits.body_bytes, limits.held_bytes, limits.patience_s)
    observer.gauge("waiting_requests", "Requests that wait to be written.", store.waiting)
    observer.gauge("held_bytes", "Bytes of bodies of requests under way.", lambda: bodies.held)
    server = _Server(store, access, attachments, bodies, observer, base_url, prefix, limits)
    openapi = description(base_url, prefix, limits.body_bytes)

    async def health(request: Request) -> Response:
        return JSONResponse({"status": "ok"})

    async def ready(request: Request) -> Response:
        try:
            behind = await run_in_threadpool(store.behind)
        except LogUnavailable as error:
            return JSONResponse({"status": "the log cannot be reached", "why": str(error)}, 503)
        return JSONResponse({"status": "ready", "records_behind": behind})

    async def metrics(request: Request) -> Response:
        return Response(
            await run_in_threadpool(observer.metrics), media_type="text/plain; version=0.0.4; charset=utf-8"
        )

    async def openapi_document(request: Request) -> Response:
        return JSONResponse(openapi)

    app = Starlette(
        routes=[
            # Looked at one after the other: those first that are asked for most.
            Route(f"{prefix}/about", server.about, methods=_METHODS),
            Route(f"{prefix}/{{resource:path}}", server.answer, methods=_METHODS),
            Route("/events", server.events, methods=_METHODS),
            Route("/health", health),
            Route("/ready", ready),
            Route("/metrics", metrics),
            Route("/openapi.json", openapi_document),
            Route("/live", server.live),
            *pages,
        ]
    )
    return observer.around(app)


def resource_of(path: str, prefix: str = "/xapi") -> str:
    """A path's resource, of few names."""
    resource = path.removeprefix(f"{prefix}/")
    if resource != path:
        known = ("statements", "about", "agents", "activities", *RESOURCES)
        return resource if resource in known else "unknown"
    known = ("/events", "/live", "/health", "/ready", "/metrics", "/openapi.json")
    return path[1:] if path in known else "page"


class _Server:
    def __init__(
        self, store: Store, access: Access, attachments: Attachments, bodies: Bodies, observer: Observer, base_url: str,
        prefix: str, limits: Limits,
    ) -> None:  # fmt: skip
        self._access, self._bodies, self._observer = access, bodies, observer

        def authority(key: Key) -> dict[str, Any]:
            return {"objectType": "Agent", "account": {"homePage": base_url, "name": key.key_id}}

        self._statements = Statements(store, attachments, f"{prefix}/statements", limits.statements, authority)
        self._documents = Documents(store)
        self._collector = Collector(store, limits.events)

    async def _who(self, request: Request, headers: Any) -> Key:
        key = await self._access.who(headers)
        request.scope["key_id"] = key.key_id
        return key

    async def about(self, request: Request) -> Response:
        """The versions that are spoken, for anybody who asks."""
        if request.method == "OPTIONS":
            return _response(Answer(204, headers=_preflight()), VERSIONS[-1])
        if request.method not in ("GET", "HEAD"):
            return _response(_refusal(Refused(405, "GET or HEAD")), VERSIONS[-1])
        body = json.dumps({"version": ["1.0.0", "1.0.1", "1.0.2", *VERSIONS]}).encode()
        return _response(Answer(200, body, "application/json"), VERSIONS[-1], is_head=request.method == "HEAD")

    async def answer(self, request: Request) -> Response:
        """Any other resource of xAPI."""
        version = VERSIONS[-1]
        method = request.method
        if method == "OPTIONS":
            return _response(Answer(204, headers=_preflight()), version)

        async def answered(stack: AsyncExitStack) -> Answer:
            nonlocal version, method
            call = await self._call(request, stack)
            version, method = call.version, call.method
            return await self._routed(request.path_params["resource"], call)

        found = await _answered(answered)
        if found.status == 400 and "x-experience-api-version" in request.headers:
            version = "1.0.3" if request.headers["x-experience-api-version"].startswith("1") else version
        return _response(found, version, is_head=method == "HEAD")

    async def events(self, request: Request) -> Response:
        """The collector."""
        if request.method == "OPTIONS":
            return Response(status_code=204, headers={**_CORS, **_preflight()})

        async def answered(stack: AsyncExitStack) -> Answer:
            if request.method != "POST":
                raise Refused(405, "POST", {"allow": "POST"})
            key = await self._who(request, request.headers)
            if not key.may("events/write"):
                raise Refused(403, "this key may not; it would need events/write")
            body = await stack.enter_async_context(self._bodies.read(request))
            content_type = request.headers.get("content-type", "")
            # A thread costs more than a few events do.
            post = partial(self._collector.post, key, content_type, body)
            future, told = post() if len(body) < _SMALL_BYTES else await run_in_threadpool(post)
            events = told(await _durable(future))
            for status, count in Counter(event["status"] for event in events).items():
                self._observer.took("event", status, count)
            self._observer.arrivals.add(
                key.programme_id,
                "event",
                key.label or key.key_id,
                Counter(event["event_type"] for event in events if event["status"] == "accepted"),
            )
            return answer_of(events)

        found = await _answered(answered)
        headers = {**_CORS, **(found.headers or {}), "content-type": found.content_type or "application/json"}
        return Response(found.body, found.status, headers)

    async def live(self, request: Request) -> Response:
        """What arrived in the last minutes in the programme of a key, by verb and source."""

        async def answered(stack: AsyncExitStack) -> Answer:
            key = await self._who(request, request.headers)
            found = {
                f"last_{minutes}_min": [
                    {"kind": kind, "name": name, "source": source, "count": count}
                    for kind, name, source, count in self._observer.arrivals.since(key.programme_id, minutes * 60)
                ]
                for minutes in _RECENT_MIN
            }
            content = json.dumps({"programme_id": key.programme_id, **found}, ensure_ascii=False).encode()
            return Answer(200, content, "application/json", {"cache-control": "no-store"})

        found = await _answered(answered)
        return Response(found.body, found.status, {**(found.headers or {}), "content-type": "application/json"})

    async def _call(self, request: Request, stack: AsyncExitStack) -> Call:
        headers: dict[str, str] = dict(request.headers)
        parameters = query_parameters(request.url.query.encode())
        method, body = request.method, b""
        alternate = parameters.pop("method", None) if method == "POST" else None
        if alternate is not None:
            # Who asks is not known yet: bounded like any other body.
            form = await stack.enter_async_context(self._bodies.read(request))
            method, headers, parameters, body = _from_form(alternate, headers, parameters, form)
        key = await self._who(request, headers)
        version = spoken_version(headers.get("x-experience-api-version"))
        if alternate is None:
            if method in ("PUT", "POST"):
                body = await stack.enter_async_context(self._bodies.read(request))
        elif version != "1.0.3":
            raise Refused(400, "the alternate request syntax is not part of xAPI 2.0.0")
        return Call(method, headers, parameters, body, version, key)

    async def _routed(self, resource: str, call: Call) -> Answer:
        reads = call.method in ("GET", "HEAD")
        if resource == "statements":
            if reads:
                _allow(call, "statements/read", "statements/read/mine")
                return await run_in_threadpool(self._statements.get, call)
            if call.method in ("PUT", "POST"):
                _allow(call, "statements/write")
                stored = self._statements.put(call) if call.method == "PUT" else self._statements.post(call)
                ids = await _durable(stored.future)
                self._observer.took("statement", "stored", len(ids))
                self._observer.arrivals.add(
                    call.key.programme_id, "statement", call.key.label or call.key.key_id, stored.verbs
                )
                return stored.answer(ids)
            raise Refused(405, "GET, HEAD, PUT or POST")
        if resource in RESOURCES:
            kind = RESOURCES[resource]
            _allow(call, kind.scope)
            if reads:
                return await run_in_threadpool(self._documents.get, kind, call)
            write = {"PUT": self._documents.put, "POST": self._documents.post, "DELETE": self._documents.delete}
            etag = await _durable(write[call.method](kind, call))
            return Answer(204, headers={"etag": f'"{etag}"'} if etag else {})
        if resource in ("agents", "activities"):
            if not reads:
                raise Refused(405, "GET or HEAD")
            _allow(call, "statements/read", "profile", "state")
            give = self._documents.person if resource == "agents" else self._documents.activity
            return await run_in_threadpool(give, call)
        raise Refused(404, "there is no such resource; xAPI has statements, activities, agents and about")


async def _answered(work: Callable[[AsyncExitStack], Any]) -> Answer:
    """What ``work`` answers, or why it is refused; what it holds is let go."""
    async with AsyncExitStack() as stack:
        try:
            answer: Answer = await work(stack)
        except Refused as error:
            return _refusal(error)
        except BadStatement as error:
            return _refusal(Refused(400, str(error)))
        except TooCostly as error:
            return _refusal(Refused(400, str(error)))
        except TooBusy as error:
            return _refusal(Refused(429, str(error), {"retry-after": "1"}))
        except LogUnavailable as error:
            return _refusal(Refused(503, str(error), {"retry-after": "5"}))
        except ClientDisconnect:
            return Answer(400)
        return answer


def _allow(call: Call, *scopes: str) -> None:
    if not call.key.may(*scopes):
        raise Refused(403, f"this key may not; it would need {' or '.join(scopes)}")


async def _durable(future: Future[Any]) -> Any:
    try:
        return await asyncio.wrap_future(future)
    except Conflict:
        raise Refused(409, "a statement of that id says something else") from None
    except TooLarge as error:
        raise Refused(413, str(error)) from None
    finally:
        # An error holds this frame; holding what holds the error, it would stay, with all that was sent, until cycles are collected.
        del future


def _refusal(refused: Refused) -> Answer:
    body = json.dumps({"error": refused.why}, ensure_ascii=False).encode()
    return Answer(refused.status, body, "application/json", refused.headers)


def _preflight() -> dict[str, str]:
    return {
        "access-control-allow-methods": ", ".join(_METHODS),
        "access-control-allow-headers": "Authorization, Content-Type, Content-Encoding, If-Match, If-None-Match, Accept-Language, X-Experience-API-Version",
        "access-control-max-age": "86400",
    }


def _response(answer: Answer, version: str, *, is_head: bool = False) -> Response:
    headers = {**_CORS, "x-experience-api-version": version, **(answer.headers or {})}
    if answer.content_type is not None:
        headers["content-type"] = answer.content_type
    if is_head:
        headers["content-length"] = str(len(answer.body))
        return Response(b"", answer.status, headers)
    return Response(answer.body, answer.status, headers)


def _from_form(
    method: str, headers: dict[str, str], parameters: dict[str, str], body: bytes
) -> tuple[str, dict[str, str], dict[str, str], bytes]:
    """A request in the alternate syntax: everything but the method is a field of a form."""
    if parameters:
        raise Refused(400, "of the alternate request syntax only method is in the query")
    if media_type(headers.get("content-type", "")) != "application/x-www-form-urlencoded":
        raise Refused(400, "the alternate request syntax is application/x-www-form-urlencoded")
    if method.upper() not in ("GET", "HEAD", "PUT", "POST", "DELETE"):
        raise Refused(400, "method: GET, HEAD, PUT, POST or DELETE")
    fields = query_parameters(body)
    content = fields.pop("content", "")
    told = {name.lower(): fields.pop(name) for name in list(fields) if name.lower() in _FORM_HEADERS}
    kept = {k: v for k, v in headers.items() if k not in ("content-type", "content-length")}
    merged = {"content-type": "application/json", **kept, **told}
    return method.upper(), merged, fields, content.encode()
