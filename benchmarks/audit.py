"""Speed of the audit: ``python -m benchmarks.audit [--figures 10000] [--wrong 100]``.

Audits an invented report of so many figures (counties with counts and rates, and a survey's shares), as written in files: as it
is, and with so many figures mistyped.
"""

from __future__ import annotations

import argparse
import csv
import random
import tempfile
import time
from pathlib import Path

from benchmarks.machine import describe
from pipelines.audit.auditing import audit
from pipelines.audit.corrections import slips
from pipelines.audit.possible import printed_share
from pipelines.audit.printed import Printed
from pipelines.audit.read import read_figures, read_relations

STEPS = ("participating", "login", "study", "pass")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--figures", type=int, default=10_000)
    parser.add_argument("--wrong", type=int, default=100)
    options = parser.parse_args()
    print(f"{describe()}\n\n| | figures | checks | findings | |\n|---|---:|---:|---:|---:|")
    for wrong in (0, options.wrong):
        with tempfile.TemporaryDirectory() as name:
            folder = Path(name)
            write_report(folder, options.figures, wrong)
            started = time.perf_counter()
            figures, unread = read_figures(folder / "figures.csv")
            done = audit(figures, read_relations(folder / "relations.csv"), unread)
            seconds = time.perf_counter() - started
        assert not unread
        print(
            f"| audit with {wrong} mistyped | {len(figures):,} | {len(done.statements):,} | {len(done.findings):,} | {seconds:.1f} s |"
        )


def write_report(folder: Path, size: int, wrong: int) -> None:
    chance = random.Random(1)
    rows: list[dict[str, str]] = []
    relations: list[tuple[str, str, str, str]] = []
    while len(rows) < size:
        county = f"k{len(rows)}"
        counts = sorted((chance.randint(50, 4_000) for _ in STEPS), reverse=True)
        for step, n in zip(STEPS, counts, strict=True):
            rows.append(
                {
                    "figure_id": f"{county}_{step}",
                    "value": str(n),
                    "indicator": step,
                    "group": county,
                    "unit": "learners",
                }
            )
        for step, n in zip(STEPS[1:], counts[1:], strict=True):
            rows.append(
                {"figure_id": f"{county}_{step}_rate", "value": printed_share(n, counts[0], 2), "indicator": step, "group": county,
                 "numerator": f"{county}_{step}", "denominator": f"{county}_{STEPS[0]}", "unit": "percent"}
            )  # fmt: skip
        n, cuts = counts[0], sorted(chance.randint(0, counts[0]) for _ in range(3))
        for level, k in enumerate(b - a for a, b in zip((0, *cuts), (*cuts, n), strict=True)):
            rows.append(
                {"figure_id": f"{county}_q{level}", "value": printed_share(k, n, 2), "unit": "percent", "part_of": county,
                 "denominator": f"{county}_{STEPS[0]}"}
            )  # fmt: skip
        relations.append((f"{county}_login", "<=", f"{county}_participating", "a part"))
    for row in chance.sample(rows, wrong):
        _, mistyped = next(slips(Printed.parse(row["value"])))
        row["value"] = mistyped.text
    columns = ("figure_id", "value", "indicator", "group", "unit", "numerator", "denominator", "part_of")
    with (folder / "figures.csv").open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, columns)
        writer.writeheader()
        writer.writerows(rows)
    with (folder / "relations.csv").open("w", encoding="utf-8", newline="") as file:
        csv.writer(file).writerows([("left", "relation", "right", "why"), *relations])


if __name__ == "__main__":
    main()
