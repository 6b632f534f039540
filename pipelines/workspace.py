"""Opens what the settings name."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import ExitStack, closing, contextmanager
from functools import cache, cached_property
from pathlib import Path

from ingest.identity import Vault
from ingest.identity.sealing import Sealer
from ingest.log.port import EventLog
from ingest.log.sqlite import SqliteLog
from ingest.programmes.definitions import Definitions
from ingest.programmes.folders import find_packs
from ingest.programmes.history import read_loadings
from ingest.programmes.pack import Pack
from pipelines.erasing import apply_erasures
from pipelines.private import tighten
from pipelines.settings import Settings
from warehouse.build import Warehouse
from warehouse.errors import BadConfiguration, IdentityError, NoLog
from warehouse.lake import Lake
from warehouse.query import connect_lake

__all__ = ["RESTORING", "Workspace", "log_file", "open_log"]

#: A file in a home that is being restored: until it is gone, no command opens the home.
RESTORING = ".restoring"


def log_file(url: str) -> Path | None:
    """The file of a log in SQLite; None where ``url`` names another kind."""
    scheme, _, rest = url.partition(":")
    return Path(rest.removeprefix("//")).expanduser() if scheme == "sqlite" and rest else None


def open_log(url: str, partitions: int, *, create: bool = True) -> EventLog:
    """The log that ``url`` names (``sqlite:PATH`` or ``kafka://HOST:PORT/TOPIC``).

    Args:
        create: make it where there is none.

    Raises:
        BadConfiguration: not such a URL.
        NoLog: there is none and none is to be made.
        LogUnavailable: it cannot be reached.
    """
    file = log_file(url)
    if file is not None:
        return SqliteLog(file, partitions=partitions, create=create)
    scheme, _, rest = url.partition(":")
    if scheme == "kafka" and rest.startswith("//"):
        servers, _, topic = rest[2:].partition("/")
        if servers and topic:
            from ingest.log.kafka import KafkaLog  # slow to import, and most runs need no Kafka

            return KafkaLog(servers.split(","), topic, partitions=partitions, create=create)
    raise BadConfiguration(f"XUEQING_LOG is {url!r}; it takes sqlite:PATH or kafka://HOST:PORT/TOPIC")


class Workspace:
    """One command's view of the log, lake, warehouse, packs and vault; each opened when first used.

    What is there already is closed to others first.

    Raises:
        BadConfiguration: a restore into the home was not finished.
    """

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self._definitions: tuple[int, Definitions] | None = None
        if (settings.home / RESTORING).exists():
            raise BadConfiguration(
                f"a restore into {settings.home} is under way or was broken off; run it again: xueqing restore FOLDER"
            )
        tighten(settings)

    @cached_property
    def log(self) -> EventLog:
        """The event log, for whoever brings events in; it is made where there is none.

        Raises:
            NoLog: there is none, but a lake that was made from one.
        """
        try:
            return self.existing_log
        except NoLog:
            if self.lake.exists:
                raise
        return open_log(self.settings.log, self.settings.partitions)

    @cached_property
    def existing_log(self) -> EventLog:
        """The event log, for whoever reads it.

        Raises:
            NoLog: there is none.
        """
        return open_log(self.settings.log, self.settings.partitions, create=False)

    @cached_property
    def lake(self) -> Lake:
        """The lake."""
        return Lake(self.settings.lake)

    @cached_property
    def warehouse(self) -> Warehouse:
        """The warehouse."""
        return Warehouse(self.settings.warehouse)

    @property
    def definitions(self) -> Definitions:
        """The definitions in force, as of what the lake has read of the log; read again when it has read more.

        Raises:
            BadConfiguration: a pack on the disk that was never loaded has errors.
            LakeDamaged: the lake cannot be read.
        """
        version = -1
        if self.lake.exists:
            self.lake.refresh()
            version = self.lake.version
        if self._definitions is None or self._definitions[0] != version:
            loadings = []
            if self.lake.exists:
                with connect_lake(self.lake) as con:
                    loadings = read_loadings(con)
            self._definitions = version, Definitions(loadings, self.packs_on_disk)
        return self._definitions[1]

    def packs_on_disk(self, loaded: Collection[str] = ()) -> Mapping[str, Pack]:
        """The packs on the disk, by programme id; of those ``loaded`` the ones with errors are left out.

        They define only what was never loaded: :attr:`definitions` says what is in force.
        """
        return find_packs(self.settings.programmes, loaded=loaded)

    @contextmanager
    def sealing(self, *, create: bool = False) -> Iterator[Callable[[], Sealer]]:
        """What seals and opens texts; the vault is opened when it is first called for."""
        with ExitStack() as stack:

            @cache
            def sealer() -> Sealer:
                return Sealer(stack.enter_context(closing(self.vault(create=create))))

            yield sealer

    def vault(self, *, create: bool = False) -> Vault:
        """The vault, opened with its key; whom the log says was erased since it was last opened is forgotten first.

        Raises:
            IdentityError: there is none, it is damaged, or the key is not its own.
            LogUnavailable: the log cannot tell who was erased; nobody is named until it can.
        """
        key = self.settings.read_vault_key(create=create)
        if not create and not self.settings.vault_database and not self.settings.vault.exists():
            raise IdentityError(
                f"there is no vault at {self.settings.vault}: name it with XUEQING_VAULT, or put it back from a backup"
            )
        vault = Vault(self.settings.vault_database or self.settings.vault, key)
        try:
            apply_erasures(vault, self.log if create else self.existing_log, self.lake)
        except BaseException:
            vault.close()
            raise
        return vault
