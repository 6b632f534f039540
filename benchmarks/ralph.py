"""What Ralph takes of the same statements: ``python -m benchmarks.ralph --ralph PATH [--statements 1000]``.

PATH is the command of a virtual environment of its own: ``python -m venv ralph && ralph/bin/pip install 'ralph-malph[full]'``. Of its backends only files
(``fs``) need no other server, and of 5.1.0 they take one request: a second one finds the file there and fails. So one request of so many statements
is timed, each time on a fresh file, and of ours the same.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import subprocess
import tempfile
import time
import urllib.error
import urllib.request
from base64 import b64encode
from pathlib import Path
from statistics import median

from benchmarks.lrs import started, statement
from benchmarks.machine import describe

PORT = 8191


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--ralph", type=Path, required=True, help="its command")
    parser.add_argument("--statements", type=int, default=1_000, help="in one request")
    parser.add_argument("--times", type=int, default=5)
    options = parser.parse_args()
    chance = random.Random(7)
    bodies = [json.dumps([statement(chance) for _ in range(options.statements)]).encode() for _ in range(options.times)]
    print(
        f"\nOne request of {options.statements:,} simulated statements; {describe()}\n\n| | statements/s |\n|---|---:|"
    )
    seconds = [ralph(options.ralph, body) for body in bodies]
    print(f"| Ralph, one file, not synced to the disk | {options.statements / median(seconds):,.0f} |")
    with started() as (own, _, port):
        ours = [posted(f"http://127.0.0.1:{port}/xapi/statements", own, body) for body in bodies]
    print(f"| Xueqing, durable | {options.statements / median(ours):,.0f} |")


def ralph(command: Path, body: bytes) -> float:
    with tempfile.TemporaryDirectory() as name:
        environment = {**os.environ, "RALPH_APP_DIR": name, "HOME": name}
        who = ["auth", "-u", "bench", "-p", "bench", "-s", "all", "-M", "mailto:bench@example.org", "-w"]
        subprocess.run([command, *who], env=environment, check=True, capture_output=True)
        run = [
            "runserver",
            "-b",
            "fs",
            "--fs-default-directory-path",
            name,
            "--fs-default-lrs-file",
            "s.jsonl",
            "-p",
            str(PORT),
        ]
        server = subprocess.Popen(
            [command, *run], env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        try:
            url = f"http://127.0.0.1:{PORT}/xAPI/statements"
            own = b64encode(b"bench:bench").decode()
            # Its hash of the secret is paid for before the clock runs.
            for _ in range(300):
                try:
                    request = urllib.request.Request(f"{url}?limit=1", headers={"Authorization": f"Basic {own}"})
                    urllib.request.urlopen(request, timeout=30).close()
                    break
                except urllib.error.HTTPError:
                    break
                except OSError:
                    time.sleep(0.1)
            return posted(url, own, body)
        finally:
            server.terminate()
            server.wait(30)


def posted(url: str, own: str, body: bytes) -> float:
    headers = {"Authorization": f"Basic {own}", "X-Experience-API-Version": "1.0.3", "Content-Type": "application/json"}
    began = time.perf_counter()
    with urllib.request.urlopen(urllib.request.Request(url, body, headers), timeout=300) as answer:
        assert answer.status == 200
        answer.read()
    return time.perf_counter() - began


if __name__ == "__main__":
    main()
