"""A bounded cache in memory."""

from __future__ import annotations

from typing import TypeVar

__all__ = ["Remembered"]

K = TypeVar("K")
V = TypeVar("V")


class Remembered(dict[K, V]):
    """Entries that are costly to find again; where there are too many, the older half is dropped.

    A dict with a bound: a lookup costs what a dict's costs (30 ns, a least-recently-used cache in Python some 150), and ten are made for
    each statement. The threads of a process may share one.

    Args:
        most: entries that :meth:`keep` and :meth:`make_room` leave, at most.
    """

    __slots__ = ("most",)

    def __init__(self, most: int) -> None:
        super().__init__()
        self.most = most

    def keep(self, key: K, value: V) -> None:
        """Add one entry."""
        if len(self) >= self.most:
            self.make_room()
        self[key] = value

    def make_room(self) -> None:
        """Drop the older half where the cache is full.

        Whoever needs several entries at once calls this first, then adds what is missing: nothing of it is dropped meanwhile.
        """
        if len(self) >= self.most:
            # Copying the keys is one step of the interpreter, in the midst of which no other thread can add one. An iterator over them
            # would fail where one is added.
            keys = list(self)
            for key in keys[: len(keys) - self.most // 2]:
                self.pop(key, None)
