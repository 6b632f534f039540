"""Bearer tokens of an OpenID Connect provider: signed, for us, and not expired."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from hashlib import sha256
from typing import Any

import requests
from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import KeySet

from ingest.lrs.keys import SCOPES, Key
from warehouse.errors import BadConfiguration

__all__ = ["Tokens", "fetch_json"]

#: None that is symmetric: whoever checks a signature could make it.
_ALGORITHMS = ["RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA"]
#: Seconds for which a signing key is kept, between two looks for a new one, and by which clocks may differ.
_KEPT_S, _AGAIN_S, _LEEWAY_S = 3_600.0, 30.0, 30


def fetch_json(url: str) -> Any:
    """What a provider publishes; raises OSError or ValueError."""
    answer = requests.get(url, timeout=10)
    answer.raise_for_status()
    return answer.json()


class Tokens:
    """Checks tokens of one issuer, for one audience.

    A token says what its bearer may do by its ``scope``, in the names of our scopes, and of which programme by a claim.

    Args:
        claim: the claim that names the programme.
        fetch: reads a URL as JSON.
    """

    def __init__(
        self, issuer: str, audience: str, claim: str = "programme_id", fetch: Callable[[str], Any] = fetch_json
    ) -> None:
        if not issuer.startswith(("https://", "http://127.0.0.1", "http://localhost")):
            raise BadConfiguration("XUEQING_OIDC_ISSUER is to be an https:// address")
        self._issuer, self._audience, self._claim, self._fetch = issuer, audience, claim, fetch
        self._lock = threading.Lock()
        self._keys: KeySet | None = None
        self._fetched = -_KEPT_S

    def check(self, token: str) -> Key | None:
        """What a token lets its bearer do; None of one that is not good. It may wait for the provider."""
        for is_fresh in (False, True):
            keys = self._key_set(is_fresh=is_fresh)
            if keys is None:
                return None
            try:
                claims = jwt.decode(token, keys, algorithms=_ALGORITHMS).claims
            except (JoseError, ValueError):
                # Signed with a key that has come since, perhaps.
                continue
            return self._key(claims)
        return None

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
        # Whose it is may be a person: what is written down of it names nobody.
        client = claims.get("azp") or claims.get("client_id")
        name = (
            client if isinstance(client, str) else sha256(f"{self._issuer} {claims['sub']}".encode()).hexdigest()[:16]
        )
        return Key(f"oidc:{name}", programme, name, scopes, "", None)

    def _key_set(self, *, is_fresh: bool) -> KeySet | None:
        with self._lock:
            age = time.monotonic() - self._fetched
            if self._keys is not None and age < (_AGAIN_S if is_fresh else _KEPT_S):
                return self._keys
            try:
                about = self._fetch(f"{self._issuer.rstrip('/')}/.well-known/openid-configuration")
                self._keys = KeySet.import_key_set(self._fetch(about["jwks_uri"]))
                self._fetched = time.monotonic()
            except (OSError, ValueError, KeyError, TypeError, JoseError):
                # The provider cannot be asked: what is known of it holds.
                pass
            return self._keys
