"""Bytes that a log may hold: good events, and what a careless or an ill-meaning client makes of them."""

from __future__ import annotations

import json
import random
import uuid
from collections.abc import Iterator
from copy import deepcopy
from typing import Any

from ingest.events import catalogue
from ingest.events.profile import PAYLOAD, VERB
from tests import samples

_ODD: list[Any] = [
    None, True, False, 0, -1, 1, 1.0, 0.1, 1e22, 1e-7, 2**53, 2**63, 2**64, 10**30, "", " ", "x", "12", "true", "null", "{}", "[1]", "http://e.org/a",
    "a\u0000b", "a\nb", "\u2028", "\ufeff", "é", "e\u0301", "学情", "𠀀", "‮abc", "x" * 201, [], [1], [[]], {}, {"a": 1}, {"": ""},
    {"enrolment_id": "e9"}, {"event_type": "session.started"}, "2017-10-12T08:30:00Z", "2017-02-30", "urn:x", "13912345678",
]  # fmt: skip
_NUMBERS = ["-0", "0.0", "1e2", "1E+2", "1.50", "60.000", "0.1e1", "123456789012345678901234567890", "3.141592653589793238462643", "1e-400", "1e400", "NaN", "Infinity", "01", "+1", ".5", "1.", "0x1"]  # fmt: skip
PROFILES = "https://w3id.org/xapi"
ADL = "http://adlnet.gov/expapi/verbs"
_JUNK = [b"", b",", b"\xff", b"}", b"]", b"NaN", b"/**/", b"//", b"\\ud800", b"\\udc00", b"\\n", b'\\"', b'"', b" ", b"\x00", b"\xef\xbb\xbf", b"\\u0022", b"\r\n", b"1e999", b"\xed\xa0\x80"]  # fmt: skip
_SPACES = ["", " ", "\n", "\t  "]


def _text(value: str, rng: random.Random) -> str:
    """A text as JSON, some of its characters escaped by their numbers."""
    if rng.random() < 0.8:
        return json.dumps(value, ensure_ascii=rng.random() < 0.3)
    units = [value.encode("utf-16-be")[n : n + 2] for n in range(0, 2 * len(value.encode("utf-16-be")) // 2, 2)]
    return '"' + "".join(f"\\u{int.from_bytes(u):04{rng.choice('xX')}}" for u in units) + '"'


def _json(node: Any, rng: random.Random, *, repeats: float) -> str:
    """JSON text of ``node``, written oddly: any spacing, escapes, and names that come twice."""
    space = rng.choice(_SPACES)
    if isinstance(node, dict):
        members = [(name, value) for name, value in node.items()]
        if members and rng.random() < repeats:
            name = rng.choice(members)[0]
            members.insert(rng.randrange(len(members) + 1), (name, rng.choice([*_ODD, dict(members).get(name)])))
        if rng.random() < 0.2:
            rng.shuffle(members)
        inner = ("," + space).join(f"{_text(n, rng)}{space}:{_json(v, rng, repeats=repeats)}" for n, v in members)
        return "{" + space + inner + "}"
    if isinstance(node, list):
        return "[" + ",".join(_json(v, rng, repeats=repeats) for v in node) + "]"
    if isinstance(node, str):
        return _text(node, rng)
    if isinstance(node, int | float) and not isinstance(node, bool) and rng.random() < 0.1:
        return rng.choice(_NUMBERS)
    return json.dumps(node)


def _good(rng: random.Random) -> dict[str, Any]:
    spec = rng.choice([s for s in catalogue().values() if s.event_type != "programme.loaded"])
    event = samples.golden_event(spec) | {"event_id": str(uuid.UUID(int=rng.getrandbits(128)))}
    if rng.random() < 0.5:
        event["payload"] |= {"enrolment_id": "e0"}
    return event


def record(rng: random.Random) -> bytes:
    """One of them."""
    event = _good(rng)
    for _ in range(rng.choice([0, 0, 1, 1, 2])):
        where = rng.choice([event, event["payload"], event["payload"]])
        if isinstance(where, dict) and where:
            names = [
                *where,
                "unknown",
                "enrolment_id",
                "grade",
                "points",
                "course_id",
                "programme_id",
                "is_final",
                "statement",
            ]
            where[rng.choice(names)] = deepcopy(rng.choice(_ODD))
    if rng.random() < 0.05:
        deep: Any = deepcopy(rng.choice(_ODD))
        for _ in range(rng.choice([5, 50, 95, 105, 300])):
            deep = [deep] if rng.random() < 0.5 else {"a": deep}
        event["unknown" if rng.random() < 0.5 else "payload"] = deep
    text = (
        json.dumps(event, ensure_ascii=False, separators=(",", ":"))
        if rng.random() < 0.3
        else _json(event, rng, repeats=0.1)
    )
    raw = text.encode("utf-8", "surrogatepass")
    if rng.random() < 0.2:
        at = rng.randrange(len(raw) + 1)
        raw = raw[:at] + rng.choice(_JUNK) + raw[at + rng.randrange(3) :]
    return raw


def respelled(value: bytes, rng: random.Random) -> bytes:
    """The same event, its members in another order, spaced and escaped otherwise."""
    return _json(json.loads(value), rng, repeats=0.0).encode("utf-8", "surrogatepass")


def records(rng: random.Random, count: int) -> Iterator[bytes]:
    """So many of them."""
    for _ in range(count):
        yield record(rng)


def statement(rng: random.Random, verb: str, *, payload: Any = None, **result: Any) -> bytes:
    """A statement as the store writes it, with an odd result."""
    statement_id = str(uuid.UUID(int=rng.getrandbits(128)))
    context: dict[str, Any] = {
        "extensions": {
            f"{PROFILES}/cmi5/context/extensions/sessionid": "s",
            f"{PROFILES}/video/extensions/session-id": "v",
        }
    }
    if payload is not None:
        context["extensions"][PAYLOAD] = payload
    said = {
        "id": statement_id, "actor": {"account": {"homePage": "urn:xueqing:learner", "name": "Lab1cdefgh1234.0"}}, "verb": {"id": verb},
        "object": {"id": "http://e.org/v"}, "result": result, "context": context, "timestamp": "2017-10-12T08:30:00Z",
        "stored": "2017-10-12T08:30:00.000000Z", "version": "2.0.0",
    }  # fmt: skip
    spec = catalogue()["xapi.statement_stored", 1]
    event = samples.envelope(
        spec,
        {"statement_id": statement_id, "verb_id": verb, "statement": said},
        event_id=str(uuid.UUID(int=rng.getrandbits(128))),
    )
    return samples.encode(
        event
        | {"learner_key": "Lab1cdefgh1234", "source": "xapi-lrs", "payload": event["payload"] | {"enrolment_id": "e0"}}
    )


def odd_statements(rng: random.Random) -> Iterator[bytes]:
    """What other profiles say, with every number that a client may write."""
    numbers = [
        "999999999999",
        "99999999999999999999999999",
        "1" * 400,
        "1e300",
        "-1e300",
        "NaN",
        "inf",
        "",
        ".",
        "1.2.3",
        "0.0000001",
        "٣",
        "1,5",
    ]
    for number in numbers:
        for unit in ("P%sW", "P%sD", "PT%sH", "PT%sM", "PT%sS", "P%sY", "%s", "P%sDT%sH"):
            duration = unit.replace("%s", number)
            yield statement(rng, f"{ADL}/terminated", duration=duration)
            yield statement(rng, f"{PROFILES}/video/verbs/paused", duration=duration)
        for segments in (
            f"0[.]{number}",
            f"-{number}[.]{number}",
            "[,]".join([f"0[.]{number}"] * 50),
            f"{number}[.]",
            "[.]",
            "[,]",
        ):
            yield statement(
                rng,
                f"{PROFILES}/video/verbs/paused",
                extensions={f"{PROFILES}/video/extensions/played-segments": segments},
            )
        for scaled in (number, 1e300, -5, True, [1], {"a": 1}, None):
            yield statement(rng, f"{ADL}/passed", score={"scaled": scaled}, success=True)


def odd_events(rng: random.Random) -> Iterator[bytes]:
    """Good events with members that their types do not have, called like members of others, of every kind."""
    names = sorted({name for spec in catalogue().values() for name, _, _ in samples.fields(spec.payload)})
    kinds: list[Any] = [
        1,
        -1,
        0.5,
        1e300,
        True,
        None,
        "x",
        "2017-13-45",
        "1e300",
        [],
        [1],
        {},
        {"a": {"b": [1]}},
        "𝟙",
        "\u0000",
        "-0",
    ]
    for spec in catalogue().values():
        if spec.event_type.startswith(("programme.", "learner.")):
            continue
        for _ in range(8):
            event = samples.golden_event(spec) | {"event_id": str(uuid.UUID(int=rng.getrandbits(128)))}
            own = event["payload"]
            for name in ("voided_event_id", "statement_id"):
                if name in own:
                    own[name] = str(uuid.UUID(int=rng.getrandbits(128)))
            event["payload"] = {rng.choice(names): rng.choice(kinds) for _ in range(6)} | own
            yield samples.encode(event, compact=rng.random() < 0.5)
            if f"{VERB}{spec.event_type}".count("xapi.") == 0 and spec.actor.value != "none":
                # The same, said by a statement of our own profile.
                yield statement(rng, f"{VERB}{spec.event_type}", payload=event["payload"])
