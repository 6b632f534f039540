"""Unpacks a Content-Encoding wholly, or refuses it; never more than is allowed.

Tools that pack in parallel write several members of gzip, or several frames of zstd. Neither library reports that a zstd stream
was cut off. So the frames are walked first, by their lengths alone (RFC 8878, section 3.1).
"""

from __future__ import annotations

import zlib
from collections.abc import Iterator, Mapping

import zstandard

from ingest.lrs.http.requests import Refused

__all__ = ["encoding_of", "unpacked"]

#: Members or frames of a body, and blocks, at most: each costs time, even an empty one.
_MOST_PIECES, _MOST_BLOCKS = 10_000, 200_000
#: Bytes that are given to gzip at once: it copies those that follow the end of a member.
_STEP = 16_384
#: The largest window of zstd: bytes to which a frame may refer back.
_WINDOW = 1 << 24
_FRAME, _SKIPPABLE, _SKIPPABLE_MASK = 0xFD2FB528, 0x184D2A50, 0xFFFFFFF0
_DICTIONARY_BYTES, _SIZE_BYTES = (0, 1, 2, 4), (0, 2, 4, 8)


class _Damaged(ValueError):
    """The body is not what its encoding says; the message is for the client."""


def encoding_of(headers: Mapping[str, str]) -> str:
    """The Content-Encoding: ``identity``, ``gzip`` or ``zstd``.

    Raises:
        Refused: 415, it is another.
    """
    found = headers.get("content-encoding", "").strip().lower() or "identity"
    found = found.removeprefix("x-")
    if found not in ("identity", "gzip", "zstd"):
        raise Refused(415, "Content-Encoding: gzip, zstd or none", {"accept-encoding": "gzip, zstd"})
    return found


def unpacked(body: bytes, headers: Mapping[str, str], most_bytes: int) -> bytes:
    """A body of gzip or zstd, unpacked.

    Raises:
        Refused: 413 it unpacks to more, 415 another encoding, 400 it is damaged, cut off, or goes on with something else.
    """
    encoding = encoding_of(headers)
    if encoding == "identity":
        return body
    pieces, size = [], 0
    try:
        for piece in (_gunzipped if encoding == "gzip" else _unzstd)(body, most_bytes + 1):
            size += len(piece)
            if size > most_bytes:
                raise Refused(413, f"a body that unpacks to more than {most_bytes:,} bytes")
            pieces.append(piece)
    except _Damaged as error:
        raise Refused(400, f"the body's {encoding} {error}") from None
    except (zlib.error, zstandard.ZstdError):
        raise Refused(400, f"the body is no {encoding}") from None
    return b"".join(pieces)


def _gunzipped(body: bytes, most: int) -> Iterator[bytes]:
    """The unpacked pieces, each of ``most`` bytes at most; the caller stops when it has that many together."""
    place, left = 0, most
    for _ in range(_MOST_PIECES):
        unpacker = zlib.decompressobj(zlib.MAX_WBITS | 16)
        while not unpacker.eof:
            packed = body[place : place + _STEP]
            if not packed:
                raise _Damaged("is cut off")
            found = unpacker.decompress(packed, left)
            place += len(packed) - len(unpacker.unconsumed_tail) - len(unpacker.unused_data)
            left -= len(found)
            yield found
        if place == len(body):
            return
    raise _Damaged("has too many pieces")


def _unzstd(body: bytes, most: int) -> Iterator[bytes]:
    unpacker = zstandard.ZstdDecompressor(max_window_size=_WINDOW)
    left = most
    for start, end in list(_frames(body)):
        with unpacker.stream_reader(memoryview(body)[start:end]) as reader:
            found = reader.read(left)
            left -= len(found)
            yield found
            # The library checks the end of a frame, and its checksum, when it is asked for more.
            if reader.read(1):
                raise _Damaged("holds more than it says")


def _frames(body: bytes) -> Iterator[tuple[int, int]]:
    """Where each frame begins and ends, without skippable frames.

    Raises:
        _Damaged: something is between or after them, or the last is cut off.
    """
    place, blocks, pieces = 0, 0, 0
    while place < len(body) or not pieces:
        pieces += 1
        if pieces > _MOST_PIECES:
            raise _Damaged("has too many pieces")
        start = place
        magic = _number(body, place, 4)
        if magic & _SKIPPABLE_MASK == _SKIPPABLE:
            place += 8 + _number(body, place + 4, 4)
            if place > len(body):
                raise _Damaged("is cut off")
            continue
        if magic != _FRAME:
            raise _Damaged("begins, or goes on, with something else")
        told = _number(body, place + 4, 1)
        is_single, dictionary = bool(told & 0x20), _DICTIONARY_BYTES[told & 3]
        place += 5 + (not is_single)
        if dictionary and _number(body, place, dictionary):
            raise _Damaged("needs a dictionary, which none has here")
        place += dictionary + (_SIZE_BYTES[told >> 6] or int(is_single))
        is_last = False
        while not is_last:
            blocks += 1
            if blocks > _MOST_BLOCKS:
                raise _Damaged("has too many blocks")
            head = _number(body, place, 3)
            is_last, kind = bool(head & 1), head >> 1 & 3
            # Block type 1 holds one byte, to be repeated.
            place += 3 + (1 if kind == 1 else head >> 3)
        place += 4 if told & 4 else 0
        if place > len(body):
            raise _Damaged("is cut off")
        yield start, place


def _number(body: bytes, place: int, size: int) -> int:
    if place + size > len(body):
        raise _Damaged("is cut off")
    return int.from_bytes(body[place : place + size], "little")
