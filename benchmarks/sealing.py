"""What sealing costs, and how long forgetting takes: ``python -m benchmarks.sealing [--statements 20000] [--singles 2000] [--builds 3] [--people 700000]``.

Posts the same statements, each with a response and an extension in words, to a server that seals them and to one that does not (it is told
not to; the product cannot be), by turns: in batches of 100, then one by one, one process each. Sinks and builds what both have stored, by
turns. Then forgets one person among many.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import random
import subprocess
import sys
import tempfile
import time
from base64 import b64encode
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from statistics import median
from typing import Any

from benchmarks import lrs
from benchmarks.machine import describe
from benchmarks.wire import answered, request
from ingest.lrs.access.keys import Keys
from ingest.lrs.writing.people import People
from pipelines.collect.sink import run_sink
from pipelines.settings import Settings
from pipelines.steps.build import build
from pipelines.steps.forgetting import forget
from pipelines.workspace import Workspace
from warehouse.build import BuildOptions

ROUNDS = 3
WORDS = "这节课我最大的收获是学会了怎样提问；学生的回答让我重新想了一遍教材。" * 3


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "--statements", type=int, default=20_000, help="posted in batches of 100, to each server in each round"
    )
    parser.add_argument("--singles", type=int, default=2_000, help="posted one by one, to each server in each round")
    parser.add_argument("--builds", type=int, default=3, help="full builds of each")
    parser.add_argument("--people", type=int, default=700_000)
    parser.add_argument("--unsealed", action="store_true", help=argparse.SUPPRESS)
    options, rest = parser.parse_known_args()
    if options.unsealed:
        serve_unsealed(rest)
        return
    print(f"\nSealing; {describe()}\n\n| | before | sealed | sealed / before |\n|---|---:|---:|---:|")
    with tempfile.TemporaryDirectory() as name:
        if options.statements:
            on_the_store(Path(name), options.statements, options.singles)
            if options.builds:
                on_a_build(Path(name), options.builds)
        if options.people:
            forgetting(Path(name) / "many", options.people)


def serve_unsealed(arguments: list[str]) -> None:
    """The server as it was before: words go into the log as they come."""
    from pipelines import cli

    People.sealed = lambda self, statement, whose, programme_id: statement  # type: ignore[method-assign]
    sys.argv = ["xueqing", *arguments]
    cli.main()


@contextmanager
def started(home: Path, port: int, *, is_sealed: bool) -> Iterator[str]:
    home.mkdir(parents=True, exist_ok=True)
    with closing(Keys(home / "keys.sqlite")) as keys:
        key, secret = keys.create(lrs.PROGRAMME, ["all"])
    start = ["-m", "pipelines.cli"] if is_sealed else ["-m", "benchmarks.sealing", "--unsealed"]
    command = [sys.executable, *start, "serve", "--port", str(port)]
    server = subprocess.Popen(command, env=os.environ | {"XUEQING_HOME": str(home)}, stderr=subprocess.DEVNULL)
    try:
        lrs.wait(f"http://127.0.0.1:{port}/ready")
        yield b64encode(f"{key.key_id}:{secret}".encode()).decode()
    finally:
        server.terminate()
        server.wait(60)


def statement(chance: random.Random) -> dict[str, Any]:
    said = lrs.statement(chance)
    said["result"]["response"] = f"{chance.random()} {WORDS}"
    said["context"]["extensions"]["http://example.org/reflection"] = WORDS
    return said


def on_the_store(folder: Path, statements: int, singles: int) -> None:
    chance = random.Random(7)
    rates: dict[tuple[bool, str], list[float]] = {}
    with (
        started(folder / "before", lrs.PORT, is_sealed=False) as before,
        started(folder / "sealed", lrs.PORT + 1, is_sealed=True) as sealed,
    ):
        for round_number in range(ROUNDS + 1):
            told = [statement(chance) for _ in range(statements + singles)]
            for is_sealed, own in (
                ((False, before), (True, sealed)) if round_number % 2 else ((True, sealed), (False, before))
            ):
                batches = [request(own, "POST", "statements", told[n : n + 100]) for n in range(0, statements, 100)]
                one_by_one = [request(own, "POST", "statements", one) for one in told[statements:]]
                for name, requests, count in (("batches", batches, statements), ("singles", one_by_one, singles)):
                    seconds = asyncio.run(sent(requests, lrs.PORT + is_sealed))
                    if round_number:  # the first one warms both up
                        rates.setdefault((is_sealed, name), []).append(count / seconds)
    for name, what in (("batches", "in batches of 100"), ("singles", "one by one")):
        row(f"statements a second {what}, with words", median(rates[False, name]), median(rates[True, name]), "{:,.0f}")


async def sent(requests: list[bytes], port: int, connections: int = 16) -> float:
    left = iter(requests)

    async def client() -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", port, limit=1 << 24)
        for one in left:
            await answered((reader, writer), one)
        writer.close()

    began = time.perf_counter()
    await asyncio.gather(*(client() for _ in range(connections)))
    return time.perf_counter() - began


def row(what: str, before: float, sealed: float, form: str, *, less_is_more: bool = False) -> None:
    share = before / sealed if less_is_more else sealed / before
    print(f"| {what} | {form.format(before)} | {form.format(sealed)} | {share:.2f} |", flush=True)


def on_a_build(folder: Path, rounds: int) -> None:
    spaces = {
        name: Workspace(Settings.from_environment({"XUEQING_HOME": str(folder / name)}))
        for name in ("before", "sealed")
    }
    sunk = {name: timed(lambda space=space: run_sink(space)) for name, space in spaces.items()}  # type: ignore[misc]
    row("seconds of the sink", sunk["before"], sunk["sealed"], "{:.1f}", less_is_more=True)
    built: dict[str, list[float]] = {name: [] for name in spaces}
    for n in range(rounds):
        for name, space in sorted(spaces.items(), reverse=bool(n % 2)):
            built[name].append(timed(lambda space=space: build(space, BuildOptions(full=True))))  # type: ignore[misc]
    row("seconds of a full build", min(built["before"]), min(built["sealed"]), "{:.1f}", less_is_more=True)


def timed(what: Callable[[], object]) -> float:
    began = time.perf_counter()
    what()
    return time.perf_counter() - began


def forgetting(home: Path, people: int) -> None:
    """One person, by the whole command and by what it does."""
    home.mkdir(mode=0o700)
    space = Workspace(Settings.from_environment({"XUEQING_HOME": str(home)}))
    space.log.append([])
    with closing(space.vault(create=True)) as vault:
        began = time.perf_counter()
        vault.put((key(n), f"account-{n}", {"name": f"name {n}", "phone": f"139{n:08}"}) for n in range(people))
        print(f"\n| | |\n|---|---:|\n| {people:,} people into the vault | {time.perf_counter() - began:.0f} s |")
        each = [timed(lambda n=n: forget(space, vault, key(n), lrs.PROGRAMME)) for n in range(20)]  # type: ignore[misc]
        print(
            f"| forgetting one of them, opened: median, slowest of 20 | {1000 * median(each):.0f}, {1000 * max(each):.0f} ms |"
        )
    command = [
        sys.executable,
        "-m",
        "pipelines.cli",
        "people",
        "forget",
        key(people // 2),
        "-p",
        lrs.PROGRAMME,
        "--yes",
    ]
    whole = timed(
        lambda: subprocess.run(command, check=True, capture_output=True, env=os.environ | {"XUEQING_HOME": str(home)})
    )
    print(f"| the whole command, its start included | {whole:.2f} s |")


def key(number: int) -> str:
    return f"Lp3rson{number:08}x"


if __name__ == "__main__":
    main()
