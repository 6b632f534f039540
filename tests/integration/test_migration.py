"""Statements between stores: pulled out of one, sent on to another, taken up again where it stopped."""

from __future__ import annotations

import hashlib
import json
from base64 import b64encode
from collections.abc import Callable, Iterator
from contextlib import closing
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any
from uuid import uuid4

import httpx2 as httpx
import pytest

from ingest.lrs.http.multipart import Part, join_parts
from ingest.lrs.index.port import Query
from ingest.lrs.standard.rules import VOIDED
from ingest.lrs.writing.people import People
from pipelines.collect import migration
from pipelines.collect.store import read_index
from pipelines.settings import Settings
from pipelines.workspace import Workspace
from tests.integration.test_lrs_server import P, free_port, new_key, serving
from tests.lrs_help import STATEMENT
from warehouse.errors import BadConfiguration, BadSource, LogUnavailable

Source = tuple[str, tuple[str, str]]


def home(folder: Path) -> Workspace:
    return Workspace(Settings.from_environment({"XUEQING_HOME": str(folder)}))


def told(key: tuple[str, str]) -> dict[str, str]:
    basic = b64encode(":".join(key).encode()).decode()
    return {"authorization": f"Basic {basic}", "x-experience-api-version": "2.0.0"}


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Source]:
    """A store with 450 statements, of which one is voided and one has an attachment."""
    folder = tmp_path_factory.mktemp("source")
    key, port = new_key(folder), free_port()
    with serving(folder, port):
        url = f"http://127.0.0.1:{port}/xapi"
        batch = [STATEMENT | {"id": str(uuid4())} for _ in range(447)]
        assert httpx.post(f"{url}/statements", json=batch, headers=told(key)).status_code == 200
        voiding = STATEMENT | {"verb": {"id": VOIDED}, "object": {"objectType": "StatementRef", "id": batch[3]["id"]}}
        assert httpx.post(f"{url}/statements", json=voiding, headers=told(key)).status_code == 200
        content = b"\x89PNG certificate"
        attachment = {
            "usageType": "http://adlnet.gov/expapi/attachments/certificate", "display": {"en": "c"}, "contentType": "image/png",
            "length": len(content), "sha2": hashlib.sha256(content).hexdigest(),
        }  # fmt: skip
        body, kind = join_parts(
            [
                Part({"Content-Type": "application/json"}, json.dumps(STATEMENT | {"attachments": [attachment]}).encode()),
                Part({"Content-Type": "image/png", "Content-Transfer-Encoding": "binary", "X-Experience-API-Hash": attachment["sha2"]}, content),
            ]
        )  # fmt: skip
        with_file = httpx.post(f"{url}/statements", content=body, headers={**told(key), "content-type": kind})
        assert with_file.status_code == 200, with_file.text
        yield url, key


def statements(workspace: Workspace) -> dict[str, Any]:
    """What a store has, by id, as it would answer."""
    with closing(workspace.vault()) as vault, read_index(workspace) as index:
        people = People(vault)
        found = index.find(P, Query(limit=1_000_000)).statements
        voided = [s.statement["object"]["id"] for s in found if s.statement["verb"]["id"] == VOIDED]
        ours = ("stored", "authority", "version")
        return {
            s.statement_id: {k: v for k, v in people.whole(s.statement).items() if k not in ours}
            for s in [*found, *index.statements(P, voided).values()]
        }


def test_pulled_sent_on_and_pulled_again_statements_are_the_same_and_there_once(
    source: Source, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    url, key = source
    middle = home(tmp_path / "middle")
    # It breaks off after the second page and goes on from there.
    pages = migration.RemoteStore.pages

    def broken(self: migration.RemoteStore, since: str | None) -> Iterator[Any]:
        for number, page in enumerate(pages(self, since)):
            if number == 2:
                raise LogUnavailable("gone")
            yield page

    monkeypatch.setattr(migration.RemoteStore, "pages", broken)
    with pytest.raises(LogUnavailable):
        migration.pull(middle, url, key, P, None, open_enrolments=True)
    monkeypatch.undo()
    middle = home(tmp_path / "middle")
    report = migration.pull(middle, url, key, P, None, open_enrolments=True)
    assert report.adds_up
    assert not report.set_aside
    found = statements(home(tmp_path / "middle"))
    assert len(found) == 449
    again = migration.pull(home(tmp_path / "middle"), url, key, P, None, open_enrolments=True)
    assert again.used == again.rows
    assert statements(home(tmp_path / "middle")) == found
    # On to a third one, which runs as a server.
    last = tmp_path / "last"
    last_key, port = new_key(last), free_port()
    with serving(last, port):
        to = f"http://127.0.0.1:{port}/xapi"
        done = migration.forward(home(tmp_path / "middle"), to, last_key, P, None)
        assert (done.sent, done.refused) == (449, {})
        assert migration.forward(home(tmp_path / "middle"), to, last_key, P, None).sent == 0
        # All over again: by their ids each is there once.
        done = migration.forward(home(tmp_path / "middle"), to, last_key, P, "2017-01-01T00:00:00Z")
        assert (done.sent, done.refused) == (449, {})
        (with_file,) = [s for s in found.values() if "attachments" in s]
        answer = httpx.get(
            f"{to}/statements", params={"statementId": with_file["id"], "attachments": "true"}, headers=told(last_key)
        )
        assert b"\x89PNG certificate" in answer.content
        voided = next(s["object"]["id"] for s in found.values() if s["verb"]["id"] == VOIDED)
        for name, status in (("statementId", 404), ("voidedStatementId", 200)):
            assert httpx.get(f"{to}/statements", params={name: voided}, headers=told(last_key)).status_code == status
    assert statements(home(last)) == found


def test_what_the_other_store_will_not_take_is_counted_and_stops_no_other(tmp_path: Path, source: Source) -> None:
    url, key = source
    middle = home(tmp_path / "middle")
    migration.pull(middle, url, key, P, None, open_enrolments=False)
    last = tmp_path / "last"
    last_key, port = new_key(last), free_port()
    ids = sorted(statements(home(tmp_path / "middle")))
    with serving(last, port):
        to = f"http://127.0.0.1:{port}/xapi"
        different = STATEMENT | {"id": ids[7], "result": {"success": False}}
        assert httpx.post(f"{to}/statements", json=different, headers=told(last_key)).status_code == 200
        done = migration.forward(home(tmp_path / "middle"), to, last_key, P, None)
        assert done.refused == {409: 1}
        assert done.sent == 448


@pytest.fixture
def other() -> Iterator[Callable[[int, bytes, dict[str, str]], str]]:
    """A server that always answers the same."""
    servers = []

    def start(status: int, body: bytes, headers: dict[str, str]) -> str:
        class Same(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                self.send_response(status)
                for name, value in {"content-length": str(len(body)), **headers}.items():
                    self.send_header(name, value)
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, format: str, *args: object) -> None:
                pass

        servers.append(ThreadingHTTPServer(("127.0.0.1", 0), Same))
        Thread(target=servers[-1].serve_forever, daemon=True).start()
        return f"http://127.0.0.1:{servers[-1].server_port}"

    yield start
    for server in servers:
        server.shutdown()
        server.server_close()


def test_what_is_no_store_is_told_in_a_line(
    tmp_path: Path, other: Callable[[int, bytes, dict[str, str]], str], monkeypatch: pytest.MonkeyPatch
) -> None:
    slept: list[float] = []
    monkeypatch.setattr("urllib3.util.retry.time.sleep", slept.append)
    for status, body, headers, error, why in (
        (200, b"<html>", {"content-type": "text/html"}, BadSource, "cannot be read"),
        (200, b"[]", {}, BadSource, "does not answer as"),
        (401, b"", {}, BadSource, "does not let this key in"),
        (404, b"", {}, BadSource, "the one before /statements"),
        (429, b"", {"retry-after": "7"}, LogUnavailable, "it answered 429"),
    ):
        url = other(status, body, headers)
        with pytest.raises(error, match=why):
            migration.pull(home(tmp_path / str(status)), url, ("k", "s"), P, None, open_enrolments=False)
    assert slept[0] == 7
    with pytest.raises(LogUnavailable, match="ConnectionError"):
        migration.pull(
            home(tmp_path / "x"), f"http://127.0.0.1:{free_port()}", ("k", "s"), P, None, open_enrolments=False
        )


def test_a_key_is_given_or_in_a_file(tmp_path: Path) -> None:
    assert migration.parse_key("id:se:cret") == ("id", "se:cret")
    (tmp_path / "key").write_text("id:secret\n", encoding="utf-8")
    assert migration.parse_key(f"@{tmp_path / 'key'}") == ("id", "secret")
    for bad in ("", "id", "id:", ":secret", f"@{tmp_path / 'none'}"):
        with pytest.raises(BadConfiguration) as refusal:
            migration.parse_key(bad)
        assert "secret" not in str(refusal.value).replace("ID:SECRET", "")
