"""Speed of what concerns people: ``python -m benchmarks.people [--rows 10000 700000]``.

A roster of so many invented people, as text in GB18030, and for the smaller ones as a workbook too: what it would do, doing it, and doing it again;
each in a process of its own, with the memory that it needed.
"""

from __future__ import annotations

import argparse
import csv
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import xlsxwriter

from benchmarks.machine import describe
from tests.rosters import COUNTIES

_HEADER = ("序号", "区县", "姓名", "身份证号", "手机号", "学校", "学段", "学科", "班级")
_WEIGHTS = (7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2)
#: Rows of a workbook, at most: offices send no larger ones.
_WORKBOOK_ROWS = 20_000
_MEASURE = """
import resource, sys
from pathlib import Path
from pipelines.cli import main
peak = Path(sys.argv.pop())
try:
    main()
finally:
    peak.write_text(str(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024))
"""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, nargs="+", default=[10_000, 700_000])
    options = parser.parse_args()
    print(f"{describe()}\n\n| roster | rows | would do | does | again | peak memory |\n|---|---:|---:|---:|---:|---:|")
    for rows in options.rows:
        for kind in ("xlsx", "csv") if rows <= _WORKBOOK_ROWS else ("csv",):
            with tempfile.TemporaryDirectory() as name:
                file = Path(name) / f"roster.{kind}"
                (write_workbook if kind == "xlsx" else write_text)(file, rows)
                took = [run(Path(name), file, *more) for more in ((), ("--apply",), ("--apply",))]
                times = " | ".join(f"{seconds:.1f} s" for seconds, _ in took)
                print(f"| {kind.upper()} | {rows:,} | {times} | {max(peak for _, peak in took):,} MB |", flush=True)


def run(home: Path, file: Path, *more: str) -> tuple[float, int]:
    """Seconds and MB of one import."""
    peak = home / "peak"
    environment = {**os.environ, "XUEQING_HOME": str(home / "home")}
    command = [sys.executable, "-c", _MEASURE, "import", "roster", str(file), "-p", "tianshui-2017", *more]
    started = time.perf_counter()
    subprocess.run([*command, str(peak)], env=environment, check=True, capture_output=True)
    return time.perf_counter() - started, int(peak.read_text())


def row(n: int) -> list[str]:
    county = [label for label, _ in COUNTIES.values()][n % 3]
    sequence = n % 1000 + (n % 100 == 0)
    body = f"62{n // 21_000 % 10_000:04d}{1965 + n % 30}{1 + n % 12:02d}{1 + n % 28:02d}{sequence:03d}"
    number = body + "10X98765432"[sum(int(d) * w for d, w in zip(body, _WEIGHTS, strict=True)) % 11]
    return [
        str(n + 1), county, "王李张刘陈"[n % 5] + "伟芳娜敏静丽强磊军洋"[n % 10] + "勇艳杰娟涛明超"[n % 7], number, f"13{n + 100_000_000}",
        f"第{n % 997}学校", ("小学", "初中", "高中")[n % 3], ("语文", "数学", "英语", "物理")[n % 4], f"{n % 7000 // 100}班",
    ]  # fmt: skip


def write_text(file: Path, rows: int) -> None:
    with file.open("w", encoding="gb18030", newline="") as out:
        writer = csv.writer(out)
        writer.writerow(_HEADER)
        writer.writerows(row(n) for n in range(rows))


def write_workbook(file: Path, rows: int) -> None:
    with xlsxwriter.Workbook(str(file), {"constant_memory": True}) as book:
        sheet = book.add_worksheet("名册")
        sheet.merge_range(0, 0, 0, len(_HEADER) - 1, "培训学员花名册")
        for place, cells in enumerate([list(_HEADER), *(row(n) for n in range(rows))], start=1):
            sheet.write_row(place, 0, cells)


if __name__ == "__main__":
    main()
