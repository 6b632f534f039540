"""What a rightful writer and ``/health`` notice of attacks: ``python -m benchmarks.hostile [--seconds 8] [--processes 1] [--only NAME]``.

Starts ``xueqing serve`` on a fresh home, with a provider of tokens that hangs, and plays one attack after the other against it over loopback, each
bounded in requests and in time. Meanwhile one client asks for ``/health`` and another, with a key of its own programme, stores statements one by one;
printed is what they wait, in milliseconds, what the attack was answered, and the most memory that the server took. Attackers, clients and server share
the machine.
"""

from __future__ import annotations

import argparse
import asyncio
import gzip
import json
import os
import random
import secrets
import socket
import subprocess
import sys
import tempfile
import threading
import time
import urllib.request
from base64 import b64encode, urlsafe_b64encode
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from statistics import quantiles

from benchmarks.lrs import memory_mb, statement
from benchmarks.machine import describe
from ingest.lrs.access.keys import Keys

PROGRAMME, OTHER = "tianshui-2017", "another"
#: Requests of one attack that are under way at once.
TOGETHER = 60
JSON = "application/json"
FORM = "application/x-www-form-urlencoded"


@dataclass(frozen=True, slots=True)
class Attack:
    """Requests that come again and again.

    Attributes:
        body: of a request, made once.
        make: the whole of a request, where each is another.
        together: requests under way at once.
    """

    name: str
    path: str = "/xapi/statements"
    headers: tuple[str, ...] = ()
    body: bytes = b""
    make: Callable[[], bytes] | None = None
    together: int = TOGETHER

    def request(self) -> bytes:
        """One of them."""
        if self.make is not None:
            return self.make()
        return _request("POST", self.path, self.headers, self.body)


def attacks(own: str, key_id: str) -> Iterator[Attack]:
    """Those that once stopped a server, and some of their kind.

    Args:
        own: credentials of a key of another programme.
        key_id: the id of the rightful writer's key.
    """
    known = (f"Authorization: Basic {own}", "X-Experience-API-Version: 1.0.3", f"Content-Type: {JSON}")
    lines = (*known[:2], "Content-Type: application/x-ndjson")
    nobody = ("X-Experience-API-Version: 1.0.3", f"Content-Type: {FORM}")
    alternate = "/xapi/statements?method=GET"
    bomb = gzip.compress(b"a=&" * 5_500_000)
    yield Attack("nothing")
    yield Attack(
        "a form of one name 5.5 million times, packed, without a key",
        alternate,
        (*nobody, "Content-Encoding: gzip"),
        bomb,
    )
    yield Attack(
        "a form of 1.2 million names, without a key",
        alternate,
        nobody,
        b"&".join(b"%x=" % n for n in range(1_200_000)),
        together=8,
    )
    yield Attack(
        "the same with a key",
        alternate,
        (*nobody, known[0]),
        b"&".join(b"%x=" % n for n in range(1_200_000)),
        together=8,
    )
    yield Attack(
        "a form of 16 MB of %41, with a key",
        alternate,
        (*nobody, known[0]),
        b"content=" + b"%41" * 5_000_000,
        together=8,
    )

    def guess(name: Callable[[], str]) -> Callable[[], bytes]:
        def made() -> bytes:
            pair = b64encode(f"{name()}:{secrets.token_urlsafe(32)}".encode()).decode()
            return _request("GET", "/xapi/statements?limit=1", (f"Authorization: Basic {pair}", known[1]), b"")

        return made

    yield Attack("guesses for an id that is known", make=guess(lambda: key_id))
    yield Attack("guesses for ids that nobody has", make=guess(lambda: f"xq-{secrets.token_hex(8)}"))
    yield Attack("tokens of a provider that hangs", make=lambda: _bearer(known[1]))
    yield Attack(
        "8 million numbers to /events", "/events", known, b"[" + b",".join([b"0"] * 8_000_000) + b"]", together=8
    )
    yield Attack(
        "5.5 million objects to xAPI", headers=known, body=b"[" + b",".join([b"{}"] * 5_500_000) + b"]", together=8
    )
    yield Attack("8 million lines to /events", "/events", lines, b"0\n" * 8_000_000, together=8)
    packed = gzip.compress(b"[" + b",".join([b"0"] * 8_000_000) + b"]")
    yield Attack("8 million numbers, packed", "/events", (*known, "Content-Encoding: gzip"), packed)
    yield Attack("10,000 members of gzip", "/events", (*known, "Content-Encoding: gzip"), gzip.compress(b"") * 10_001)
    names = b'{"actor":{' + b",".join(b'"%d":0' % n for n in range(120_000)) + b"}}"
    yield Attack("as many names as are taken", headers=known, body=names, together=8)
    nested = b'{"actor":[' + b",".join([b"[]"] * 240_000) + b"]}"
    yield Attack("as many lists as are taken", headers=known, body=nested, together=8)
    twice = b'{"a":0,"a":{' + b",".join(b'"%d":0' % n for n in range(120_000)) + b"}}"
    yield Attack("as many names as are taken, one twice", headers=known, body=twice, together=8)
    events = b"[" + b",".join([b'{"event_type":"session.started","payload":{"x":[1,2,3]}}'] * 10_000) + b"]"
    yield Attack("10,000 events that are none", "/events", known, events, together=8)

    def verbs() -> bytes:
        one = statement(random.Random())
        said = [
            {**one, "id": None, "verb": {"id": f"http://example.org/{secrets.token_hex(4)}/{'x' * 1_000}"}}
            for _ in range(100)
        ]
        body = json.dumps([{k: v for k, v in s.items() if k != "id"} for s in said]).encode()
        return _request("POST", "/xapi/statements", known, body)

    yield Attack("long verbs, each another", make=verbs, together=2)


def _bearer(version: str) -> bytes:
    parts = (
        {"alg": "RS256", "kid": secrets.token_hex(4)},
        {"iss": f"http://127.0.0.1:{PROVIDER}", "aud": "xueqing", "exp": 4e9, "sub": "x"},
    )
    token = ".".join(urlsafe_b64encode(json.dumps(part).encode()).decode().rstrip("=") for part in parts)
    return _request("GET", "/xapi/statements?limit=1", (f"Authorization: Bearer {token}.AAAA", version), b"")


def _request(method: str, path: str, headers: tuple[str, ...], body: bytes) -> bytes:
    head = "\r\n".join(
        [f"{method} {path} HTTP/1.1", "Host: 127.0.0.1", *headers, f"Content-Length: {len(body)}", "", ""]
    )
    return head.encode() + body


PORT, PROVIDER = 8198, 8199


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=8.0, help="of each attack")
    parser.add_argument("--processes", type=int, default=1, help="of the server")
    parser.add_argument("--requests", type=int, default=400, help="of each attack, at most")
    parser.add_argument("--only", default="", help="attacks whose name holds this")
    options = parser.parse_args()
    print(f"\n{describe()}; a server of {options.processes} process(es)\n")
    print("| attack | answered | health p50, p99 | writer p50, p99 | server's memory |\n|---|---|---:|---:|---:|")
    with hanging(PROVIDER), tempfile.TemporaryDirectory() as name:
        with closing(Keys(Path(name) / "keys.sqlite")) as keys:
            writer, its = keys.create(PROGRAMME, ["all"])
            attacker, other = keys.create(OTHER, ["all"])
        own = b64encode(f"{writer.key_id}:{its}".encode()).decode()
        others = b64encode(f"{attacker.key_id}:{other}".encode()).decode()
        for attack in attacks(others, writer.key_id):
            if options.only in attack.name:
                with serving(Path(name), options.processes) as server:
                    asyncio.run(play(attack, own, server.pid, options.seconds, options.requests))


@contextmanager
def hanging(port: int) -> Iterator[None]:
    """Somebody who takes connections and says nothing."""
    with socket.create_server(("127.0.0.1", port), backlog=100):
        yield


@contextmanager
def serving(home: Path, processes: int) -> Iterator[subprocess.Popen[str]]:
    command = [sys.executable, "-m", "pipelines.cli", "serve", "--port", str(PORT), "--processes", str(processes)]
    environment = {**os.environ, "XUEQING_HOME": str(home), "XUEQING_OIDC_ISSUER": f"http://127.0.0.1:{PROVIDER}"}
    server = subprocess.Popen(command, env=environment, stderr=subprocess.PIPE, text=True)
    assert server.stderr is not None
    try:
        line = server.stderr.readline()
        while "Serving at" not in line:
            assert line, "the server has not begun"
            line = server.stderr.readline()
        threading.Thread(target=server.stderr.read, daemon=True).start()
        urllib.request.urlopen(f"http://127.0.0.1:{PORT}/ready", timeout=30).close()
        yield server
    finally:
        server.terminate()
        server.wait(60)


async def play(attack: Attack, own: str, pid: int, seconds: float, most: int) -> None:
    """One attack, and who else is there meanwhile."""
    requests = [attack.request() for _ in range(1 if attack.make is None else most)]
    end = time.monotonic() + seconds
    health, writes, answers = list[float](), list[float](), Counter[str]()
    chance = random.Random(3)
    peak = memory_mb(pid)

    async def asked(each: list[float], made: Callable[[], bytes]) -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", PORT, limit=1 << 24)
        while time.monotonic() < end:
            began = time.perf_counter()
            status = await _answer(reader, writer, made())
            assert status == "200", status
            each.append(time.perf_counter() - began)
            await asyncio.sleep(0.01)
        writer.close()

    def write() -> bytes:
        body = json.dumps(statement(chance)).encode()
        return _request(
            "POST",
            "/xapi/statements",
            (f"Authorization: Basic {own}", "X-Experience-API-Version: 2.0.0", f"Content-Type: {JSON}"),
            body,
        )

    async def watched() -> None:
        nonlocal peak
        while time.monotonic() < end:
            peak = max(peak, memory_mb(pid))
            await asyncio.sleep(0.2)

    tasks = [
        asyncio.create_task(asked(health, lambda: _request("GET", "/health", (), b""))), asyncio.create_task(asked(writes, write)),
        asyncio.create_task(watched()),
    ]  # fmt: skip
    if attack.name != "nothing":
        # Attackers are a process of their own: their work is not to be taken for the server's.
        command = [sys.executable, "-c", _ATTACKER, str(PORT), str(seconds), str(most), str(attack.together)]
        attacker = await asyncio.create_subprocess_exec(
            *command, stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE
        )
        told, _ = await attacker.communicate(b"".join(len(one).to_bytes(8, "big") + one for one in requests))
        answers.update(json.loads(told))
    await asyncio.gather(*tasks)
    shown = ", ".join(f"{count} × {status}" for status, count in sorted(answers.items()))
    cuts = [[1000 * quantiles(each, n=100)[at] for at in (49, 98)] for each in (health, writes)]
    print(
        f"| {attack.name} | {shown or '–'} | {cuts[0][0]:.0f}, {cuts[0][1]:.0f} ms | {cuts[1][0]:.0f}, {cuts[1][1]:.0f} ms"
        f" | {peak:,.0f} MB |",
        flush=True,
    )


async def _answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, request: bytes) -> str:
    writer.write(request)
    head = await reader.readuntil(b"\r\n\r\n")
    length = int(head.lower().partition(b"content-length:")[2].partition(b"\r\n")[0] or 0)
    await reader.readexactly(length)
    return head.split(b" ", 2)[1].decode()


#: Sends the requests that it reads, each on a connection of its own, and tells how each was answered.
_ATTACKER = """
import asyncio, collections, itertools, json, sys, time
port, seconds, most, together = int(sys.argv[1]), float(sys.argv[2]), int(sys.argv[3]), int(sys.argv[4])
data, place, requests = sys.stdin.buffer.read(), 0, []
while place < len(data):
    size = int.from_bytes(data[place : place + 8], "big")
    requests.append(data[place + 8 : place + 8 + size])
    place += 8 + size
found, end = collections.Counter(), time.monotonic() + seconds
left = itertools.islice(itertools.cycle(requests), most)

async def one(request):
    writer = None
    try:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        # The answer may come before all is sent.
        writer.write(request)
        head = await asyncio.wait_for(reader.readuntil(b"\\r\\n\\r\\n"), max(0.1, end + 5 - time.monotonic()))
        found[head.split(b" ", 2)[1].decode()] += 1
    except TimeoutError:
        found["no answer yet"] += 1
    except (OSError, asyncio.IncompleteReadError):
        found["cut off"] += 1
    finally:
        if writer is not None:
            writer.close()

async def client():
    for request in left:
        if time.monotonic() > end:
            return
        await one(request)

async def all_of_them():
    await asyncio.gather(*(client() for _ in range(together)))

asyncio.run(all_of_them())
print(json.dumps(found))
"""


if __name__ == "__main__":
    with suppress(KeyboardInterrupt):
        main()
