"""Attachments' contents, each under the hash of what it is, beside the lake."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path
from uuid import uuid4

__all__ = ["Attachments", "sha2_matches"]

_BY_LENGTH = {56: "sha224", 64: "sha256", 96: "sha384", 128: "sha512"}


def sha2_matches(content: bytes, sha2: str) -> bool:
    """Whether a hash in hexadecimal, of whichever length of SHA-2, is that of the content."""
    name = _BY_LENGTH.get(len(sha2))
    return name is not None and hashlib.new(name, content).hexdigest() == sha2.lower()


class Attachments:
    """A folder of files named by their hash; a programme reads its own only."""

    def __init__(self, root: Path) -> None:
        self._root = root

    def _path(self, programme_id: str, sha2: str) -> Path:
        programme = hashlib.sha256(programme_id.encode()).hexdigest()[:16]
        return self._root / programme / sha2[:2].lower() / sha2.lower()

    def put(self, programme_id: str, sha2: str, content: bytes) -> None:
        """Store durably, before the statement is; what is there already is left."""
        path = self._path(programme_id, sha2)
        if path.exists():
            return
        path.parent.mkdir(parents=True, exist_ok=True)
        fresh = path.with_suffix(f".{uuid4().hex}")
        with fresh.open("xb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        os.replace(fresh, path)
        folder = os.open(path.parent, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)

    def get(self, programme_id: str, sha2: str) -> bytes | None:
        """The content; None where it was never sent."""
        path = self._path(programme_id, sha2)
        return path.read_bytes() if path.is_file() else None
