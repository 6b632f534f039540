"""Bodies of requests within bounds: of size, of what they unpack to, of time, and of what all of them hold together."""

from __future__ import annotations

import asyncio
import zlib
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass

import zstandard
from starlette.requests import Request

from ingest.lrs.http.requests import Refused

__all__ = ["Bodies", "unpacked"]


@dataclass(slots=True)
class Bodies:
    """What is held of all requests under way.

    Attributes:
        most_bytes: of one body, packed and unpacked.
        most_held_bytes: of all bodies together; beyond, a request is to come again.
        patience_s: for how long a client may send nothing in the midst of a body.
    """

    most_bytes: int
    most_held_bytes: int
    patience_s: float
    held: int = 0

    @asynccontextmanager
    async def read(self, request: Request) -> AsyncIterator[bytes]:
        """A request's body, unpacked; it counts as held until it was answered.

        Raises:
            Refused: 413 too large, 408 too slow, 503 too much is held, 415 or 400 it cannot be unpacked.
        """
        size = 0
        try:
            told = request.headers.get("content-length", "0")
            if not told.isdigit() or int(told) > self.most_bytes:
                raise self._too_large()
            pieces = []
            clock = asyncio.get_running_loop().time
            try:
                async with asyncio.timeout(self.patience_s) as limit:
                    async for piece in request.stream():
                        limit.reschedule(clock() + self.patience_s)
                        size += len(piece)
                        self.held += len(piece)
                        if size > self.most_bytes:
                            raise self._too_large()
                        if self.held > self.most_held_bytes:
                            raise Refused(503, "too many requests hold too much; come again", {"retry-after": "2"})
                        pieces.append(piece)
            except TimeoutError:
                raise Refused(408, "the body came too slowly", {"connection": "close"}) from None
            body = unpacked(b"".join(pieces), request.headers, self.most_bytes)
            self.held += len(body) - size
            size = len(body)
            yield body
        finally:
            self.held -= size

    def _too_large(self) -> Refused:
        return Refused(413, f"a body of more than {self.most_bytes:,} bytes")


def unpacked(body: bytes, headers: Mapping[str, str], most_bytes: int) -> bytes:
    """What a Content-Encoding of gzip or zstd has packed, never more than ``most_bytes`` of it.

    Raises:
        Refused: 413 it unpacks to more, 415 another encoding, 400 it is damaged.
    """
    encoding = headers.get("content-encoding", "identity").strip().lower()
    if encoding == "identity":
        return body
    try:
        if encoding in ("gzip", "x-gzip"):
            unpacker = zlib.decompressobj(zlib.MAX_WBITS | 16)
            found = unpacker.decompress(body, most_bytes + 1)
            is_whole = unpacker.eof and not unpacker.unused_data
        elif encoding == "zstd":
            with zstandard.ZstdDecompressor(max_window_size=1 << 24).stream_reader(body) as reader:
                found = reader.read(most_bytes + 1)
            is_whole = True
        else:
            raise Refused(415, "Content-Encoding: gzip, zstd or none", {"accept-encoding": "gzip, zstd"})
    except (zlib.error, zstandard.ZstdError):
        raise Refused(400, f"the body is no {encoding}") from None
    if len(found) > most_bytes:
        raise Refused(413, f"a body that unpacks to more than {most_bytes:,} bytes")
    if not is_whole:
        raise Refused(400, f"the body's {encoding} is cut off or goes on after its end")
    return found
