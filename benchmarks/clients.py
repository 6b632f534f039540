"""Clients that write to and read from stores of statements, and count whatever comes back."""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from dataclasses import dataclass, field
from itertools import count
from urllib.parse import urljoin, urlsplit

import msgspec

from benchmarks.wire import Answer, Pair, exchange, request

PAGE = 100
#: Seconds that one answer is waited for.
PATIENCE = 60.0
_FIRST = f"statements?limit={PAGE}"


@dataclass(slots=True)
class Store:
    """One that runs, and the ids that it has acknowledged."""

    name: str
    port: int
    own: str
    acknowledged: set[str] = field(default_factory=set)
    most: int = 0  # the highest status that it has answered with


@dataclass(slots=True)
class Told:
    """What came of one task: statements acknowledged or read, seconds of all and of each answer, answers by their first digit."""

    statements: int = 0
    seconds: float = 0.0
    each: list[float] = field(default_factory=list)
    answers: Counter[int] = field(default_factory=Counter)

    @property
    def rate(self) -> float:
        return self.statements / self.seconds


class _Said(msgspec.Struct):
    id: str


class _Page(msgspec.Struct):
    statements: list[_Said]
    more: str = ""


class Client:
    """One connection, opened anew after it broke."""

    def __init__(self, store: Store, told: Told) -> None:
        self._store, self._told = store, told
        self._pair: Pair | None = None

    async def ask(self, method: str, path: str, body: object = None) -> Answer:
        """Whatever comes, it is counted."""
        content = request(self._store.own, method, path, body)
        began = time.perf_counter()
        try:
            async with asyncio.timeout(PATIENCE):
                if self._pair is None:
                    self._pair = await asyncio.open_connection("127.0.0.1", self._store.port, limit=1 << 24)
                answer = await exchange(self._pair, content)
        except (OSError, EOFError):
            answer = Answer(0, b"", time.perf_counter() - began, last=True)
        if answer.last:
            self.close()
        self._told.each.append(answer.seconds)
        self._told.answers[answer.status // 100] += 1
        self._store.most = max(self._store.most, answer.status)
        return answer

    def close(self) -> None:
        if self._pair is not None:
            self._pair[1].close()
            self._pair = None


async def written(store: Store, bodies: list[list[dict[str, object]]], clients: int, seconds: float) -> Told:
    """Each body posted once, by whichever client is free."""
    told, left, began = Told(), iter(bodies), time.perf_counter()

    async def write() -> None:
        client = Client(store, told)
        for body in left:
            if time.perf_counter() - began > seconds:
                break
            answer = await client.ask("POST", "statements", body if len(body) > 1 else body[0])
            if answer.status == 200:
                told.statements += len(body)
                store.acknowledged.update(str(one["id"]) for one in body)
        client.close()

    await asyncio.gather(*(write() for _ in range(clients)))
    told.seconds = time.perf_counter() - began
    return told


async def paged(store: Store, pages: int, clients: int, seconds: float) -> Told:
    """So many pages; each client follows ``more`` from the newest statement on, and begins again at the end."""
    told, numbers, began = Told(), count(), time.perf_counter()

    async def read() -> None:
        client, path = Client(store, told), _FIRST
        while next(numbers) < pages and time.perf_counter() - began < seconds:
            page, path = await read_page(client, path)
            told.statements += len(page)
            path = path or _FIRST
        client.close()

    await asyncio.gather(*(read() for _ in range(clients)))
    told.seconds = time.perf_counter() - began
    return told


async def read_page(client: Client, path: str) -> tuple[list[str], str]:
    """The ids of a page, and the path of the next one, empty after the last."""
    answer = await client.ask("GET", path)
    if answer.status != 200:
        return [], ""
    page = msgspec.json.decode(answer.body, type=_Page)
    more = urlsplit(urljoin("/xapi/statements", page.more))
    return [one.id for one in page.statements], f"{more.path}?{more.query}" if page.more and page.statements else ""


async def read_back(store: Store) -> bool:
    """Whether every id that the store acknowledged is in a full pull of it."""
    client, path, found = Client(store, Told()), _FIRST, set[str]()
    while path:
        page, path = await read_page(client, path)
        found.update(page)
    client.close()
    lost = len(store.acknowledged - found)
    print(
        f"{store.name}: {len(store.acknowledged):,} statements acknowledged, {lost:,} of them not in a full pull,"
        f" {len(found - store.acknowledged):,} there that were not; highest status {store.most}"
    )
    return not lost
