"""Asking a learning-record store of many statements: ``python -m benchmarks.lrs_queries [--statements 10000000] [--gets 400]``.

Fills the index of a fresh home with simulated statements as a rebuild would, but not through a log (whose records would take longer than what is
measured), then starts ``xueqing serve`` and asks it over HTTP for a page of 25 by agent, verb, activity and time, alone and together.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import random
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from statistics import quantiles
from tempfile import TemporaryDirectory
from urllib.parse import urlencode

import msgspec

from benchmarks.lrs import LEARNERS, PROGRAMME, VERBS, agent, learner, sent, started, statement, video
from benchmarks.machine import describe
from benchmarks.wire import request
from ingest.lrs.index.port import Record, Said
from ingest.lrs.index.sqlite import SqliteIndex
from ingest.lrs.standard.facets import facts_of
from ingest.lrs.standard.formats import stored_text
from ingest.lrs.writing.people import People
from pipelines.settings import Settings
from pipelines.workspace import Workspace

_TOGETHER = 5_000
#: The first was stored then (microseconds since 1970), each later one ten milliseconds after the one before.
_FIRST_US, _STEP_US = 1_507_777_777_000_000, 10_000


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--statements", type=int, default=10_000_000, help="in the index")
    parser.add_argument("--gets", type=int, default=400, help="of each kind")
    options = parser.parse_args()
    with TemporaryDirectory() as name:
        began = time.perf_counter()
        fill(Path(name), options.statements)
        seconds = time.perf_counter() - began
        size = sum(f.stat().st_size for f in Path(name).glob("statement-index*")) / 1e9
        print(f"\nSimulated statements; {describe()}\n\n| | |\n|---|---:|")
        print(f"| {options.statements:,} statements in the index, filled in | {seconds:,.0f} s, {size:.1f} GB |")
        with started(home=Path(name)) as (own, _, _):
            for kind, each in asked(own, options.statements, options.gets):
                cut = quantiles(each, n=100)
                print(f"| GET by {kind}, a page of 25: median, p99 | {1000 * cut[49]:.0f}, {1000 * cut[-1]:.0f} ms |")


def fill(home: Path, count: int) -> None:
    """Statements of as many learners as the programme has, as the store would keep them."""
    workspace = Workspace(Settings.from_environment({"XUEQING_HOME": str(home)}))
    chance = random.Random(7)
    with (
        closing(workspace.vault(create=True)) as vault,
        workspace.log as log,
        closing(SqliteIndex(home / "statement-index.sqlite")) as index,
    ):
        people = People(vault)
        index.bind(log.log_id)
        authority = {"objectType": "Agent", "account": {"homePage": "http://127.0.0.1", "name": "benchmark"}}
        people.learn([authority, *(learner(number) for number in range(LEARNERS))])
        kept = people.replaced(authority)
        for start in range(0, count, _TOGETHER):
            records = []
            for place in range(start, min(start + _TOGETHER, count)):
                said, stored_us = statement(chance), _FIRST_US + place * _STEP_US
                said |= {
                    "actor": people.replaced(said["actor"]),
                    "version": "2.0.0",
                    "stored": stored_text(stored_us),
                    "authority": kept,
                }
                records.append(Record(0, place, PROGRAMME, stored_us, Said(facts_of(said), msgspec.json.encode(said))))
            index.apply(records)


def asked(own: str, count: int, gets: int) -> Iterator[tuple[str, list[float]]]:
    """Seconds of each request, by kind."""
    chance = random.Random(17)

    def some_time() -> str:
        return stored_text(_FIRST_US + chance.randrange(count) * _STEP_US)

    # The key's secret is checked once by its slow hash.
    asyncio.run(sent([request(own, "GET", "statements?limit=1")], 1))
    kinds: dict[str, Callable[[], dict[str, str]]] = {
        "agent": lambda: {"agent": json.dumps(agent(chance))},
        "verb": lambda: {"verb": chance.choice(VERBS)},
        "activity": lambda: {"activity": video(chance)},
        "time": lambda: {"since": some_time(), "ascending": "true"},
        "agent and verb": lambda: {"agent": json.dumps(agent(chance)), "verb": chance.choice(VERBS)},
        "agent and activity": lambda: {"agent": json.dumps(agent(chance)), "activity": video(chance)},
        "activity and verb until a time": lambda: {
            "activity": video(chance),
            "verb": chance.choice(VERBS),
            "until": some_time(),
        },
        "related agent": lambda: {"agent": json.dumps(agent(chance)), "related_agents": "true"},
        "related activity": lambda: {"activity": "http://example.org/course", "related_activities": "true"},
    }
    for kind, parameters in kinds.items():
        requests = [
            request(own, "GET", f"statements?{urlencode({**parameters(), 'limit': '25'})}") for _ in range(gets)
        ]
        yield kind, asyncio.run(sent(requests, 2))[1]


if __name__ == "__main__":
    main()
