"""Which files of a site anybody may read: those that a list in it names, as they were when the list was written."""

from __future__ import annotations

import json
import os
from contextlib import suppress
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any

from pipelines.reports.document.html import page_policy

__all__ = ["PUBLIC", "PublicFile", "PublicSite", "list_public"]

#: The list's name: the SHA-256 of each file by its path in the site.
PUBLIC = "public.json"
#: A name with this is never public, whatever a list says.
_RESTRICTED = ".restricted."
_TYPES = {
    "html": "text/html; charset=utf-8", "md": "text/markdown; charset=utf-8", "pdf": "application/pdf",
    "xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
}  # fmt: skip
#: Of what is no page: a browser may show it (a PDF), and runs nothing of it.
_NO_SCRIPT = "default-src 'none'; object-src 'self'; style-src 'unsafe-inline'; base-uri 'none'; frame-ancestors 'none'"


def list_public(folder: Path) -> None:
    """Write the list of a site all of whose files are public."""
    files = {
        path.relative_to(folder).as_posix(): sha256(path.read_bytes()).hexdigest()
        for path in sorted(folder.rglob("*"))
        if path.is_file() and not path.is_symlink() and _RESTRICTED not in path.name and path.name != PUBLIC
    }
    fresh = folder / f".{PUBLIC}"
    fresh.write_text(json.dumps({"files_sha256": files}, indent=1, ensure_ascii=False), encoding="utf-8")
    os.replace(fresh, folder / PUBLIC)


@dataclass(frozen=True, slots=True)
class PublicFile:
    """A file's content, its SHA-256, and the headers that it goes out with."""

    content: bytes
    sha256: str
    headers: dict[str, str]


class PublicSite:
    """The site that lies in a folder at the moment; it may be written, and written anew, while it is carried."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._listed: tuple[tuple[int, int, int] | None, dict[str, str]] = (None, {})

    @property
    def is_there(self) -> bool:
        """Whether it has a start page that anybody may read."""
        return "index.html" in self._list()

    def find(self, path: str) -> PublicFile | None:
        """What anybody may read at a path (``""`` is the start page); None where there is no such thing."""
        name = path.removeprefix("/") or "index.html"
        for _ in range(2):
            # Between the list and the file another site may have been put there: then they do not agree, and are read again.
            wanted = self._list().get(name)
            if wanted is None or _RESTRICTED in name:
                return None
            with suppress(OSError):
                content = self._read(name)
                if sha256(content).hexdigest() == wanted:
                    return PublicFile(content, wanted, _headers(name))
        return None

    def _read(self, name: str) -> bytes:
        handle = os.open(self._folder / name, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
        with os.fdopen(handle, "rb") as file:
            return file.read()

    def _list(self) -> dict[str, str]:
        path = self._folder / PUBLIC
        try:
            found = path.stat()
            known = (found.st_ino, found.st_mtime_ns, found.st_size)
            if known != self._listed[0]:
                said: Any = json.loads(path.read_bytes())["files_sha256"]
                self._listed = (known, {name: digest for name, digest in said.items() if isinstance(digest, str)})
        except (OSError, ValueError, KeyError, TypeError, AttributeError):
            return {}
        return self._listed[1]


def _headers(name: str) -> dict[str, str]:
    is_page = name.endswith(".html")
    return {
        "content-type": _TYPES.get(name.rpartition(".")[2], "application/octet-stream"),
        "content-security-policy": page_policy("site.js") if is_page else _NO_SCRIPT,
        "referrer-policy": "no-referrer",
    }
