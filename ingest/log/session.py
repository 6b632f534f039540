"""What both Kafka readers agree on."""

from __future__ import annotations

from warehouse.errors import LogTruncated

__all__ = ["SESSION_MS", "truncated"]

#: A sink that died is replaced after this long (milliseconds); the brokers' default is 45 s.
SESSION_MS = 10_000


def truncated(partition: int) -> LogTruncated:
    """The error where the broker has deleted what a reader had still to read."""
    return LogTruncated(
        f"partition {partition}: the broker has deleted records that the lake had not covered; `xueqing status` "
        "counts them. Set retention.ms=-1 on the topic, then restore them or start a new lake."
    )
