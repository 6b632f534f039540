"""Does long work one piece after the other, in turn by owner: whoever brings much waits for their own, and nobody else does."""

from __future__ import annotations

import asyncio
import time
from collections import OrderedDict, deque
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import TypeVar, cast

from anyio import CapacityLimiter, to_thread

from ingest.lrs.http.requests import Refused

__all__ = ["Turns"]

T = TypeVar("T")


def _tried(work: Callable[[], T]) -> tuple[T | None, Exception | None]:
    """The result of ``work``, or its error without the traceback: with it, the error of a thread is part of a cycle."""
    try:
        return work(), None
    except Exception as error:  # raised again where it was asked for
        error.__context__ = None
        return None, error.with_traceback(None)


class Turns:
    """Does one piece of work at a time, and takes the owners of waiting work in turn.

    Args:
        most_waiting: pieces of one owner that wait, at most; beyond, the owner is told to come again.
        rest_share: seconds of rest after a second of work. A decoder of JSON lets nothing else run in the process meanwhile.
    """

    def __init__(self, most_waiting: int, rest_share: float = 0.0) -> None:
        self._most, self._rest = most_waiting, rest_share
        self._waiting: OrderedDict[str, deque[asyncio.Future[None]]] = OrderedDict()
        self._is_taken = False
        self._limiter: CapacityLimiter | None = None

    async def work(self, who: str, work: Callable[[], T]) -> T:
        """The result of ``work``, done in a thread of its own in the turn of ``who``.

        Raises:
            Refused: 429, too much of ``who`` waits already.
        """
        async with self._turn(who):
            # A thread of its own, so that no reader of statements waits for it.
            self._limiter = self._limiter or CapacityLimiter(1)
            found, error = await to_thread.run_sync(_tried, work, limiter=self._limiter)
        if error is None:
            return cast(T, found)
        try:
            raise error
        finally:
            # The error holds this frame. With the error in it that is a cycle, which would keep all that was sent until the next collection.
            del error

    @asynccontextmanager
    async def _turn(self, who: str) -> AsyncIterator[None]:
        await self._enter(who)
        began = time.monotonic()
        try:
            yield
        finally:
            rest_s = (time.monotonic() - began) * self._rest
            if rest_s:
                asyncio.get_running_loop().call_later(rest_s, self._next)
            else:
                self._next()

    async def _enter(self, who: str) -> None:
        if not self._is_taken:
            self._is_taken = True
            return
        theirs = self._waiting.setdefault(who, deque())
        if len(theirs) >= self._most:
            raise Refused(429, "too much of this sender's waits already; come again", {"retry-after": "1"})
        mine: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        theirs.append(mine)
        try:
            await mine
        except asyncio.CancelledError:
            if mine.done() and not mine.cancelled():
                self._next()
            raise

    def _next(self) -> None:
        while self._waiting:
            who, theirs = self._waiting.popitem(last=False)
            one = theirs.popleft()
            if theirs:
                self._waiting[who] = theirs
            if not one.done():
                one.set_result(None)
                return
        self._is_taken = False
