"""Counts wrong secrets by address and by the id of a key. Whoever has the right one is never slowed down."""

from __future__ import annotations

import ipaddress
import time
from collections import OrderedDict
from collections.abc import Callable

__all__ = ["Guesses", "network_of"]

#: Wrong secrets in a row that are answered 401, and seconds after which one more is.
_FREE, _EACH_S = 20.0, 3.0
#: Addresses and ids that are remembered, at most; the one that was wrong longest ago is forgotten first.
_REMEMBERED = 10_000


class Guesses:
    """Counts wrong secrets; each is forgotten after some seconds.

    Args:
        clock: gives seconds.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._counted: OrderedDict[tuple[str, str], tuple[float, float]] = OrderedDict()

    def wrong(self, address: str, key_id: str) -> int:
        """Count a wrong secret; returns the seconds that the client should wait, 0 where there were few."""
        return max(self._count("from", network_of(address)), self._count("for", key_id[:200]))

    def _count(self, kind: str, name: str) -> int:
        now = self._clock()
        count, at = self._counted.pop((kind, name), (0.0, now))
        count = max(0.0, count - (now - at) / _EACH_S)
        is_one_too_many = count + 1 > _FREE
        count += not is_one_too_many
        self._counted[kind, name] = (count, now)
        while len(self._counted) > _REMEMBERED:
            self._counted.popitem(last=False)
        return int(_EACH_S) if is_one_too_many else 0


def network_of(address: str) -> str:
    """The unit that is counted: an IPv4 address, or an IPv6 network, in which one machine has as many addresses as it likes."""
    try:
        found = ipaddress.ip_address(address)
    except ValueError:
        return address[:200]
    if isinstance(found, ipaddress.IPv6Address) and found.ipv4_mapped is None:
        return str(ipaddress.ip_network((found, 64), strict=False))
    return str(found)
