"""``xueqing run``: an event that the server takes is published, parts that die are started again, and all end together."""

from __future__ import annotations

import json
import os
import queue
import signal
import subprocess
import sys
import threading
import time
import urllib.request
from base64 import b64encode
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

import pytest

from ingest.log.sqlite import SqliteLog
from ingest.lrs.access.keys import Keys
from pipelines.collect.simulation import run_simulation, unfold_simulation
from pipelines.settings import Settings
from pipelines.steps.due import issue_due
from pipelines.workspace import Workspace
from tests.integration.test_commands import GOOD
from tests.integration.test_lrs_server import free_port
from tests.warehouse_help import raw_records
from warehouse.query import connect

P = "tianshui-2017"


def parts_of(pid: int) -> dict[str, int]:
    """The processes of the parts, by what they run."""
    found = {}
    for number in Path(f"/proc/{pid}/task/{pid}/children").read_text(encoding="ascii").split():
        text = Path(f"/proc/{number}/cmdline").read_bytes()
        if b"spawn_main" in text:
            found[number] = int(number)
    return found


def is_there(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text(encoding="ascii").rsplit(")", 1)[1].split()[0] != "Z"
    except FileNotFoundError:
        return False


@pytest.mark.slow
def test_what_is_posted_is_published_whatever_part_dies_meanwhile(tmp_path: Path) -> None:
    port = free_port()
    with closing(Keys(tmp_path / "keys.sqlite")) as keys:
        key, secret = keys.create(P, ["all"])
    own = b64encode(f"{key.key_id}:{secret}".encode()).decode()

    def post(event_id: str) -> None:
        event = {**GOOD, "event_id": event_id, "programme_id": P}
        request = urllib.request.Request(
            f"http://127.0.0.1:{port}/events", json.dumps([event]).encode(),
            {"Authorization": f"Basic {own}", "Content-Type": "application/json"},
        )  # fmt: skip
        with urllib.request.urlopen(request, timeout=30) as answer:
            assert answer.status in (200, 202)

    command = [sys.executable, "-m", "pipelines.cli", "run", "--port", str(port)]
    running = subprocess.Popen(
        command,
        env={**os.environ, "XUEQING_HOME": str(tmp_path)},
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    lines: queue.Queue[str] = queue.Queue()
    told: list[str] = []

    def read() -> None:
        assert running.stderr is not None
        for line in running.stderr:
            lines.put(line)

    reader = threading.Thread(target=read, daemon=True)
    reader.start()

    def wait_for(text: str) -> None:
        deadline = time.monotonic() + 180
        while True:
            try:
                told.append(lines.get(timeout=max(0.1, deadline - time.monotonic())))
            except queue.Empty:
                pytest.fail(f"it never said {text!r}: {told}")
            if text in told[-1]:
                return

    try:
        wait_for("Serving at")
        post("00000000-0000-7000-8000-000000000001")
        wait_for("published in")
        with connect(tmp_path / "warehouse" / "xueqing.duckdb") as con:
            assert con.execute("select sum(counted_count) from rpt_event_accounting").fetchone() == (1,)
        before = {*parts_of(running.pid)}
        assert len(before) == 4
        for number in before:
            os.kill(int(number), signal.SIGKILL)
        for _ in before:
            wait_for("it is started again")
        wait_for("Serving at")
        post("00000000-0000-7000-8000-000000000002")
        wait_for("published in")
        with connect(tmp_path / "warehouse" / "xueqing.duckdb") as con:
            assert con.execute("select sum(counted_count) from rpt_event_accounting").fetchone() == (2,)
        left = parts_of(running.pid).values()
        os.killpg(running.pid, signal.SIGINT)
        assert running.wait(90) == 0
        reader.join(10)
        while not lines.empty():
            told.append(lines.get())
        assert any("everything taken is in the log" in line for line in told)
        assert not any("Traceback" in line for line in told), told
        assert not any(map(is_there, left))
    finally:
        if running.poll() is None:
            running.kill()
        running.wait()
        assert running.stderr is not None
        running.stderr.close()


def test_unfolding_a_day_at_a_time_is_the_same_simulation_and_goes_on_where_it_was(tmp_path: Path) -> None:
    def opened(name: str) -> Workspace:
        return Workspace(Settings.from_environment({"XUEQING_HOME": str(tmp_path / name)}))

    at_once, unfolded = opened("at-once"), opened("unfolded")
    usual = {"seed": 3, "scale": 1, "faults": True, "fraction": 0.01}
    count = run_simulation(at_once, P, **usual)  # type: ignore[arg-type]
    assert unfold_simulation(unfolded, P, day_s=0.0, **usual) == count  # type: ignore[arg-type]
    assert unfold_simulation(unfolded, P, day_s=0.0, **usual) == 0  # type: ignore[arg-type]
    for workspace in (at_once, unfolded):
        assert isinstance(workspace.log, SqliteLog)
        workspace.log.close()
    found = [
        sorted((r.partition, r.offset, r.recorded_at_us, r.value) for r in raw_records(tmp_path / name / "log.sqlite"))
        for name in ("at-once", "unfolded")
    ]
    assert found[0] == found[1]
    # Before the first build nothing is due.
    assert list(issue_due(opened("unfolded"), datetime.now(UTC))) == []
