"""What a statement must be: valid ones from a grammar are accepted, each forbidden change is refused by the property's name."""

from __future__ import annotations

import contextlib
import copy
import string
from collections.abc import Callable, Iterator
from contextlib import closing
from functools import partial
from types import SimpleNamespace
from typing import Any

import msgspec
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from ingest.events import Envelope, json_text, parse_time, validate
from ingest.events.free_text import merged
from ingest.events.json_text import NotReadable
from ingest.events.validation import EARLIEST
from ingest.identity import Vault
from ingest.lrs.http.multipart import Part, boundary_of, join_parts, split_parts
from ingest.lrs.http.requests import Refused
from ingest.lrs.standard.agents import HOME_PAGE
from ingest.lrs.standard.compare import same_statement
from ingest.lrs.standard.facets import Facet, facets_of
from ingest.lrs.standard.formats import instant, moment, stored_text
from ingest.lrs.standard.rules import VOIDED, BadStatement, check_statement
from ingest.lrs.standard.words import divided_statement
from ingest.lrs.writing.people import People
from ingest.lrs.writing.planning import Pending
from ingest.lrs.writing.projection import record_of
from ingest.lrs.writing.statements import StatementsWrite

_words = st.text(alphabet=string.ascii_letters + string.digits + "天水é", min_size=1, max_size=12)
_iris = st.builds(
    lambda s, w: f"{s}:{w}", st.sampled_from(["http://example.org/", "urn:x", "tag", "https://例.cn/"]), _words
)
_uuids = st.uuids().map(str)
_languages = st.dictionaries(
    st.sampled_from(["en", "en-US", "zh-Hans-CN", "x-own", "de-1996", "i-klingon"]), _words, max_size=3
)
_extensions = st.dictionaries(
    _iris, st.none() | st.integers() | _words | st.lists(st.none() | _words, max_size=2), max_size=2
)
_times = st.sampled_from(
    ["2017-10-12T08:30:00Z", "2017-10-12T08:30:00.123456789+08:00", "20171012T083000Z", "2016-12-31T23:59:60Z", "20170101T075960.5+0800", "2017-10-12T08:30"]
)  # fmt: skip
_durations = st.sampled_from(["PT1H2M3.5S", "P1Y2M3DT4H5M6S", "P3W", "PT0S", "PT1.5H", "P1D"])


def _object(
    required: dict[str, st.SearchStrategy[Any]], **optional: st.SearchStrategy[Any]
) -> st.SearchStrategy[dict[str, Any]]:
    return st.fixed_dictionaries(required, optional=optional)


_identifiers = st.one_of(
    st.fixed_dictionaries({"mbox": _words.map(lambda w: f"mailto:{w}@example.org")}),
    st.fixed_dictionaries({"mbox_sha1sum": st.text(alphabet=string.hexdigits, min_size=40, max_size=40)}),
    st.fixed_dictionaries({"openid": _iris}),
    st.fixed_dictionaries({"account": st.fixed_dictionaries({"homePage": _iris, "name": _words})}),
)
_agents = st.builds(lambda i, more: {**i, **more}, _identifiers, _object({}, name=_words, objectType=st.just("Agent")))
_groups = st.one_of(
    _object({"objectType": st.just("Group"), "member": st.lists(_agents, max_size=2)}, name=_words),
    st.builds(
        lambda i, more: {**i, **more},
        _identifiers,
        _object({"objectType": st.just("Group")}, member=st.lists(_agents, max_size=2)),
    ),
)
_components = st.lists(_object({"id": _words}, description=_languages), max_size=3, unique_by=lambda c: c["id"])
_definitions = st.one_of(
    _object({}, name=_languages, description=_languages, type=_iris, moreInfo=_iris, extensions=_extensions),
    _object({"interactionType": st.sampled_from(["choice", "likert", "true-false"])}, correctResponsesPattern=st.lists(_words, max_size=2),
            choices=_components, scale=_components),
)  # fmt: skip
_activities = _object({"id": _iris}, objectType=st.just("Activity"), definition=_definitions)
_references = _object({"objectType": st.just("StatementRef"), "id": _uuids})
_scores = _object({}, scaled=st.floats(-1, 1), raw=st.floats(0, 10), min=st.floats(-10, -1), max=st.floats(11, 20))
_results = _object({}, score=_scores, success=st.booleans(), completion=st.booleans(), response=_words, duration=_durations,
                   extensions=_extensions)  # fmt: skip
_contexts = _object(
    {}, registration=_uuids, instructor=_agents | _groups, team=_groups, language=st.sampled_from(["en", "zh-CN"]), statement=_references,
    extensions=_extensions, contextActivities=_object({}, parent=_activities, grouping=st.lists(_activities, max_size=2)),
    contextAgents=st.lists(_object({"objectType": st.just("contextAgent"), "agent": _agents}, relevantTypes=st.lists(_iris, min_size=1, max_size=2)), max_size=2),
)  # fmt: skip
_attachments = st.lists(
    _object({"usageType": _iris, "display": _languages, "contentType": st.just("text/plain; charset=utf-8"), "length": st.integers(0, 9),
             "sha2": st.text(alphabet="0123456789abcdef", min_size=64, max_size=64)}, fileUrl=_iris), max_size=2,
)  # fmt: skip
_verbs = _object({"id": _iris}, display=_languages)


def _said(
    objects: st.SearchStrategy[dict[str, Any]], **more: st.SearchStrategy[Any]
) -> st.SearchStrategy[dict[str, Any]]:
    required = {"actor": _agents | _groups, "verb": _verbs, "object": objects}
    return _object(required, result=_results, context=_contexts, timestamp=_times, attachments=_attachments, **more)


_plain = _activities | _agents.map(lambda a: {**a, "objectType": "Agent"}) | _groups | _references
_statements = _said(
    _plain | _said(_plain).map(lambda s: {**s, "objectType": "SubStatement"}),
    id=_uuids, stored=_times, version=st.sampled_from(["1.0.0", "1.0", "2.0.0"]), authority=_agents,
)  # fmt: skip


@settings(max_examples=200, deadline=None)
@given(_statements)
def test_statements_of_the_grammar_are_accepted(statement: dict[str, Any]) -> None:
    before = copy.deepcopy(statement)
    check_statement(statement)
    assert statement == before
    assert same_statement(statement, {**statement, "stored": "2020-01-01T00:00:00Z", "version": "1.0.0"})
    assert not same_statement(statement, {**statement, "verb": {"id": statement["verb"]["id"] + "x"}})
    assert (Facet.VERB, statement["verb"]["id"]) in facets_of(statement)


WHOLE: dict[str, Any] = {
    "id": "3f2b8c1e-0d4a-4c55-9e6f-7a8b9c0d1e2f",
    "actor": {"objectType": "Group", "member": [{"mbox": "mailto:a@example.org"}], "account": {"homePage": "http://example.org", "name": "g"}},
    "verb": {"id": "http://example.org/did", "display": {"en": "did"}},
    "object": {
        "objectType": "Activity", "id": "http://example.org/a",
        "definition": {
            "name": {"en": "A"}, "type": "http://example.org/t", "moreInfo": "http://example.org/m", "interactionType": "choice",
            "correctResponsesPattern": ["a"], "choices": [{"id": "a", "description": {"en": "A"}}, {"id": "b"}],
            "extensions": {"http://example.org/e": None},
        },
    },
    "result": {"score": {"scaled": 0.5, "raw": 5, "min": 0, "max": 10}, "success": True, "completion": False, "response": "r",
               "duration": "PT1S", "extensions": {}},
    "context": {
        "registration": "3f2b8c1e-0d4a-4c55-9e6f-7a8b9c0d1e2f", "instructor": {"openid": "http://example.org/i"},
        "team": {"objectType": "Group", "member": []}, "contextActivities": {"parent": [{"id": "http://example.org/p"}]},
        "revision": "1", "platform": "web", "language": "en", "extensions": {},
        "statement": {"objectType": "StatementRef", "id": "3f2b8c1e-0d4a-4c55-9e6f-7a8b9c0d1e2f"},
        "contextGroups": [{"objectType": "contextGroup", "group": {"objectType": "Group", "member": []}}],
    },
    "timestamp": "2017-10-12T08:30:00Z", "stored": "2017-10-12T08:30:00Z", "version": "2.0.0",
    "authority": {"objectType": "Group", "member": [{"mbox": "mailto:a@example.org"}, {"mbox": "mailto:b@example.org"}]},
    "attachments": [{"usageType": "http://example.org/u", "display": {"en": "U"}, "contentType": "text/plain", "length": 1, "sha2": "a" * 64}],
}  # fmt: skip

Change = Callable[[dict[str, Any]], object]


def put(path: str, value: Any) -> Change:
    def change(statement: dict[str, Any]) -> None:
        *way, last = path.split("/")
        node: Any = statement
        for step in way:
            node = node[int(step)] if step.isdigit() else node[step]
        if value is KeyError:
            del node[last]
        else:
            node[last] = value

    return change


FORBIDDEN: list[tuple[str, str, Any]] = [
    ("actor", "actor", KeyError), ("verb", "verb", KeyError), ("object", "object", KeyError), ("verb.id", "verb/id", KeyError),
    ("id", "id", "3f2b8c1e"), ("id", "id", None), ("unknown", "unknown", 1), ("Actor", "Actor", {}),
    ("actor.objectType", "actor/objectType", "group"), ("actor", "actor/mbox", "mailto:b@example.org"),
    ("actor.account.homePage", "actor/account/homePage", "example.org"), ("actor.account.name", "actor/account/name", KeyError),
    ("actor.member[0].mbox", "actor/member/0/mbox", "a@example.org"), ("actor.member[0]", "actor/member/0/openid", "http://example.org"),
    ("actor.member[0].mbox", "actor/member/0/mbox", None), ("actor.name", "actor/name", 3),
    ("actor.member[0].objectType", "actor/member/0/objectType", "Group"), ("actor.member[0].mbox_sha1sum", "actor/member/0/mbox_sha1sum", "abc"),
    ("verb.id", "verb/id", "did it"), ("verb.id", "verb/id", "did"), ("verb.display", "verb/display", {"not a language": "x"}),
    ("verb.display", "verb/display", "did"), ("object.objectType", "object/objectType", "activity"), ("object.id", "object/id", KeyError),
    ("object.definition.interactionType", "object/definition/interactionType", KeyError),
    ("object.definition.interactionType", "object/definition/interactionType", "guess"),
    ("object.definition.choices", "object/definition/choices/1/id", "a"), ("object.definition.moreInfo", "object/definition/moreInfo", "more"),
    ("object.definition.extensions", "object/definition/extensions", {"plain": 1}),
    ("result.score.scaled", "result/score/scaled", 1.5), ("result.score.raw", "result/score/raw", 11), ("result.score.min", "result/score/min", 10),
    ("result.score.raw", "result/score/raw", "5"), ("result.success", "result/success", "true"), ("result.duration", "result/duration", "1 h"),
    ("result.duration", "result/duration", "PT"), ("result.completion", "result/completion", None),
    ("context.registration", "context/registration", "1"), ("context.team", "context/team", {"mbox": "mailto:a@example.org"}),
    ("context.contextActivities.other2", "context/contextActivities/other2", []), ("context.language", "context/language", "english language"),
    ("context.contextActivities.parent[0].id", "context/contextActivities/parent/0/id", "x"),
    ("context.statement.objectType", "context/statement/objectType", KeyError), ("context.instructor", "context/instructor", {"name": "x"}),
    ("context.contextGroups[0].objectType", "context/contextGroups/0/objectType", "contextAgent"),
    ("context.contextGroups[0].group", "context/contextGroups/0/group", KeyError),
    ("timestamp", "timestamp", "2017-10-12"), ("timestamp", "timestamp", "2017-10-12T08:30:00-00:00"), ("timestamp", "timestamp", 1),
    ("stored", "stored", "now"), ("version", "version", "0.9"), ("authority", "authority/member", []),
    ("attachments[0].sha2", "attachments/0/sha2", "xyz"), ("attachments[0].length", "attachments/0/length", -1),
    ("attachments[0].contentType", "attachments/0/contentType", "text"), ("attachments[0].display", "attachments/0/display", KeyError),
    ("object", "verb/id", VOIDED), ("object.object.objectType", "object", {
        "objectType": "SubStatement", "actor": {"mbox": "mailto:a@b"}, "verb": {"id": "a:b"},
        "object": {"objectType": "SubStatement", "actor": {}, "verb": {}, "object": {}}}),
    ("object.id", "object", {"objectType": "SubStatement", "id": WHOLE["id"], "actor": {"mbox": "mailto:a@b"}, "verb": {"id": "a:b"}, "object": {"id": "a:b"}}),
    ("context.revision", "object", {"objectType": "Agent", "mbox": "mailto:a@example.org"}),
]  # fmt: skip


@pytest.mark.parametrize(("where", "path", "value"), FORBIDDEN, ids=[f"{p}={v!r:.30}" for _, p, v in FORBIDDEN])
def test_what_the_standard_forbids_is_refused_by_its_name(where: str, path: str, value: Any) -> None:
    check_statement(WHOLE)
    changed = copy.deepcopy(WHOLE)
    put(path, value)(changed)
    with pytest.raises(BadStatement) as refused:
        check_statement(changed)
    assert refused.value.where.startswith(where) or where.startswith(refused.value.where), refused.value
    if isinstance(value, str) and path != "timestamp":
        assert f"'{value}'" not in refused.value.why


def test_the_older_version_knows_no_context_agents() -> None:
    with pytest.raises(BadStatement, match="contextGroups"):
        check_statement(WHOLE, "1.0.3")


@given(st.lists(st.binary(max_size=60), max_size=4))
def test_parts_come_apart_as_they_were_joined(contents: list[bytes]) -> None:
    body, content_type = join_parts(Part({"a": str(n)}, content) for n, content in enumerate(contents or [b""]))
    found = split_parts(body, boundary_of(content_type))
    assert [p.content for p in found] == (contents or [b""])
    assert [p.headers["a"] for p in found] == [str(n) for n in range(len(found))]


@given(st.binary(max_size=200))
def test_any_body_of_parts_is_split_or_refused(body: bytes) -> None:
    with contextlib.suppress(Refused):
        assert split_parts(body, "b")


def test_times_in_every_form_are_the_same_instant() -> None:
    assert {
        instant(t)
        for t in (
            "2017-10-12T00:30:00Z",
            "20171012T003000Z",
            "2017-10-12T08:30:00+08:00",
            "2017-10-12t08:30+08",
        )
    } == {instant("2017-10-12T00:30:00.000Z")}


@pytest.fixture(scope="module")
def people(tmp_path_factory: pytest.TempPathFactory) -> Iterator[People]:
    with closing(Vault(tmp_path_factory.mktemp("vault") / "vault.sqlite", bytes(32))) as vault:
        yield People(vault)


@settings(max_examples=200, deadline=None)
@given(_statements)
def test_with_keys_in_place_of_people_a_statement_is_valid_names_nobody_and_comes_back_as_it_was(
    people: People, statement: Any
) -> None:
    people.learn([statement])
    kept = people.replaced(statement)
    check_statement(kept)
    # What is indexed as it was planned is what the log would give.
    assert msgspec.json.decode(msgspec.json.encode(kept)) == kept
    assert people.restored(kept) == statement
    for node in _everything(kept):
        if isinstance(node, dict) and node.get("objectType", "Agent") in ("Agent", "Group"):
            assert not {"mbox", "mbox_sha1sum", "openid"} & set(node)
            assert node.get("account", {}).get("homePage", HOME_PAGE) == HOME_PAGE


@settings(max_examples=200, deadline=None)
@given(_statements)
def test_what_is_hidden_and_what_is_readable_make_the_statement_and_no_words_are_readable(statement: Any) -> None:
    plain, hidden = divided_statement(statement)
    assert merged(plain, hidden) == statement
    inner = [plain["object"]] if plain["object"].get("objectType") == "SubStatement" else []
    for said in (plain, *inner):
        assert "attachments" not in said
        assert not said.get("context", {}).keys() & {"platform", "revision"}
        assert "response" not in said.get("result", {})
        for part in (said.get("result", {}), said.get("context", {})):
            for name, value in part.get("extensions", {}).items():
                is_read = name.startswith("urn:xueqing:xapi:extension:") or name in (
                    "https://w3id.org/xapi/video/extensions/played-segments",
                    "https://w3id.org/xapi/video/extensions/session-id",
                    "https://w3id.org/xapi/cmi5/context/extensions/sessionid",
                )
                assert is_read or value is None or isinstance(value, int | float | msgspec.Raw)


class _Nothing:
    """An index without statements, whose learners have the enrolments that it is given."""

    def __init__(self, enrolments: frozenset[str]) -> None:
        self._enrolments = enrolments

    def statements(self, programme_id: str, ids: list[str]) -> dict[str, Any]:
        return {}

    def enrolments(self, programme_id: str, learner_keys: list[str]) -> dict[str, frozenset[str]]:
        return dict.fromkeys(learner_keys, self._enrolments)


_AUTHORITY = {"objectType": "Agent", "account": {"homePage": "http://example.org", "name": "key"}}


@settings(max_examples=200, deadline=None)
@given(_statements, st.sampled_from([(), ("one",), ("one", "other")]), st.booleans())
def test_what_is_planned_is_what_the_log_gives(
    people: People, statement: dict[str, Any], enrolments: tuple[str, ...], may_open: bool
) -> None:
    stored_us = 1_600_000_000_000_000
    store: Any = SimpleNamespace(index=_Nothing(frozenset(enrolments)), people=people, next_stored_us=lambda: stored_us)
    # The first is from before our days, and the last runs ahead of the clock.
    for timestamp in ("1970-01-01T00:00:00Z", None, statement.get("timestamp"), "2999-01-01T00:00:00Z"):
        told = {k: v for k, v in statement.items() if k != "timestamp"}
        if timestamp is not None:
            told["timestamp"] = timestamp
        write = StatementsWrite("p", [told], _AUTHORITY, "2.0.0", may_open)
        if not write.prepare(people):
            people.learn(write.people())
            assert write.prepare(people)
        *opening, planned = write.plan(Pending(store))[: 2 if may_open else 1]
        if planned.means is None:
            # A voiding's second record, or nothing before it.
            continue
        assert record_of(-1, -1, planned.record.value, stored_us) == planned.means
        event = validate(planned.record.value, moment(stored_us))
        assert isinstance(event, Envelope)
        said = event.payload["statement"]
        assert said["stored"] == stored_text(stored_us)
        at = instant(told["timestamp"]) if timestamp is not None else moment(stored_us)
        assert instant(said["timestamp"]) == at
        assert parse_time(event.occurred_at) == (at if EARLIEST < at <= moment(stored_us) else moment(stored_us))
        assert people.whole(said) == {
            **told, "id": write.ids[0], "version": told.get("version", "2.0.0"), "authority": _AUTHORITY,
            "timestamp": said["timestamp"], "stored": said["stored"],
        }  # fmt: skip
        if opening:
            assert isinstance(validate(opening[0].record.value, moment(stored_us)), Envelope)
            assert event.payload["enrolment_id"] not in enrolments
        else:
            assert event.payload.get("enrolment_id") == (enrolments[0] if len(enrolments) == 1 else None)


def _everything(node: Any) -> Iterator[Any]:
    yield node
    for value in node.values() if isinstance(node, dict) else node if isinstance(node, list) else ():
        yield from _everything(value)


_STRINGS = st.lists(
    st.sampled_from(["a", "b", '\\"', "\\u0022", "\\\\", "\\\\u0022", "\\ud83d\\ude00", "\\ud800", "é", "\\u0061", ":", "\\/", "\\x", "\n"]),
    max_size=3,
).map(lambda parts: f'"{"".join(parts)}"')  # fmt: skip
_NUMBERS = st.sampled_from(
    ["0", "-0", "1.0", "1e400", "1" * 30, "1E5", "-1.5e-3", "1e-400", "0.1234567890123456789", "1e-9999999999", "01", ".5", "true", "null", "NaN"]
)  # fmt: skip
_TEXTS = st.recursive(
    _STRINGS | _NUMBERS,
    lambda some: (
        st.lists(some, max_size=3).map(lambda parts: f"[{', '.join(parts)}]")
        | st.lists(st.tuples(_STRINGS, some), max_size=3).map(
            lambda pairs: f"{{{','.join(f'{k}: {v}' for k, v in pairs)}}}"
        )
    ),
    max_leaves=8,
)


@given(text=_TEXTS)
@example(text='{"a": "\\u0022\\u0022", "b": 1, "b": 2}')
@example(text='{"a": 1, "\\u0061": 2}')
def test_the_quick_look_at_json_tells_what_the_careful_one_does(text: str) -> None:
    def told(parse: Callable[[bytes], Any]) -> str:
        try:
            return msgspec.json.encode(parse(text.encode())).decode()
        except NotReadable as error:
            return f"refused: {error}"

    assert told(json_text.read_json) == told(partial(json_text._carefully, decoder=json_text._CAREFUL[False]))
    assert told(partial(json_text.read_json, as_written=True)) == told(
        partial(json_text._carefully, decoder=json_text._CAREFUL[True])
    )
