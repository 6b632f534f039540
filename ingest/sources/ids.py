"""Event ids that the same source row gets every time it is imported."""

from __future__ import annotations

from hashlib import blake2b

__all__ = ["Alike", "StableIds", "stable_id"]

#: Texts that are remembered.
_KEPT = 50_000


def stable_id(*parts: str) -> str:
    """A UUID-shaped id that depends on ``parts`` alone."""
    h = blake2b("\x1f".join(parts).encode(), digest_size=16).hexdigest()
    return f"{h[:8]}-{h[8:12]}-{h[12:16]}-{h[16:20]}-{h[20:]}"


class StableIds:
    """Ids as :func:`stable_id` gives them, of parts of which the first ones are always the same."""

    def __init__(self, *parts: str) -> None:
        self._begun = blake2b("".join(f"{part}\x1f" for part in parts).encode(), digest_size=16)

    def of(self, last: str) -> str:
        """The id of the parts and one more."""
        digest = self._begun.copy()
        digest.update(last.encode())
        h = digest.hexdigest()
        return f"{h[:8]}-{h[8:12]}-{h[12:16]}-{h[16:20]}-{h[20:]}"


class Alike:
    """Tells lines apart that say the same of the same instant: each is real, and gets its number among them.

    A file has the lines of an instant together. So the numbers are the same in every export that has all of the instant, and memory
    does not grow with the file.
    """

    def __init__(self) -> None:
        self._counts: dict[str, int] = {}
        self._last = ""

    def numbered(self, at: str, said: str) -> str:
        """``said`` with its number among the lines of the instant ``at`` that say it."""
        if at != self._last:
            self._last = at
            if len(self._counts) > _KEPT:
                self._counts.clear()
        told = f"{at}\x1f{said}"
        number = self._counts[told] = self._counts.get(told, 0) + 1
        return f"{told}\x1f{number}"
