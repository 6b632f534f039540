"""The application: who asks, for what, by which version of xAPI; what is answered, and with which headers."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping
from concurrent.futures import Future
from dataclasses import dataclass
from typing import Any

from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.routing import Route

from ingest.lrs.attachments import Attachments
from ingest.lrs.http.documents import RESOURCES, Documents
from ingest.lrs.http.requests import Call, Refused, credentials, media_type, query_parameters, spoken_version
from ingest.lrs.http.statements import Answer, Statements
from ingest.lrs.keys import Key, Keys
from ingest.lrs.rules import VERSIONS, BadStatement
from ingest.lrs.store import Conflict, Store, TooBusy, TooLarge
from warehouse.errors import LogUnavailable

__all__ = ["Limits", "make_app"]

_METHODS = ("GET", "HEAD", "PUT", "POST", "DELETE", "OPTIONS")
#: Headers that the alternate request syntax of 1.0.3 carries as fields of a form.
_FORM_HEADERS = {
    "authorization", "x-experience-api-version", "content-type", "content-length", "if-match", "if-none-match", "accept-language", "accept",
}  # fmt: skip
_CORS = {
    "access-control-allow-origin": "*",
    "access-control-expose-headers": "ETag, Last-Modified, Content-Type, X-Experience-API-Version, X-Experience-API-Consistent-Through",
}


@dataclass(frozen=True, slots=True)
class Limits:
    """What a request may hold at most: bytes of its body, statements."""

    body_bytes: int = 16 << 20
    statements: int = 1_000


def make_app(
    store: Store, keys: Keys, attachments: Attachments, *, base_url: str, prefix: str = "/xapi", limits: Limits | None = None
) -> Starlette:  # fmt: skip
    """The xAPI resources under ``prefix``.

    Args:
        base_url: where clients find the server; the authority of what they store is an account there.
    """
    server = _Server(store, keys, attachments, base_url, prefix, limits or Limits())
    return Starlette(
        routes=[
            Route(f"{prefix}/about", server.about, methods=_METHODS),
            Route(f"{prefix}/{{resource:path}}", server.answer, methods=_METHODS),
        ]
    )


class _Server:
    def __init__(
        self, store: Store, keys: Keys, attachments: Attachments, base_url: str, prefix: str, limits: Limits
    ) -> None:
        self._keys, self._limits = keys, limits

        def authority(key: Key) -> dict[str, Any]:
            return {"objectType": "Agent", "account": {"homePage": base_url, "name": key.key_id}}

        self._statements = Statements(store, attachments, f"{prefix}/statements", limits.statements, authority)
        self._documents = Documents(store)

    async def about(self, request: Request) -> Response:
        """The versions that are spoken, for anybody who asks."""
        if request.method == "OPTIONS":
            return _response(Answer(204, headers=_preflight()), VERSIONS[-1])
        if request.method not in ("GET", "HEAD"):
            return _response(_refusal(Refused(405, "GET or HEAD")), VERSIONS[-1])
        body = json.dumps({"version": ["1.0.0", "1.0.1", "1.0.2", *VERSIONS]}).encode()
        return _response(Answer(200, body, "application/json"), VERSIONS[-1], is_head=request.method == "HEAD")

    async def answer(self, request: Request) -> Response:
        """Any other resource."""
        version = VERSIONS[-1]
        method = request.method
        try:
            if method == "OPTIONS":
                return _response(Answer(204, headers=_preflight()), version)
            call = await self._call(request)
            version, method = call.version, call.method
            found = await self._routed(request.path_params["resource"], call)
        except (Refused, BadStatement) as error:
            refused = error if isinstance(error, Refused) else Refused(400, str(error))
            if refused.status == 400 and "x-experience-api-version" in request.headers:
                version = "1.0.3" if request.headers["x-experience-api-version"].startswith("1") else version
            found = _refusal(refused)
        except TooBusy as error:
            found = _refusal(Refused(429, str(error), {"retry-after": "1"}))
        except ClientDisconnect:
            found = Answer(400)
        return _response(found, version, is_head=method == "HEAD")

    async def _body(self, request: Request) -> bytes:
        told = request.headers.get("content-length", "0")
        if not told.isdigit() or int(told) > self._limits.body_bytes:
            raise Refused(413, f"a body of more than {self._limits.body_bytes:,} bytes")
        pieces, size = [], 0
        async for piece in request.stream():
            size += len(piece)
            if size > self._limits.body_bytes:
                raise Refused(413, f"a body of more than {self._limits.body_bytes:,} bytes")
            pieces.append(piece)
        return b"".join(pieces)

    async def _call(self, request: Request) -> Call:
        headers: dict[str, str] = dict(request.headers)
        parameters = query_parameters(request.url.query.encode())
        method, body = request.method, b""
        alternate = parameters.pop("method", None) if method == "POST" else None
        if alternate is not None:
            # Who asks is not known yet: bounded like any other body.
            method, headers, parameters, body = _from_form(alternate, headers, parameters, await self._body(request))
        key = await self._who(headers)
        version = spoken_version(headers.get("x-experience-api-version"))
        if alternate is None:
            body = await self._body(request) if method in ("PUT", "POST") else b""
        elif version != "1.0.3":
            raise Refused(400, "the alternate request syntax is not part of xAPI 2.0.0")
        return Call(method, headers, parameters, body, version, key)

    async def _who(self, headers: Mapping[str, str]) -> Key:
        key_id, secret = credentials(headers.get("authorization"))
        key = self._keys.known(key_id, secret) or await run_in_threadpool(self._keys.check, key_id, secret)
        if key is None:
            raise Refused(401, "no such key, or another secret", {"www-authenticate": 'Basic realm="xAPI"'})
        return key

    async def _routed(self, resource: str, call: Call) -> Answer:
        reads = call.method in ("GET", "HEAD")
        if resource == "statements":
            if reads:
                _allow(call, "statements/read", "statements/read/mine")
                return await run_in_threadpool(self._statements.get, call)
            if call.method in ("PUT", "POST"):
                _allow(call, "statements/write")
                future, answered = self._statements.put(call) if call.method == "PUT" else self._statements.post(call)
                return answered(await _durable(future))
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
    except LogUnavailable as error:
        raise Refused(503, str(error), {"retry-after": "5"}) from None


def _refusal(refused: Refused) -> Answer:
    body = json.dumps({"error": refused.why}, ensure_ascii=False).encode()
    return Answer(refused.status, body, "application/json", refused.headers)


def _preflight() -> dict[str, str]:
    return {
        "access-control-allow-methods": ", ".join(_METHODS),
        "access-control-allow-headers": "Authorization, Content-Type, If-Match, If-None-Match, Accept-Language, X-Experience-API-Version",
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
