"""Who is let in and who waits: keys and their hashes, wrong secrets, work in turn, a provider of tokens that does not answer."""

from __future__ import annotations

import asyncio
import base64
import json
import sqlite3
import threading
import time
from collections import Counter
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from argon2 import PasswordHasher
from hypothesis import given
from hypothesis import strategies as st

from ingest.lrs.access.keys import Key, Keys
from ingest.lrs.access.tokens import ProviderAway, Tokens, fetch_json
from ingest.lrs.http.access import Access
from ingest.lrs.http.guesses import Guesses, network_of
from ingest.lrs.http.requests import Refused
from ingest.lrs.http.turns import Turns
from warehouse.errors import BadConfiguration

ISSUER = "https://login.example.org/realms/x"


class Hasher(PasswordHasher):
    """Of few rounds, for a test; counts them."""

    def __init__(self) -> None:
        super().__init__(time_cost=1, memory_cost=8, parallelism=1)
        self.verified: list[str] = []

    def verify(self, hash: str | bytes, password: str | bytes) -> Any:
        self.verified.append(str(hash))
        return super().verify(hash, password)


def older(path: Path, keys: Keys, *scopes: str) -> tuple[Key, str]:
    """A key as an earlier version made it."""
    key, secret = keys.create("p", scopes or ["all"])
    with closing(sqlite3.connect(path)) as con, con:
        con.execute("update keys set secret_hash = ? where key_id = ?", (Hasher().hash(secret), key.key_id))
    keys.refresh()
    return key, secret


def basic(key_id: str, secret: str) -> dict[str, str]:
    return {"authorization": "Basic " + base64.b64encode(f"{key_id}:{secret}".encode()).decode()}


def test_a_secret_is_kept_as_a_hash_that_is_of_its_key_only(tmp_path: Path) -> None:
    with closing(Keys(tmp_path / "keys.sqlite")) as keys, closing(sqlite3.connect(tmp_path / "keys.sqlite")) as con:
        one, secret = keys.create("p", ["all"])
        other, _ = keys.create("p", ["state"])
        con.execute(
            "update keys set secret_hash = (select secret_hash from keys where key_id = ?) where key_id = ?",
            (one.key_id, other.key_id),
        )
        con.commit()
        assert keys.check(one.key_id, secret) == one
        assert keys.check(other.key_id, secret) is None
        assert keys.check(one.key_id, f"{secret}\ud800") is None
        assert secret.encode() not in (tmp_path / "keys.sqlite").read_bytes()


def test_a_key_that_another_process_makes_or_revokes_is_known(tmp_path: Path) -> None:
    path = tmp_path / "keys.sqlite"
    with closing(Keys(path)) as serving, closing(Keys(path)) as command:
        key, secret = command.create("p", ["all"])
        assert serving.check(key.key_id, secret) == key
        command.revoke(key.key_id)
        serving.refresh()
        assert serving.known(key.key_id, secret) is None
        assert serving.check(key.key_id, secret) is None


def test_a_key_of_an_earlier_version_holds_and_pays_for_its_slow_hash_once(tmp_path: Path) -> None:
    path, hasher = tmp_path / "keys.sqlite", Hasher()
    with closing(Keys(path, hasher)) as keys:
        plain, own = keys.create("p", ["all"])
        key, secret = older(path, keys)
        assert keys.check(plain.key_id, own) == plain
        assert hasher.verified == []
        # While there is one, a wrong secret costs the same whoever it is for: nobody, a new key or an old one.
        for key_id in ("xq-0", plain.key_id, key.key_id):
            assert keys.check(key_id, "wrong") is None
        assert len(hasher.verified) == 3
        assert keys.check(plain.key_id, secret) is None
        assert keys.check(key.key_id, secret) == key
        assert not keys.has_slow
        before = len(hasher.verified)
        assert keys.check(key.key_id, secret) == key
        for key_id in ("xq-0", plain.key_id, key.key_id):
            assert keys.check(key_id, "wrong") is None
        assert len(hasher.verified) == before
    with closing(Keys(path, hasher)) as keys:
        assert keys.check(key.key_id, secret) == key
        assert len(hasher.verified) == before


def test_of_many_requests_with_one_new_secret_one_pays_for_a_slow_hash(tmp_path: Path) -> None:
    path, hasher = tmp_path / "keys.sqlite", Hasher()
    with closing(Keys(path, hasher)) as keys:
        key, secret = older(path, keys)
        other, _ = older(path, keys, "state")
        access = Access(keys)

        async def asked() -> list[Any]:
            tries = [basic(key.key_id, secret), basic(other.key_id, "wrong")] * 20
            return await asyncio.gather(*(access.who(one, "192.0.2.1") for one in tries), return_exceptions=True)

        answers = asyncio.run(asked())
        assert answers[::2] == [key] * 20
        assert {one.status for one in answers[1::2]} <= {401, 429}
        assert len(hasher.verified) == 2


def test_guesses_are_told_to_stay_away_and_who_is_right_is_let_in_all_the_same(tmp_path: Path) -> None:
    now = [0.0]
    with closing(Keys(tmp_path / "keys.sqlite")) as keys:
        key, secret = keys.create("p", ["all"])
        access = Access(keys, guesses=Guesses(lambda: now[0]))

        def status(key_id: str, secret: str, address: str) -> int:
            try:
                asyncio.run(access.who(basic(key_id, secret), address))
            except Refused as refused:
                return refused.status if "retry-after" in refused.headers or refused.status == 401 else 0
            return 200

        told = Counter(status(f"xq-{n}", "guess", "192.0.2.1") for n in range(60))
        assert told == {401: 20, 429: 40}
        assert status(key.key_id, secret, "192.0.2.1") == 200
        assert status(key.key_id, "guess", "192.0.2.2") == 401
        # For one key, from everywhere.
        told = Counter(status(key.key_id, "guess", f"198.51.100.{n}") for n in range(60))
        assert told[429] >= 40
        fresh, new = keys.create("p", ["state"])
        assert status(key.key_id, secret, "198.51.100.1") == 200
        assert status(fresh.key_id, new, "192.0.2.1") == 200
        now[0] += 3
        assert status("xq-0", "guess", "192.0.2.1") == 401
        assert status("xq-0", "guess", "192.0.2.1") == 429


def test_what_guesses_leave_behind_is_bounded() -> None:
    guesses = Guesses(lambda: 0.0)
    for n in range(30_000):
        guesses.wrong(f"2001:db8:{n:x}::1", "x" * 10_000)
    assert len(guesses._counted) == 10_000
    assert sum(len(name) for _, name in guesses._counted) < 300_000
    assert network_of("2001:db8::1") == network_of("2001:db8::ffff") != network_of("2001:db8:0:1::1")
    assert network_of("::ffff:192.0.2.1") != network_of("::ffff:192.0.2.2")
    assert network_of("testclient") == "testclient"


# -- in turn


@given(st.lists(st.sampled_from("abc"), max_size=40))
def test_each_waits_for_no_more_than_one_of_everybody_elses(arrivals: list[str]) -> None:
    done: list[tuple[str, int]] = []

    async def all_of_them() -> None:
        turns, began, gate = Turns(100), asyncio.Event(), threading.Event()
        loop = asyncio.get_running_loop()

        def first() -> None:
            loop.call_soon_threadsafe(began.set)
            gate.wait(30)

        tasks = [asyncio.ensure_future(turns.work("z", first))]
        await began.wait()
        tasks += [
            asyncio.ensure_future(turns.work(who, lambda who=who, n=n: done.append((who, n))))  # type: ignore[misc]
            for n, who in enumerate(arrivals)
        ]
        await asyncio.sleep(0)
        gate.set()
        await asyncio.gather(*tasks)

    asyncio.run(all_of_them())
    assert Counter(who for who, _ in done) == Counter(arrivals)
    for who in set(arrivals):
        own = [n for name, n in done if name == who]
        assert own == sorted(own)
    for place, (who, _) in enumerate(done):
        # Between two of one who, each other had one turn at most.
        later = next((n for n in range(place + 1, len(done)) if done[n][0] == who), None)
        if later is not None:
            between = [name for name, _ in done[place + 1 : later]]
            assert len(between) == len(set(between))


def test_one_who_has_too_much_waiting_is_told_so_and_one_who_gives_up_holds_up_nobody() -> None:
    async def scenario() -> list[str]:
        turns, gate, began = Turns(2), threading.Event(), asyncio.Event()
        loop = asyncio.get_running_loop()

        def first() -> str:
            loop.call_soon_threadsafe(began.set)
            gate.wait(30)
            return "first"

        running = asyncio.ensure_future(turns.work("a", first))
        await began.wait()
        waiting = [asyncio.ensure_future(turns.work("a", lambda: "second")) for _ in range(2)]
        await asyncio.sleep(0)
        with pytest.raises(Refused) as refused:
            await turns.work("a", lambda: "third")
        assert (refused.value.status, refused.value.headers["retry-after"]) == (429, "1")
        other = asyncio.ensure_future(turns.work("b", lambda: "other"))
        await asyncio.sleep(0)
        waiting[0].cancel()
        gate.set()
        return [await running, await waiting[1], await other]

    assert asyncio.run(scenario()) == ["first", "second", "other"]


# -- the provider of tokens


def token(header: Any = None, claims: Any = None, signature: str = "AAAA") -> str:
    """One that says it is good."""
    said = {"iss": ISSUER, "aud": "xueqing", "exp": int(time.time()) + 300, "sub": "x"} if claims is None else claims
    parts = [{"alg": "RS256", "kid": "one"} if header is None else header, said]
    encoded = [base64.urlsafe_b64encode(json.dumps(part).encode()).decode().rstrip("=") for part in parts]
    return ".".join([*encoded, signature])


@pytest.mark.parametrize(
    "bad",
    [
        "", "nonsense", "a.b", "a.b.c.d", "..", token(signature=""), token({"alg": "none"}), token({"alg": "HS256"}), token([]), token(7),
        token({"alg": ["RS256"]}), token({"alg": "RS256", "kid": 7}), token({"alg": "RS256", "kid": "x" * 300}), token(claims=[]),
        token(claims={"iss": ISSUER}), token(claims={"iss": "https://evil.example", "aud": "xueqing", "exp": 9e9}),
        token(claims={"iss": ISSUER, "aud": "else", "exp": 9e9}), token(claims={"iss": ISSUER, "aud": "xueqing", "exp": 1}),
        token(claims={"iss": ISSUER, "aud": "xueqing", "exp": "soon"}), token(claims={"iss": ISSUER, "aud": "xueqing", "exp": [1]}),
        token(signature="A" * 20_000), "é.é.é", base64.urlsafe_b64encode(b"[" * 9_000).decode() + ".e30.AA",
    ],
)  # fmt: skip
def test_the_provider_is_not_asked_for_what_cannot_be_good(bad: str) -> None:
    def fetch(url: str) -> Any:
        raise AssertionError(url)

    tokens = Tokens(ISSUER, "xueqing", fetch=fetch)
    assert tokens.asked_for(bad) is None
    assert tokens.check(bad) is None


def test_a_provider_that_hangs_or_fails_is_asked_with_patience(monkeypatch: pytest.MonkeyPatch) -> None:
    now, asked, gate = [1_000.0], [], threading.Event()
    monkeypatch.setattr("ingest.lrs.access.tokens.time.monotonic", lambda: now[0])

    def hangs(url: str) -> Any:
        asked.append(url)
        gate.wait(30)
        raise OSError("away")

    tokens = Tokens(ISSUER, "xueqing", fetch=hangs)
    first = tokens.asked_for(token())
    assert first is not None
    # All wait for one, and nobody once it is known not to answer.
    assert {id(tokens.asked_for(token())) for _ in range(60)} == {id(first)}
    now[0] += 25
    assert tokens.asked_for(token()) is None
    with pytest.raises(ProviderAway):
        tokens.judged(token())
    gate.set()
    first.result(30)
    assert len(asked) == 1
    # Then after two seconds, four, eight, and never later than in five minutes.
    waits = []
    for _ in range(12):
        began = now[0]
        while (again := tokens.asked_for(token())) is None:
            now[0] += 0.5
        again.result(30)
        waits.append(now[0] - began)
    assert waits == sorted(waits)
    assert waits[0] <= 2
    assert waits[3] > 8
    assert waits[-1] == 300


def test_only_who_brings_a_token_waits_for_its_provider(tmp_path: Path) -> None:
    gate = threading.Event()

    def hangs(url: str) -> Any:
        gate.wait(30)
        raise OSError("away")

    async def scenario(keys: Keys) -> tuple[set[int], Key]:
        access = Access(keys, Tokens(ISSUER, "xueqing", fetch=hangs))
        key, secret = keys.create("p", ["all"])
        bearers = [
            asyncio.ensure_future(access.who({"authorization": f"Bearer {token()}"}, "192.0.2.1")) for _ in range(60)
        ]
        await asyncio.sleep(0)
        # All of the threads that reading waits for are free, and so is who has a key.
        found = await access.who(basic(key.key_id, secret), "192.0.2.1")
        assert await asyncio.gather(*(asyncio.to_thread(lambda: 1) for _ in range(40))) == [1] * 40
        assert not any(bearer.done() for bearer in bearers)
        gate.set()
        refused = await asyncio.gather(*bearers, return_exceptions=True)
        assert found == key
        return {one.status for one in refused if isinstance(one, Refused)}, found

    with closing(Keys(tmp_path / "keys.sqlite")) as keys:
        statuses, _ = asyncio.run(scenario(keys))
    assert statuses == {503}


def test_a_provider_is_reached_by_tls_or_on_this_machine() -> None:
    for good in (ISSUER, "http://127.0.0.1:8080/x", "http://localhost/x", "http://[::1]:90"):
        Tokens(good, "xueqing")
    for bad in (
        "http://login.example.org", "http://127.0.0.1.example.org", "http://localhost.example.org", "http://localhost@example.org",
        "https://user:x@example.org", "ftp://localhost", "", "https://", "http://127.0.0.1:x@evil.example", "//localhost", "http://[::1",
    ):  # fmt: skip
        with pytest.raises(BadConfiguration, match="https"):
            Tokens(bad, "xueqing")
        with pytest.raises(ValueError, match=r".+"):
            fetch_json(bad)
