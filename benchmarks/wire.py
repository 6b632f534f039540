"""HTTP of as little work as can be, so that a client takes little of the machine from the server that it measures."""

from __future__ import annotations

import asyncio
import json
import time
from dataclasses import dataclass

#: A reader and a writer of one connection.
Pair = tuple[asyncio.StreamReader, asyncio.StreamWriter]


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back; the status is 0 where nothing did."""

    status: int
    body: bytes
    seconds: float
    #: The server will not speak on this connection again.
    last: bool = False


def request(own: str, method: str, path: str, body: object = None) -> bytes:
    """Of a key's credentials; a path that does not begin with a slash is one of xAPI."""
    content = b"" if body is None else json.dumps(body, ensure_ascii=False).encode()
    head = (
        f"{method} {path if path.startswith('/') else f'/xapi/{path}'} HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: Basic {own}\r\nX-Experience-API-Version: 2.0.0\r\n"
        f"Content-Type: application/json\r\nContent-Length: {len(content)}\r\n\r\n"
    )
    return head.encode() + content


async def exchange(pair: Pair, body: bytes) -> Answer:
    """The answer to a request, whole."""
    reader, writer = pair
    began = time.perf_counter()
    writer.write(body)
    head = (await reader.readuntil(b"\r\n\r\n")).lower()
    found = await (_pieces(reader) if b"transfer-encoding: chunked" in head else _measured(reader, head))
    return Answer(int(head.split(b" ", 2)[1]), found, time.perf_counter() - began, b"\r\nconnection: close" in head)


async def _measured(reader: asyncio.StreamReader, head: bytes) -> bytes:
    return await reader.readexactly(int(head.partition(b"content-length:")[2].partition(b"\r\n")[0] or 0))


async def _pieces(reader: asyncio.StreamReader) -> bytes:
    found = []
    while size := int(await reader.readline(), 16):
        found.append((await reader.readexactly(size + 2))[:-2])
    await reader.readline()
    return b"".join(found)


async def answered(pair: Pair, body: bytes) -> float:
    """Seconds until a 200 has come, whole."""
    answer = await exchange(pair, body)
    assert answer.status == 200, answer
    return answer.seconds
