"""Ours beside another learning-record store: ``python -m benchmarks.beside FOLDER [--statements 5000] [--singles 2000] [--pages 200]``.

FOLDER holds xapi-lrs (github.com/pelotech/xapi-lrs), built: ``pnpm install && pnpm build``. Its server and two of ours, one with its index in SQLite and
one with it in PostgreSQL, run side by side on this machine; the PostgreSQL is that of the tests' wheel, a database each. Each of them in turn is sent
the same statements, of a few learners and videos that all writers name, in batches and one by one, and is read in pages, by 1, 8 and 32 clients.
What was not answered with a 2xx is not sent again. In the end each is read whole: is there what it acknowledged?
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import random
import secrets
import socket
import subprocess
import sys
from base64 import b64encode
from collections.abc import Callable, Coroutine, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from statistics import quantiles
from typing import Any

import psycopg

from benchmarks.clients import PAGE, PATIENCE, Store, Told, paged, read_back, written
from benchmarks.lrs import started, statement, wait
from benchmarks.machine import describe
from tests.postgres_server import postgres_server

CLIENTS, TOGETHER = (1, 8, 32), 50
LEARNERS, VIDEOS = 8, 4
#: With a store, by so many clients.
Run = Callable[[Store, int], Coroutine[Any, Any, Told]]


@dataclass(frozen=True, slots=True)
class Task:
    """What clients do together."""

    what: str
    clients: int
    run: Run


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path, help="holds xapi-lrs, built")
    parser.add_argument("--node", default="node", help="the command that runs it")
    parser.add_argument(
        "--statements", type=int, default=5_000, help=f"in batches of {TOGETHER}, for each of {CLIENTS}"
    )
    parser.add_argument("--singles", type=int, default=2_000, help=f"one by one, for each of {CLIENTS}")
    parser.add_argument("--pages", type=int, default=200, help=f"of {PAGE}, for each of {CLIENTS}")
    parser.add_argument("--courses", type=int, default=VIDEOS, help=f"that the {VIDEOS} videos are in")
    parser.add_argument("--seconds", type=float, default=120, help="after which a task begins no further request")
    parser.add_argument("--processes", type=int, default=1, help="of each of our servers")
    options = parser.parse_args()
    server = options.folder.resolve() / "dist" / "server.js"
    if not server.is_file():
        parser.error(f"{server} is not there: in that folder, pnpm install && pnpm build")
    with ExitStack() as stack:
        database = stack.enter_context(postgres_server())
        theirs = Store("xapi-lrs", *stack.enter_context(another(server, options.node, database())))
        ours = []
        for name, settings in (
            ("Xueqing, SQLite", {}),
            ("Xueqing, PostgreSQL", {"XUEQING_STATEMENT_INDEX": database()}),
        ):
            own, _, port = stack.enter_context(
                started(options.processes, port=free_port(), size=False, settings=settings)
            )
            ours.append(Store(name, port, own))
        print(f"\n{versions(server, options.node, database())}; {describe()}; load {os.getloadavg()[0]:.1f}\n")
        stores = (theirs, *ours)
        for store in stores:
            asyncio.run(warmed(store, options.courses))
        found = [(task, compared(task, stores, number)) for number, task in enumerate(tasks(options))]
        summary(found, ours)
        kept = [asyncio.run(read_back(store)) for store in stores]
    if any(store.most > 499 for store in ours) or not all(kept[1:]):
        sys.exit("one of ours has answered above 499, or lost what it acknowledged")


def tasks(options: argparse.Namespace) -> Iterator[Task]:
    def writing(total: int, together: int) -> Run:
        async def run(store: Store, clients: int) -> Told:
            # The same for each store, other ones for each number of clients.
            chance = random.Random(f"{together} {clients}")
            said = statements(chance, total, options.courses)
            bodies = [said[n : n + together] for n in range(0, total, together)]
            return await written(store, bodies, clients, options.seconds)

        return run

    async def paging(store: Store, clients: int) -> Told:
        return await paged(store, options.pages, clients, options.seconds)

    for what, wanted, run in (
        (f"batches of {TOGETHER}", options.statements, writing(options.statements, TOGETHER)),
        ("one by one", options.singles, writing(options.singles, 1)),
        (f"pages of {PAGE}", options.pages, paging),
    ):
        for clients in CLIENTS if wanted else ():
            yield Task(what, clients, run)


def compared(task: Task, stores: Sequence[Store], number: int) -> dict[str, Told]:
    """A task done by each store, one after another; another one begins each time."""
    if not number:
        print("| | clients | store | statements/s | p50 ms | p99 ms | 2xx | 4xx | 5xx | no answer |")
        print("|---|---:|---|---:|---:|---:|---:|---:|---:|---:|")
    found = {}
    for place in range(len(stores)):
        store = stores[(number + place) % len(stores)]
        told = found[store.name] = asyncio.run(task.run(store, task.clients))
        cut = quantiles(told.each, n=100, method="inclusive") if len(told.each) > 1 else [told.each[0]] * 99
        answers = " | ".join(f"{told.answers[kind]:,}" for kind in (2, 4, 5, 0))
        print(
            f"| {task.what} | {task.clients} | {store.name} | {told.rate:,.0f} | {1000 * cut[49]:,.1f} | {1000 * cut[98]:,.1f} | {answers} |",
            flush=True,
        )
    return found


def summary(found: list[tuple[Task, dict[str, Told]]], ours: Sequence[Store]) -> None:
    names = ["xapi-lrs", *(store.name for store in ours)]
    print(f"\n| statements/s | clients | {' | '.join(names)} | ours ÷ theirs | their answers above 499 |")
    print(f"|---|---:|{'---:|' * len(names)}---:|---:|")
    for task, told in found:
        theirs = told["xapi-lrs"]
        ratios = [f"{told[store.name].rate / theirs.rate:,.1f}" if theirs.statements else "–" for store in ours]
        failed = f"{theirs.answers[5]:,} of {theirs.answers.total():,}"
        rates = " | ".join(f"{told[name].rate:,.0f}" for name in names)
        print(f"| {task.what} | {task.clients} | {rates} | {', '.join(ratios)} | {failed} |")
    print()


async def warmed(store: Store, courses: int) -> None:
    """Some work that is not measured: what is compiled or hashed once, and connections to databases."""
    said = statements(random.Random(store.name), 20, courses)
    await written(store, [[one] for one in said[:10]], 4, PATIENCE)
    await written(store, [said[10:]], 1, PATIENCE)
    await paged(store, 10, 2, PATIENCE)


def statements(chance: random.Random, number: int, courses: int) -> list[dict[str, Any]]:
    """Of a few learners and videos, each video in one of so many courses."""
    said = [statement(chance, LEARNERS, VIDEOS) for _ in range(number)]
    for one in said:
        video = int(one["object"]["id"].rpartition("/")[2])
        one["context"]["contextActivities"]["parent"][0]["id"] = f"http://example.org/courses/{video % courses}"
    return said


@contextmanager
def another(server: Path, node: str, url: str) -> Iterator[tuple[int, str]]:
    """Their server on a database: its port, and a key's credentials. Its settings are its own but two, without which it could not be measured."""
    port, admin, key, secret = free_port(), free_port(), "benchmark", secrets.token_urlsafe()
    settings = {
        "DATABASE_URL": url, "AUTO_MIGRATE": "true", "XAPI_LRS_PORT": str(port), "XAPI_LRS_ADMIN_PORT": str(admin),
        "XAPI_LRS_API_KEY_DEFAULT": key, "XAPI_LRS_API_SECRET_DEFAULT": secret,
        # By itself it takes 300 requests a minute of a key; the short window keeps what it remembers of them short.
        "XAPI_RATE_LIMIT_MAX": "1000000000", "XAPI_RATE_LIMIT_WINDOW": "1",
        # By itself it gives pages of 50 at most.
        "XAPI_LRS_STMT_GET_MAX": str(PAGE),
    }  # fmt: skip
    process = subprocess.Popen(
        [node, str(server)], cwd=server.parents[1], env={**os.environ, **settings}, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )  # fmt: skip
    try:
        wait(f"http://127.0.0.1:{admin}/readyz")
        yield port, b64encode(f"{key}:{secret}".encode()).decode()
    finally:
        process.terminate()
        try:
            process.wait(40)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def versions(server: Path, node: str, url: str) -> str:
    own = json.loads((server.parents[1] / "package.json").read_text(encoding="utf-8"))["version"]
    runs = subprocess.run([node, "--version"], capture_output=True, text=True, check=True).stdout.strip()
    with psycopg.connect(url) as con:
        (number,) = con.execute("show server_version").fetchone() or ("",)
    return f"xapi-lrs {own} on Node {runs.removeprefix('v')}; PostgreSQL {number}"


if __name__ == "__main__":
    main()
