"""Identifies the client: a key by HTTP Basic authentication, or the bearer of a token.

A right secret always gets in. A wrong one costs next to nothing; after many of them the client is told to wait.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from hashlib import sha256

from anyio import CapacityLimiter, to_thread

from ingest.lrs.access.keys import Key, Keys
from ingest.lrs.access.tokens import ProviderAway, Tokens
from ingest.lrs.http.guesses import Guesses, network_of
from ingest.lrs.http.requests import Refused, credentials
from ingest.lrs.http.turns import Turns

__all__ = ["Access"]

#: Secrets from one address that wait for a slow hash, at most; only keys of earlier versions need one.
_SLOW_WAITING = 8
#: Seconds that a request waits for the identity provider.
_PROVIDER_S = 10.0


class Access:
    """Finds the key of a request."""

    def __init__(self, keys: Keys, tokens: Tokens | None = None, guesses: Guesses | None = None) -> None:
        self._keys, self._tokens, self._guesses = keys, tokens, guesses or Guesses()
        self._slow = Turns(_SLOW_WAITING)
        # Threads of their own, so that no reader of statements waits for them: one for the file of keys, one for signatures.
        self._looking, self._verifying = CapacityLimiter(1), CapacityLimiter(1)
        self._look: asyncio.Task[None] | None = None
        self._next_look: asyncio.Task[None] | None = None
        self._hashing: dict[bytes, asyncio.Task[Key | None]] = {}
        self._challenge = {"www-authenticate": 'Basic realm="xueqing"' + (", Bearer" if tokens is not None else "")}

    async def who(self, headers: Mapping[str, str], address: str = "") -> Key:
        """The key of a request's Authorization header.

        Args:
            address: the IP address of the client.

        Raises:
            Refused: 401 wrong; 429 wrong too often; 503 the provider of tokens cannot be reached.
        """
        told = headers.get("authorization")
        scheme, _, token = (told or "").partition(" ")
        if self._tokens is not None and scheme.lower() == "bearer":
            return await self._bearer(self._tokens, token.strip(), address)
        try:
            key_id, secret = credentials(told)
        except Refused as error:
            raise Refused(401, error.why, self._challenge) from None
        key = self._keys.known(key_id, secret) or await self._looked_up(key_id, secret, address)
        if key is None:
            raise self._wrong(Refused(401, "no such key, or another secret", self._challenge), address, key_id)
        return key

    def _wrong(self, refused: Refused, address: str, key_id: str) -> Refused:
        wait_s = self._guesses.wrong(address, key_id)
        if wait_s:
            return Refused(
                429,
                "too many wrong secrets came from there or for that key",
                {"retry-after": str(wait_s), **refused.headers},
            )
        return refused

    async def _looked_up(self, key_id: str, secret: str, address: str) -> Key | None:
        """The key by a fresh look into the file; of earlier versions by the slow hash, in turn."""
        await self._fresh()
        key = self._keys.known(key_id, secret)
        if key is not None or not self._keys.has_slow:
            return key
        # Of many requests with the same secret, the first one pays for the hash.
        same = sha256(f"{key_id}:{secret}".encode(errors="surrogatepass")).digest()
        task = self._hashing.get(same)
        if task is None:
            task = asyncio.ensure_future(
                self._slow.work(network_of(address), lambda: self._keys.check_slowly(key_id, secret))
            )
            self._hashing[same] = task
            task.add_done_callback(lambda _: self._hashing.pop(same, None))
        return await asyncio.shield(task)

    async def _fresh(self) -> None:
        """Wait for a look into the file that begins after this call; all callers meanwhile share one."""
        if self._next_look is None:
            self._next_look = asyncio.ensure_future(self._looked(self._look))
        await asyncio.shield(self._next_look)

    async def _looked(self, before: asyncio.Task[None] | None) -> None:
        if before is not None and not before.done():
            await asyncio.wait([before])
        self._look, self._next_look = self._next_look, None
        await to_thread.run_sync(self._keys.refresh, limiter=self._looking)

    async def _bearer(self, tokens: Tokens, token: str, address: str) -> Key:
        refused = Refused(
            401, "the token is not good here: another issuer, audience or programme, no scope of ours, or expired",
            {"www-authenticate": 'Bearer error="invalid_token"'},
        )  # fmt: skip
        try:
            asked = tokens.asked_for(token)
            if asked is not None:
                await asyncio.wait([asyncio.wrap_future(asked)], timeout=_PROVIDER_S)
            key = await to_thread.run_sync(tokens.judged, token, limiter=self._verifying)
        except ProviderAway as error:
            raise Refused(503, str(error), {"retry-after": str(error.wait_s)}) from None
        if key is None:
            raise self._wrong(refused, address, "")
        return key
