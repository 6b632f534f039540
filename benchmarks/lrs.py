"""Speed of the learning-record store: ``python -m benchmarks.lrs [--statements 100000] [--singles 6000] [--clients 5000] [--sessions 50000]``.

Starts ``xueqing serve --processes 2`` on a fresh home (embedded log, durable) and posts simulated video statements to it over loopback: in batches of
100, then one by one over connections that stay open; then asks by agent, verb, activity and time. Then so many clients at once each post the heartbeat
of their study as an event. Then so many sessions are held open with a server of as many processes as the system's bound of open files asks for, and
some speak now and then. Client and server share the machine.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import random
import resource
import subprocess
import sys
import tempfile
import time
import urllib.request
import uuid
from base64 import b64encode
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager, nullcontext
from itertools import pairwise
from multiprocessing import get_context
from multiprocessing.queues import Queue
from multiprocessing.synchronize import Barrier
from pathlib import Path
from statistics import quantiles
from typing import Any
from urllib.parse import urlencode

from benchmarks.machine import describe
from benchmarks.wire import Pair, answered, request
from ingest.lrs.access.keys import Keys

PORT, PROGRAMME = 8197, "tianshui-2017"
LEARNERS, VIDEOS = 6_983, 429
VERBS = [f"https://w3id.org/xapi/video/verbs/{verb}" for verb in ("played", "paused", "seeked")]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--statements", type=int, default=100_000, help="posted in batches of 100")
    parser.add_argument("--singles", type=int, default=6_000, help="posted one by one")
    parser.add_argument("--processes", type=int, default=2, help="of the server")
    parser.add_argument("--connections", type=int, default=32, help="kept open at once")
    parser.add_argument("--clients", type=int, default=5_000, help="that post a heartbeat at once")
    parser.add_argument("--sessions", type=int, default=50_000, help="held open, a hundredth of which speak")
    options = parser.parse_args()
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    with started(options.processes) as (own, server, _):
        measure(own, options.statements, options.singles, options.connections)
        heartbeats(own, options.clients)
        print(f"| the server's memory | {memory_mb(server.pid):,.0f} MB |")
    if options.sessions:
        # What a process may have open is shared out unevenly among those of the server.
        parts = -(-options.sessions // (most * 9 // 10))
        with started(parts) as (own, server, _):
            sessions(own, options.sessions, parts, server.pid)


@contextmanager
def started(
    processes: int = 1,
    home: Path | None = None,
    port: int = PORT,
    *,
    size: bool = True,
    settings: Mapping[str, str] | None = None,
) -> Iterator[tuple[str, subprocess.Popen[bytes], int]]:
    """A server on a home, or a fresh one: a key's credentials, the process, its port. At the end the ``size`` of the files is printed."""
    with tempfile.TemporaryDirectory() if home is None else nullcontext(str(home)) as name:
        with closing(Keys(Path(name) / "keys.sqlite")) as keys:
            key, secret = keys.create(PROGRAMME, ["all"])
        command = [sys.executable, "-m", "pipelines.cli", "serve", "--port", str(port), "--processes", str(processes)]
        environment = {**os.environ, "XUEQING_HOME": name, **(settings or {})}
        server = subprocess.Popen(command, env=environment, stderr=subprocess.DEVNULL)
        try:
            wait(f"http://127.0.0.1:{port}/ready")
            time.sleep(1 if processes == 1 else 3)  # until the last of them listens, too
            yield b64encode(f"{key.key_id}:{secret}".encode()).decode(), server, port
        finally:
            server.terminate()
            server.wait(60)
            if size:
                taken = sum(f.stat().st_size for f in Path(name).glob("*.sqlite*"))
                print(f"| log, index and vault on the disk | {taken / 1e6:,.0f} MB |")


def wait(ready: str) -> None:
    for _ in range(600):
        try:
            urllib.request.urlopen(ready, timeout=5).close()
            return
        except OSError:
            time.sleep(0.1)
    raise RuntimeError("the server has not started")


def measure(own: str, statements: int, singles: int, connections: int) -> None:
    chance = random.Random(7)
    print(f"\nSimulated statements; {describe()}\n\n| | |\n|---|---:|")
    batches = [
        request(own, "POST", "statements", [statement(chance) for _ in range(100)]) for _ in range(statements // 100)
    ]
    seconds, _ = asyncio.run(sent(batches, connections))
    print(
        f"| statements a second in batches of 100, durable and validated, {connections} connections | {statements / seconds:,.0f} |"
    )
    one_by_one = [request(own, "POST", "statements", statement(chance)) for _ in range(singles)]
    seconds, each = asyncio.run(sent(one_by_one, connections))
    print(f"| statements a second one by one, {connections} connections | {singles / seconds:,.0f} |")
    print(f"| p99 of one | {1000 * quantiles(each, n=100)[-1]:,.0f} ms |")
    for name, asked in (
        ("agent", lambda: {"agent": json.dumps(agent(chance))}), ("verb", lambda: {"verb": chance.choice(VERBS)}),
        ("activity", lambda: {"activity": video(chance)}), ("time", lambda: {"since": "2020-01-01T00:00:00Z"}),
    ):  # fmt: skip
        gets = [request(own, "GET", f"statements?{urlencode({**asked(), 'limit': '25'})}") for _ in range(400)]
        _, each = asyncio.run(sent(gets, 2))
        cut = quantiles(each, n=100)
        print(
            f"| GET by {name} of {statements + singles:,}, a page of 25: median, p99 | {1000 * cut[49]:.0f}, {1000 * cut[-1]:.0f} ms |"
        )


def agent(chance: random.Random, learners: int = LEARNERS) -> dict[str, Any]:
    return learner(chance.randrange(learners))


def learner(number: int) -> dict[str, Any]:
    return {"objectType": "Agent", "account": {"homePage": "http://example.org", "name": f"simulated-{number}"}}


def video(chance: random.Random, videos: int = VIDEOS) -> str:
    return f"http://example.org/videos/{chance.randrange(videos)}"


def statement(chance: random.Random, learners: int = LEARNERS, videos: int = VIDEOS) -> dict[str, Any]:
    return {
        "id": str(uuid.UUID(int=chance.getrandbits(128), version=4)), "actor": agent(chance, learners),
        "verb": {"id": chance.choice(VERBS), "display": {"en-US": "watched"}}, "timestamp": "2017-10-12T08:30:00.123Z",
        "object": {
            "objectType": "Activity", "id": video(chance, videos),
            "definition": {"type": "https://w3id.org/xapi/video/activity-type/video", "name": {"zh-CN": "课程"}},
        },
        "result": {"extensions": {"https://w3id.org/xapi/video/extensions/time": round(chance.random() * 900, 3)}},
        "context": {
            "extensions": {"https://w3id.org/xapi/video/extensions/session-id": str(uuid.UUID(int=chance.getrandbits(128), version=4))},
            "contextActivities": {"parent": [{"id": "http://example.org/course", "objectType": "Activity"}]},
        },
    }  # fmt: skip


async def sent(requests: list[bytes], connections: int) -> tuple[float, list[float]]:
    """Seconds of all, and of each; every answer is a 200."""
    left, each = iter(requests), []

    async def client() -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", PORT, limit=1 << 24)
        for one in left:
            each.append(await answered((reader, writer), one))
        writer.close()

    started = time.perf_counter()
    await asyncio.gather(*(client() for _ in range(connections)))
    return time.perf_counter() - started, each


def heartbeats(own: str, clients: int) -> None:
    chance = random.Random(11)
    bodies = [request(own, "POST", "/events", heartbeat(chance)) for _ in range(clients)]

    async def all_at_once() -> tuple[float, list[float]]:
        gate, each = asyncio.Event(), []

        async def client(number: int) -> None:
            # Connections of one address to one port are bounded by its ports.
            reader, writer = await asyncio.open_connection("127.0.0.1", PORT, local_addr=(local(number), 0))
            await gate.wait()
            each.append(await answered((reader, writer), bodies[number]))
            writer.close()

        tasks = []
        for start in range(0, clients, 500):
            tasks += [asyncio.create_task(client(n)) for n in range(start, min(start + 500, clients))]
            await asyncio.sleep(0.2)
        await asyncio.sleep(1)
        gate.set()
        began = time.perf_counter()
        await asyncio.gather(*tasks)
        return time.perf_counter() - began, each

    seconds, each = asyncio.run(all_at_once())
    cut = quantiles(each, n=100)
    print(
        f"| {clients:,} clients at once, each its heartbeat: all, median, p99 | {seconds:.2f}, {cut[49]:.2f}, {cut[-1]:.2f} s |"
    )


def sessions(own: str, count: int, parts: int, pid: int) -> None:
    """``count`` of them, by as many clients as the server has processes: the bound of open files is each one's."""
    before = memory_mb(pid)
    context = get_context("spawn")
    opened, told = context.Barrier(parts + 1), context.Queue()
    bounds = [count * n // parts for n in range(parts + 1)]
    clients = [context.Process(target=_hold, args=(own, start, end, opened, told)) for start, end in pairwise(bounds)]
    for client in clients:
        client.start()
    opened.wait()
    held = memory_mb(pid)
    opened.wait()
    each = [seconds for _ in clients for seconds in told.get()]
    for client in clients:
        client.join()
    cut = quantiles(each, n=100)
    print(
        f"| the server's memory, {parts} processes, without sessions and with {count:,} | {before:,.0f}, {held:,.0f} MB |"
    )
    print(f"| one of them in a hundred speaks: median, p99 | {1000 * cut[49]:.0f}, {1000 * cut[-1]:.0f} ms |")


def _hold(own: str, first: int, end: int, opened: Barrier, told: Queue[list[float]]) -> None:
    chance = random.Random(first)
    about = request(own, "GET", "about")

    async def one(number: int) -> Pair:
        pair = await asyncio.open_connection("127.0.0.1", PORT, local_addr=(local(number), 0), limit=4_096)
        await answered(pair, about)
        return pair

    async def held() -> list[float]:
        pairs = []
        for start in range(first, end, 500):
            pairs += await asyncio.gather(*(one(n) for n in range(start, min(start + 500, end))))
        # All of them are open; then their memory was looked at.
        await asyncio.to_thread(opened.wait)
        await asyncio.to_thread(opened.wait)
        return [
            await answered(chance.choice(pairs), request(own, "POST", "/events", heartbeat(chance)))
            for _ in range((end - first) // 100)
        ]

    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    told.put(asyncio.run(held()))


def local(number: int) -> str:
    return f"127.0.{1 + number // 20_000}.1"


def heartbeat(chance: random.Random) -> dict[str, object]:
    return {
        "event_id": str(uuid.UUID(int=chance.getrandbits(128), version=4)), "event_type": "video.watched", "event_version": 2,
        "occurred_at": "2017-10-12T08:30:00Z", "programme_id": PROGRAMME, "learner_key": f"Lsimulated{chance.randrange(LEARNERS):06d}",
        "source": "heartbeat", "payload": {"enrolment_id": "simulated", "course_id": video(chance), "watched_s": 60.0},
    }  # fmt: skip


def memory_mb(pid: int) -> float:
    """Of a process and those that it has started, what they share counted once."""
    children = Path(f"/proc/{pid}/task/{pid}/children").read_text(encoding="ascii").split()
    kilobytes = 0
    for one in (pid, *map(int, children)):
        for line in Path(f"/proc/{one}/smaps_rollup").read_text(encoding="ascii").splitlines():
            if line.startswith("Pss:"):
                kilobytes += int(line.split()[1])
    return kilobytes / 1024


if __name__ == "__main__":
    main()
