"""What the clients of benchmarks count, of servers that answer in every way."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import TypeVar

import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchmarks.clients import Store, paged, read_back, written

#: Of a request's path, the bytes of the answer; without any, the connection breaks.
Script = Callable[[str], bytes]
T = TypeVar("T")


def measured(status: int, body: bytes, head: str = "") -> bytes:
    return f"HTTP/1.1 {status} Told\r\nContent-Length: {len(body)}\r\n{head}\r\n".encode() + body


def in_pieces(body: bytes, size: int) -> bytes:
    pieces = [body[n : n + size] for n in range(0, len(body), size)]
    return b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + b"".join(
        f"{len(piece):x}\r\n".encode() + piece + b"\r\n" for piece in [*pieces, b""]
    )


def against(script: Script, work: Callable[[Store], Awaitable[T]]) -> tuple[T, Store]:
    ended: list[asyncio.Future[None]] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        ended.append(asyncio.get_running_loop().create_future())
        own = ended[-1]
        with suppress(asyncio.IncompleteReadError):
            await answering(reader, writer)
        writer.close()
        await writer.wait_closed()
        own.set_result(None)

    async def answering(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while True:
            head = await reader.readuntil(b"\r\n\r\n")
            await reader.readexactly(int(head.partition(b"Content-Length: ")[2].partition(b"\r\n")[0]))
            answer = script(head.split(b" ", 2)[1].decode())
            writer.write(answer)
            if not answer or b"\r\nConnection: close" in answer:
                break

    async def both() -> tuple[T, Store]:
        async with await asyncio.start_server(serve, "127.0.0.1", 0) as server:
            store = Store("scripted", server.sockets[0].getsockname()[1], "credentials")
            done = await work(store), store
            await asyncio.gather(*ended)
            return done

    return asyncio.run(both())


WAYS = {
    "taken": measured(200, b"[]"),
    "taken, and good-bye": measured(200, b"[]", "Connection: close\r\n"),
    "taken, told in pieces": in_pieces(b"[ ]", 2),
    "refused": measured(400, b"{}"),
    "failed": measured(500, b"Internal Server Error"),
    "no answer": b"",
}


@given(st.lists(st.sampled_from(sorted(WAYS)), min_size=1, max_size=20), st.integers(1, 4))
def test_each_request_is_sent_once_and_only_what_was_taken_counts(ways: list[str], clients: int) -> None:
    left = iter(ways)
    bodies: list[list[dict[str, object]]] = [[{"id": f"{n}a"}, {"id": f"{n}b"}] for n in range(len(ways))]
    told, store = against(lambda _: WAYS[next(left)], lambda store: written(store, bodies, clients, 60))
    assert next(left, None) is None
    assert len(told.each) == told.answers.total() == len(ways)
    taken = sum(way.startswith("taken") for way in ways)
    assert told.answers[2] == taken
    assert (told.answers[4], told.answers[5], told.answers[0]) == tuple(
        ways.count(way) for way in ("refused", "failed", "no answer")
    )
    assert told.statements == len(store.acknowledged) == 2 * taken
    assert store.most == (500 if "failed" in ways else 400 if "refused" in ways else 200 if taken else 0)


def of_pages(count: int) -> Script:
    def script(path: str) -> bytes:
        number = int(path.rpartition("from=")[2]) if "from=" in path else 0
        # Some links name the server, others begin with the path.
        where = "http://127.0.0.1:1" if number % 2 else ""
        more = f"{where}/xapi/statements?from={number + 1}" if number + 1 < count else ""
        return in_pieces(json.dumps({"statements": [{"id": f"s{number}"}], "more": more}).encode(), 7)

    return script


def test_pages_are_followed_and_begun_again_at_the_end() -> None:
    told, _ = against(of_pages(3), lambda store: paged(store, 8, 2, 60))
    assert (told.statements, told.answers) == (8, {2: 8})


@pytest.mark.parametrize(("acknowledged", "kept"), [({"s0", "s2"}, True), ({"s0", "s3"}, False)])
def test_what_was_acknowledged_and_is_not_there_is_told(
    acknowledged: set[str], kept: bool, capsys: pytest.CaptureFixture[str]
) -> None:
    async def look(store: Store) -> bool:
        store.acknowledged = acknowledged
        return await read_back(store)

    assert against(of_pages(3), look)[0] is kept
    assert f"2 statements acknowledged, {1 - kept} of them not in a full pull" in capsys.readouterr().out
