"""Files packed with gzip: one that is cut off, or is none, is told in a line."""

from __future__ import annotations

import gzip
import zlib
from collections.abc import Iterator
from contextlib import contextmanager

from warehouse.errors import BadSource

__all__ = ["unpacking"]


@contextmanager
def unpacking(name: str) -> Iterator[None]:
    """While a packed file is read.

    Raises:
        BadSource: it ends too early, is damaged, or was not packed with gzip.
    """
    try:
        yield
    except EOFError:
        raise BadSource(f"{name} is cut off: its packed data has no end") from None
    except (gzip.BadGzipFile, zlib.error) as error:
        raise BadSource(f"{name} is damaged, or no gzip file ({error})") from None
