"""Texts in every place where a person's words can come in: sealed wherever they lie, given back whole, and gone with the person."""

from __future__ import annotations

import base64
import gzip
import hashlib
import json
import shutil
import sqlite3
import uuid
from collections.abc import Iterator
from contextlib import ExitStack, closing
from pathlib import Path
from typing import Any

import pytest
from starlette.testclient import TestClient

from ingest.identity import Vault
from ingest.lrs.access.keys import Keys
from ingest.lrs.attachments import Attachments
from ingest.lrs.http import Access, make_app
from ingest.lrs.http.multipart import Part, join_parts
from ingest.lrs.writing.people import People
from ingest.sealed_records import opened_event, opened_record
from pipelines.collect.store import opened_store
from pipelines.erasing import apply_erasures
from pipelines.settings import Settings
from pipelines.steps.searching import Searched, places_of, search
from pipelines.workspace import Workspace
from tests.command_line import xueqing

P = "tianshui-2017"
WRITER = {"account": {"homePage": "http://example.org", "name": "writer"}}
OTHER = {"account": {"homePage": "http://example.org", "name": "other"}, "name": "canary-of-other"}
LEARNER = "Lwr1terOfEvents"
VIDEO = "https://w3id.org/xapi/video/extensions/"


class Canaries:
    """Numbered texts, each with the place it was put into; ``open`` are those that the decision record leaves readable."""

    def __init__(self) -> None:
        self.words: dict[str, str] = {}
        self.open: dict[str, str] = {}
        #: Under the programme's key, or kept nowhere: forgetting the person is not what ends them.
        self.nobodys: dict[str, str] = {}

    def _new(self, known: dict[str, str], place: str) -> str:
        known[place] = f"canary{len(self.words) + len(self.open) + len(self.nobodys):02}-李雷说"
        return known[place]

    def word(self, place: str) -> str:
        return self._new(self.words, place)

    def readable(self, place: str) -> str:
        return self._new(self.open, place)

    def nobody(self, place: str) -> str:
        return self._new(self.nobodys, place)


def statement(c: Canaries) -> dict[str, Any]:
    word = c.word
    person = {"name": word("name in an extension"), "mbox": f"mailto:{uuid.uuid4()}@example.org"}
    return {
        "id": str(uuid.uuid4()),
        "actor": {**WRITER, "name": word("actor's name")},
        "verb": {"id": "http://example.org/verbs/wrote", "display": {"zh-CN": c.readable("verb's display")}},
        "object": {
            "id": "http://example.org/texts/1",
            "definition": {
                "name": {"zh-CN": c.readable("activity's name")}, "description": {"zh-CN": c.readable("activity's description")},
                "extensions": {"http://example.org/x": c.readable("activity's extension")},
            },
        },
        "result": {
            "response": word("response"), "score": {"raw": 17}, "duration": "PT9M",
            "extensions": {
                "http://example.org/text": word("text in a result's extension"), "http://example.org/n": 4.50,
                "http://example.org/list": [word("list in a result's extension")],
                f"http://example.org/{c.word('name of an extension')}": "x",
            },
        },
        "context": {
            "platform": word("platform"), "revision": word("revision"), "language": "zh-CN",
            "instructor": {**WRITER, "name": word("instructor's name")},
            "team": {"objectType": "Group", "name": c.nobody("team's name"), "member": [{**WRITER, "name": word("member's name")}]},
            "extensions": {
                "http://example.org/deep": {word("key in an extension"): {"a": [word("deep in an extension")]}},
                "http://example.org/agent": person, f"{VIDEO}session-id": c.readable("session id"),
            },
        },
    }  # fmt: skip


def substatement(c: Canaries) -> dict[str, Any]:
    said = statement(Canaries())
    inner = {
        "objectType": "SubStatement", "actor": {**WRITER, "name": c.word("actor's name in a substatement")}, "verb": {"id": said["verb"]["id"]},
        "object": {"id": "http://example.org/texts/2"}, "result": {"response": c.word("response in a substatement")},
        "context": {"extensions": {"http://example.org/y": c.word("extension in a substatement")}},
    }  # fmt: skip
    return {"id": str(uuid.uuid4()), "actor": WRITER, "verb": {"id": "http://example.org/verbs/plans"}, "object": inner}


def own_statement(c: Canaries) -> dict[str, Any]:
    payload = {
        "enrolment_id": "e1", "post_id": "post-1", "reason": c.word("reason in a statement of our profile"),
        "text": c.word("member that the event has not, in a statement of our profile"),
    }  # fmt: skip
    return {
        "id": str(uuid.uuid4()), "actor": WRITER, "verb": {"id": "urn:xueqing:xapi:verb:post.voided"},
        "object": {"id": "urn:xueqing:xapi:activity:post-1"},
        "context": {"extensions": {"urn:xueqing:xapi:extension:payload": payload, "urn:xueqing:xapi:extension:role": "learner"}},
    }  # fmt: skip


def with_attachment(c: Canaries) -> tuple[dict[str, Any], bytes]:
    content = f"certificate of {c.word('attachment')}".encode()
    sha2 = hashlib.sha256(content).hexdigest()
    one = {
        "usageType": "http://example.org/usage", "display": {"zh-CN": c.word("attachment's name")},
        "description": {"zh-CN": c.word("attachment's description")}, "contentType": "text/plain", "length": len(content), "sha2": sha2,
        "fileUrl": f"http://example.org/files/{c.word('name of a file')}",
    }  # fmt: skip
    return {"id": str(uuid.uuid4()), "actor": WRITER, "verb": {"id": "http://example.org/verbs/handed-in"}, "object": {"id": "http://example.org/texts/3"}, "attachments": [one]}, content  # fmt: skip


def event(event_type: str, payload: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {
        "event_id": str(uuid.uuid4()), "event_type": event_type, "event_version": 1, "occurred_at": "2017-10-12T08:30:00Z",
        "programme_id": P, "learner_key": LEARNER, "source": "test", **more, "payload": payload,
    }  # fmt: skip


def events(c: Canaries, how: str) -> list[dict[str, Any]]:
    post = {"enrolment_id": "e1", "post_id": f"p-{how}", "workshop_id": "w", "kind": "post", "characters": 9}
    return [
        event("enrolment.withdrawn", {"enrolment_id": "e1", "reason": c.word(f"free text, {how}")}),
        event("post.published", {**post, "text": c.word(f"text of a post, {how}")}),
        event("survey.answered", {"enrolment_id": "e1", "form_id": "f", "answers": {"q1": 2}, "remarks": [c.word(f"survey's remark, {how}")]}),
        event("session.started", {"enrolment_id": "e1", "device": "web"}, author=c.word(f"member of the envelope, {how}")),
        event("course.selected", {"enrolment_id": "e1", "course_id": "c"}, sealed=c.word(f"pretended seal, {how}").encode().hex()),
    ]  # fmt: skip


class Home:
    """A home, and a client of its store."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._stack = ExitStack()
        with closing(Keys(folder / "keys.sqlite")) as keys:
            key, secret = keys.create(P, ["all"])
        self._key = "Basic " + base64.b64encode(f"{key.key_id}:{secret}".encode()).decode()

    @property
    def workspace(self) -> Workspace:
        """A fresh one: a store closes the log of its own."""
        return Workspace(Settings.from_environment({"XUEQING_HOME": str(self.folder)}))

    def __enter__(self) -> Home:
        self.store = self._stack.enter_context(opened_store(self.workspace))
        keys = self._stack.enter_context(closing(Keys(self.folder / "keys.sqlite")))
        attachments = Attachments(self.workspace.settings.attachments, self.store.people.sealer)
        app = make_app(self.store, Access(keys, None), attachments, base_url="http://127.0.0.1")
        self.client = self._stack.enter_context(TestClient(app))
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    def ask(self, method: str, path: str, **more: Any) -> Any:
        headers = {"authorization": self._key, "x-experience-api-version": "1.0.3", **more.pop("headers", {})}
        return self.client.request(method, path, headers=headers, **more)

    def texts(self, vault: Path | None = None) -> bytes:
        """All that can be opened with a vault, and all that lies in the open."""
        settings = self.workspace.settings
        with closing(Vault(vault or settings.vault, settings.read_vault_key(create=False))) as opened:
            apply_erasures(opened, self.workspace.existing_log, None)
            return b"\n".join(_everything(self.workspace, People(opened)))


def _everything(workspace: Workspace, people: People) -> Iterator[bytes]:
    with workspace.existing_log.reader(lambda partition: 0) as reader:
        while pieces := reader.poll(10_000, 1 << 26, 0.1):
            for value in (value for piece in pieces for value in piece.values if value is not None):
                try:
                    document = json.loads(value)
                except ValueError:
                    yield value
                    continue
                if "payload" not in document:
                    yield opened_record(people.sealer, value) or b""
                    continue
                whole = opened_event(people.sealer, document)
                if whole["event_type"] == "xapi.statement_stored":
                    whole["payload"]["statement"] = people.whole(whole["payload"]["statement"])
                if whole["event_type"] == "xapi.document_stored":
                    place = " ".join(
                        [
                            "document",
                            *(
                                whole["payload"].get(n) or ""
                                for n in ("kind", "activity_id", "person_key", "registration")
                            ),
                        ]
                    )
                    yield people.sealer.open(base64.b64decode(whole["payload"]["content"]), place) or b""
                yield json.dumps(whole, ensure_ascii=False).encode()
    for path in workspace.settings.attachments.rglob("*"):
        if path.is_file():
            yield path.read_bytes()


@pytest.fixture(scope="module")
def filled(tmp_path_factory: pytest.TempPathFactory) -> tuple[Home, Canaries, dict[str, Any]]:
    """A home with a text in every place, in lake and warehouse, and a backup of it; and what the store gave back."""
    folder = tmp_path_factory.mktemp("home")
    home, c = Home(folder), Canaries()
    given: dict[str, Any] = {}
    with home:
        (attached, content) = with_attachment(c)
        said = [statement(c), substatement(c), own_statement(c)]
        for one in said:
            answer = home.ask("POST", "/xapi/statements", json=one)
            assert answer.status_code == 200, answer.text
        body, kind = join_parts(
            [
                Part({"Content-Type": "application/json"}, json.dumps(attached).encode()),
                Part({"Content-Type": "text/plain", "Content-Transfer-Encoding": "binary", "X-Experience-API-Hash": attached["attachments"][0]["sha2"]}, content),
            ]
        )  # fmt: skip
        assert home.ask("POST", "/xapi/statements", content=body, headers={"content-type": kind}).status_code == 200
        assert home.ask("POST", "/xapi/statements", json={**attached, "id": str(uuid.uuid4()), "actor": OTHER, "attachments": [], "result": {"response": c.nobody("another person's")}}).status_code == 200  # fmt: skip
        about = {"activityId": "http://example.org/texts/1", "agent": json.dumps(WRITER), "stateId": "draft"}
        assert home.ask("PUT", "/xapi/activities/state", params=about, content=c.word("state").encode(), headers={"content-type": "text/plain"}).status_code == 204  # fmt: skip
        assert home.ask("PUT", "/xapi/agents/profile", params={"agent": json.dumps(WRITER), "profileId": "me"}, content=c.word("agent's profile").encode(), headers={"content-type": "text/plain", "if-none-match": "*"}).status_code == 204  # fmt: skip
        assert home.ask("PUT", "/xapi/activities/profile", params={"activityId": "http://example.org/texts/1", "profileId": "x"}, content=c.nobody("activity's profile").encode(), headers={"content-type": "text/plain", "if-none-match": "*"}).status_code == 204  # fmt: skip
        for one in events(c, "collector"):
            assert home.ask("POST", "/events", json=one).status_code == 200
        refused = event("post.published", {"text": c.nobody("refused by the collector")})
        assert home.ask("POST", "/events", json=refused).status_code == 422
        home.ask("GET", "/xapi/statements", params={"agent": c.nobody("query string")})
        home.ask(
            "GET", f"/xapi/{c.nobody('path')}", headers={"user-agent": c.nobody("agent of the user").encode().hex()}
        )
        for one in [*said, attached]:
            found = home.ask("GET", "/xapi/statements", params={"statementId": one["id"], "attachments": "true"})
            given[one["id"]] = one, found.content
    broken = event("post.published", {"enrolment_id": "e1", "characters": "many", "text": c.word("quarantined event")})
    lines = [
        *(json.dumps(one, ensure_ascii=False).encode() for one in events(c, "file")),
        json.dumps(broken, ensure_ascii=False).encode(),
        f'{{"learner_key": "{LEARNER}", "said": "{c.word("bytes that are no JSON")}'.encode(),
        c.nobody("line of nobody").encode(),
        json.dumps(event("unknown.type", {"x": c.word("event of an unknown type")}), ensure_ascii=False).encode(),
    ]  # fmt: skip
    (folder / "in").mkdir()
    source = folder / "in" / "lines.ndjson.gz"
    source.write_bytes(gzip.compress(b"\n".join(lines)))
    assert xueqing(folder, "import", "ndjson", str(source)).returncode == 0
    rejected = json.dumps({**said[0], "id": "x", "result": {"response": c.nobody("line that is no statement")}})
    assert xueqing(folder, "import", "xapi", "-p", P, "-", stdin=rejected.encode()).returncode == 0
    shutil.rmtree(folder / "in")
    for command in (("sink",), ("build",), ("backup", str(folder / "backup"))):
        done = xueqing(folder, *command)
        assert done.returncode == 0, done.stderr
    return home, c, given


def found_raw(home: Home, c: Canaries) -> set[str]:
    """The places whose texts are found in some file, as it is or decoded."""
    named = list({**c.words, **c.open, **c.nobodys}.items())
    searched = Searched()
    places = places_of(home.workspace, [home.folder / "backup"])
    findings = list(search(places, home.workspace.existing_log, [text for _, text in named], searched))
    assert searched.records
    assert not searched.unread
    return {named[one.canary - 1][0] for one in findings}


def test_before_forgetting_texts_lie_in_the_open_only_where_they_may_and_are_given_back_whole(
    filled: tuple[Home, Canaries, dict[str, Any]],
) -> None:
    home, c, given = filled
    assert len(c.words) + len(c.open) + len(c.nobodys) >= 40
    assert found_raw(home, c) == set(c.open)
    texts = home.texts().decode(errors="replace")
    missing = [place for place, text in c.words.items() if text not in texts and text.encode().hex() not in texts]
    # Names are in the vault; what was attached is in its file, sealed.
    assert missing == ["attachment"]
    for said, answer in given.values():
        first = answer.split(b"\r\n\r\n", 1)[1].split(b"\r\n--")[0]
        back = json.loads(first)
        assert {k: v for k, v in back.items() if k in said} == said
    assert any(c.words["attachment"].encode() in answer for _, answer in given.values())


def test_after_forgetting_they_are_nowhere_and_counts_stay(filled: tuple[Home, Canaries, dict[str, Any]]) -> None:
    home, c, _ = filled
    folder = home.folder
    counted = (
        "select event_type, count(*) from lake.accepted where event_type not like 'learner.%' group by all order by all"
    )
    before = xueqing(folder, "sql", "-f", "csv", counted).stdout
    shutil.copyfile(folder / "vault.sqlite", folder / "vault-before.sqlite")
    with closing(home.workspace.vault()) as vault:
        key = People(vault).key_of(WRITER)
    assert key is not None
    for one in (key, LEARNER):
        done = xueqing(folder, "people", "forget", one, "-p", P, "--yes")
        assert done.returncode == 0, done.stderr
        assert "receipt: " in done.stdout
        again = xueqing(folder, "people", "forget", one, "-p", P, "--yes")
        assert "said so before" in again.stdout
    # With this vault or with one from before, sealed texts of the person open no more, and others' do.
    for vault_file in (None, folder / "vault-before.sqlite"):
        texts = home.texts(vault_file).decode(errors="replace")
        kept = [place for place, text in c.words.items() if text in texts or text.encode().hex() in texts]
        assert kept == []
        assert c.nobodys["another person's"] in texts
    with home:
        answer = home.ask("GET", "/xapi/statements", params={"attachments": "true", "limit": "0"})
        assert [place for place, text in c.words.items() if text.encode() in answer.content] == []
        assert c.nobodys["another person's"].encode() in answer.content
    (folder / "vault-before.sqlite").unlink()
    checked = xueqing(
        folder, "people", "check-forgotten", key, *(a for text in c.words.values() for a in ("--canary", text))
    )
    assert checked.returncode == 0, checked.stdout + checked.stderr
    shown = xueqing(folder, "people", "check-forgotten", key, "--canary", c.open["activity's name"])
    assert shown.returncode == 3
    assert "column payload" in shown.stdout
    assert c.open["activity's name"] not in shown.stdout
    assert xueqing(folder, "sink").returncode == 0
    assert xueqing(folder, "sql", "-f", "csv", counted).stdout == before


def test_a_restored_backup_forgets_again(filled: tuple[Home, Canaries, dict[str, Any]], tmp_path: Path) -> None:
    home, c, _ = filled
    # The backup is of before, and its log knows nothing: what is restored is the newest log beside it.
    done = xueqing(tmp_path / "fresh", "restore", str(home.folder / "backup"), "--key", str(home.folder / "vault.key"))
    assert done.returncode == 0, done.stderr
    fresh = Home(tmp_path / "fresh")
    assert c.words["response"] in fresh.texts().decode(errors="replace")
    with (
        closing(sqlite3.connect(home.folder / "log.sqlite")) as newest,
        closing(sqlite3.connect(tmp_path / "fresh" / "log.sqlite")) as log,
    ):
        newest.backup(log)
    texts = fresh.texts().decode(errors="replace")
    assert [place for place, text in c.words.items() if text in texts] == []


def test_records_of_nobody_are_redacted_one_by_one(filled: tuple[Home, Canaries, dict[str, Any]]) -> None:
    home, c, _ = filled
    folder = home.folder
    listed = xueqing(
        folder,
        "sql",
        "-f",
        "csv",
        "select \"partition\" || ':' || \"offset\" as place from lake.records where reason = 'not_json'",
    )
    bytes_of = {place: xueqing(folder, "quarantine", "show", place).stdout for place in listed.stdout.split()[1:]}
    (nobodys,) = [place for place, text in bytes_of.items() if c.nobodys["line of nobody"] in text]
    assert [
        xueqing(folder, "quarantine", "show", place).stderr
        for place, text in bytes_of.items()
        if place != nobodys and "its key is gone" not in text
    ] == []
    assert xueqing(folder, "quarantine", "redact", nobodys, "--yes").returncode == 0
    assert "its key is gone" in xueqing(folder, "quarantine", "show", nobodys).stdout
    # Another's statement is redacted by its id; the next one of the same person still opens.
    with home:
        said = [{"id": str(uuid.uuid4()), "actor": OTHER, "verb": {"id": "http://example.org/v"}, "object": {"id": "http://example.org/o"}, "result": {"response": f"said {n}", "success": True}} for n in range(2)]  # fmt: skip
        assert home.ask("POST", "/xapi/statements", json=said).status_code == 200
    assert xueqing(folder, "sink").returncode == 0
    done = xueqing(folder, "redact", said[0]["id"], "--yes")
    assert done.returncode == 0, done.stderr
    with home:
        back = [home.ask("GET", "/xapi/statements", params={"statementId": one["id"]}).json() for one in said]
    assert [one["result"] for one in back] == [{"success": True}, {"success": True, "response": "said 1"}]
    opened = event("enrolment.opened", {"enrolment_id": "e1", "class_id": "c", "course_id": "c"})
    assert xueqing(folder, "import", "ndjson", "-", stdin=json.dumps(opened).encode()).returncode == 0
    assert xueqing(folder, "sink").returncode == 0
    bare = xueqing(folder, "redact", opened["event_id"], "--yes")
    assert bare.returncode == 1
    assert "has nothing sealed" in bare.stderr.replace("\n", " ")
