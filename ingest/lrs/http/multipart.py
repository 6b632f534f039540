"""Bodies of type multipart/mixed: statements with their attachments."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from uuid import uuid4

from ingest.lrs.http.requests import Refused

__all__ = ["Part", "boundary_of", "join_parts", "split_parts"]

#: Clients use more characters in a boundary than RFC 2046 allows: any that a header can carry.
_BOUNDARY = re.compile(
    r"""^multipart/mixed\s*;.*\bboundary=(?:"([\x20\x21\x23-\x7e]{1,70})"|([\x21\x23-\x3a\x3c-\x7e]{1,70}))""",
    re.IGNORECASE,
)
_MOST_PARTS, _MOST_HEADER = 1_000, 8_192


@dataclass(frozen=True, slots=True)
class Part:
    """A part of a body: headers by name in lower case, and the content."""

    headers: dict[str, str]
    content: bytes


def boundary_of(content_type: str) -> str:
    """The boundary in a Content-Type; raises Refused where there is none."""
    found = _BOUNDARY.match(content_type)
    if found is None:
        raise Refused(400, "multipart/mixed with a boundary is expected")
    return found.group(1) or found.group(2)


def split_parts(body: bytes, boundary: str) -> list[Part]:
    """The parts of a body in their order.

    Raises:
        Refused: 400, a part has no end or no headers.
    """
    mark = b"--" + boundary.encode("latin-1")
    pieces = (b"\r\n" + body).split(b"\r\n" + mark)
    if len(pieces) < 3 or not pieces[-1].startswith(b"--"):
        raise Refused(400, "the multipart body does not end with its boundary")
    if len(pieces) > _MOST_PARTS:
        raise Refused(400, f"more than {_MOST_PARTS:,} parts")
    return [_part(piece) for piece in pieces[1:-1]]


def _part(piece: bytes) -> Part:
    line, found, rest = piece.partition(b"\r\n")
    if line.strip() or not found:
        raise Refused(400, "something follows a boundary on its line")
    if rest.startswith(b"\r\n"):
        head, content = b"", rest[2:]
    else:
        head, found, content = rest.partition(b"\r\n\r\n")
        if not found or len(head) > _MOST_HEADER:
            raise Refused(400, "a part's headers do not end")
    headers = {}
    for one in head.split(b"\r\n") if head else ():
        name, colon, value = one.decode("latin-1").partition(":")
        if not colon:
            raise Refused(400, "a part has a header without a colon")
        headers[name.strip().lower()] = value.strip(" \t")
    return Part(headers, content)


def join_parts(parts: Iterable[Part]) -> tuple[bytes, str]:
    """A body of parts, and its Content-Type."""
    boundary = f"xueqing-{uuid4().hex}"
    pieces = []
    for part in parts:
        head = "".join(f"{name}: {value}\r\n" for name, value in part.headers.items())
        pieces.append(f"--{boundary}\r\n{head}\r\n".encode("latin-1") + part.content + b"\r\n")
    return b"".join(pieces) + f"--{boundary}--\r\n".encode(), f"multipart/mixed; boundary={boundary}"
