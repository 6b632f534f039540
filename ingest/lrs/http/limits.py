"""The bounds of a server."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["MOST_BYTES", "Limits"]

#: Bytes of statements, definitions and attachments with which an answer ends; the first statement is given whatever it has.
MOST_BYTES = 16 << 20


@dataclass(frozen=True, slots=True)
class Limits:
    """What a server takes, at most.

    Attributes:
        body_bytes: bytes of a request's body, packed and unpacked.
        statements: statements of a request.
        events: events of a request to the collector.
        held_bytes: bytes of the bodies of all requests under way; a request beyond is answered 503.
        patience_s: seconds for which a client may send nothing in the midst of a body.
    """

    body_bytes: int = 16 << 20
    statements: int = 1_000
    events: int = 10_000
    held_bytes: int = 256 << 20
    patience_s: float = 20.0
