"""Reads the bodies of requests within bounds: of size, unpacked size, time, memory of all requests together, and amount of JSON.

No body is unpacked or read before its sender is known.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field

from starlette.requests import Request

from ingest.lrs.http.packing import encoding_of, unpacked
from ingest.lrs.http.requests import Refused
from ingest.lrs.http.turns import Turns

__all__ = ["UNKNOWN_BYTES", "Bodies", "JsonCount"]

#: Bytes of a form that are read to find who sends it.
UNKNOWN_BYTES = 65_536
#: Packed bytes that are unpacked without a thread, at most: unpacked they may be a thousand times as many.
_AT_ONCE = 1_024
#: Strings, objects and lists of a body that is decoded in one go, and its commas, at most. Decoding holds up everything else in the
#: process: so many for 0.1 s. A thousand statements have some 60,000 strings.
_AT_A_TIME = 150_000, 300_000
#: The same for events, which are decoded one by one: ten thousand have some 250,000 strings.
_ONE_BY_ONE = 1_000_000, 1_000_000

#: Bytes that are counted before other requests have their turn: 16 MB take 0.1 s.
_PIECE = 1 << 18
#: A piece that comes sooner than so many seconds after the last one that was timed leaves the patience as it was: to set it anew costs as much as to
#: read a small body.
_COUNTED_S = 1.0
#: The share of all held bytes that one sender may hold; a single body is always allowed.
_SHARE = 0.5

#: Finds the sender in the first bytes of a body.
Identify = Callable[[bytes], Awaitable[str]]


@dataclass(slots=True)
class Bodies:
    """The bodies of all requests under way.

    Attributes:
        most_bytes: bytes of one body, packed and unpacked.
        most_held_bytes: bytes of all bodies together; a request beyond is told to come again.
        patience_s: seconds for which a client may send nothing in the midst of a body.
        turns: unpacks bodies in turn by sender.
    """

    most_bytes: int
    most_held_bytes: int
    patience_s: float
    turns: Turns
    held: int = 0
    by_sender: Counter[str] = field(default_factory=Counter)

    async def read(
        self, request: Request, headers: Mapping[str, str], stack: ExitStack, sender: str | Identify, count: JsonCount | None = None
    ) -> bytes:  # fmt: skip
        """A request's body, unpacked.

        Args:
            headers: by their names in lower case.
            stack: the body counts as held until it is closed.
            sender: whose body it is; or, where only the body says so, a function that finds the sender in its first ``UNKNOWN_BYTES``.
            count: counts the JSON in it.

        Raises:
            Refused: 413 too large, 408 too slow, 503 too much is held, 415 or 400 it cannot be unpacked, 401 unknown sender.
        """
        is_packed = encoding_of(headers) != "identity"
        if is_packed and not isinstance(sender, str):
            raise Refused(401, "who sends a packed form has to be in the header Authorization")
        hold = _Hold(self)
        stack.callback(hold.release)
        told = headers.get("content-length", "0")
        if not told.isascii() or not told.isdigit() or len(told) > 18 or int(told) > self.most_bytes:
            raise self._too_large()
        if isinstance(sender, str):
            hold.is_of(sender)
        if count is not None and not is_packed and "content-length" in headers and not count.may_be_too_much(int(told)):
            count = None
        pieces: list[bytes] = []
        clock = asyncio.get_running_loop().time
        began = clock()
        try:
            async with asyncio.timeout(self.patience_s) as limit:
                async for piece in request.stream():
                    if (now := clock()) - began > _COUNTED_S:
                        limit.reschedule(now + self.patience_s)
                        began = now
                    hold.more(len(piece))
                    if hold.size > self.most_bytes:
                        raise self._too_large()
                    pieces.append(piece)
                    if count is not None and not is_packed:
                        count.add(piece)
                    if not isinstance(sender, str) and hold.size > UNKNOWN_BYTES:
                        sender = await sender(b"".join(pieces)[:UNKNOWN_BYTES])
                        hold.is_of(sender)
        except TimeoutError:
            raise Refused(408, "the body came too slowly", {"connection": "close"}) from None
        body = b"".join(pieces)
        del pieces
        if not isinstance(sender, str):
            sender = await sender(body)
            hold.is_of(sender)
        if is_packed:
            body = await self._unpacked(headers, body, sender, count)
        hold.more(len(body) - hold.size)
        return body

    async def _unpacked(self, headers: Mapping[str, str], body: bytes, sender: str, count: JsonCount | None) -> bytes:
        def work() -> bytes:
            found = unpacked(body, headers, self.most_bytes)
            if count is not None:
                count.add_all(found)
            return found

        return work() if len(body) <= _AT_ONCE else await self.turns.work(sender, work)

    def _too_large(self) -> Refused:
        return Refused(413, f"a body of more than {self.most_bytes:,} bytes")


class _Hold:
    """The bytes that one request holds."""

    def __init__(self, bodies: Bodies) -> None:
        self.size, self._bodies, self._sender = 0, bodies, ""

    def is_of(self, sender: str) -> None:
        """Note the sender."""
        self._sender = sender
        self._bodies.by_sender[sender] += self.size

    def more(self, size: int) -> None:
        """Hold more bytes, or fewer; raises Refused where all requests, or those of the sender, hold too much."""
        bodies = self._bodies
        self.size += size
        bodies.held += size
        if self._sender:
            bodies.by_sender[self._sender] += size
        theirs = bodies.by_sender[self._sender] if self._sender else 0
        if bodies.held > bodies.most_held_bytes or theirs > max(self.size, bodies.most_held_bytes * _SHARE):
            raise Refused(503, "too many requests hold too much; come again", {"retry-after": "2"})

    def release(self) -> None:
        """Hold nothing any more."""
        self._bodies.held -= self.size
        if self._sender:
            self._bodies.by_sender[self._sender] -= self.size
            if not self._bodies.by_sender[self._sender]:
                del self._bodies.by_sender[self._sender]


class JsonCount:
    """Counts strings, objects, lists and commas of JSON as it comes, so that too much is refused before all of it has come.

    Args:
        one_by_one: the body is a list, or lines, whose elements are decoded by themselves.
        lines: lines that the body may have, and as many empty ones besides.
    """

    def __init__(self, *, one_by_one: bool = False, lines: int | None = None) -> None:
        self._most_things, self._most_commas = _ONE_BY_ONE if one_by_one else _AT_A_TIME
        self._lines, self._things, self._commas, self._ends = lines, 0.0, 0, 0

    def may_be_too_much(self, size: int) -> bool:
        """Whether a body of so many bytes may hold too much; a smaller one is not counted."""
        return size > min(self._most_things, self._most_commas, 2 * self._lines if self._lines is not None else size)

    def add(self, piece: bytes) -> None:
        """Count a piece of the body; raises Refused, 413, where it holds too much."""
        self._things += piece.count(b'"') / 2 + piece.count(b"{") + piece.count(b"[")
        self._commas += piece.count(b",")
        if self._things > self._most_things or self._commas > self._most_commas:
            raise Refused(
                413, f"JSON of more than {self._most_things:,} strings, objects and lists, or {self._most_commas:,} commas:"
                " send it in parts"
            )  # fmt: skip
        if self._lines is not None:
            self._ends += piece.count(b"\n") + piece.count(b"\r") - piece.count(b"\r\n")
            if self._ends > 2 * self._lines:
                raise Refused(413, f"more than {self._lines:,} lines at once")

    def add_all(self, body: bytes) -> None:
        """Count a whole body, in pieces between which other requests have their turn."""
        for start in range(0, len(body) if self.may_be_too_much(len(body)) else 0, _PIECE):
            self.add(body[start : start + _PIECE])
