"""The contents of attachments, in sealed files."""

from __future__ import annotations

import hashlib
import os
import shutil
from pathlib import Path
from uuid import uuid4

from ingest.identity.sealing import Sealer

__all__ = ["Attachments", "sha2_matches"]

_BY_LENGTH = {56: "sha224", 64: "sha256", 96: "sha384", 128: "sha512"}


def sha2_matches(content: bytes, sha2: str) -> bool:
    """Whether ``sha2``, in hexadecimal and of any length of SHA-2, is the hash of the content."""
    name = _BY_LENGTH.get(len(sha2))
    return name is not None and hashlib.new(name, content).hexdigest() == sha2.lower()


class Attachments:
    """A folder of sealed files; each programme has its own, and each person within it.

    What a person attached is sealed under the person's key, also where another has attached the same. Names of files are keyed hashes:
    neither they nor the folders say what or whose it is.
    """

    def __init__(self, root: Path, sealer: Sealer) -> None:
        self._root, self._sealer = root, sealer

    def _programme(self, programme_id: str) -> Path:
        return self._root / hashlib.sha256(programme_id.encode()).hexdigest()[:16]

    def _folder(self, programme_id: str, whose: str) -> Path:
        return self._programme(programme_id) / f"of-{self._sealer.name_of(f'attachments of {whose}')}"

    def _path(self, programme_id: str, whose: str, sha2: str) -> Path:
        return self._folder(programme_id, whose) / self._sealer.name_of(_about(programme_id, whose, sha2))

    def _plain(self, programme_id: str, sha2: str) -> Path:
        """Where earlier versions kept a content, as it came and for everybody."""
        return self._programme(programme_id) / sha2[:2].lower() / sha2.lower()

    def put(self, programme_id: str, whose: str, sha2: str, content: bytes) -> None:
        """Store a content durably, before the statement is stored; a file that can be read stays.

        Args:
            whose: the key of the person whose statement has it (:func:`ingest.lrs.standard.agents.whose_of`).
        """
        path = self._path(programme_id, whose, sha2)
        if path.exists() and self._opened(path, programme_id, whose, sha2) is not None:
            return
        path.parent.mkdir(parents=True, exist_ok=True)
        fresh = path.with_suffix(f".{uuid4().hex}")
        with fresh.open("xb") as file:
            file.write(
                self._sealer.seal_bytes(whose, programme_id, "attachment", _about(programme_id, whose, sha2), content)
            )
            file.flush()
            os.fsync(file.fileno())
        os.replace(fresh, path)
        folder = os.open(path.parent, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)

    def size(self, programme_id: str, whose: str, sha2: str) -> int | None:
        """Bytes of the content, some hundred too many; None where it was never sent."""
        for path in (self._path(programme_id, whose, sha2), self._plain(programme_id, sha2)):
            try:
                return path.stat().st_size
            except FileNotFoundError:
                continue
        return None

    def get(self, programme_id: str, whose: str, sha2: str) -> bytes | None:
        """A content; None where it was never sent, or its key is gone."""
        path = self._path(programme_id, whose, sha2)
        if path.is_file():
            return self._opened(path, programme_id, whose, sha2)
        plain = self._plain(programme_id, sha2)
        return plain.read_bytes() if plain.is_file() else None

    def sealed(self, programme_id: str, whose: str, sha2: str) -> bytes | None:
        """A content as the file has it, sealed; None where it was never sent."""
        path = self._path(programme_id, whose, sha2)
        return path.read_bytes() if path.is_file() else None

    def delete(self, programme_id: str, whose: str, sha2: str) -> None:
        """Delete a content."""
        self._path(programme_id, whose, sha2).unlink(missing_ok=True)

    def delete_all(self, whose: str) -> int:
        """Delete all that a person has attached, in every programme; returns how many files there were."""
        count = 0
        for folder in self._root.glob(f"*/of-{self._sealer.name_of(f'attachments of {whose}')}"):
            count += sum(1 for _ in folder.iterdir())
            shutil.rmtree(folder)
        return count

    def _opened(self, path: Path, programme_id: str, whose: str, sha2: str) -> bytes | None:
        return self._sealer.open(path.read_bytes(), _about(programme_id, whose, sha2))


def _about(programme_id: str, whose: str, sha2: str) -> str:
    return f"attachment {programme_id} {whose} {sha2.lower()}"
