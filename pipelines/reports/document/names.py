"""Names of files and folders that no id can turn into a path."""

from __future__ import annotations

import re
from hashlib import sha256

__all__ = ["file_part", "folder_part"]

_PLAIN = re.compile(r"[A-Za-z0-9_-]{1,80}")
_FOLDER = re.compile(r"\w[\w .-]{0,59}(?<![ .])")


def file_part(name: str) -> str:
    """An id as a part of a file's name: itself where that is plain, else 16 digits of its SHA-256."""
    return name if _PLAIN.fullmatch(name) else _hashed(name)


def folder_part(programme_id: str) -> str:
    """A programme's id as a folder's name: itself in any script, unless it would lead elsewhere."""
    return programme_id if _FOLDER.fullmatch(programme_id) else _hashed(programme_id)


def _hashed(name: str) -> str:
    return sha256(name.encode()).hexdigest()[:16]
