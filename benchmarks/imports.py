"""Speed and memory of the importers: ``python -m benchmarks.imports [--lines N] [--people N]``.

Each import is a command of its own on a new home: from the file to the log, durable. Files are generated: they have the lines of real ones
and invented people, half of them of accounts that are met for the first time. Memory is the peak of the process; a file of four times the
lines says whether it grows. Tables of totals are brought into a home that has the roster of their people. Prints Markdown tables.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import shutil
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


TOTALS = {
    "学习时长(分钟)": "video minutes", "阅读时长(分钟)": "text minutes", "登录次数": "session count", "浏览次数": "content count",
    "发帖数": "post count", "有效发帖": "effective_post count", "日志数": "journal count", "提交作业": "assignment_submitted count",
    "合格作业": "assignment_passed count", "互评数": "peer_review count",
}  # fmt: skip


def roster_lines(people: int) -> Iterator[str]:
    """A roster by accounts: invented people of one county."""
    yield "姓名,账号,区县,学校,学段,学科,班级\n"
    for n in range(people):
        yield f"学员{n},user{n:06},秦州区,学校{n // 60},小学,语文,{n // 60}班\n"


def totals_lines(people: int, day: int) -> Iterator[str]:
    """A table of totals as of a day: each person has a little more than the day before."""
    yield f"账号,{','.join(TOTALS)}\n"
    for n in range(people):
        yield f"user{n:06},{','.join(str(day * (1 + (n + k) % 7)) for k in range(len(TOTALS)))}\n"


def run(arguments: list[str], folder: Path, template: Path | None = None) -> tuple[float, float, float]:
    """Seconds, seconds of processor time and peak MiB of a command on a new home, or on a copy of one."""
    with tempfile.TemporaryDirectory(dir=folder) as home:
        if template is not None:
            shutil.copytree(template, home, dirs_exist_ok=True)
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


def tables(people: int, folder: Path, empty: tuple[float, float]) -> None:
    """Tables of totals of all people: five dates, and twenty."""
    home, programme = folder / "home", ["-p", "tianshui-2017"]
    (folder / "roster.csv").write_text("".join(roster_lines(people)), encoding="utf-8")
    (folder / "totals.toml").write_text(
        'platform = "bench"\n[columns]\n"账号" = "account"\n[totals]\n'
        + "".join(f'"{header}" = "{what}"\n' for header, what in TOTALS.items()),
        encoding="utf-8",
    )
    command = [sys.executable, "-m", "pipelines.cli", "import", "roster", str(folder / "roster.csv"), *programme, "--as-of", "2017-10-10", "--apply"]  # fmt: skip
    subprocess.run(command, check=True, capture_output=True, env=os.environ | {"XUEQING_HOME": str(home)})
    print(
        "\n| import | people | dates | cells | cells/s | cells a processor second | peak, MiB |\n|---|---:|---:|---:|---:|---:|---:|"
    )
    for dates in (5, 20):
        exports = folder / f"exports-{dates}"
        exports.mkdir()
        for day in range(1, dates + 1):
            text = "".join(totals_lines(people, day))
            (exports / f"2017-11-{day:02}.csv").write_text(text, encoding="utf-8")
        arguments = ["import", "table", str(exports), "--map", str(folder / "totals.toml"), *programme, "--apply"]
        done = [run(arguments, folder, home) for _ in range(ROUNDS)]
        cells = people * dates * (1 + len(TOTALS))
        seconds, cpu_s = min(s for s, _, _ in done) - empty[0], min(c for _, c, _ in done) - empty[1]
        peak = max(used for *_, used in done)
        print(
            f"| totals (CSV) | {people:,} | {dates} | {cells:,} | {cells / seconds:,.0f} | {cells / cpu_s:,.0f} | {peak:.0f} |",
            flush=True,
        )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--lines", type=int, default=300_000)
    parser.add_argument("--people", type=int, default=7_000)
    asked = parser.parse_args()
    lines = asked.lines
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
        tables(asked.people, folder, (empty_s, empty_cpu_s))


if __name__ == "__main__":
    main()
