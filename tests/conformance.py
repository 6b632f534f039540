"""ADL's conformance suite against a real server: ``python -m tests.conformance FOLDER`` writes ``docs/xapi-conformance.md``.

FOLDER holds the suite (github.com/adlnet/lrs-conformance-test-suite), which is not part of this repository. Each version of xAPI is run
twice in a row on one store, on each index.
"""

from __future__ import annotations

import argparse
import json
import platform
import re
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

import psycopg

from tests.integration.test_lrs_server import free_port, new_key, serving
from tests.postgres_server import postgres_server

VERSIONS, INDEXES, RUNS = ("2.0.0", "1.0.3"), ("SQLite", "PostgreSQL"), 2
PAGE = Path(__file__).parents[1] / "docs" / "xapi-conformance.md"
#: What one endpoint cannot meet for both versions; docs/xapi.md says why.
UNMET = {"2.0.0": frozenset[str](), "1.0.3": frozenset({"XAPI-00331"})}
_NUMBERED = re.compile(r"XAPI-\d+")
_WRITTEN = re.compile(r"Full run log written to (\S+)")


@dataclass(frozen=True, slots=True)
class Run:
    """One run of the suite: how many of its tests passed, and which did not, as (requirement, title)."""

    index: str
    version: str
    number: int
    total: int
    passed: int
    failed: Sequence[tuple[str, str]]


def failures(node: dict[str, Any], requirement: str = "") -> Iterator[tuple[str, str]]:
    """The tests of a run's log that failed, each with the requirement that it, or the group that it is in, names."""
    title, refers = str(node.get("title", "")).strip(), node.get("requirement") or ()
    named = _NUMBERED.findall(title) or ([refers] if isinstance(refers, str) else refers)
    # A group's number says more than a place in the text.
    if named and not (requirement.startswith("XAPI") and not _NUMBERED.match(named[0])):
        requirement = ", ".join(named)
    inner = node.get("tests") or ()
    if not inner and node.get("status") == "failed":
        yield requirement, title
    for one in inner:
        yield from failures(one, requirement)


def run_suite(suite: Path, endpoint: str, key: tuple[str, str], spoken: str) -> dict[str, Any]:
    """What the suite logs of one run."""
    command = [
        "node", "bin/console_runner.js", f"--endpoint={endpoint}", "--basicAuth", f"--authUser={key[0]}", f"--authPassword={key[1]}",
        f"--xapiVersion={spoken}",
    ]  # fmt: skip
    done = subprocess.run(command, cwd=suite, capture_output=True, text=True, timeout=3_600, check=False)
    written = _WRITTEN.search(done.stdout)
    if written is None:
        raise SystemExit(f"the suite has written no log: {done.stdout[-500:]}{done.stderr[-500:]}")
    found: dict[str, Any] = json.loads(Path(written.group(1)).read_text(encoding="utf-8"))
    return found


@contextmanager
def database(index: str) -> Iterator[tuple[dict[str, str], str]]:
    """Settings of a server for that index, and the database's version."""
    if index == "SQLite":
        import sqlite3

        yield {}, sqlite3.sqlite_version
        return
    with postgres_server() as new:
        url = new()
        with psycopg.connect(url) as con:
            (number,) = con.execute("show server_version").fetchone() or ("",)
        yield {"XUEQING_STATEMENT_INDEX": url}, str(number)


def runs(suite: Path, index: str, versions: Sequence[str], times: int) -> Iterator[tuple[Run, str]]:
    """Each run on one store of that index, and the database's version."""
    with database(index) as (settings, number), tempfile.TemporaryDirectory(prefix="conformance-") as home:
        key, port = new_key(Path(home)), free_port()
        with serving(Path(home), port, **settings):
            for spoken in versions:
                for n in range(1, times + 1):
                    found = run_suite(suite, f"http://127.0.0.1:{port}/xapi", key, spoken)
                    summary = found["summary"]
                    failed = sorted(set(failures(found["log"])))
                    yield Run(index, spoken, n, summary["total"], summary["passed"], failed), number


def page(found: Sequence[Run], commit: str, databases: dict[str, str]) -> str:
    """The page in docs."""
    node = subprocess.run(["node", "--version"], capture_output=True, text=True, check=True).stdout.strip()
    tools = [
        f"Python {platform.python_version()}", *(f"{name} {databases[name]}" for name in INDEXES if name in databases),
        f"Node {node.removeprefix('v')}", f"xueqing {version('xueqing')}",
    ]  # fmt: skip
    lines = [
        "# ADL's conformance suite",
        "",
        "Written by `python -m tests.conformance FOLDER`, where FOLDER holds the suite",
        "(`git clone https://github.com/adlnet/lrs-conformance-test-suite` and a commit of it, below; it is not part of this repository). The command",
        "starts a server on each index with an empty home and runs the suite twice in a row on one store for each version of xAPI.",
        "",
        f"Run on {datetime.now(UTC):%Y-%m-%d} with the suite at {commit}; {', '.join(tools)}.",
        "",
        "| index | xAPI | run | tests | passed | failed |",
        "|---|---|---|---:|---:|---:|",
        *(
            f"| {r.index} | {r.version} | {r.number} | {r.total:,} | {r.passed:,} | {r.total - r.passed:,} |"
            for r in found
        ),
        "",
        "## What failed",
        "",
    ]
    failed = sorted({(r.version, *one) for r in found for one in r.failed})
    lines += [f"- {spoken}, {requirement}: {title}" for spoken, requirement, title in failed] or ["Nothing."]
    if failed:
        lines += [
            "",
            "Why these cannot pass beside the tests of the other version is said in [xapi.md](xapi.md#versions).",
        ]
    return "\n".join(lines) + "\n"


def main() -> int:
    """Run what is asked for; 1 where a test failed that one endpoint can meet."""
    parser = argparse.ArgumentParser(prog="python -m tests.conformance", description=__doc__)
    parser.add_argument("folder", type=Path, help="the folder of the suite")
    parser.add_argument("--index", action="append", choices=INDEXES, help="on this index only; the page is not written")
    parser.add_argument(
        "--xapi", action="append", choices=VERSIONS, help="of this version only; the page is not written"
    )
    parser.add_argument("--runs", type=int, default=RUNS, help="in a row")
    asked = parser.parse_args()
    suite = asked.folder.resolve()
    if not (suite / "bin" / "console_runner.js").is_file():
        parser.error(f"{suite} does not hold the suite: git clone https://github.com/adlnet/lrs-conformance-test-suite")
    if not (suite / "node_modules").is_dir():
        subprocess.run(["npm", "install", "--no-audit", "--no-fund"], cwd=suite, check=True)
    commit = subprocess.run(
        ["git", "rev-parse", "--short=7", "HEAD"], cwd=suite, capture_output=True, text=True, check=False
    ).stdout.strip()
    found: list[Run] = []
    databases: dict[str, str] = {}
    for index in asked.index or INDEXES:
        for run, number in runs(suite, index, asked.xapi or VERSIONS, asked.runs):
            databases[index] = number
            found.append(run)
            print(f"{run.index} {run.version} run {run.number}: {run.passed:,} of {run.total:,}", flush=True)
            for requirement, title in run.failed:
                print(f"  {requirement}: {title}", flush=True)
    if not asked.index and not asked.xapi and asked.runs == RUNS:
        PAGE.write_text(page(found, commit or "an unknown commit", databases), encoding="utf-8")
        print(f"Written: {PAGE.relative_to(PAGE.parents[1])}")
    unmet = [r for r in found if any(not set(_NUMBERED.findall(q)) & UNMET[r.version] for q, _ in r.failed)]
    return 1 if unmet else 0


if __name__ == "__main__":
    sys.exit(main())
