"""The server as a process: a client that knows nothing of it, being killed under load, and being told to stop."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from base64 import b64encode
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

from ingest.log.sqlite import SqliteLog
from ingest.lrs.index import Query
from ingest.lrs.index_sqlite import SqliteIndex
from ingest.lrs.keys import Keys
from ingest.lrs.store import catch_up
from pipelines.serving import check_listening
from tests.lrs_help import STATEMENT
from warehouse.errors import BadConfiguration

P = "tianshui-2017"


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextmanager
def serving(home: Path, port: int) -> Iterator[subprocess.Popen[bytes]]:
    environment = {**os.environ, "XUEQING_HOME": str(home)}
    command = [sys.executable, "-m", "pipelines.cli", "serve", "--port", str(port)]
    with subprocess.Popen(command, env=environment, stderr=subprocess.PIPE) as process:
        try:
            deadline = time.monotonic() + 60
            while True:
                try:
                    urllib.request.urlopen(f"http://127.0.0.1:{port}/ready", timeout=5).close()
                    break
                except OSError:
                    assert process.poll() is None, "the server has ended"
                    assert time.monotonic() < deadline, "the server has not started"
                    time.sleep(0.05)
            yield process
        finally:
            if process.poll() is None:
                process.kill()


def new_key(home: Path) -> tuple[str, str]:
    with closing(Keys(home / "keys.sqlite")) as keys:
        key, secret = keys.create(P, ["all"])
    return key.key_id, secret


def ask(port: int, key: tuple[str, str], path: str, body: Any = None) -> Any:
    headers = {
        "Authorization": "Basic " + b64encode(":".join(key).encode()).decode(), "X-Experience-API-Version": "2.0.0",
        "Content-Type": "application/json",
    }  # fmt: skip
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(f"http://127.0.0.1:{port}/xapi/{path}", data, headers)
    with urllib.request.urlopen(request, timeout=30) as answer:
        return json.load(answer)


# The client was last released in 2017, when these were not deprecated.
@pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::ResourceWarning")
def test_a_python_client_works_unchanged(tmp_path: Path) -> None:
    from tincan import Activity, Agent, RemoteLRS, StateDocument, Statement, Verb

    key_id, secret = new_key(tmp_path)
    port = free_port()
    with serving(tmp_path, port):
        lrs = RemoteLRS(version="1.0.3", endpoint=f"http://127.0.0.1:{port}/xapi/", username=key_id, password=secret)
        # Its own list of versions ends with 1.0.3, so that it cannot read what About says.
        agent, activity = Agent(mbox="mailto:alice@example.org"), Activity(id="http://example.org/books/1")
        statement = Statement(actor=agent, verb=Verb(id="http://example.org/read"), object=activity)
        saved = lrs.save_statement(statement)
        assert saved.success, saved.data
        found = lrs.retrieve_statement(saved.content.id)
        assert found.success
        assert found.content.actor.mbox == "mailto:alice@example.org"
        assert lrs.save_statements([statement, statement]).response.status in (200, 400)
        query = lrs.query_statements({"agent": agent, "limit": 1})
        assert query.success
        assert len(query.content.statements) == 1
        state = StateDocument(id="page", content=bytearray(b"3"), activity=activity, agent=agent)
        assert lrs.save_state(state).success
        assert bytes(lrs.retrieve_state(activity, agent, "page").content.content) == b"3"
        assert lrs.delete_state(state).success


@pytest.mark.slow
def test_killed_under_load_it_has_lost_and_doubled_nothing_that_it_acknowledged(tmp_path: Path) -> None:
    key = new_key(tmp_path)
    acknowledged: set[str] = set()
    sent: set[str] = set()
    for _ in range(6):
        port = free_port()
        with serving(tmp_path, port) as process:
            # What was acknowledged before is there at once.
            if acknowledged:
                one = next(iter(acknowledged))
                assert ask(port, key, f"statements?statementId={one}")["id"] == one

            def load(port: int = port) -> None:
                while True:
                    batch = [{**STATEMENT, "id": str(uuid4())} for _ in range(5)]
                    sent.update(s["id"] for s in batch)
                    try:
                        acknowledged.update(ask(port, key, "statements", batch))
                    except (OSError, ValueError):
                        return

            before = len(acknowledged)
            threads = [threading.Thread(target=load) for _ in range(4)]
            for thread in threads:
                thread.start()
            while len(acknowledged) < before + 40:
                time.sleep(0.01)
            process.kill()
            process.wait()
            for thread in threads:
                thread.join()
    assert len(acknowledged) >= 240
    (tmp_path / "again").mkdir()
    with (
        SqliteLog(tmp_path / "log.sqlite") as log,
        closing(SqliteIndex(tmp_path / "statement-index.sqlite")) as index,
        closing(SqliteIndex(tmp_path / "again" / "index.sqlite")) as again,
    ):
        for one in (index, again):
            one.bind(log.log_id)
            catch_up(log, one)
        found = [[s.statement for s in one.find(P, Query(limit=1_000_000))] for one in (index, again)]
    assert found[0] == found[1]
    ids = [s["id"] for s in found[0]]
    assert len(ids) == len(set(ids))
    assert acknowledged <= set(ids) <= sent


def test_told_to_stop_it_ends_what_it_has_taken(tmp_path: Path) -> None:
    key = new_key(tmp_path)
    port = free_port()
    with serving(tmp_path, port) as process:
        ids = ask(port, key, "statements", [STATEMENT] * 50)
        with pytest.raises(urllib.error.HTTPError, match="401"):
            ask(port, (key[0], "wrong"), "statements")
        process.send_signal(signal.SIGTERM)
        assert process.wait(30) == 0
        assert process.stderr is not None
        told = process.stderr.read().decode()
    assert "Traceback" not in told
    assert "everything taken is in the log" in told
    with serving(tmp_path, port):
        assert {s["id"] for s in ask(port, key, "statements")["statements"]} == set(ids)


def test_it_does_not_listen_in_the_clear_beyond_this_machine() -> None:
    for host in ("127.0.0.1", "::1", "localhost"):
        check_listening(host, has_tls=False, is_behind_proxy=False)
    for host in ("0.0.0.0", "example.org", "::"):
        with pytest.raises(BadConfiguration, match="behind-proxy"):
            check_listening(host, has_tls=False, is_behind_proxy=False)
        check_listening(host, has_tls=True, is_behind_proxy=False)
        check_listening(host, has_tls=False, is_behind_proxy=True)
