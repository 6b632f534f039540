"""Speed of the survey's analysis: ``python -m benchmarks.survey [--respondents 1000000] [--items 30]``.

Reads so many invented answers on five levels, with a group of ten, from a CSV file, analyses them and makes the report's page.
"""

from __future__ import annotations

import argparse
import resource
import tempfile
import time
from datetime import date
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.csv as pa_csv

from benchmarks.machine import describe
from pipelines.reports.document.html import render_html
from pipelines.reports.survey.compose import compose_survey
from pipelines.survey.analysis import analyse
from pipelines.survey.answers import read_answers
from pipelines.survey.form import Form, Item, Level

LEVELS = ("很不满意", "不满意", "一般", "满意", "很满意")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--respondents", type=int, default=1_000_000)
    parser.add_argument("--items", type=int, default=30)
    options = parser.parse_args()
    form = Form(
        "f", "满意度", "Satisfaction", tuple(Level(n, label, label) for n, label in enumerate(LEVELS, 1)),
        tuple(Item(f"q{n}", f"第{n}题", f"Question {n}") for n in range(options.items)), neutral=3, groups={"place": "place"},
    )  # fmt: skip
    with tempfile.TemporaryDirectory() as name:
        file = Path(name) / "answers.csv"
        write(file, options.respondents, options.items)
        before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
        started = time.perf_counter()
        answers = read_answers(file, form)
        read = time.perf_counter()
        found = analyse(answers)
        analysed = time.perf_counter()
        page = render_html(compose_survey(found, "en", on=date(2017, 12, 25), is_public=True))
        done = time.perf_counter()
        assert found.answers.respondents == options.respondents
        assert len(page) > 10_000
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(f"{describe()}\n\n{options.respondents:,} respondents × {options.items} items\n\n| | |\n|---|---:|")
    print(f"| read from CSV | {read - started:.1f} s |\n| analysed | {analysed - read:.1f} s |")
    print(f"| made into a page | {done - analysed:.1f} s |\n| together | {done - started:.1f} s |")
    print(f"| peak memory ({before:,.0f} MB before it began) | {peak:,.0f} MB |")


def write(file: Path, respondents: int, items: int) -> None:
    """In pieces, so that writing needs less memory than what is measured."""
    chance = np.random.default_rng(1)
    names = [*(f"q{n}" for n in range(items)), "place"]
    with pa_csv.CSVWriter(file, pa.schema([(n, pa.string()) for n in names])) as target:
        for start in range(0, respondents, 50_000):
            size = min(50_000, respondents - start)
            mood = chance.normal(size=size)
            columns = [
                pa.DictionaryArray.from_arrays(
                    np.digitize(mood + chance.normal(size=size), [-2.5, -1.5, 0, 1.2]).astype(np.int32), pa.array(LEVELS)
                ).cast(pa.string())
                for _ in range(items)
            ]  # fmt: skip
            places = pa.array([f"place {n}" for n in chance.integers(0, 10, size)])
            target.write_table(pa.table([*columns, places], names=names))


if __name__ == "__main__":
    main()
