"""Opens what the settings name."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property
from pathlib import Path

from ingest.identity import Vault
from ingest.log.port import EventLog
from ingest.log.sqlite import SqliteLog
from ingest.packs import Pack, find_packs
from pipelines.settings import Settings
from warehouse.build import Warehouse
from warehouse.errors import BadConfiguration
from warehouse.lake import Lake

__all__ = ["Workspace", "open_log"]


def open_log(url: str, partitions: int) -> EventLog:
    """The log that ``url`` names (``sqlite:PATH`` or ``kafka://HOST:PORT/TOPIC``).

    Raises:
        BadConfiguration: not such a URL.
        LogUnavailable: it cannot be reached.
    """
    scheme, _, rest = url.partition(":")
    if scheme == "sqlite" and rest:
        return SqliteLog(Path(rest.removeprefix("//")).expanduser(), partitions=partitions)
    if scheme == "kafka" and rest.startswith("//"):
        servers, _, topic = rest[2:].partition("/")
        if servers and topic:
            from ingest.log.kafka import KafkaLog  # slow to import, and most runs need no Kafka

            return KafkaLog(servers.split(","), topic, partitions=partitions)
    raise BadConfiguration(f"XUEQING_LOG is {url!r}; it takes sqlite:PATH or kafka://HOST:PORT/TOPIC")


class Workspace:
    """One command's view of the log, lake, warehouse, packs and vault; each opened when first used."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings

    @cached_property
    def log(self) -> EventLog:
        """The event log."""
        return open_log(self.settings.log, self.settings.partitions)

    @cached_property
    def lake(self) -> Lake:
        """The lake."""
        return Lake(self.settings.lake)

    @cached_property
    def warehouse(self) -> Warehouse:
        """The warehouse."""
        return Warehouse(self.settings.warehouse)

    @cached_property
    def packs(self) -> Mapping[str, Pack]:
        """Every programme pack, by programme id."""
        return find_packs(self.settings.programmes)

    def pack(self, programme_id: str) -> Pack:
        """One pack; raises BadConfiguration where there is none of that id."""
        try:
            return self.packs[programme_id]
        except KeyError:
            known = ", ".join(sorted(self.packs))
            raise BadConfiguration(f"there is no programme {programme_id!r}; there are: {known}") from None

    def time_zone(self, programme_id: str) -> str:
        """The programme's time zone; UTC for one that no pack names."""
        return self.packs[programme_id].timezone if programme_id in self.packs else "UTC"

    def vault(self, *, create: bool = False) -> Vault:
        """The vault, opened with its key."""
        return Vault(self.settings.vault, self.settings.read_vault_key(create=create))
