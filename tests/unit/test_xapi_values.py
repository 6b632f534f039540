"""Single values of xAPI: what is one, which are the same, which language answers, and numbers to the letter."""

from __future__ import annotations

import contextlib
import json
import re
from base64 import urlsafe_b64encode
from fractions import Fraction
from typing import Any

import msgspec
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from ingest.events.numbers import decode, number_value
from ingest.lrs.http.formats import with_definitions
from ingest.lrs.http.languages import chosen_language, wanted_languages
from ingest.lrs.http.multipart import boundary_of, split_parts
from ingest.lrs.http.requests import Refused
from ingest.lrs.standard.compare import same_statement
from ingest.lrs.standard.formats import (
    MOST_ASKED_BYTES,
    duration_value,
    given_media_type,
    instant,
    plain_iri,
    plain_media_type,
)
from ingest.lrs.standard.rules import BadStatement, check_statement
from ingest.lrs.standard.signatures import check_signature
from ingest.lrs.standard.strict_json import parse_json
from ingest.lrs.writing.kept import check_kept
from tests.lrs_help import STATEMENT

#: RFC 3987: what its characters are, private ones in a query apart.
_UCSCHAR = [
    (0xA0, 0xD7FF),
    (0xF900, 0xFDCF),
    (0xFDF0, 0xFFEF),
    *((plane << 16 | (0x1000 if plane == 14 else 0), plane << 16 | 0xFFFD) for plane in range(1, 15)),
]
_ASCII = frozenset("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~:/?#[]@!$&'()*+,;=%")


def is_of_iris(character: str) -> bool:
    if character.isspace():
        # The grammar has some of these; nobody could see them.
        return False
    return character in _ASCII or any(first <= ord(character) <= last for first, last in _UCSCHAR)


@given(st.characters(exclude_categories=["Cs"]), st.sampled_from(["http://example.org/", "urn:x:", "http://例.org/"]))
@example("\x00", "urn:x:")
@example("\x7f", "urn:x:")
@example("\ufffe", "urn:x:")
@example("\U000e0001", "urn:x:")
def test_an_iri_holds_the_characters_of_the_standard_and_no_other(character: str, start: str) -> None:
    assert plain_iri(f"{start}a{character}b") == is_of_iris(character)
    is_private = 0xE000 <= ord(character) <= 0xF8FF or 0xF0000 <= ord(character) & 0xFFFFF <= 0xFFFFD
    if is_private and ord(character) & 0xFFFE != 0xFFFE:
        assert plain_iri(f"{start}?{character}")
    statement = {**STATEMENT, "result": {"extensions": {f"{start}{character}": None}}}
    if is_of_iris(character):
        check_statement(statement)
    else:
        with pytest.raises(BadStatement, match=r"result\.extensions"):
            check_statement(statement)


def at(path: str, value: Any) -> dict[str, Any]:
    """A statement with a value there."""
    whole: Any = {
        **STATEMENT,
        "attachments": [{"usageType": "urn:u", "display": {}, "contentType": "a/b", "length": 1, "sha2": "a" * 64}],
    }
    first, *rest = path.split("/")
    node = whole[first] = dict(whole.get(first, {})) if first != "attachments" else [dict(whole["attachments"][0])]
    node = node[0] if first == "attachments" else node
    for step in rest[:-1]:
        node[step] = dict(node.get(step, {}))
        node = node[step]
    node[rest[-1]] = value
    found: dict[str, Any] = whole
    return found


IRIS = (
    "verb/id", "object/id", "object/definition/type", "object/definition/moreInfo", "attachments/usageType", "attachments/fileUrl",
)  # fmt: skip


@pytest.mark.parametrize("path", IRIS)
@pytest.mark.parametrize("bad", ["\x00", "\x01", "\x1f", "\x20", "\x7f", "\x85", "\ufffe"])
def test_a_property_that_is_no_iri_is_named(path: str, bad: str) -> None:
    check_statement(at(path, "http://example.org/x"))
    with pytest.raises(BadStatement) as refused:
        check_statement(at(path, f"http://example.org/{bad}"))
    assert refused.value.where.replace("[0]", "").replace(".", "/") == path


@pytest.mark.parametrize("name", ["openid", "homePage", "mbox"])
def test_an_identifier_that_is_no_iri_is_named(name: str) -> None:
    for text in ("x\x00", "x\x7f"):
        agents = {
            "openid": {"openid": f"http://{text}"},
            "homePage": {"account": {"homePage": f"http://{text}", "name": "n"}},
            "mbox": {"mbox": f"mailto:{text}@example.org"},
        }
        with pytest.raises(BadStatement, match=rf"actor(\.account)?\.{name}"):
            check_statement({**STATEMENT, "actor": agents[name]})


def test_what_no_request_could_ask_for_is_refused() -> None:
    long = "http://example.org/" + "x" * MOST_ASKED_BYTES
    for statement in (
        {**STATEMENT, "object": {"id": long}}, {**STATEMENT, "verb": {"id": long}}, {**STATEMENT, "actor": {"openid": long}},
        {**STATEMENT, "actor": {"account": {"homePage": "http://example.org", "name": "作" * 2_700}}},
        {**STATEMENT, "context": {"contextActivities": {"other": [{"id": long}]}}},
    ):  # fmt: skip
        with pytest.raises(BadStatement, match="bytes"):
            check_statement(statement)
        check_kept({**statement, "id": "3f2b8c1e-0d4a-4c55-9e6f-7a8b9c0d1e2f", "stored": "2017-10-12T08:30:00Z", "authority": {"mbox": "mailto:a@b"}})  # fmt: skip
    check_statement({**STATEMENT, "object": {"id": long[:MOST_ASKED_BYTES]}})
    # What nobody asks by may be longer.
    check_statement({**STATEMENT, "result": {"extensions": {long: None}, "response": long}})


@pytest.mark.parametrize(
    "text", ["text/plain; name=作业", "text/plain\r\nX: y", "text/plain\x00", "text", "", "a/b;" + "x" * 2_000, "a/b\n"]
)
def test_what_is_no_header_is_no_content_type(text: str) -> None:
    assert not plain_media_type(text)
    assert given_media_type(text) == "application/octet-stream"
    with pytest.raises(BadStatement, match="contentType"):
        check_statement(at("attachments/contentType", text))


@pytest.mark.parametrize("text", ["text/plain", "application/vnd.a+json; x=1", "text/plain ; name=é", "a/b;"])
def test_content_types(text: str) -> None:
    assert given_media_type(text) == text
    check_statement(at("attachments/contentType", text))


# -- times and durations


@pytest.mark.parametrize("text", ["2016-12-31T23:59:60Z", "2017-01-01T07:59:60+08:00", "20161231T235960.25Z"])
def test_a_second_that_is_put_in(text: str) -> None:
    assert instant(text).replace(microsecond=0) == instant("2017-01-01T00:00:00Z")


@pytest.mark.parametrize(
    "text", ["2016-12-31T22:59:60Z", "2016-12-31T23:59:61Z", "2017-W41-4T08:30:00Z", "2017W414T083000Z", "2017-10-12T08:30:00-00:00"]
)  # fmt: skip
def test_times_that_are_none(text: str) -> None:
    with pytest.raises(ValueError, match=r"ISO 8601|second|60|61|range"):
        instant(text)


@pytest.mark.parametrize(
    "text", ["PT1.5H30M", "P1.5YT1S", "P0.5D T1H", "P4W1D", "P0003-06-04T12:30:05", "PT", "P", "P1S", "-PT1S", "PT1.S", "PT1H2H"]
)  # fmt: skip
def test_durations_that_are_none(text: str) -> None:
    with pytest.raises(BadStatement, match=r"result\.duration"):
        check_statement({**STATEMENT, "result": {"duration": text}})


@pytest.mark.parametrize("text", ["PT1.5H", "PT1H30.123456S", "P4W", "P0.5W", "P1Y2M3DT4H5M6,7S", "P1D", "PT0S"])
def test_durations(text: str) -> None:
    check_statement({**STATEMENT, "result": {"duration": text}})
    assert duration_value(text) == duration_value(text.replace(",", "."))


@given(st.integers(0, 10**9), st.text("0123456789", min_size=2, max_size=12), st.text("0123456789", max_size=8))
def test_a_hundredth_of_a_second_counts_and_no_less(whole: int, rest: str, more: str) -> None:
    short, long = f"PT{whole}.{rest[:2]}S", f"PT{whole}.{rest}{more}S"
    other = f"PT{whole}.{(int(rest[:2]) + 1) % 100:02d}S"
    for place in (lambda d: {"result": {"duration": d}}, lambda d: {"object": {**STATEMENT, "objectType": "SubStatement", "result": {"duration": d}}}):  # fmt: skip
        one, same, another = ({**STATEMENT, **place(d)} for d in (short, long, other))
        assert same_statement(one, same)
        assert same_statement(same, one)
        assert not same_statement(same, another)


# -- numbers

_texts = st.from_regex(r"-?(0|[1-9][0-9]{0,30})(\.[0-9]{1,30})?([eE][+-]?[0-9]{1,3})?", fullmatch=True, alphabet=st.characters(max_codepoint=127))  # fmt: skip


@given(_texts)
@example("3.141592653589793238462643")
@example("1e-400")
@example("1e2")
@example("-0")
@example("9" * 401)
def test_a_number_comes_back_as_it_was_written(text: str) -> None:
    body = f'{{"a":[{text},"{text}",{{"b":{text}}}]}}'.encode()
    try:
        found = parse_json(body)
    except BadStatement:
        assert re.search(r"[eE]", text), "too large for anybody who calculates"
        return
    assert msgspec.json.encode(found) == body
    assert msgspec.json.encode(decode(body)) == body


@given(_texts, _texts)
@example("1", "1.0")
@example("100", "1e2")
@example("0", "-0.0")
@example("1", "1.0000000000000000000000000001")
@example("3.141592653589793238462643", "3.141592653589793")
def test_numbers_are_the_same_that_have_one_value(one: str, other: str) -> None:
    left, right = (decode(text.encode()) for text in (one, other))
    assert (number_value(left) == number_value(right)) == (Fraction(one) == Fraction(other))


@pytest.mark.parametrize("value", [True, False, None, "1", 0, [1], {"a": 1}])
def test_what_is_no_number_is_not_the_same_as_one(value: Any) -> None:
    def said(x: Any) -> dict[str, Any]:
        return {**STATEMENT, "result": {"extensions": {"urn:x": {"y": [x]}}}}

    assert same_statement(said(1), said(1.0))
    assert same_statement(said(value), said(value))
    assert not same_statement(said(1), said(value))
    assert not same_statement(said(False), said(0))


@pytest.mark.parametrize(
    ("score", "where"),
    [
        ('{"scaled": 1.0000000000000000000000001}', "scaled"), ('{"scaled": true}', "scaled"), ('{"raw": "1"}', "raw"), ('{"min": null}', "min"),
        ('{"min": 1.00000000000000000000000001, "max": 1.00000000000000000000000001}', "min"), ('{"raw": 1e-400, "min": 1e-300}', "raw"),
    ],
)  # fmt: skip
def test_scores_are_looked_at_as_they_are_written(score: str, where: str) -> None:
    with pytest.raises(BadStatement, match=rf"result\.score\.{where}"):
        check_statement({**STATEMENT, "result": {"score": parse_json(score.encode())}})


def test_scores_with_more_digits_than_a_double() -> None:
    for score in (
        '{"scaled": 0.99999999999999999999, "raw": 1e-400, "min": 0, "max": 1.0e0}',
        '{"raw": 12345678901234567890123}',
    ):
        check_statement({**STATEMENT, "result": {"score": parse_json(score.encode())}})


# -- languages


@pytest.mark.parametrize(
    "tag",
    [
        "en-GB-oed",
        "EN-gb-OED",
        "sgn-BE-FR",
        "sgn-be-nl",
        "sgn-CH-DE",
        "i-klingon",
        "zh-min-nan",
        "art-lojban",
        "zh-Hans-CN",
    ],
)
def test_tags_from_before_the_rules_are_languages(tag: str) -> None:
    check_statement({**STATEMENT, "verb": {"id": "urn:v", "display": {tag: "x"}}})
    with pytest.raises(BadStatement, match=r"verb\.display"):
        check_statement({**STATEMENT, "verb": {"id": "urn:v", "display": {f"{tag}-": "x"}}})


@pytest.mark.parametrize(
    ("header", "languages", "chosen"),
    [
        ("zh-CN", ["en-US", "zh-Hans"], "zh-Hans"), ("zh-Hans", ["en-US", "zh-CN"], "zh-CN"), ("zh-TW", ["zh-Hans", "zh-Hant"], "zh-Hant"),
        ("zh-TW", ["zh-CN", "zh-HK"], "zh-HK"), ("zh", ["zh-Hant", "zh-CN"], "zh-CN"), ("zh-Hant", ["en", "zh-CN"], "zh-CN"),
        ("zh-TW, en;q=0.5", ["zh-Hans", "en"], "en"), ("sr-Latn", ["sr", "sr-Latn-RS"], "sr-Latn-RS"), ("en", ["zh", "en-US"], "en-US"),
        ("en-GB", ["en", "en-GB-oed"], "en-GB-oed"), ("EN-gb", ["en-US", "en-GB"], "en-GB"), ("de;q=0.5, fr", ["de", "fr"], "fr"), ("*", ["de", "fr"], "de"),
        ("de;q=0, *", ["de", "fr"], "fr"), ("pt", ["de", "fr"], "de"), ("", ["de"], "de"), (";q=1,,fr;q=x", ["de", "fr"], "de"),
        ("de;q=0", ["de"], "de"), ("x-own", ["en", "x-own"], "x-own"),
    ],
)  # fmt: skip
def test_the_language_that_answers_best(header: str, languages: list[str], chosen: str) -> None:
    assert chosen_language(languages, wanted_languages(header)) == chosen


@given(st.text(max_size=40), st.lists(st.text(max_size=8), min_size=1, max_size=4))
def test_any_header_chooses_one_of_them(header: str, languages: list[str]) -> None:
    assert chosen_language(languages, wanted_languages(header)) in languages


def test_definitions_stand_wherever_an_activity_does() -> None:
    known = {"urn:a": {"name": {"en": "A"}}, "verb urn:v": {"display": {"en": "did"}}}
    said = {"actor": {"mbox": "mailto:a@b"}, "verb": {"id": "urn:v"}, "object": {"id": "urn:a"}, "context": {"contextActivities": {"parent": {"id": "urn:a"}, "other": [{"id": "urn:b"}]}}}  # fmt: skip
    found = with_definitions({**said, "object": {**said, "objectType": "SubStatement"}}, known)
    for one in (found, found["object"]):
        assert one["verb"] == {"id": "urn:v", "display": {"en": "did"}}
        assert one["context"]["contextActivities"] == {
            "parent": {"id": "urn:a", "definition": known["urn:a"]},
            "other": [{"id": "urn:b"}],
        }
    assert found["object"]["object"] == {"id": "urn:a", "definition": known["urn:a"]}
    assert said["object"] == {"id": "urn:a"}, "what is stored stays"


# -- signatures and parts


def _part(value: Any) -> bytes:
    return urlsafe_b64encode(value if isinstance(value, bytes) else json.dumps(value).encode()).rstrip(b"=")


_json = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda some: st.lists(some, max_size=3)
    | st.dictionaries(st.sampled_from(["alg", "x5c", "actor", "verb", "object", "id", "result", "context", "timestamp", "member"]) | st.text(max_size=3), some, max_size=4),
    max_leaves=10,
)  # fmt: skip


@given(
    header=_json | st.fixed_dictionaries({"alg": st.sampled_from(["RS256", "none", []]) | _json}, optional={"x5c": _json}), signed=_json, signature=st.binary(max_size=9),
    raw=st.none() | st.binary(max_size=30),
)  # fmt: skip
def test_any_signature_is_good_or_refused(header: Any, signed: Any, signature: bytes, raw: bytes | None) -> None:
    attachment = {"contentType": "application/octet-stream"}
    for said in (signed, {**STATEMENT, **signed} if isinstance(signed, dict) else STATEMENT):
        content = raw if raw is not None else b".".join(map(_part, (header, said, signature)))
        with contextlib.suppress(BadStatement):
            check_signature({**STATEMENT, "attachments": []}, attachment, content)


@given(st.text(max_size=80), st.binary(max_size=80))
@example("作", b"")
@example("\x85", b"")
def test_any_boundary_is_used_or_refused(boundary: str, body: bytes) -> None:
    for content_type in (f"multipart/mixed; boundary={boundary}", f'multipart/mixed; boundary="{boundary}"'):
        with contextlib.suppress(Refused):
            split_parts(body, boundary_of(content_type))
