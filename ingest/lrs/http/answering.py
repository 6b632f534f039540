"""Answers, and how they become responses: what a request's work gives or raises, and the headers that all have."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Mapping
from concurrent.futures import Future
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Any

from starlette.requests import ClientDisconnect
from starlette.responses import Response

from ingest.lrs.http.requests import Call, Refused
from ingest.lrs.index.port import TooCostly
from ingest.lrs.standard.rules import BadStatement
from ingest.lrs.writing.planning import Conflict, TooLarge
from ingest.lrs.writing.store import NotKept, TooBusy
from warehouse.errors import LogUnavailable

__all__ = ["CORS", "METHODS", "Answer", "allow", "answered", "durable", "preflight", "refusal", "response_of"]

METHODS = ("GET", "HEAD", "PUT", "POST", "DELETE", "OPTIONS")
CORS = {
    "access-control-allow-origin": "*",
    "access-control-expose-headers": "ETag, Last-Modified, Content-Type, X-Experience-API-Version, X-Experience-API-Consistent-Through",
}


@dataclass(frozen=True, slots=True)
class Answer:
    """A status, a body and headers; a HEAD request gets all but the body."""

    status: int
    body: bytes = b""
    content_type: str | None = None
    headers: Mapping[str, str] | None = None


async def answered(work: Callable[[ExitStack], Any]) -> Answer:
    """The answer of ``work``, or the refusal that it raises; then the stack is closed."""
    with ExitStack() as stack:
        try:
            answer: Answer = await work(stack)
        except Refused as error:
            return refusal(error)
        except BadStatement as error:
            return refusal(Refused(400, str(error)))
        except TooCostly as error:
            return refusal(Refused(400, str(error)))
        except TooBusy as error:
            return refusal(Refused(429, str(error), {"retry-after": "1"}))
        except LogUnavailable as error:
            return refusal(Refused(503, str(error), {"retry-after": "5"}))
        except ClientDisconnect:
            return Answer(400)
        return answer


def allow(call: Call, *scopes: str) -> None:
    """Raises Refused, 403, where the key has none of these scopes."""
    if not call.key.may(*scopes):
        raise Refused(403, f"this key may not; it would need {' or '.join(scopes)}")


async def durable(future: Future[Any]) -> Any:
    """The result of a command when it is durable.

    Raises:
        Refused: 409 conflict, 413 too large, 400 the index cannot give it back.
    """
    try:
        return await asyncio.wrap_future(future)
    except Conflict:
        raise Refused(409, "a statement of that id says something else") from None
    except TooLarge as error:
        raise Refused(413, str(error)) from None
    except NotKept as error:
        raise Refused(400, f"it cannot be given back: {error}") from None
    finally:
        # The future holds its error, the error this frame. With the future in it that is a cycle, which would keep all that was sent
        # until the next collection.
        del future


def refusal(refused: Refused) -> Answer:
    """A refusal as an answer: JSON with ``error``."""
    body = json.dumps({"error": refused.why}, ensure_ascii=False).encode()
    return Answer(refused.status, body, "application/json", refused.headers)


def preflight() -> dict[str, str]:
    """What a browser may send from pages of other servers."""
    return {
        "access-control-allow-methods": ", ".join(METHODS),
        "access-control-allow-headers": "Authorization, Content-Type, Content-Encoding, If-Match, If-None-Match, Accept-Language, X-Experience-API-Version",
        "access-control-max-age": "86400",
    }


def response_of(answer: Answer, version: str, *, is_head: bool = False) -> Response:
    """An answer of xAPI with the headers that all of them have."""
    headers = {**CORS, "x-experience-api-version": version, **(answer.headers or {})}
    if answer.content_type is not None:
        headers["content-type"] = answer.content_type
    if is_head:
        headers["content-length"] = str(len(answer.body))
        return Response(b"", answer.status, headers)
    return Response(answer.body, answer.status, headers)
