"""What both Kafka readers agree on."""

from __future__ import annotations

__all__ = ["SESSION_MS"]

#: A sink that died is replaced after this long (milliseconds); the brokers' default is 45 s.
SESSION_MS = 10_000
