"""Bearer tokens of an OpenID Connect provider: signed, for us, and not expired.

Whoever can reach the server can send tokens. So a token that cannot be good is refused before the provider is asked; one thread asks the
provider; and while the provider cannot be reached, the server remembers that. Only clients with tokens wait.
"""

from __future__ import annotations

import threading
import time
from base64 import urlsafe_b64decode
from collections.abc import Callable
from concurrent.futures import Future
from hashlib import sha256
from typing import Any
from urllib.parse import urlsplit

import msgspec
import requests
from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import KeySet

from ingest.lrs.access.keys import SCOPES, Key
from warehouse.errors import BadConfiguration

__all__ = ["ProviderAway", "Tokens", "fetch_json"]

#: No symmetric ones: whoever can check such a signature can make it.
_ALGORITHMS = ["RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA"]
#: Seconds for which a signing key is kept, seconds between two requests for a new one, and seconds by which clocks may differ.
_KEPT_S, _AGAIN_S, _LEEWAY_S = 3_600.0, 30.0, 30
#: Seconds that a provider has to answer. After a failure it is asked again after 2, 4, 8 … seconds, 300 at most.
_PATIENCE_S, _MOST_BACKOFF_S = 10.0, 300.0
#: Bytes of a token, characters of a key's name, and bytes of a provider's document, at most.
_MOST_TOKEN, _MOST_KID, _MOST_ANSWER = 16_384, 200, 1 << 20
_HERE = ("127.0.0.1", "localhost", "::1")


class ProviderAway(Exception):
    """The provider cannot be reached, and the server has none of its keys yet.

    Attributes:
        wait_s: seconds after which it is worth trying again.
    """

    def __init__(self, wait_s: float) -> None:
        super().__init__("the provider of tokens cannot be asked now; come again")
        self.wait_s = max(1, round(wait_s))


def fetch_json(url: str) -> Any:
    """A provider's document; raises OSError or ValueError, after some seconds where the provider is slow or sends much."""
    _check_address(url)
    end = time.monotonic() + _PATIENCE_S
    # A redirect could lead to anybody's address.
    with requests.get(url, timeout=_PATIENCE_S / 2, stream=True, allow_redirects=False) as answer:
        if answer.status_code != 200:
            raise ValueError(f"status {answer.status_code}")
        content = b""
        for piece in answer.iter_content(65_536):
            content += piece
            if len(content) > _MOST_ANSWER or time.monotonic() > end:
                raise ValueError("too large, or too slow")
    return msgspec.json.decode(content)


def _check_address(url: str) -> None:
    """Raises ValueError where an address is neither reached by TLS nor on this machine."""
    parts = urlsplit(url)
    is_here = parts.scheme == "http" and parts.hostname in _HERE
    if not parts.hostname or parts.username is not None or not (parts.scheme == "https" or is_here):
        raise ValueError("not an https:// address")


class Tokens:
    """Checks tokens of one issuer, for one audience.

    A token has our scopes in ``scope``, and the programme in a claim.

    Args:
        claim: the claim that names the programme.
        fetch: reads a URL as JSON.

    Raises:
        BadConfiguration: the issuer's address is not https.
    """

    def __init__(
        self, issuer: str, audience: str, claim: str = "programme_id", fetch: Callable[[str], Any] = fetch_json
    ) -> None:
        try:
            _check_address(issuer)
        except ValueError:
            raise BadConfiguration(
                "XUEQING_OIDC_ISSUER is to be an https:// address (http:// only of localhost, 127.0.0.1 or [::1])"
            ) from None
        self._issuer, self._audience, self._claim, self._fetch = issuer, audience, claim, fetch
        self._lock = threading.Lock()
        self._keys: KeySet | None = None
        self._names: frozenset[str] = frozenset()
        self._fetched = self._began = self._not_before = float("-inf")
        self._failures = 0
        self._asking: Future[None] | None = None

    def check(self, token: str) -> Key | None:
        """The rights of a token's bearer as a key; None where the token is not good. May wait for the provider.

        Raises:
            ProviderAway: the provider's keys are unknown, and it cannot be reached.
        """
        asked = self.asked_for(token)
        if asked is not None:
            asked.result(2 * _PATIENCE_S)
        return self.judged(token)

    def asked_for(self, token: str) -> Future[None] | None:
        """A future to wait for before :meth:`judged`: done when the provider has answered or failed; None where its keys are known."""
        told = self._told(token)
        if told is None:
            return None
        now = time.monotonic()
        with self._lock:
            is_known = self._keys is not None and (told == "" or told in self._names)
            if is_known and now - self._fetched < _KEPT_S:
                return None
            if self._asking is not None and now - self._began > 2 * _PATIENCE_S:
                # The request hangs: neither an answer nor a failure.
                self._failed(now)
                self._asking = None
            if self._asking is None and now >= self._not_before:
                self._asking, self._began = Future(), now
                threading.Thread(target=self._ask, args=(self._asking,), name="oidc", daemon=True).start()
            return None if is_known else self._asking

    def judged(self, token: str) -> Key | None:
        """The rights of a token's bearer as a key, by the keys of the provider that are known; None where the token is not good.

        Raises:
            ProviderAway: none are.
        """
        if self._told(token) is None:
            return None
        keys = self._keys
        if keys is None:
            raise ProviderAway(min(_PATIENCE_S, self._not_before - time.monotonic()))
        try:
            return self._key(jwt.decode(token, keys, algorithms=_ALGORITHMS).claims)
        except (JoseError, ValueError):
            return None

    def _told(self, token: str) -> str | None:
        """The name of the key that has signed a token by its own word, or empty; None where the token cannot be good, whoever signed it."""
        parts = token.split(".") if token.isascii() and len(token) <= _MOST_TOKEN else []
        if len(parts) != 3 or not all(parts):
            return None
        try:
            header, claims = (
                msgspec.json.decode(urlsafe_b64decode(part + "=" * (-len(part) % 4))) for part in parts[:2]
            )
            audience, expires = claims["aud"], float(claims["exp"])
        except (ValueError, TypeError, KeyError, RecursionError):
            return None
        name = header.get("kid", "") if isinstance(header, dict) else None
        if not isinstance(name, str) or len(name) > _MOST_KID or header.get("alg") not in _ALGORITHMS:
            return None
        is_ours = claims.get("iss") == self._issuer and self._audience in (
            audience if isinstance(audience, list) else [audience]
        )
        return name if is_ours and expires > time.time() - _LEEWAY_S else None

    def _key(self, claims: dict[str, Any]) -> Key | None:
        rules = jwt.JWTClaimsRegistry(
            leeway=_LEEWAY_S, iss={"essential": True, "value": self._issuer}, aud={"essential": True, "value": self._audience},
            exp={"essential": True}, sub={"essential": True},
        )  # fmt: skip
        try:
            rules.validate(claims)
        except JoseError:
            return None
        programme, said = claims.get(self._claim), claims.get("scope", "")
        scopes = frozenset(said.split() if isinstance(said, str) else ()) & frozenset(SCOPES)
        if not isinstance(programme, str) or not programme or not scopes:
            return None
        # The subject may be a person: the authority of statements gets its hash.
        client = claims.get("azp") or claims.get("client_id")
        name = (
            client if isinstance(client, str) else sha256(f"{self._issuer} {claims['sub']}".encode()).hexdigest()[:16]
        )
        return Key(f"oidc:{name}", programme, name, scopes, "", None)

    def _ask(self, asking: Future[None]) -> None:
        try:
            about = self._fetch(f"{self._issuer.rstrip('/')}/.well-known/openid-configuration")
            if about.get("issuer", self._issuer) != self._issuer:
                raise ValueError("another issuer")
            keys = KeySet.import_key_set(self._fetch(about["jwks_uri"]))
        except Exception:  # whatever it is: the keys that are known go on
            keys = None
        now = time.monotonic()
        with self._lock:
            if keys is not None:
                self._keys, self._fetched, self._failures = keys, now, 0
                self._names = frozenset(key.kid for key in keys.keys if key.kid)
                self._not_before = now + _AGAIN_S
            elif self._asking is asking:
                self._failed(now)
            if self._asking is asking:
                self._asking = None
        asking.set_result(None)

    def _failed(self, now: float) -> None:
        self._failures += 1
        self._not_before = now + min(2.0**self._failures, _MOST_BACKOFF_S)
