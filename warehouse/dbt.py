"""Runs dbt in a process of its own and reads what it says, a line of JSON at a time."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from hashlib import sha256
from importlib import resources
from pathlib import Path
from typing import Any

import platformdirs

from warehouse.errors import BuildFailed

__all__ = [
    "DbtResult",
    "Node",
    "dbt_arguments",
    "grown_marts",
    "project_digest",
    "project_dir",
    "read_manifest",
    "run_dbt",
    "run_logged",
]


@dataclass(frozen=True, slots=True)
class Node:
    """A model or test that dbt has finished."""

    name: str
    kind: str
    status: str
    seconds: float
    index: int
    total: int


@dataclass(slots=True)
class DbtResult:
    """How a run ended; ``failures`` holds (name, message) of what failed."""

    ok: bool
    nodes: list[Node] = field(default_factory=list)
    failures: list[tuple[str, str]] = field(default_factory=list)
    tail: list[str] = field(default_factory=list)


def project_dir() -> Path:
    """The dbt project: beside the packages in a checkout, inside them in a wheel."""
    return Path(str(resources.files("warehouse"))).parent / "dbt_project"


def project_digest() -> str:
    """SHA-256 of what the project consists of."""
    root = project_dir()
    digest = sha256()
    for file in sorted(f for f in root.rglob("*") if f.suffix in (".sql", ".yml", ".csv") and "target" not in f.parts):
        digest.update(f"{file.relative_to(root)}\0".encode() + file.read_bytes())
    return digest.hexdigest()


def read_manifest(cache: Path) -> dict[str, Any]:
    """The project's manifest (models, tests, lineage), as dbt writes it; dbt reads a project once (6 s).

    Raises:
        BuildFailed: dbt cannot read the project.
    """
    work = cache / project_digest()[:16]
    file = work / "target" / _MANIFEST
    if not file.exists():
        shutil.rmtree(cache, ignore_errors=True)
        done = run_dbt(["parse"], build_file=work / "unused.duckdb", work=work, memory="1GB")
        if not done.ok:
            raise BuildFailed("dbt cannot read its project:\n" + "\n".join(done.tail))
    found: dict[str, Any] = json.loads(file.read_text(encoding="utf-8"))
    return found


def grown_marts(work: Path) -> set[str]:
    """The marts of the last run that are kept by touched enrolment: the incremental ones that have one."""
    kept = _kept() / _MANIFEST
    file = kept if kept.exists() else work / "target" / _MANIFEST
    manifest = json.loads(file.read_text(encoding="utf-8"))
    return {
        node["alias"]
        for node in manifest["nodes"].values()
        if node["resource_type"] == "model"
        and node["schema"] == "marts"
        and node["config"]["materialized"] == "incremental"
        and "enrolment_id" in node["columns"]
    }


def dbt_arguments(arguments: list[str], work: Path) -> list[str]:
    """``arguments`` with where the project is, where its output goes, and the log as JSON."""
    project = str(project_dir())
    return [
        "--log-format", "json", "--log-level-file", "none", "--no-version-check",
        *arguments,
        "--project-dir", project, "--profiles-dir", project, "--target-path", str(work / "target"), "--log-path", str(work / "logs"),
    ]  # fmt: skip


def run_dbt(
    arguments: list[str],
    *,
    build_file: Path,
    work: Path,
    memory: str,
    report: Callable[[Node], None] = lambda node: None,
    meanwhile: Callable[[], None] = lambda: None,
) -> DbtResult:
    """``dbt ARGUMENTS`` against the private build file; never raises for a failed model.

    ``meanwhile`` makes the file ready while Python imports dbt, which takes seconds.
    """
    work.mkdir(parents=True, exist_ok=True)
    env = {"XUEQING_BUILD_MEMORY": memory}
    if build_file != work / _BUILD_FILE:
        env["XUEQING_BUILD_FILE"] = str(build_file)
    kept = _kept()
    if arguments[0] == "build" and (kept / _MANIFEST).exists():
        arguments = ["--no-write-json", *arguments]  # it would be written twice, which takes a second
    command = [sys.executable, "-c", _DBT, *dbt_arguments(arguments, work)]
    with _parsed(work / "target", kept):
        return run_logged(command, env, work, report, meanwhile)


#: As in profiles.yml, in the working directory.
_BUILD_FILE = "candidate.duckdb"
_PARSED = "partial_parse.msgpack"
_MANIFEST = "manifest.json"


def _kept() -> Path:
    """The folder that keeps what dbt makes of this project for the next run, wherever that works."""
    return platformdirs.user_cache_path("xueqing") / "dbt" / project_digest()[:16]


@contextlib.contextmanager
def _parsed(target: Path, kept: Path) -> Iterator[None]:
    """Let dbt find what it made of this project when it last read it (3 s).

    dbt itself looks whether it may be used, and reads the project anew if not.
    """
    if (kept / _PARSED).exists() and not (target / _PARSED).exists():
        target.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(kept / _PARSED, target / _PARSED)
    started = time.time()
    yield
    for name in (_PARSED, _MANIFEST):
        _keep(target / name, kept, started)


def _keep(file: Path, kept: Path, started: float) -> None:
    # One that is older may be of another state of the project.
    if not (kept / file.name).exists() and file.exists() and file.stat().st_mtime >= started:
        with contextlib.suppress(OSError):  # a home that may not be written to: then it is made each time
            kept.mkdir(parents=True, exist_ok=True)
            beside = kept / f"{file.name}.{os.getpid()}"
            shutil.copyfile(file, beside)
            os.replace(beside, kept / file.name)


#: Imports first, then waits for the word that the file is ready; without it there is nothing to do. At the end the file is
#: closed, and the rest is not taken apart, which takes Python a second.
_DBT = """
import os, sys
from dbt.cli.main import cli
from dbt.adapters.duckdb.connections import DuckDBConnectionManager

if sys.stdin.read(1):
    try:
        cli()
    except SystemExit as ended:
        if ended.code:
            raise
        DuckDBConnectionManager.close_all_connections()
        sys.stdout.flush()
        os._exit(0)
"""


def run_logged(
    command: list[str],
    env: dict[str, str],
    work: Path,
    report: Callable[[Node], None],
    meanwhile: Callable[[], None] = lambda: None,
) -> DbtResult:
    """Run a command that prints dbt's log and read it; never raises for a failed model.

    Once ``meanwhile`` has returned, the command gets a character to read.
    """
    result = DbtResult(ok=False)
    env = os.environ | {"DBT_SEND_ANONYMOUS_USAGE_STATS": "false", "DO_NOT_TRACK": "1"} | env
    with subprocess.Popen(
        command, env=env, cwd=work, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    ) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        try:
            meanwhile()
            with contextlib.suppress(BrokenPipeError):  # ended already; what it printed says why
                process.stdin.write("\n")
                process.stdin.close()
            for line in process.stdout:
                _read(line, result, report)
            result.ok = process.wait() == 0
        except BaseException:
            process.terminate()
            raise
    return result


def _read(line: str, result: DbtResult, report: Callable[[Node], None]) -> None:
    try:
        event = json.loads(line)
        name, data = event["info"]["name"], event["data"]
    except (ValueError, KeyError, TypeError):
        result.tail = [*result.tail[-19:], line.rstrip()]
        return
    if event["info"].get("level") == "error":
        result.tail = [*result.tail[-19:], event["info"].get("msg", "")]
    if name in ("LogModelResult", "LogTestResult"):
        info = data["node_info"]
        node = Node(
            info["node_name"], info["resource_type"], str(data["status"]).lower(),
            float(data["execution_time"]), int(data["index"]), int(data.get("total", data.get("num_models", 0))),
        )  # fmt: skip
        result.nodes.append(node)
        report(node)
    elif name in ("RunResultError", "RunResultFailure"):
        failed = str(data.get("node_info", {}).get("node_name", ""))
        result.failures.append((failed, str(data.get("msg", "")).strip()))
