"""HTTP/1.1 as uvicorn reads it, with bounds on what a client may send before it is known."""

from __future__ import annotations

import asyncio

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

__all__ = ["BoundedProtocol"]

#: A request's line and headers: bytes at most, and seconds in which all of them must come.
_HEAD_BYTES, _HEAD_S = 32_768, 20.0
#: Seconds between two reads, of 256 KB each, of the body of a request that was refused.
_UNREAD_S = 0.05


class BoundedProtocol(HttpToolsProtocol):
    """Bounds a request's head, which uvicorn does not, in size and in time."""

    _head_bytes = _read_bytes = 0
    _head_timer: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self._expect_head()

    def connection_lost(self, exc: Exception | None) -> None:
        self._stop_timer()
        super().connection_lost(exc)

    def _expect_head(self) -> None:
        self._head_bytes = 0
        self._stop_timer()
        self._head_timer = self.loop.call_later(_HEAD_S, self._look_again)

    def _look_again(self) -> None:
        # Bytes that arrived while the process was busy are read first.
        self._head_timer = self.loop.call_later(0.5, self._refuse, "The request's headers came too slowly.")

    def _stop_timer(self) -> None:
        if self._head_timer is not None:
            self._head_timer.cancel()
            self._head_timer = None

    def _refuse(self, why: str) -> None:
        if not self.transport.is_closing():
            self.send_400_response(why)

    def data_received(self, data: bytes) -> None:
        if self._head_timer is not None:
            self._head_bytes += len(data)
        super().data_received(data)
        if self._head_timer is not None and self._head_bytes > _HEAD_BYTES:
            self._stop_timer()
            self._refuse("The request's headers are too large.")

    def on_message_begin(self) -> None:
        # On a kept-alive connection the next request begins with its first byte.
        if self._head_timer is None:
            self._expect_head()
        self._read_bytes = 0
        super().on_message_begin()

    def on_url(self, url: bytes) -> None:
        self._count(len(url))
        super().on_url(url)

    def on_header(self, name: bytes, value: bytes) -> None:
        # 4 bytes: the colon and space between them, the line's end after them.
        self._count(len(name) + len(value) + 4)
        super().on_header(name, value)

    def _count(self, size: int) -> None:
        """Count the head of a request that arrives in one piece; an error raised here makes httptools refuse the request."""
        self._read_bytes += size
        if self._read_bytes > _HEAD_BYTES:
            raise ValueError("the head is too large")

    def on_headers_complete(self) -> None:
        self._stop_timer()
        super().on_headers_complete()

    def on_body(self, body: bytes) -> None:
        if self.cycle.response_complete:
            # The request was refused before its body had come. Cut off, the client might not read why; read at full speed, the body would cost a core.
            self.flow.pause_reading()
            self.loop.call_later(_UNREAD_S, self._read_on)
        super().on_body(body)

    def _read_on(self) -> None:
        if not self.transport.is_closing():
            self.flow.resume_reading()
