from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NoReturn

import pytest

from ingest.programmes.folders import find_packs
from ingest.programmes.pack import Pack
from tests.browser import find_browser
from tests.kafka_broker import Broker, BrokerUnavailable, start_broker
from tests.postgres_server import postgres_server

ROOT = Path(__file__).parents[1]


#: Files that take a minute and more; begun first, none of them is left over when the other workers are done.
LONGEST = (
    "test_spark_parity", "test_demo", "test_open_university", "test_commands", "test_site_in_a_browser", "test_dagster", "test_sink_faults",
    "test_warehouse_properties", "test_publish", "test_dagster_daemon", "test_traces", "test_definitions_in_force", "test_lrs_server",
    "test_development", "test_bulletins", "test_statements_into_marts", "test_private_home", "test_damage", "test_models", "test_small_memory",
)  # fmt: skip


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    places = {name: place for place, name in enumerate(LONGEST)}
    items.sort(key=lambda item: places.get(item.path.stem, len(places)))


def lacking(part: str, why: object) -> NoReturn:
    """Skip for want of a part that not every machine has; fail where XUEQING_REQUIRE names it."""
    if part in os.environ.get("XUEQING_REQUIRE", "").split(","):
        pytest.fail(f"XUEQING_REQUIRE asks for {part}: {why}")
    pytest.skip(f"no {part}: {why}")


@pytest.fixture(scope="session")
def postgres(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[[], str]]:
    """A real PostgreSQL, of a wheel; gives the URL of a new database each time."""
    # Its library looks for a folder of the session's, which a container has not.
    os.environ.setdefault("XDG_RUNTIME_DIR", str(tmp_path_factory.mktemp("runtime")))
    with postgres_server() as database:
        yield database


@pytest.fixture(scope="session")
def broker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Broker]:
    try:
        running = start_broker(tmp_path_factory.mktemp("kafka"))
    except BrokerUnavailable as error:
        lacking("kafka", error)
    yield running
    running.stop()


@pytest.fixture(scope="session")
def shared_data() -> Path:
    folder = Path(os.environ.get("XUEQING_SHARED_DATA", ROOT.parent / "shared" / "data"))
    if not folder.is_dir():
        lacking("shared_data", f"{folder} is absent; set XUEQING_SHARED_DATA")
    return folder


@pytest.fixture(scope="session")
def browser() -> str:
    found = find_browser()
    if found is None:
        lacking("browser", "no Chromium is on the PATH")
    return found


@pytest.fixture(scope="session")
def packs() -> dict[str, Pack]:
    return find_packs()
