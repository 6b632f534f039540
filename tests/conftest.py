from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from ingest.packs import Pack, find_packs
from tests.browser import find_browser
from tests.kafka_broker import Broker, BrokerUnavailable, start_broker

ROOT = Path(__file__).parents[1]


@pytest.fixture(scope="session")
def broker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Broker]:
    try:
        running = start_broker(tmp_path_factory.mktemp("kafka"))
    except BrokerUnavailable as error:
        if "kafka" in os.environ.get("XUEQING_REQUIRE", ""):
            pytest.fail(f"XUEQING_REQUIRE asks for Kafka: {error}")
        pytest.skip(f"no Kafka broker: {error}")
    yield running
    running.stop()


@pytest.fixture(scope="session")
def shared_data() -> Path:
    folder = Path(os.environ.get("XUEQING_SHARED_DATA", ROOT.parent / "shared" / "data"))
    if not folder.is_dir():
        if "shared_data" in os.environ.get("XUEQING_REQUIRE", ""):
            pytest.fail(f"XUEQING_REQUIRE asks for the shared data, and {folder} is absent")
        pytest.skip(f"no shared data at {folder}; set XUEQING_SHARED_DATA")
    return folder


@pytest.fixture(scope="session")
def browser() -> str:
    found = find_browser()
    if found is None:
        if "browser" in os.environ.get("XUEQING_REQUIRE", ""):
            pytest.fail("XUEQING_REQUIRE asks for a browser, and no Chromium is on the PATH")
        pytest.skip("no Chromium on the PATH")
    return found


@pytest.fixture(scope="session")
def packs() -> dict[str, Pack]:
    return find_packs()
