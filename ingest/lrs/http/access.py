"""Who asks: a key by HTTP Basic authentication, or the bearer of a token."""

from __future__ import annotations

from collections.abc import Mapping

from anyio import CapacityLimiter, to_thread
from starlette.concurrency import run_in_threadpool

from ingest.lrs.http.requests import Refused, credentials
from ingest.lrs.keys import Key, Keys
from ingest.lrs.tokens import Tokens

__all__ = ["Access"]

#: Secrets not met before that are looked at together.
_HASHES = 1


class Access:
    """Tells whose request it is."""

    def __init__(self, keys: Keys, tokens: Tokens | None = None) -> None:
        self._keys, self._tokens = keys, tokens
        # A hash takes much time and memory: of many requests with one new secret the first pays for it, and nobody whose secret is known
        # waits for those whose is not.
        self._hashing = CapacityLimiter(_HASHES)
        self._challenge = {"www-authenticate": 'Basic realm="xueqing"' + (", Bearer" if tokens is not None else "")}

    async def who(self, headers: Mapping[str, str]) -> Key:
        """The key of a request's Authorization header.

        Raises:
            Refused: 401.
        """
        told = headers.get("authorization")
        scheme, _, token = (told or "").partition(" ")
        if self._tokens is not None and scheme.lower() == "bearer":
            key = await run_in_threadpool(self._tokens.check, token.strip())
            if key is None:
                why = "the token is not good here: another issuer, audience or programme, no scope of ours, or expired"
                raise Refused(401, why, {"www-authenticate": 'Bearer error="invalid_token"'})
            return key
        try:
            key_id, secret = credentials(told)
        except Refused as error:
            raise Refused(401, error.why, self._challenge) from None
        key = self._keys.known(key_id, secret)
        if key is None:
            limiter = None if self._keys.has_met(key_id, secret) else self._hashing
            key = await to_thread.run_sync(self._keys.check, key_id, secret, limiter=limiter)
        if key is None:
            raise Refused(401, "no such key, or another secret", self._challenge)
        return key
