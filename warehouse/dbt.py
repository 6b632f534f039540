"""Runs dbt in a process of its own and reads what it says, a line of JSON at a time.

What runs there is :mod:`warehouse.dbt_process`.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from hashlib import sha256
from importlib import resources
from pathlib import Path
from typing import Any

import platformdirs

from warehouse.errors import BuildFailed
from warehouse.warm import Forked, fork, prepare

__all__ = [
    "BUILD_FILE",
    "MANIFEST",
    "DbtResult",
    "Node",
    "dbt_arguments",
    "grown_marts",
    "kept_folder",
    "last_manifest",
    "project_digest",
    "project_dir",
    "read_manifest",
    "run_dbt",
    "run_logged",
    "told",
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
    for file in sorted(
        f for f in root.rglob("*") if f.suffix in (".sql", ".yml", ".md", ".csv") and "target" not in f.parts
    ):
        digest.update(f"{file.relative_to(root)}\0".encode() + file.read_bytes())
    return digest.hexdigest()


def read_manifest(cache: Path) -> dict[str, Any]:
    """The project's manifest (models, tests, lineage), as dbt writes it; dbt reads a project once (6 s).

    Raises:
        BuildFailed: dbt cannot read the project.
    """
    work = cache / project_digest()[:16]
    file = next((f for f in (kept_folder() / MANIFEST, work / "target" / MANIFEST) if f.exists()), None)
    if file is None:
        shutil.rmtree(cache, ignore_errors=True)
        done = run_dbt(["parse"], build_file=work / _BUILT, work=work, memory="1GB")
        if not done.ok:
            raise BuildFailed("dbt cannot read its project:\n" + "\n".join(done.tail))
        file = work / "target" / MANIFEST
    found: dict[str, Any] = json.loads(file.read_text(encoding="utf-8"))
    return found


def last_manifest(work: Path) -> dict[str, Any]:
    """The manifest of the last run in a working directory."""
    kept = kept_folder() / MANIFEST
    file = kept if kept.exists() else work / "target" / MANIFEST
    found: dict[str, Any] = json.loads(file.read_text(encoding="utf-8"))
    return found


def grown_marts(manifest: Mapping[str, Any]) -> set[str]:
    """The marts that are kept by touched enrolment: the incremental ones that have one."""
    return {
        node["alias"]
        for node in manifest["nodes"].values()
        if node["resource_type"] == "model"
        and node["schema"] == "marts"
        and node["config"]["materialized"] == "incremental"
        and "enrolment_id" in node["columns"]
    }


def told(manifest: Mapping[str, Any]) -> dict[str, dict[str, str]]:
    """What the project says of each mart and table of the packs: of itself under the empty name, and of its columns."""
    nodes = [*manifest["nodes"].values(), *manifest["sources"].values()]
    return {
        node["name"]: {"": node["description"]} | {c["name"]: c["description"] for c in node["columns"].values()}
        for node in nodes
        if node["resource_type"] in ("model", "source") and node["schema"] in ("marts", "reference")
    }


def dbt_arguments(arguments: list[str], work: Path) -> list[str]:
    """``arguments`` with where the project is, where its output goes, and the log as JSON."""
    project = str(project_dir())
    return [
        "--log-format", "json", "--log-level-file", "none", "--no-version-check",
        # The static parser keeps threads, which a forked process has not: one that read the project anew would wait for them for ever.
        "--no-static-parser",
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

    ``meanwhile`` makes the file ready while dbt is imported, which takes seconds the first time.
    """
    work.mkdir(parents=True, exist_ok=True)
    env = os.environ | QUIET | {"XUEQING_BUILD_MEMORY": memory}
    env.pop(BUILD_FILE, None)
    if build_file != work / _BUILT:
        env[BUILD_FILE] = str(build_file)
    prepare(_PROCESS)
    meanwhile()
    with fork(f"{_PROCESS}:run", arguments, cwd=work, env=env) as process:
        return _follow(process, report)


#: As in profiles.yml.
BUILD_FILE = "XUEQING_BUILD_FILE"
_BUILT = "candidate.duckdb"
MANIFEST = "manifest.json"
_PROCESS = "warehouse.dbt_process"
#: dbt tells nobody that it was run.
QUIET = {"DBT_SEND_ANONYMOUS_USAGE_STATS": "false", "DO_NOT_TRACK": "1"}


def kept_folder() -> Path:
    """The folder that keeps what dbt makes of this project for the next run, wherever that works."""
    return platformdirs.user_cache_path("xueqing") / "dbt" / project_digest()[:16]


def run_logged(command: list[str], work: Path, report: Callable[[Node], None]) -> DbtResult:
    """Run a command that prints dbt's log and read it; never raises for a failed model."""
    with subprocess.Popen(
        command,
        env=os.environ | QUIET,
        cwd=work,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    ) as process:
        return _follow(process, report)


def _follow(process: Forked | subprocess.Popen[str], report: Callable[[Node], None]) -> DbtResult:
    result = DbtResult(ok=False)
    assert process.stdout is not None
    try:
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
