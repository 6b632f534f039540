"""The tables of the index."""

from __future__ import annotations

from ingest.lrs.index.sql import sql_of

__all__ = ["FORMAT", "TABLES", "schema"]

#: Raise it when a table changes or the index keeps more of the log than before: an index of another format is made again from the log.
FORMAT = 10
#: The tables that the log fills; ``meta`` describes the index itself.
TABLES = (
    "positions", "set_aside", "terms", "statements", "voids", "facets", "activities", "forms", "enrolments", "events", "documents",
)  # fmt: skip


def schema(*, bytes_type: str, whole: str, suffix: str) -> list[str]:
    """The statements that create the tables where they are absent.

    Args:
        bytes_type: the database's type of bytes.
        whole: its type of whole numbers of 64 bits.
        suffix: what follows a table whose columns are best kept in the order of its key.
    """
    return [text.format(bytes=bytes_type, whole=whole, suffix=suffix) for text in sql_of("schema").values()]
