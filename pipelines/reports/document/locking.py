"""Files that open with a password only: workbooks (ECMA-376 agile encryption, AES-256) and PDFs (AES-256)."""

from __future__ import annotations

import io
from collections.abc import Collection

from warehouse.errors import BadConfiguration

__all__ = ["LOCKABLE", "check_lockable", "locked"]

LOCKABLE = ("xlsx", "pdf")


def check_lockable(endings: Collection[str]) -> None:
    """Whether files of these endings can have a password.

    Raises:
        BadConfiguration: some cannot.
    """
    if others := [ending for ending in endings if ending not in LOCKABLE]:
        raise BadConfiguration(
            f"no password can be put on {', '.join(others)}; write {' or '.join(LOCKABLE)}, or give no password"
        )


def locked(content: bytes, ending: str, password: str) -> bytes:
    """A workbook or PDF that needs ``password`` to be opened; no two calls give the same bytes."""
    target = io.BytesIO()
    if ending == "xlsx":
        from msoffcrypto.format.ooxml import OOXMLFile  # only such files need it

        OOXMLFile(io.BytesIO(content)).encrypt(password, target)
    else:
        from pypdf import PdfReader, PdfWriter

        writer = PdfWriter(clone_from=PdfReader(io.BytesIO(content)))
        writer.encrypt(password, algorithm="AES-256")
        writer.write(target)
    return target.getvalue()
