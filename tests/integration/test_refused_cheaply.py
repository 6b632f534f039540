"""What a request may cost: nothing before its sender is known, little after; packed bodies are taken whole or not at all."""

from __future__ import annotations

import asyncio
import base64
import gc
import gzip
import json
import time
import zlib
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack, suppress
from hashlib import sha256
from pathlib import Path
from typing import Any
from urllib.parse import quote_plus, urlencode

import pytest
import zstandard
from hypothesis import given
from hypothesis import strategies as st
from starlette.requests import Request

from ingest.lrs.http import Limits, bodies
from ingest.lrs.http.bodies import Bodies
from ingest.lrs.http.observing import OTHERS, Arrivals
from ingest.lrs.http.packing import unpacked
from ingest.lrs.http.requests import Call, Refused, query_parameters
from ingest.lrs.http.turns import Turns
from tests.lrs_help import ALICE, STATEMENT, Lrs


@pytest.fixture
def lrs(tmp_path: Path) -> Iterator[Lrs]:
    made = Lrs(tmp_path)
    yield made
    made.close()


FORM = {"content-type": "application/x-www-form-urlencoded"}


def form(lrs: Lrs, method: str, resource: str, body: bytes | dict[str, str], **headers: str) -> Any:
    """A request in the alternate syntax."""
    content = body if isinstance(body, bytes) else urlencode(body).encode()
    return lrs.client.post(f"/xapi/{resource}?method={method}", content=content, headers={**FORM, **headers})


# -- forms


def test_a_form_of_nobody_is_read_no_further_than_to_find_that_out(lrs: Lrs, monkeypatch: pytest.MonkeyPatch) -> None:
    read: list[int] = []
    plain = bodies.unpacked

    def counted(body: bytes, *more: Any) -> bytes:
        read.append(len(body))
        return plain(body, *more)

    monkeypatch.setattr(bodies, "unpacked", counted)
    for body in (
        b"a=&" * 1_000_000, b"&".join(b"%d=" % n for n in range(300_000)), b"a=" + b"%41" * 3_000_000, b"&" * 3_000_000, b"=" * 3_000_000,
        b"x=1&Authorization=Basic+eDp5&content=" + b"y" * 3_000_000,
    ):  # fmt: skip
        assert form(lrs, "GET", "statements", body).status_code == 401
    # Nor unpacked, whoever it says that sends it.
    bomb = gzip.compress(urlencode({"Authorization": lrs.usual, "X-Experience-API-Version": "1.0.3"}).encode())
    assert form(lrs, "GET", "statements", bomb, **{"content-encoding": "gzip"}).status_code == 401
    assert read == []
    # Who is known may pack it.
    known = {"authorization": lrs.usual, "content-encoding": "gzip", "x-experience-api-version": "1.0.3"}
    assert form(lrs, "GET", "statements", gzip.compress(b"limit=1"), **known).status_code == 200
    assert read == [len(gzip.compress(b"limit=1"))]
    assert form(lrs, "GET", "statements", b"&".join(b"%d=" % n for n in range(300_000)), **known | {"content-encoding": "identity"}).status_code == 400  # fmt: skip


@pytest.mark.parametrize("is_in_header", [True, False])
def test_a_large_form_of_who_is_known_is_taken(lrs: Lrs, is_in_header: bool) -> None:
    content = json.dumps({**STATEMENT, "result": {"response": "中" * 200_000}}, ensure_ascii=False)
    told = {"authorization": lrs.usual} if is_in_header else {}
    fields = {
        "Authorization": lrs.usual,
        "X-Experience-API-Version": "1.0.3",
        "Content-Type": "application/json",
        "content": content,
    }
    answer = form(lrs, "POST", "statements", {k: v for k, v in fields.items() if k.lower() not in told}, **told)
    assert answer.status_code == 200, answer.text
    assert lrs.statements()[0]["result"]["response"] == "中" * 200_000


def test_a_form_acts_for_whom_its_field_names(lrs: Lrs) -> None:
    other = lrs.key("all", programme="q")
    body = {"Authorization": other, "X-Experience-API-Version": "1.0.3", "content": json.dumps(STATEMENT)}
    assert form(lrs, "POST", "statements", body, authorization=lrs.usual).status_code == 200
    assert lrs.statements() == []
    assert len(lrs.statements(key=other)) == 1
    body["Authorization"] = "Basic " + base64.b64encode(b"x:y").decode()
    assert form(lrs, "POST", "statements", body, authorization=lrs.usual).status_code == 401


@given(st.dictionaries(st.text(max_size=30), st.text(max_size=200), max_size=20), st.integers(3, 40))
def test_a_form_is_read_as_it_was_meant(fields: dict[str, str], step: int) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("ingest.lrs.http.requests._QUOTED_STEP", step)
        assert query_parameters(urlencode(fields).encode()) == fields
        everything = "&".join(
            f"{quote_plus(k, safe='')}={''.join(f'%{b:02x}' for b in v.encode())}" for k, v in fields.items()
        )
        assert query_parameters(everything.encode()) == fields


# -- bodies before and after the sender is known


def test_who_may_not_is_refused_before_anything_is_read(lrs: Lrs, monkeypatch: pytest.MonkeyPatch) -> None:
    def never(*_: Any) -> Any:
        raise AssertionError

    monkeypatch.setattr(bodies, "unpacked", never)
    bomb = gzip.compress(b"0" * 10_000_000)
    for path, headers in (
        ("/events", {"authorization": "Basic eDp5"}), ("/events", {"authorization": lrs.key("state")}), ("/xapi/statements", {}),
        ("/xapi/statements", {"authorization": "Basic eDp5"}), ("/xapi/activities/state", {"authorization": "Bearer x.y.z"}),
    ):  # fmt: skip
        told = {
            "content-encoding": "gzip",
            "content-type": "application/json",
            "x-experience-api-version": "1.0.3",
            **headers,
        }
        assert lrs.client.post(path, content=bomb, headers=told).status_code in (401, 403)


@pytest.mark.parametrize(
    "body",
    [
        b"[" + b",".join([b"0"] * 8_000_000) + b"]", b"[" + b",".join([b"{}"] * 5_500_000) + b"]", b"[" * 4_000_000 + b"]" * 4_000_000,
        b"{" + b",".join(b'"%d":0' % n for n in range(1_200_000)) + b"}", b"[" + b",".join([b'""'] * 3_000_000) + b"]",
    ],
    ids=["numbers", "objects", "nested", "names", "strings"],
)  # fmt: skip
def test_json_of_very_many_things_is_refused_before_it_is_decoded(
    lrs: Lrs, body: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    def never(*_: Any) -> Any:
        raise AssertionError

    monkeypatch.setattr("ingest.lrs.http.statements.parse_json", never)
    monkeypatch.setattr("ingest.lrs.http.documents.parse_json", never)
    monkeypatch.setattr("ingest.lrs.http.events._each", type("", (), {"decode": never}))
    monkeypatch.setattr("ingest.lrs.http.events.validate", never)
    told = {"content-type": "application/json"}
    assert lrs.ask("POST", "statements", content=body, headers=told).status_code == 413
    assert lrs.ask("PUT", "statements", content=body, headers=told, params={"statementId": "x"}).status_code == 413
    place = {"activityId": "http://example.org/a", "agent": json.dumps(ALICE), "stateId": "x"}
    assert lrs.ask("POST", "activities/state", content=body, headers=told, params=place).status_code == 413
    parts = b"--b\r\nContent-Type: application/json\r\n\r\n" + body + b"\r\n--b--\r\n"
    mixed = {"content-type": "multipart/mixed; boundary=b"}
    assert lrs.ask("POST", "statements", content=parts[: 16 << 20], headers=mixed).status_code == 413
    form_body = {"Authorization": lrs.usual, "X-Experience-API-Version": "1.0.3", "content": body[:15_000_000].decode()}
    if not body.startswith(b"{"):
        # Unquoted they are larger.
        assert form(lrs, "POST", "statements", form_body).status_code == 413
    events = {"authorization": lrs.usual, "content-type": "application/json"}
    assert lrs.client.post("/events", content=body, headers=events).status_code == 413
    lines = {"authorization": lrs.usual, "content-type": "application/x-ndjson"}
    assert lrs.client.post("/events", content=body.replace(b",", b"\n"), headers=lines).status_code == 413


def test_what_a_rightful_client_sends_at_most_is_taken(lrs: Lrs) -> None:
    wide = {f"http://example.org/x/{n}": [n, {"de": "a, b; c"}] for n in range(25)}
    batch = [{**STATEMENT, "context": {"extensions": wide}} for _ in range(1_000)]
    assert lrs.ask("POST", "statements", json=batch).status_code == 200
    # An attachment is no JSON, whatever it holds.
    table = b"1,2,3,{}\n" * 500_000
    sha2 = sha256(table).hexdigest()
    attached = {
        **STATEMENT,
        "attachments": [
            {
                "usageType": "http://example.org/t",
                "display": {"en": "t"},
                "contentType": "text/csv",
                "length": len(table),
                "sha2": sha2,
            }
        ],
    }
    parts = (
        b"--b\r\nContent-Type: application/json\r\n\r\n"
        + json.dumps(attached).encode()
        + b"\r\n--b\r\nContent-Type: text/csv\r\n"
        b"Content-Transfer-Encoding: binary\r\nX-Experience-API-Hash: "
        + sha2.encode()
        + b"\r\n\r\n"
        + table
        + b"\r\n--b--\r\n"
    )
    answer = lrs.ask("POST", "statements", content=parts, headers={"content-type": "multipart/mixed; boundary=b"})
    assert answer.status_code == 200, answer.text
    place = {"activityId": "http://example.org/a", "agent": json.dumps(ALICE), "stateId": "x"}
    table = table[:600_000]
    put = lrs.ask("PUT", "activities/state", content=table, headers={"content-type": "text/csv"}, params=place)
    assert put.status_code == 204
    assert lrs.ask("GET", "activities/state", params=place).content == table


def test_more_lines_than_events_are_counted_and_not_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    lrs = Lrs(tmp_path, limits=Limits(events=10))
    told = {"authorization": lrs.usual, "content-type": "application/x-ndjson"}
    for line in (b"\n", b"\r\n", b"\r", b"x\n"):
        assert lrs.client.post("/events", content=line * 21, headers=told).status_code == 413
    # Empty ones between are none.
    assert lrs.client.post("/events", content=b"x\n\n" * 10, headers=told).status_code == 422
    lrs.close()


def test_of_what_is_held_one_sender_has_a_part_only(tmp_path: Path) -> None:
    turns = Turns(10)
    held = Bodies(1_000, 1_000, 20.0, turns)

    async def scenario() -> list[Any]:
        gate, seen = asyncio.Event(), []

        async def one(sender: str, size: int, wait: bool) -> None:
            async def receive() -> dict[str, Any]:
                return {"type": "http.request", "body": b"x" * size, "more_body": False}

            request = Request({"type": "http", "headers": [], "method": "POST"}, receive)
            try:
                with ExitStack() as stack:
                    await held.read(request, {}, stack, sender)
                    seen.append((sender, 200))
                    if wait:
                        await gate.wait()
            except Refused as refused:
                seen.append((sender, refused.status))

        waiting = [asyncio.create_task(one(*each, True)) for each in (("a", 300), ("a", 150), ("a", 100), ("b", 400))]
        await asyncio.sleep(0)
        await one("c", 100, False)
        await one("c", 200, False)
        gate.set()
        await asyncio.gather(*waiting)
        await one("a", 1_000, False)
        return seen

    answered = asyncio.run(scenario())
    assert answered == [("a", 200), ("a", 200), ("a", 503), ("b", 200), ("c", 200), ("c", 503), ("a", 200)]
    assert (held.held, dict(held.by_sender)) == (0, {})


# -- packed bodies


@st.composite
def packed(draw: st.DrawFn) -> tuple[str, bytes, bytes]:
    """An encoding, what was packed, and that in as many members or frames as it pleases, with and without what a frame may say."""
    encoding = draw(st.sampled_from(["gzip", "zstd"]))
    pieces = draw(
        st.lists(st.binary(max_size=3_000) | st.binary(max_size=50).map(lambda b: b * 500), min_size=1, max_size=8)
    )
    body = b""
    for piece in pieces:
        if encoding == "gzip":
            body += gzip.compress(piece, draw(st.integers(0, 9)), mtime=0)
            continue
        level, has_check, has_size = draw(st.integers(-3, 12)), draw(st.booleans()), draw(st.booleans())
        packer = zstandard.ZstdCompressor(level=level, write_checksum=has_check, write_content_size=has_size)
        if draw(st.booleans()):
            body += packer.compress(piece)
        else:
            stream = packer.compressobj()
            half = draw(st.integers(0, len(piece)))
            body += stream.compress(piece[:half]) + stream.flush(zstandard.COMPRESSOBJ_FLUSH_BLOCK)
            body += stream.compress(piece[half:]) + stream.flush()
        if draw(st.booleans()):
            skipped = draw(st.binary(max_size=40))
            body += (
                (0x184D2A50 + draw(st.integers(0, 15))).to_bytes(4, "little")
                + len(skipped).to_bytes(4, "little")
                + skipped
            )
    return encoding, b"".join(pieces), body


@given(packed())
def test_all_members_and_frames_are_taken(one: tuple[str, bytes, bytes]) -> None:
    encoding, whole, body = one
    assert unpacked(body, {"content-encoding": encoding}, len(whole)) == whole
    if whole:
        with pytest.raises(Refused) as refused:
            unpacked(body, {"content-encoding": encoding}, len(whole) - 1)
        assert refused.value.status == 413


@given(packed(), st.data())
def test_what_is_cut_off_or_goes_on_is_refused(one: tuple[str, bytes, bytes], data: st.DataObject) -> None:
    encoding, whole, body = one
    ends = set(_ends(encoding, body))
    cut = data.draw(st.integers(0, len(body) - 1).filter(lambda n: n not in ends))
    more = data.draw(st.binary(min_size=1, max_size=30).filter(lambda b: not b.startswith((b"\x1f", b"\x28", b"\x50"))))
    for damaged in (body[:cut], body + more):
        with pytest.raises(Refused) as refused:
            unpacked(damaged, {"content-encoding": encoding}, len(whole) + 1_000)
        assert refused.value.status == 400


def _ends(encoding: str, body: bytes) -> Iterator[int]:
    """Where a member or frame ends by the library's own account: cut there, it is whole."""
    rest = body
    while rest:
        if encoding == "zstd" and rest[1:4] == b"\x2a\x4d\x18":
            rest = rest[8 + int.from_bytes(rest[4:8], "little") :]
        else:
            one = zlib.decompressobj(31) if encoding == "gzip" else zstandard.ZstdDecompressor().decompressobj()
            one.decompress(rest)
            rest = one.unused_data
        yield len(body) - len(rest)


@given(st.sampled_from(["gzip", "zstd", "x-gzip", "x-zstd"]), st.binary(max_size=2_000))
def test_bytes_at_random_are_refused_or_unpacked_and_nothing_else(encoding: str, body: bytes) -> None:
    for start in (b"", b"\x1f\x8b\x08\x00", b"\x28\xb5\x2f\xfd"):
        with suppress(Refused):
            unpacked(start + body, {"content-encoding": encoding}, 10_000)


def test_what_needs_a_dictionary_or_much_memory_or_has_very_many_pieces_is_refused() -> None:
    samples = [b"%d some words that come again and again %d" % (n, n * n) for n in range(2_000)]
    words = zstandard.train_dictionary(4_096, samples)
    far = zstandard.ZstdCompressor(compression_params=zstandard.ZstdCompressionParameters(window_log=27))
    stream = far.compressobj()
    for encoding, body, status in (
        ("zstd", zstandard.ZstdCompressor(dict_data=words).compress(samples[7]), 400),
        ("zstd", stream.compress(b"x" * 100) + stream.flush(), 400),
        ("zstd", zstandard.compress(b"") * 10_001, 400),
        ("gzip", gzip.compress(b"") * 10_001, 400),
        ("gzip", gzip.compress(b"x") + b"\0" * 512, 400),
        ("gzip", b"", 400),
        ("zstd", b"", 400),
    ):
        with pytest.raises(Refused) as refused:
            unpacked(body, {"content-encoding": encoding}, 1 << 20)
        assert refused.value.status == status
    assert unpacked(gzip.compress(b"x") * 10_000, {"content-encoding": "gzip"}, 1 << 20) == b"x" * 10_000


# -- what is told of it


@given(
    st.lists(st.tuples(st.text(max_size=300), st.sampled_from(["event", "statement"]), st.integers(1, 5)), max_size=60),
    st.integers(1, 30),
)
def test_arrivals_are_all_counted_and_of_a_bounded_size(taken: list[tuple[str, str, int]], most: int) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("ingest.lrs.http.observing._MOST_NAMES", most)
        patch.setattr("ingest.lrs.http.observing._MOST_TOLD", most)
        arrivals = Arrivals(lambda: 1_000.0)
        for name, kind, count in taken:
            arrivals.add("p", kind, f"source {name}", Counter({name: count}))
        told = arrivals.since("p", 60)
    assert sum(count for *_, count in told) == sum(count for _, _, count in taken)
    assert len(told) <= most + 2
    assert all(len(name) <= 200 and len(source) <= 200 for _, name, source, _ in told)
    kept = {(kind, name) for _, counts in arrivals._slices for _, kind, name, _ in counts}
    assert len(kept - {("event", OTHERS), ("statement", OTHERS)}) <= most


def test_long_and_many_verbs_leave_the_live_page_small(lrs: Lrs) -> None:
    for start in range(0, 600, 300):
        lrs.post(
            *({**STATEMENT, "verb": {"id": f"http://example.org/{n}/{'x' * 1_500}"}} for n in range(start, start + 300))
        )
    answer = lrs.client.get("/live", headers={"authorization": lrs.usual})
    assert sum(one["count"] for one in answer.json()["last_15_min"]) == 600
    assert len(answer.content) < 200_000


# -- what a browser makes of it


def test_every_answer_says_that_it_is_what_it_says(lrs: Lrs) -> None:
    place = {"activityId": "http://example.org/a", "agent": json.dumps(ALICE), "stateId": "x"}
    page = b"<!doctype html><script>alert(1)</script>"
    kept = lrs.ask("PUT", "activities/state", content=page, headers={"content-type": "text/html"}, params=place)
    got = lrs.ask("GET", "activities/state", params=place)
    assert got.content == page
    assert got.headers["content-disposition"] == "attachment"
    lrs.post(STATEMENT)
    answers = [
        kept, got, lrs.ask("GET", "statements"), lrs.ask("GET", "nowhere"), lrs.ask("GET", "statements", key="x"), lrs.client.get("/none"),
        *(lrs.client.get(path) for path in ("/health", "/ready", "/metrics", "/openapi.json", "/live", "/events", "/xapi/about")),
        lrs.client.options("/events"),
    ]  # fmt: skip
    for answer in answers:
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert answer.headers["content-security-policy"] == "default-src 'none'; frame-ancestors 'none'; sandbox"


def test_nothing_of_a_large_body_stays_when_it_was_refused(lrs: Lrs) -> None:
    wrong = json.dumps([{**STATEMENT, "verb": {"id": "no iri"}}] * 800).encode()
    told = {"content-type": "application/json"}
    lrs.ask("POST", "statements", content=wrong, headers=told)
    gc.collect()
    gc.disable()
    try:
        for body, status in ((wrong, 400), (wrong[:-1], 400), (b"[" + b'"",' * 160_000 + b'""]', 413)):
            assert lrs.ask("POST", "statements", content=body, headers=told).status_code == status
        packed_form = {"authorization": lrs.usual, "content-encoding": "gzip", "x-experience-api-version": "1.0.3"}
        assert form(lrs, "GET", "statements", gzip.compress(b"a=" * 200_000) + b"x", **packed_form).status_code == 400
        ends = time.monotonic() + 10
        # Held by a cycle, they would be there until it is collected.
        while held := [one for one in gc.get_objects() if isinstance(one, Call)]:
            assert time.monotonic() < ends, held[0].method
            time.sleep(0.05)
    finally:
        gc.enable()
