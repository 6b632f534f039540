"""Speed and memory of the importers: ``python -m benchmarks.imports [--lines N]``.

Each import is a command of its own on a new home: from the file to the log, durable. Files are generated: they have the lines of real ones
and invented people, half of them of accounts that are met for the first time. Memory is the peak of the process; a file of four times the
lines says whether it grows. Prints a Markdown table.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

from benchmarks.machine import describe

ROUNDS = 3
PEOPLE = 2_000
_START = datetime(2017, 10, 10, tzinfo=UTC)
_HEADER = "Time,User full name,Affected user,Event context,Component,Event name,Description,Origin,IP address\n"
#: Shares of a course's log, by thousandths.
_MOODLE = (
    (380, "Page", "Course module viewed", "viewed the 'page' activity with course module id '{thing}'."),
    (330, "System", "Course viewed", "viewed the course with id '111'."),
    (90, "System", "Course activity completion updated", "updated the completion state for the course module with id '{thing}' for the user with id '{user}'."),
    (60, "Forum", "Discussion viewed", "has viewed the discussion with id '{thing}' in the forum with course module id '9'."),
    (10, "Forum", "Post created", "has created the post with id '{line}' in the discussion with id '{thing}' in the forum with course module id '9'."),
    (30, "Assignment", "A submission has been submitted.", "has submitted the submission with id '{line}' for the assignment with course module id '{thing}'."),
    (100, "Assignment", "The status of the submission has been viewed.", "has viewed the submission status page for the assignment with course module id '{thing}'."),
)  # fmt: skip
_OPENEDX = (
    "play_video",
    "pause_video",
    "load_video",
    "edx.ui.lms.sequence.next_selected",
    "problem_check",
    "page_close",
)


def moodle_lines(count: int) -> Iterator[str]:
    """A log report, newest first."""
    rng = random.Random(1)
    kinds = rng.choices(_MOODLE, [share for share, *_ in _MOODLE], k=count)
    yield _HEADER
    for line in range(count, 0, -1):
        _, component, event, said = kinds[line - 1]
        at = _START + timedelta(seconds=6 * line)
        user, thing = rng.randint(1, PEOPLE), rng.randint(1, 300)
        description = f"The user with id '{user}' {said.format(user=user, thing=thing, line=line)}"
        yield f'"{at:%d/%m/%y, %H:%M}",Somebody {user},-,Course: One,{component},{event},{description},web,10.0.{user // 250}.{user % 250}\n'


def openedx_lines(count: int) -> Iterator[str]:
    """A tracking log, oldest first; a line has some 1,000 bytes, as real ones."""
    rng = random.Random(1)
    course = "course-v1:edX+DemoX+Demo_Course"
    page = f"https://edx.example.org/courses/{course}/courseware/d8a6192ade314473a78242dfeedfbf5b/edx_introduction/"
    for line in range(count):
        user = rng.randint(1, PEOPLE)
        name, video = rng.choice(_OPENEDX), f"{user % 50:032x}"
        said = {"id": video, "code": "b7xgknqkQk8", "currentTime": line * 2 % 190, "duration": 195}
        yield json.dumps(
            {
                "username": f"user{user}", "event_type": name, "ip": "10.0.0.1", "agent": "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_4) AppleWebKit/537.36",
                "host": "edx.example.org", "referer": page, "accept_language": "en-US,en;q=0.9", "event": json.dumps(said), "event_source": "browser",
                "context": {"course_user_tags": {}, "user_id": user, "org_id": "edX", "course_id": course, "path": "/event"},
                "time": (_START + timedelta(seconds=line / 7)).isoformat(), "page": page, "name": name, "session": f"{user:032x}",
            }
        ) + "\n"  # fmt: skip


def run(arguments: list[str], folder: Path) -> tuple[float, float, float]:
    """Seconds, seconds of processor time and peak MiB of a command on a new home."""
    with tempfile.TemporaryDirectory(dir=folder) as home:
        started = time.perf_counter()
        process = subprocess.Popen(
            [sys.executable, "-m", "pipelines.cli", *arguments],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            env=os.environ | {"XUEQING_HOME": home},
        )
        _, status, used = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        if process.returncode:
            raise SystemExit(f"{' '.join(arguments)} ended with {process.returncode}")
        return time.perf_counter() - started, used.ru_utime + used.ru_stime, used.ru_maxrss / 1024


CONTENDERS: dict[str, tuple[Callable[[int], Iterator[str]], list[str]]] = {
    "Moodle, log report (CSV)": (
        moodle_lines, ["import", "moodle", "FILE", "--site", "https://moodle.example.org", "--course", "111", "--dates", "dmy"],
    ),
    "Open edX, tracking log": (openedx_lines, ["import", "openedx", "FILE", "--site", "https://edx.example.org"]),
}  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--lines", type=int, default=300_000)
    lines = parser.parse_args().lines
    print(describe() + "\n")
    print(
        "| import | lines | lines/s | lines a processor second | MiB/s | peak, MiB | peak of four times the lines |\n"
        "|---|---:|---:|---:|---:|---:|---:|"
    )
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        starts = [run(["settings"], folder) for _ in range(ROUNDS)]
        empty_s, empty_cpu_s = min(s for s, _, _ in starts), min(c for _, c, _ in starts)
        for title, (generate, arguments) in CONTENDERS.items():
            files = {}
            for count in (lines, 4 * lines):
                files[count] = folder / f"{count}.log"
                with files[count].open("w", encoding="utf-8") as out:
                    out.writelines(generate(count))
            commands = {
                count: [str(file) if a == "FILE" else a for a in arguments]
                + ["-p", "tianshui-2017", "--open-enrolments"]
                for count, file in files.items()
            }
            done = [run(commands[lines], folder) for _ in range(ROUNDS)]
            # Without the start of Python.
            seconds, cpu_s = min(s for s, _, _ in done) - empty_s, min(c for _, c, _ in done) - empty_cpu_s
            peak, large = max(used for *_, used in done), run(commands[4 * lines], folder)[2]
            size = files[lines].stat().st_size / 2**20
            print(
                f"| {title} | {lines:,} | {lines / seconds:,.0f} | {lines / cpu_s:,.0f} | {size / seconds:.1f} | {peak:.0f} | {large:.0f} |",
                flush=True,
            )
            for file in files.values():
                file.unlink()


if __name__ == "__main__":
    main()
