"""The server as a process: a client that knows nothing of it, being killed under load, and being told to stop."""

from __future__ import annotations

import json
import os
import re
import signal
import socket
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from base64 import b64encode
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, suppress
from http.client import HTTPException
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

from ingest.log.port import EventLog
from ingest.lrs.access.keys import Keys
from ingest.lrs.index.port import Query, StatementIndex, Stored
from ingest.lrs.index.postgres import PostgresIndex
from ingest.lrs.index.sqlite import SqliteIndex
from ingest.lrs.writing.catching_up import catch_up
from pipelines.server import check_listening
from pipelines.workspace import open_log
from tests.lrs_help import STATEMENT
from warehouse.errors import BadConfiguration

P = "tianshui-2017"


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextmanager
def serving(home: Path, port: int, *, processes: int = 1, **settings: str) -> Iterator[subprocess.Popen[bytes]]:
    environment = {**os.environ, "XUEQING_HOME": str(home), **settings}
    command = [sys.executable, "-m", "pipelines.cli", "serve", "--port", str(port), "--processes", str(processes)]
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
        # Its own list of versions ends with 1.0.3: of later ones it is not told.
        about = lrs.about()
        assert about.success
        assert about.content.version[-1] == "1.0.3"
        agent, activity = Agent(mbox="mailto:alice@example.org"), Activity(id="http://example.org/books/1")
        statement = Statement(actor=agent, verb=Verb(id="http://example.org/read"), object=activity)
        saved = lrs.save_statement(statement)
        assert saved.success, saved.data
        found = lrs.retrieve_statement(saved.content.id)
        assert found.success
        assert found.content.actor.mbox == "mailto:alice@example.org"
        assert lrs.save_statements([statement, statement]).response.status in (200, 400)
        query = lrs.query_statements({"agent": agent, "limit": 1, "related_activities": True})
        assert query.success
        assert len(query.content.statements) == 1
        state = StateDocument(id="page", content=bytearray(b"3"), activity=activity, agent=agent)
        assert lrs.save_state(state).success
        assert bytes(lrs.retrieve_state(activity, agent, "page").content.content) == b"3"
        assert lrs.delete_state(state).success


#: How often; a run of 200 takes minutes on each log.
KILLS = int(os.environ.get("XUEQING_KILLS", "6"))


class Load:
    """Clients that post until their server is gone, and know what was acknowledged."""

    def __init__(self, key: tuple[str, str]) -> None:
        self.key, self.acknowledged, self.sent = key, set[str](), set[str]()
        self._stops = threading.Event()

    def on(self, port: int) -> list[threading.Thread]:
        def load() -> None:
            while not self._stops.is_set():
                batch = [{**STATEMENT, "id": str(uuid4())} for _ in range(5)]
                self.sent.update(s["id"] for s in batch)
                try:
                    self.acknowledged.update(ask(port, self.key, "statements", batch))
                except (OSError, ValueError, HTTPException):
                    return

        threads = [threading.Thread(target=load) for _ in range(4)]
        for thread in threads:
            thread.start()
        return threads

    def stop(self, threads: list[threading.Thread]) -> None:
        """Those whose server goes on."""
        self._stops.set()
        for thread in threads:
            thread.join()
        self._stops.clear()

    def more(self, count: int) -> None:
        """Wait until so many more were acknowledged."""
        wanted, deadline = len(self.acknowledged) + count, time.monotonic() + 60
        while len(self.acknowledged) < wanted:
            assert time.monotonic() < deadline, "nothing is acknowledged any more"
            time.sleep(0.01)

    def check(self, home: Path, url: str | None = None, index: StatementIndex | None = None) -> None:
        """All that was acknowledged is there once, and the index is as one made of nothing.

        Args:
            url, index: of the home, where they are not in its own files.
        """
        with (
            open_log(url or f"sqlite:{home / 'log.sqlite'}", 4) as log,
            closing(index or SqliteIndex(home / "statement-index.sqlite")) as used,
            closing(SqliteIndex(home / "again" / "index.sqlite")) as again,
        ):
            self._check(log, used, again)

    def _check(self, log: EventLog, index: StatementIndex, again: StatementIndex) -> None:
        for one in (index, again):
            one.bind(log.log_id)
            catch_up(log, one)
        found = [{s.statement["id"]: s.statement for s in everything(one)} for one in (index, again)]
        assert found[0] == found[1]
        ids = [s.statement_id for s in everything(index)]
        assert len(ids) == len(set(ids))
        assert self.acknowledged <= set(ids) <= self.sent
        # In the log, too, none is there twice.
        with log.reader(lambda partition: 0) as reader:
            ends, seen, stored = log.end_offsets(), dict.fromkeys(log.end_offsets(), 0), []
            while any(seen[p] < end for p, end in ends.items()):
                for piece in reader.poll(5_000, 1 << 26, 5.0):
                    seen[piece.partition] = piece.offsets[-1] + 1
                    stored += [
                        json.loads(v)["payload"]["statement_id"] for v in piece.values if v and b"statement_stored" in v
                    ]
        assert sorted(stored) == sorted(ids)


def everything(index: StatementIndex) -> list[Stored]:
    return index.find(P, Query(limit=10_000_000)).statements


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["sqlite", "kafka"])
def test_killed_under_load_it_has_lost_and_doubled_nothing_that_it_acknowledged(
    kind: str, request: pytest.FixtureRequest, tmp_path: Path
) -> None:
    url = f"sqlite:{tmp_path / 'log.sqlite'}"
    if kind == "kafka":
        url = f"kafka://{request.getfixturevalue('broker').address}/kills-{uuid4().hex[:8]}"
    load = Load(new_key(tmp_path))
    for _ in range(KILLS):
        port = free_port()
        with serving(tmp_path, port, XUEQING_LOG=url) as process:
            # What was acknowledged before is there at once.
            for one in list(load.acknowledged)[:1]:
                assert ask(port, load.key, f"statements?statementId={one}")["id"] == one
            threads = load.on(port)
            load.more(40)
            process.kill()
            process.wait()
            for thread in threads:
                thread.join()
    assert len(load.acknowledged) >= 40 * KILLS
    load.check(tmp_path, url)


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["sqlite", "postgres"])
def test_of_two_servers_that_share_the_work_one_is_killed_and_the_other_goes_on(
    kind: str, postgres: Callable[[], str], tmp_path: Path
) -> None:
    file = tmp_path / "statement-index.sqlite"
    environment = {"XUEQING_STATEMENT_INDEX": postgres() if kind == "postgres" else f"sqlite:{file}"}
    load, ports = Load(new_key(tmp_path)), (free_port(), free_port())
    with serving(tmp_path, ports[0], **environment):
        threads = load.on(ports[0])
        for _ in range(max(2, KILLS // 3)):
            with serving(tmp_path, ports[1], **environment) as other:
                threads += load.on(ports[1])
                load.more(80)
                other.kill()
                other.wait()
            load.more(20)
        with serving(tmp_path, ports[1], **environment):
            # Both say the same at once; of one id, both take one word only.
            one = {**STATEMENT, "id": str(uuid4())}
            load.sent.add(one["id"])
            load.acknowledged.add(ask(ports[0], load.key, "statements", [one])[0])
            assert ask(ports[1], load.key, f"statements?statementId={one['id']}")["id"] == one["id"]
            assert ask(ports[1], load.key, "statements", [one]) == [one["id"]]
            with pytest.raises(urllib.error.HTTPError, match="409"):
                ask(ports[1], load.key, "statements", [{**one, "result": {"success": True}}])
            contended = [str(uuid4()) for _ in range(30)]
            load.sent |= set(contended)
            taken: list[tuple[str, int]] = []
            refused: list[int] = []

            def contend(place: int) -> None:
                for statement_id in contended:
                    said = {**STATEMENT, "id": statement_id, "result": {"score": {"raw": place}}}
                    try:
                        ask(ports[place], load.key, "statements", [said])
                        taken.append((statement_id, place))
                    except urllib.error.HTTPError as error:
                        refused.append(error.code)

            both = [threading.Thread(target=contend, args=(place,)) for place in (0, 1)]
            for thread in both:
                thread.start()
            for thread in both:
                thread.join()
            assert refused == [409] * len(contended)
            assert sorted(statement_id for statement_id, _ in taken) == sorted(contended)
            for statement_id, place in taken:
                found = ask(ports[1 - place], load.key, f"statements?statementId={statement_id}")
                assert found["result"]["score"]["raw"] == place
            load.acknowledged |= set(contended)
    for thread in threads:
        thread.join()
    used = PostgresIndex(environment["XUEQING_STATEMENT_INDEX"]) if kind == "postgres" else SqliteIndex(file)
    load.check(tmp_path, index=used)


def workers_of(process: subprocess.Popen[bytes]) -> list[int]:
    """Those that listen; multiprocessing has one of its own besides."""
    children = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text(encoding="ascii").split()
    found = []
    for number in map(int, children):
        with suppress(FileNotFoundError, ProcessLookupError):  # it has ended just now
            if b"spawn_main" in Path(f"/proc/{number}/cmdline").read_bytes():
                found.append(number)
    return found


def wait_for(condition: Callable[[], bool], what: str) -> None:
    deadline = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < deadline, what
        time.sleep(0.05)


@pytest.mark.slow
def test_its_processes_are_one_server_of_which_any_may_be_killed(tmp_path: Path) -> None:
    load, port = Load(new_key(tmp_path)), free_port()
    own = b64encode(":".join(load.key).encode()).decode()

    def page(path: str) -> str:
        request = urllib.request.Request(f"http://127.0.0.1:{port}{path}", headers={"Authorization": f"Basic {own}"})
        with urllib.request.urlopen(request, timeout=30) as answer:
            return str(answer.read().decode())

    def answers() -> bool:
        try:
            return "ready" in page("/ready")
        except (OSError, HTTPException):
            return False

    def counted() -> set[tuple[str | None, int]]:
        """What whichever process answers says was stored: by its metrics, and by its start page."""
        found = set()
        for _ in range(10):
            stored = re.search(r'taken_total\{kind="statement",status="stored"\} ([0-9.e+]+)', page("/metrics"))
            arrived = json.loads(page("/live"))["last_15_min"]
            found.add((stored and stored.group(1), sum(one["count"] for one in arrived)))
        return found

    with serving(tmp_path, port, processes=2) as process:
        wait_for(lambda: len(workers_of(process)) == 2, "both are there")
        for _ in range(30):
            batch = [{**STATEMENT, "id": str(uuid4())} for _ in range(2)]
            load.sent.update(s["id"] for s in batch)
            load.acknowledged.update(ask(port, load.key, "statements", batch))
        wait_for(lambda: counted() == {("60.0", 60)}, "every process tells of all of them")
        logs = [tmp_path / "logs" / name for name in ("access.ndjson", "access-2.ndjson")]
        wait_for(lambda: sum(f.read_text(encoding="utf-8").count('"POST"') for f in logs) == 30, "each has its log")
        # Where one server listens no other can.
        other = subprocess.run(
            [sys.executable, "-m", "pipelines.cli", "serve", "--port", str(port), "--processes", "2"], capture_output=True,
            env={**os.environ, "XUEQING_HOME": str(tmp_path / "other")}, timeout=60, check=False,
        )  # fmt: skip
        assert other.returncode != 0
        assert "give another --port" in " ".join(other.stderr.decode().split())
        for _ in range(max(2, KILLS // 3)):
            threads = load.on(port)
            load.more(60)
            killed = workers_of(process)
            for number in killed:
                os.kill(number, signal.SIGKILL)
            for thread in threads:
                thread.join()
            wait_for(lambda k=killed: len({*workers_of(process)} - {*k}) == 2, "others are started")
            wait_for(answers, "it answers")
            threads = load.on(port)
            load.more(20)
            one = workers_of(process)[0]
            os.kill(one, signal.SIGKILL)
            wait_for(lambda one=one: len({*workers_of(process)} - {one}) == 2, "another is started")
            load.stop(threads)
            # The process that is left may itself have started just now, and not listen yet.
            wait_for(answers, "it answers again")
        process.send_signal(signal.SIGTERM)
        assert process.wait(60) == 0
        assert process.stderr is not None
        told = process.stderr.read().decode()
        assert "Traceback" not in told
        assert "another is started" in told
        assert "everything taken is in the log" in told
    # Without the one that started them they end, too.
    with serving(tmp_path, port, processes=2) as process:
        wait_for(lambda: len(workers_of(process)) == 2, "both are there")
        left = workers_of(process)
        process.kill()
        process.wait()
        wait_for(lambda: not any(Path(f"/proc/{n}").exists() for n in left), "they end")
    load.check(tmp_path)


def test_statements_of_a_file_come_in_beside_a_running_server(tmp_path: Path) -> None:
    key, port = new_key(tmp_path), free_port()
    file, ids = tmp_path / "statements.ndjson", [str(uuid4()) for _ in range(20)]
    file.write_text("\n".join(json.dumps({**STATEMENT, "id": i}) for i in ids), encoding="utf-8")
    with serving(tmp_path, port):
        (before,) = ask(port, key, "statements", [STATEMENT])
        done = subprocess.run(
            [sys.executable, "-m", "pipelines.cli", "import", "xapi", str(file), "-p", P], capture_output=True, check=False,
            env={**os.environ, "XUEQING_HOME": str(tmp_path)}, timeout=60,
        )  # fmt: skip
        assert done.returncode == 0, done.stderr.decode()
        with pytest.raises(urllib.error.HTTPError, match="409"):
            ask(port, key, "statements", [{**STATEMENT, "id": ids[0], "result": {"success": False}}])
        (after,) = ask(port, key, "statements", [STATEMENT])
        assert {s["id"] for s in ask(port, key, "statements")["statements"]} == {before, *ids, after}


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
