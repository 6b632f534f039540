"""Events over HTTP, each answered for by itself; packed bodies; bearer tokens; and how much is taken at once."""

from __future__ import annotations

import base64
import gzip
import hmac
import json
import threading
import time
import zlib
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
import zstandard
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from joserfc import jwt
from joserfc.jwk import ECKey, KeySet, RSAKey

from ingest.events import Refusal
from ingest.events.validation import content_digest, validate
from ingest.log.port import NewRecord
from ingest.lrs.access.tokens import ProviderAway, Tokens
from ingest.lrs.http import Limits
from ingest.lrs.http.observing import Arrivals
from ingest.lrs.http.packing import unpacked
from ingest.lrs.http.requests import Refused
from ingest.lrs.index.sql_index import SqlIndex
from ingest.lrs.writing.catching_up import REMEMBERED_DAYS, catch_up
from tests import samples
from tests.lrs_help import STATEMENT, Lrs
from tests.warehouse_help import raw_records


@pytest.fixture
def lrs(tmp_path: Path) -> Iterator[Lrs]:
    made = Lrs(tmp_path)
    yield made
    made.close()


def event(**changes: Any) -> dict[str, Any]:
    return {
        "event_id": str(uuid4()), "event_type": "session.started", "event_version": 1, "occurred_at": "2017-10-12T08:30:00Z",
        "programme_id": "p", "learner_key": "Labcdefgh1234", "source": "test", "payload": {"enrolment_id": "e1", "device": "web"},
        **changes,
    }  # fmt: skip


def send(lrs: Lrs, body: Any, *, kind: str = "application/json", key: str | None = None, **headers: str) -> Any:
    content = body if isinstance(body, bytes) else json.dumps(body, ensure_ascii=False).encode()
    told = {"authorization": key or lrs.usual, "content-type": kind, **headers}
    return lrs.client.post("/events", content=content, headers=told)


def statuses(answer: Any) -> list[str]:
    return [one["status"] for one in answer.json()["events"]]


def test_words_are_sealed_and_still_tell_a_repeat_from_a_conflict(lrs: Lrs) -> None:
    said = event(event_type="enrolment.withdrawn", payload={"enrolment_id": "e1", "reason": "因病"}, remark="来信")

    def status(one: dict[str, Any]) -> str:
        (answer,) = send(lrs, one).json()["events"]
        return str(answer["status"] if answer["status"] != "refused" else answer["reason"])

    changed = {**said, "payload": {"enrolment_id": "e1", "reason": "因事"}}
    assert [status(one) for one in (said, said, changed)] == ["accepted", "repeated", "id_conflict"]
    (value,) = [record.value for record in raw_records(lrs.folder / "log.sqlite")]
    assert value is not None
    assert "因病".encode() not in value
    assert "来信".encode() not in value
    # The same from the log alone.
    with lrs.index.exclusive():
        lrs.index.clear()
    catch_up(lrs.log, lrs.index)
    assert [status(one) for one in (said, changed)] == ["repeated", "id_conflict"]


def test_each_event_is_answered_for_and_what_is_taken_is_in_the_log(lrs: Lrs) -> None:
    one, other = event(), event(learner_key=None, staff_key="Sabcdefgh1234")
    assert send(lrs, one).json() == {
        "accepted": 1, "repeated": 0, "refused": 0,
        "events": [{"event_id": one["event_id"], "event_type": "session.started", "status": "accepted"}],
    }  # fmt: skip
    again = dict(reversed(one.items()))
    different = one | {"source": "other"}
    answer = send(
        lrs,
        [again, other, other, different, event(payload={"device": "web"}), event(event_type="session.fancied"),
         event(programme_id="q"),
         event(event_type="learner.erased", payload={}), event(occurred_at="2017-10-12T08:30:00"), 7],
    )  # fmt: skip
    assert answer.status_code == 200
    assert statuses(answer) == ["repeated", "accepted", "repeated", *["refused"] * 7]
    assert [(one["reason"], one["field"]) for one in answer.json()["events"][3:]] == [
        ("id_conflict", "event_id"), ("missing_field", "payload.enrolment_id"), ("unknown_event_type", "event_type"),
        ("wrong_programme", "programme_id"), ("reserved_event_type", "event_type"), ("naive_time", "occurred_at"), ("not_an_object", ""),
    ]  # fmt: skip
    stored = [json.loads(raw.value) for raw in raw_records(lrs.folder / "log.sqlite")]
    assert sorted(e["event_id"] for e in stored) == sorted([one["event_id"], other["event_id"]])
    assert send(lrs, event(event_type="nothing")).status_code == 422
    assert send(lrs, b"[").status_code == 400
    assert send(lrs, b"{}", kind="text/plain").status_code == 415
    assert lrs.client.get("/events").status_code == 405
    assert lrs.client.options("/events").status_code == 204


def test_one_a_line_and_packed_a_bad_line_stops_no_other(lrs: Lrs) -> None:
    lines = b"\n".join([samples.encode(event()), b"", b"nonsense", samples.encode(event()), b"\xff"])
    lines_type = "application/x-ndjson"
    packed = {
        "gzip": gzip.compress(lines), "zstd": zstandard.ZstdCompressor().compress(lines), "identity": lines,
    }  # fmt: skip
    for encoding, content in packed.items():
        answer = send(lrs, content, kind=lines_type, **{"content-encoding": encoding})
        first = "accepted" if encoding == "gzip" else "repeated"
        assert statuses(answer) == [first, "refused", first, "refused"]
    statement = lrs.ask(
        "POST", "statements", content=gzip.compress(json.dumps(STATEMENT).encode()),
        headers={"content-type": "application/json", "content-encoding": "gzip"},
    )  # fmt: skip
    assert statement.status_code == 200


def test_an_event_that_came_another_way_is_known_to_be_a_repeat(lrs: Lrs) -> None:
    one = event()
    lrs.log.append([NewRecord(b"k", samples.encode(one))])
    assert statuses(send(lrs, event())) == ["accepted"]
    assert statuses(send(lrs, one)) == ["repeated"]
    # For some days; what is older is not kept, nor read in when the index is made again.
    old = event()
    us = int((datetime.now(UTC) - timedelta(days=REMEMBERED_DAYS, minutes=1)).timestamp() * 1e6)
    lrs.log.append([NewRecord(b"k", samples.encode(old), us)])
    assert statuses(send(lrs, old)) == ["accepted"]
    assert isinstance(lrs.index, SqlIndex)
    before = sorted(lrs.index._rows("select * from events"))
    lrs.index.clear()
    catch_up(lrs.log, lrs.index)
    assert sorted(lrs.index._rows("select * from events")) == before
    lrs.index.forget_events(2**62)
    assert lrs.index.events("p", [one["event_id"]]) == {}


def test_the_order_of_members_and_spaces_are_nothing_that_an_event_says() -> None:
    def digest(said: dict[str, Any], *, compact: bool = False) -> bytes:
        found = validate(samples.encode(said, compact=compact), samples.RECORDED)
        assert not isinstance(found, Refusal)
        return content_digest(found)

    one = event()
    assert digest(one) == digest(dict(reversed(one.items())), compact=True)
    assert digest(one) == digest(one | {"unknown": 1, "payload": one["payload"] | {"another": {}}})
    assert digest(one) != digest(one | {"source": "x"})


def test_a_key_sends_events_only_where_it_may(lrs: Lrs) -> None:
    assert send(lrs, event(), key=lrs.key("statements/write", "state")).status_code == 403
    assert send(lrs, event(), key=lrs.key("events/write")).status_code == 200
    assert send(lrs, event(), key="Basic bm86bm8=").status_code == 401
    one = event(programme_id="q")
    assert statuses(send(lrs, one, key=lrs.key("events/write", programme="q"))) == ["accepted"]
    # Another programme is not told that the id is taken.
    assert statuses(send(lrs, one | {"programme_id": "p"})) == ["accepted"]


def test_what_arrives_is_told_to_a_key_of_its_programme_only(lrs: Lrs) -> None:
    send(lrs, [event(), event()])
    lrs.post(STATEMENT)
    live = lrs.client.get("/live", headers={"authorization": lrs.usual}).json()
    assert {(one["kind"], one["name"], one["count"]) for one in live["last_1_min"]} == {
        ("event", "session.started", 2), ("statement", STATEMENT["verb"]["id"], 1),
    }  # fmt: skip
    other = lrs.client.get("/live", headers={"authorization": lrs.key("all", programme="q")}).json()
    assert other == {"programme_id": "q", "last_1_min": [], "last_15_min": []}
    assert lrs.client.get("/live").status_code == 401


def test_arrivals_are_those_of_the_last_minutes() -> None:
    now = [1_000.0]
    arrivals = Arrivals(lambda: now[0])
    arrivals.add("p", "event", "s", Counter({"a": 2}))
    now[0] += 120
    arrivals.add("p", "event", "s", Counter({"a": 1, "b": 5}))
    assert arrivals.since("p", 60) == [("event", "b", "s", 5), ("event", "a", "s", 1)]
    assert arrivals.since("p", 900) == [("event", "b", "s", 5), ("event", "a", "s", 3)]
    now[0] += 1_000
    assert arrivals.since("p", 900) == []


# -- how much


@settings(suppress_health_check=[HealthCheck.too_slow])
@given(
    body=st.binary(max_size=4_000),
    encoding=st.sampled_from(["gzip", "zstd", "identity", "GZIP"]),
    most=st.integers(0, 3_000),
)
def test_a_packed_body_is_itself_again_or_too_large(body: bytes, encoding: str, most: int) -> None:
    pack = {"gzip": gzip.compress, "zstd": zstandard.ZstdCompressor().compress, "identity": bytes}[encoding.lower()]
    headers = {"content-encoding": encoding}
    if len(body) <= most or encoding == "identity":
        assert unpacked(pack(body), headers, most) == body
    else:
        with pytest.raises(Refused) as refusal:
            unpacked(pack(body), headers, most)
        assert refusal.value.status == 413


@pytest.mark.parametrize("encoding", ["gzip", "zstd"])
def test_a_bomb_is_refused_before_it_goes_off(lrs: Lrs, encoding: str) -> None:
    zeros = b"\0" * (1 << 20)
    if encoding == "gzip":
        packer = zlib.compressobj(9, wbits=31)
        bomb = b"".join([*(packer.compress(zeros) for _ in range(400)), packer.flush()])
    else:
        packer_z = zstandard.ZstdCompressor(level=19).compressobj()
        bomb = b"".join([*(packer_z.compress(zeros) for _ in range(400)), packer_z.flush()])
    assert len(bomb) < 1 << 20
    assert send(lrs, bomb, **{"content-encoding": encoding}).status_code == 413
    assert send(lrs, bomb[: len(bomb) // 2], **{"content-encoding": encoding}).status_code in (400, 413)
    assert send(lrs, b"no such thing", **{"content-encoding": encoding}).status_code == 400
    assert send(lrs, b"{}", **{"content-encoding": "br"}).status_code == 415


def test_more_than_is_held_together_is_told_to_come_again(tmp_path: Path) -> None:
    lrs = Lrs(tmp_path, limits=Limits(body_bytes=10_000, held_bytes=15_000, events=3))
    padding = event(source="x" * 200)
    assert send(lrs, [padding] * 2).status_code == 200
    assert send(lrs, [event()] * 4).status_code == 413
    assert send(lrs, b" " * 10_001).status_code == 413
    entered, gate, answers = threading.Event(), threading.Event(), []
    write = lrs.store._commit

    def held(commands: Any) -> None:
        entered.set()
        gate.wait(30)
        write(commands)

    lrs.store._commit = held  # type: ignore[method-assign]
    body = samples.encode(event()) + b" " * 8_000
    first = threading.Thread(target=lambda: answers.append(send(lrs, body)))
    first.start()
    assert entered.wait(30)
    second = send(lrs, body)
    gate.set()
    first.join()
    assert (second.status_code, second.headers["retry-after"]) == (503, "2")
    assert [answer.status_code for answer in answers] == [200]
    assert send(lrs, body).status_code == 200
    lrs.close()


# -- bearer tokens


ISSUER = "https://login.example.org/realms/x"


class Provider:
    """An OpenID Connect provider that signs with a key that may change."""

    def __init__(self) -> None:
        self.key: Any = RSAKey.generate_key(2048, {"kid": "one"})
        self.asked = 0

    def fetch(self, url: str) -> Any:
        self.asked += 1
        if url == f"{ISSUER}/.well-known/openid-configuration":
            return {"jwks_uri": f"{ISSUER}/keys"}
        assert url == f"{ISSUER}/keys"
        return KeySet([self.key]).as_dict(private=False)

    def token(self, key: Any = None, algorithm: str = "RS256", **changes: Any) -> str:
        now = int(datetime.now(UTC).timestamp())
        claims = {
            "iss": ISSUER, "aud": "xueqing", "sub": "zhuge@example.org", "exp": now + 300, "iat": now, "programme_id": "p",
            "scope": "openid statements/write statements/read/mine events/write", "azp": "portal", **changes,
        }  # fmt: skip
        signing = key or self.key
        header = {"alg": algorithm, **({"kid": signing.kid} if signing.kid else {})}
        return jwt.encode(header, {k: v for k, v in claims.items() if v is not None}, signing)


def confused(provider: Provider) -> str:
    """A token whose signature is made of the public key, as if that were a secret."""
    claims = provider.token().split(".")[1]
    header = base64.urlsafe_b64encode(b'{"alg":"HS256","kid":"one"}').rstrip(b"=").decode()
    mark = hmac.digest(provider.key.as_pem(private=False), f"{header}.{claims}".encode(), "sha256")
    return f"{header}.{claims}.{base64.urlsafe_b64encode(mark).rstrip(b'=').decode()}"


def test_a_token_lets_its_bearer_do_what_it_says_and_no_other_does(tmp_path: Path) -> None:
    provider = Provider()
    lrs = Lrs(tmp_path, tokens=Tokens(ISSUER, "xueqing", fetch=provider.fetch))

    def ask(token: str) -> int:
        return int(lrs.ask("POST", "statements", key=f"Bearer {token}", json=STATEMENT).status_code)

    assert ask(provider.token()) == 200
    assert ask(provider.token(aud=["else", "xueqing"])) == 200
    now = int(datetime.now(UTC).timestamp())
    for bad in (
        provider.token(aud="else"), provider.token(iss="https://evil.example.org"), provider.token(exp=now - 100),
        provider.token(exp=None), provider.token(nbf=now + 100), provider.token(programme_id=None), provider.token(scope="openid"),
        provider.token(scope=None), provider.token(sub=None), provider.token(RSAKey.generate_key(2048, {"kid": "one"})),
        confused(provider), provider.token()[:-4] + "AAAA", "nonsense", "",
    ):  # fmt: skip
        assert ask(bad) == 401, bad
    # Of another programme, it sees nothing here.
    others = f"Bearer {provider.token(programme_id='q', scope='all')}"
    assert lrs.ask("GET", "statements", key=others).json()["statements"] == []
    # Its own only, by who stored them; the authority names the client and not the person.
    lrs.post(STATEMENT)
    mine = lrs.ask("GET", "statements", key=f"Bearer {provider.token()}").json()["statements"]
    assert [s["authority"]["account"]["name"] for s in mine] == ["oidc:portal"] * 2
    assert lrs.ask("GET", "activities/state", key=f"Bearer {provider.token()}").status_code == 403
    assert "Bearer" in lrs.ask("GET", "statements", key="x").headers["www-authenticate"]
    lrs.close()


def test_a_new_signing_key_is_looked_for_once_in_a_while(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    provider = Provider()
    tokens = Tokens(ISSUER, "xueqing", fetch=provider.fetch)
    assert tokens.check(provider.token()) is not None
    old, provider.key = provider.token(), ECKey.generate_key("P-256", {"kid": "two"})
    fresh = provider.token(algorithm="ES256")
    assert tokens.check(fresh) is None
    assert provider.asked == 2
    clock, ahead = time.monotonic, 60
    monkeypatch.setattr("ingest.lrs.access.tokens.time.monotonic", lambda: clock() + ahead)
    assert tokens.check(fresh) is not None
    assert provider.asked == 4
    assert tokens.check(old) is None

    def away(url: str) -> Any:
        raise OSError("away")

    # While the provider is away, what is known of it holds.
    monkeypatch.setattr(tokens, "_fetch", away)
    ahead = 7_200
    assert tokens.check(provider.token(algorithm="ES256")) is not None
    with pytest.raises(ProviderAway):
        Tokens(ISSUER, "xueqing", fetch=away).check(fresh)
