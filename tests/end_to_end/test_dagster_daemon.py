"""Dagster's daemon, killed in the middle of a bulletin: the next one completes it, once."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from hashlib import sha256
from pathlib import Path

import dagster as dg
import pytest

from ingest.programmes.folders import find_packs
from ingest.sources.simulate import simulate
from pipelines.collect.sink import run_sink
from pipelines.reports.bulletin.sealing import read_sealed
from pipelines.settings import Settings
from pipelines.steps.build import build
from pipelines.workspace import Workspace
from tests.conftest import ROOT
from warehouse.build import BuildOptions

P = "county-school-2017"


@pytest.fixture(scope="module")
def env(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """A programme with one bulletin, published, which nobody has issued."""
    folder = tmp_path_factory.mktemp("daemon")
    pack = folder / "packs" / P
    shutil.copytree(ROOT / "programmes" / "tianshui-2017", pack)
    settings = (pack / "programme.toml").read_text(encoding="utf-8")
    (pack / "programme.toml").write_text(settings.replace('"tianshui-2017"', f'"{P}"'), encoding="utf-8")
    header, first, *_ = (pack / "bulletins.csv").read_text(encoding="utf-8").splitlines()
    (pack / "bulletins.csv").write_text(f"{header}\n{first}\n", encoding="utf-8")
    (folder / "dagster").mkdir()
    shutil.copy(ROOT / "dagster_home" / "dagster.yaml", folder / "dagster")
    ours = {"XUEQING_HOME": str(folder / "home"), "XUEQING_PROGRAMMES": str(folder / "packs")}
    workspace = Workspace(Settings.from_environment(ours))
    (simulation,) = simulate(find_packs(folder / "packs")[P], fraction=0.01)
    workspace.log.append(simulation.records)
    run_sink(workspace)
    build(workspace, BuildOptions())
    return ours | {"DAGSTER_HOME": str(folder / "dagster")}


@contextmanager
def daemon(env: dict[str, str], log: Path) -> Iterator[Callable[[], None]]:
    """The daemon with its code server and its runs, all in one group; yields what kills them all at once."""
    command = [sys.executable, "-m", "dagster._daemon", "run", "-m", "pipelines.definitions"]
    with log.open("ab") as out:
        process = subprocess.Popen(
            command, cwd=ROOT, env=os.environ | env, stdout=out, stderr=out, start_new_session=True
        )

    def kill() -> None:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()

    try:
        yield kill
    finally:
        kill()


def wait_until(holds: Callable[[], bool], log: Path, seconds: int = 240) -> None:
    for _ in range(seconds * 5):
        if holds():
            return
        time.sleep(0.2)
    raise AssertionError(log.read_text(errors="replace")[-6000:])


def test_killed_in_the_middle_of_a_bulletin_it_completes_it_once(env: dict[str, str], tmp_path: Path) -> None:
    log = tmp_path / "daemon.log"
    bulletins = Path(env["XUEQING_HOME"]) / "bulletins"
    folder = bulletins / P / "001"
    with daemon(env, log) as kill:
        wait_until(lambda: folder.exists() and any(folder.iterdir()), log)
        kill()
    assert not (folder / "seal.json").exists(), "killed too late"
    with daemon(env, log):
        wait_until((folder / "seal.json").exists, log)
        with dg.DagsterInstance.from_config(env["DAGSTER_HOME"]) as instance:
            of_job = dg.RunsFilter(job_name="issue_county_school_2017")

            def ended() -> bool:
                return instance.get_runs(of_job)[0].is_success

            wait_until(ended, log)
            runs = instance.get_runs(of_job)
            assert [r.status.value for r in runs] == ["SUCCESS", "FAILURE"], "the second run is the first one again"
            made = instance.fetch_materializations(dg.AssetKey(["bulletins", P]), limit=10).records
    sealed = read_sealed(bulletins, P, 1)
    assert sealed is not None
    assert len(made) == 1
    for name, digest in sealed.seal.files_sha256.items():
        assert sha256((folder / name).read_bytes()).hexdigest() == digest
    assert len(sealed.seal.files_sha256) == len([f for f in folder.iterdir() if f.suffix != ".json"])
