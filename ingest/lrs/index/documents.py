"""States, and profiles of agents and activities."""

from __future__ import annotations

from hashlib import sha256

import msgspec

from ingest.lrs.index.database import Connection, Reader, short
from ingest.lrs.index.port import Document, DocumentChange, DocumentPlace
from ingest.lrs.index.sql import sql_of

__all__ = ["Documents"]

_SQL = sql_of("documents")


class Documents:
    """The table ``documents``."""

    def __init__(self, read: Reader) -> None:
        self._read = read

    @staticmethod
    def change(con: Connection, programme: str, change: DocumentChange) -> None:
        """Store or delete a document, or delete all of a place."""
        place, key = change.place, _place_key(programme, change.place)
        if change.document is not None and change.document_id is not None:
            document = change.document
            con.execute(
                _SQL["set"],
                (
                    key, place.registration, short(change.document_id), change.document_id, document.content,
                    document.content_type, document.etag, document.stored_us,
                ),
            )  # fmt: skip
        elif change.document_id is not None:
            con.execute(_SQL["delete"], (key, place.registration, short(change.document_id)))
        elif place.registration:
            con.execute(_SQL["delete_of_registration"], (key, place.registration))
        else:
            con.execute(_SQL["delete_of_place"], (key,))

    def get(self, programme_id: str, place: DocumentPlace, document_id: str) -> Document | None:
        """A document; None where there is none."""
        rows = self._read(_SQL["get"], (_place_key(programme_id, place), place.registration, short(document_id)))
        return Document(bytes(rows[0][0]), *rows[0][1:]) if rows else None

    def ids(self, programme_id: str, place: DocumentPlace, since_us: int | None) -> list[str]:
        """The ids of documents stored after ``since_us``; of a place without a registration those of every registration."""
        key, after = _place_key(programme_id, place), -1 if since_us is None else since_us
        if place.registration:
            rows = self._read(_SQL["ids_of_registration"], (key, place.registration, after))
        else:
            rows = self._read(_SQL["ids_of_place"], (key, after))
        return sorted(document_id for (document_id,) in rows)


def _place_key(programme_id: str, place: DocumentPlace) -> str:
    """A hash of all that names a place but the registration."""
    return sha256(msgspec.json.encode([programme_id, place.kind, place.activity_id, place.person_key])).hexdigest()
