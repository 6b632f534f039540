"""The simultaneous intervals that can be asked for."""

from __future__ import annotations

from enum import StrEnum

__all__ = ["Method"]


class Method(StrEnum):
    """Simultaneous intervals of an item's shares."""

    WILSON = "wilson"
    GOODMAN = "goodman"
    SISON_GLAZ = "sison-glaz"
