"""The value of ``more``, with which a client asks for the next page; only the store can make one."""

from __future__ import annotations

import hmac
import json
from base64 import b64decode, urlsafe_b64encode
from collections.abc import Callable, Mapping

from ingest.lrs.http.requests import Refused

__all__ = ["More"]

_MAC_BYTES = 16


class More:
    """Makes and reads signed values of ``more``; all servers of a store have the same key.

    Args:
        signature: signs bytes; its result has at least 16 bytes.
    """

    def __init__(self, signature: Callable[[bytes], bytes]) -> None:
        self._signature = signature

    def closed(self, programme_id: str, parameters: Mapping[str, str], after: tuple[int, int]) -> str:
        """The value with which a query of a programme goes on after a place."""
        content = json.dumps([dict(parameters), after], ensure_ascii=False).encode()
        return urlsafe_b64encode(self._mac(programme_id, content) + content).decode().rstrip("=")

    def opened(self, programme_id: str, text: str) -> tuple[dict[str, str], tuple[int, int]]:
        """The query and the place in a value.

        Raises:
            Refused: 400, the value was made elsewhere, or for another programme.
        """
        try:
            whole = b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
        except ValueError:
            whole = b""
        mac, content = whole[:_MAC_BYTES], whole[_MAC_BYTES:]
        if not hmac.compare_digest(mac, self._mac(programme_id, content)):
            raise Refused(400, "more: not what this server has given; ask again from the first page")
        parameters, (stored_us, place) = json.loads(content)
        return parameters, (stored_us, place)

    def _mac(self, programme_id: str, content: bytes) -> bytes:
        return self._signature(b"more\0" + programme_id.encode() + b"\0" + content)[:_MAC_BYTES]
