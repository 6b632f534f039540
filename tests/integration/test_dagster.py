"""The unattended runs: their graph, what blocks what, what is tried again, who is told."""

from __future__ import annotations

import json
import socketserver
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import dagster as dg
import pytest

from ingest.programmes.pack import Pack
from ingest.sources.simulate import simulate
from pipelines.alerts import Alert, send
from pipelines.defs import assemble, running
from pipelines.defs import warehouse as warehouse_assets
from pipelines.defs.upkeep import alert_of
from pipelines.quality.checks import Finding
from pipelines.reports.bulletin.sealing import read_sealed
from pipelines.settings import Settings
from pipelines.steps.due import due
from pipelines.workspace import Workspace
from tests.conftest import ROOT
from warehouse.errors import AlertNotSent, BuildInProgress, QualityFailed

P = "tianshui-2017"
JOB = "issue_tianshui_2017"
GOLDEN = ROOT / "tests" / "golden" / "dagster" / "assets.txt"


class House:
    """A small simulated programme in the log, and the definitions over it."""

    def __init__(self, home: Path, packs: dict[str, Pack]) -> None:
        self.home = home
        (simulation,) = simulate(packs[P], fraction=0.01, faults=True)
        self.open().log.append(simulation.records)
        self.definitions = assemble(self.open)

    def open(self) -> Workspace:
        return Workspace(Settings.from_environment({"XUEQING_HOME": str(self.home)}))

    def run(self, job: str, instance: dg.DagsterInstance, **more: Any) -> dg.ExecuteInProcessResult:
        return self.definitions.resolve_job_def(job).execute_in_process(instance=instance, raise_on_error=False, **more)


@pytest.fixture(scope="module")
def house(packs: dict[str, Pack], tmp_path_factory: pytest.TempPathFactory) -> House:
    return House(tmp_path_factory.mktemp("dagster"), packs)


@pytest.fixture
def instance() -> Iterator[dg.DagsterInstance]:
    with dg.instance_for_test() as made:
        yield made


def drawn(definitions: dg.Definitions) -> str:
    """The graph as text: each asset with what it is made from and what is checked, then what runs it."""
    repository = definitions.get_repository_def()
    graph = repository.asset_graph
    lines = []
    for key in sorted(graph.get_all_asset_keys()):
        node = graph.get(key)
        parts = node.partitions_def.get_partition_keys() if node.partitions_def else []
        lines.append(f"{key.to_user_string()} [{node.group_name}]" + (f" {parts[0]}…{parts[-1]}" if parts else ""))
        lines += [f"  < {parent.to_user_string()}" for parent in sorted(node.parent_keys)]
        checks = sorted(c.name for c in graph.get_check_keys_for_assets({key}))
        lines += [f"  ? {name}" for name in checks]
        policy = node.freshness_policy
        lines += [f"  fresh within {policy.fail_window.to_timedelta()}"] if policy else []
    lines += [f"job {job.name}" for job in sorted(repository.get_all_jobs(), key=lambda j: j.name)]
    lines += [f"schedule {s.name} {s.cron_schedule}" for s in sorted(repository.schedule_defs, key=lambda s: s.name)]
    lines += [f"sensor {s.name}" for s in sorted(repository.sensor_defs, key=lambda s: s.name)]
    return "\n".join(lines) + "\n"


def test_the_graph_is_as_it_was(house: House) -> None:
    """From the log to the site, through every model; delete the golden file and run this to write it anew."""
    text = drawn(house.definitions)
    if not GOLDEN.exists():
        GOLDEN.parent.mkdir(parents=True, exist_ok=True)
        GOLDEN.write_text(text, encoding="utf-8")
        pytest.fail(f"{GOLDEN} was written; read it, and run again")
    assert text == GOLDEN.read_text(encoding="utf-8")


def test_a_run_takes_the_log_to_a_sealed_bulletin_and_the_site(house: House, instance: dg.DagsterInstance) -> None:
    assert due(house.open(), P, datetime.now(UTC)) == [], "nothing is published yet"
    done = house.run(JOB, instance, partition_key="004")
    assert done.success
    sealed = read_sealed(house.home / "bulletins", P, 4)
    assert sealed is not None
    assert (house.home / "site" / "index.html").is_file()
    made = {m.asset_key.to_user_string() for m in done.get_asset_materialization_events() if m.asset_key}
    assert {"lake/records", "marts/rpt_status", "warehouse/published", f"bulletins/{P}", "reports/site"} <= made
    checks = {c.check_name: c for c in done.get_asset_check_evaluations()}
    assert "records_account_for_every_offset" in checks
    assert all(c.passed for c in checks.values())
    # No run log names a learner.
    told = "\n".join(e.message for e in instance.all_logs(done.run_id))
    assert not [x for x in sealed.bulletin.learners if x.enrolment_id in told or x.learner_key in told]
    # A second run finds the bulletin sealed, and says so.
    again = house.run(JOB, instance, partition_key="004")
    assert again.success
    (event,) = [e for e in again.get_asset_materialization_events() if e.asset_key == dg.AssetKey(["bulletins", P])]
    assert event.materialization.metadata["sealed before"].value is True
    # What is due by the programme's own clock: its day has begun in Tianshui before it has in London.
    assert due(house.open(), P, datetime(2017, 11, 13, 23, 59, tzinfo=UTC)) == [1, 2]
    assert due(house.open(), P, datetime(2017, 11, 14, 0, 0, tzinfo=UTC)) == [1, 2, 3]
    assert due(house.open(), P, datetime(2018, 1, 1, tzinfo=UTC)) == [1, 2, 3, 5, 6]


def sensed(house: House, name: str, instance: dg.DagsterInstance) -> list[tuple[str | None, str | None]]:
    repository = house.definitions.get_repository_def()
    sensor = repository.get_sensor_def(name)
    with dg.build_sensor_context(instance, repository_def=repository) as context:
        data = sensor.evaluate_tick(context)
    return [(r.run_key, r.partition_key) for r in data.run_requests or []]


def test_sensors_ask_once_for_what_is_due_and_for_a_build_of_what_is_new(
    packs: dict[str, Pack], tmp_path: Path, instance: dg.DagsterInstance
) -> None:
    house = House(tmp_path, packs)
    assert sensed(house, "lake_has_news", instance) == []
    assert sensed(house, "bulletins_due", instance) == []
    assert house.run("sink_log", instance).success
    (first,) = sensed(house, "lake_has_news", instance)
    assert house.run("build_warehouse", instance).success
    assert sensed(house, "lake_has_news", instance) == []
    assert sensed(house, "bulletins_due", instance) == [(f"{P}/{n}", f"{n:03d}") for n in range(1, 7)]
    assert house.run("maintain", instance).success
    assert first[0] is not None


def _failing(error: Exception) -> Callable[..., Any]:
    def build(workspace: Workspace, options: Any, gate: Any) -> Any:
        if isinstance(error, QualityFailed):
            gate.findings = [
                Finding("outgoing_rates", P, "比率在0与1之间", "rates lie between 0 and 1", "error", False, 1, 1, "x")
            ]
        raise error

    return build


def test_a_failing_check_keeps_the_bulletin_back(
    house: House, instance: dg.DagsterInstance, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        warehouse_assets, "build_warehouse", _failing(QualityFailed("rates lie between 0 and 1: 1 of 1"))
    )
    done = house.run(JOB, instance, partition_key="005")
    assert not done.success
    assert read_sealed(house.home / "bulletins", P, 5) is None
    (failed,) = [c for c in done.get_asset_check_evaluations() if not c.passed]
    assert failed.severity == dg.AssetCheckSeverity.ERROR
    assert failed.asset_key == dg.AssetKey(["warehouse", "published"])
    started = {e.step_key for e in done.all_events if e.event_type_value == "STEP_START"}
    assert not started & {f"bulletins__{P.replace('-', '_')}", "reports__site"}


@pytest.mark.parametrize(
    ("error", "tries"),
    [(BuildInProgress("another process is building"), 3), (QualityFailed("not so"), 1), (KeyError("enrolment-1"), 1)],
)
def test_what_is_tried_again_is_read_off_the_errors_type(
    house: House, instance: dg.DagsterInstance, monkeypatch: pytest.MonkeyPatch, error: Exception, tries: int
) -> None:
    monkeypatch.setattr(running, "RETRIES", 2)
    monkeypatch.setattr(running, "WAIT_S", 0)
    asked = []
    fail = _failing(error)
    monkeypatch.setattr(warehouse_assets, "build_warehouse", lambda *a: (asked.append(1), fail(*a)))
    done = house.run("build_warehouse", instance)
    assert not done.success
    assert len(asked) == tries


def test_people_are_told_of_a_failed_run_and_not_of_data(
    house: House, instance: dg.DagsterInstance, monkeypatch: pytest.MonkeyPatch
) -> None:
    for error, told in (
        (QualityFailed("rates are wrong"), "rates are wrong"),
        (KeyError("enrolment-00001"), "KeyError"),
    ):
        monkeypatch.setattr(warehouse_assets, "build_warehouse", _failing(error))
        done = house.run("build_warehouse", instance)
        run = instance.get_run_by_id(done.run_id)
        assert run is not None
        (event,) = [e for e in done.all_events if e.event_type_value in ("PIPELINE_FAILURE", "RUN_FAILURE")]
        context = dg.build_run_status_sensor_context("s", event, instance, run).for_run_failure()
        alert = alert_of(context)
        assert alert.job == "build_warehouse"
        assert told in alert.text
        assert "enrolment-00001" not in alert.text
        assert "enrolment-00001" not in "".join(str(e) for e in instance.all_logs(done.run_id))


@contextmanager
def web_hook() -> Iterator[tuple[str, list[dict[str, Any]]]]:
    got: list[dict[str, Any]] = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            got.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
            self.send_response(204 if got[-1]["partition"] != "refused" else 500)
            self.end_headers()

        def log_message(self, format: str, *args: object) -> None:
            pass

    with HTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}/hook", got
        server.shutdown()


@contextmanager
def mail_server() -> Iterator[tuple[str, list[str]]]:
    got: list[str] = []

    class Handler(socketserver.StreamRequestHandler):
        def handle(self) -> None:
            say = lambda text: self.wfile.write(f"{text}\r\n".encode())  # noqa: E731
            say("220 here")
            while line := self.rfile.readline().decode().strip():
                if line.upper() == "DATA":
                    say("354 go on")
                    text = ""
                    while (part := self.rfile.readline().decode()) != ".\r\n":
                        text += part
                    got.append(text)
                say("221 bye" if line.upper() == "QUIT" else "250 ok")

    with socketserver.ThreadingTCPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"smtp://127.0.0.1:{server.server_address[1]}", got
        server.shutdown()


def test_an_alert_goes_by_webhook_and_by_mail_whichever_fails() -> None:
    alert = Alert(JOB, "004", "run-1", ["build: QualityFailed: 比率"])
    with web_hook() as (hook, posted), mail_server() as (smtp, mailed):
        settings = Settings.from_environment(
            {"XUEQING_ALERT_WEBHOOK": hook, "XUEQING_ALERT_MAIL": "office@example.org", "XUEQING_SMTP": smtp}
        )
        send(settings, alert)
        assert posted[0]["job"] == JOB
        assert "比率" in posted[0]["text"]
        assert "To: office@example.org" in mailed[0]
        assert f"Subject: Xueqing: {JOB} 004 failed" in mailed[0]
        with pytest.raises(AlertNotSent, match="by post: HTTPError;"):
            send(settings, replace(alert, partition="refused"))
        assert len(mailed) == 2
    send(Settings.from_environment({}), alert)
