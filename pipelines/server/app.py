"""The application of one process, with all that it opens."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager
from dataclasses import replace
from pathlib import Path

from starlette.types import ASGIApp

from ingest.lrs.access.keys import Keys
from ingest.lrs.access.tokens import Tokens
from ingest.lrs.attachments import Attachments
from ingest.lrs.http import Access, Limits, Observer, as_shipped, make_app, resource_of
from ingest.sources.counting import Counting
from pipelines.collect.platform_logs import first_instant
from pipelines.collect.store import opened_store
from pipelines.reports.public import PublicSite
from pipelines.server.access_log import access_log
from pipelines.server.listening import Listening
from pipelines.server.pages import pages
from pipelines.workspace import Workspace

__all__ = ["opened_app"]


#: Seconds for which a server may still count by a pack that another was loaded over.
_FRESH_S = 30.0


class CaliperCounting:
    """What the Caliper events of programmes count as, by the definitions in force; several threads may ask."""

    def __init__(self, workspace: Workspace) -> None:
        self._workspace, self._lock = workspace, threading.Lock()
        self._known: dict[str, tuple[float, Counting, str | None]] = {}

    def of(self, programme_id: str) -> tuple[Counting, str | None]:
        """A programme's rules, and when enrolments begin that its keys may open; of a programme without definitions, the rows that ship."""
        with self._lock:
            read_at, counting, opened_at = self._known.get(programme_id, (-_FRESH_S, None, None))
            if counting is None or time.monotonic() - read_at >= _FRESH_S:
                counting, opened_at = self._read(programme_id)
                self._known[programme_id] = time.monotonic(), counting, opened_at
            return counting, opened_at

    def _read(self, programme_id: str) -> tuple[Counting, str | None]:
        definitions = self._workspace.definitions
        if programme_id not in definitions.programmes:
            return as_shipped(programme_id)
        pack = definitions.in_force(programme_id)
        return Counting("caliper", pack.tables["sources"]), first_instant(pack)


@contextmanager
def opened_app(
    workspace: Workspace, listening: Listening, number: int = 1, shared: Path | None = None
) -> Iterator[ASGIApp]:
    """The application, its index caught up with the log; accepted records are written before it closes.

    Args:
        number: of the process, from 1.
        shared: a folder of all processes of the server.
    """
    settings = workspace.settings
    with ExitStack() as stack:
        keys = stack.enter_context(closing(Keys(settings.keys)))
        tokens = (
            Tokens(settings.oidc_issuer, settings.oidc_audience, settings.oidc_claim) if settings.oidc_issuer else None
        )
        store = stack.enter_context(opened_store(workspace))
        # A file for each process: several writers cannot rotate one file.
        name = "access.ndjson" if number == 1 else f"access-{number}.ndjson"
        log = stack.enter_context(access_log(settings.home / "logs" / name))
        observer = Observer(resource_of, log, shared)
        limits = Limits()
        yield make_app(
            store, Access(keys, tokens), Attachments(settings.attachments, store.people.sealer), base_url=listening.base_url, observer=observer,
            pages=pages(PublicSite(settings.home / "site"), settings.language), limits=replace(limits, held_bytes=limits.held_bytes // listening.processes),
            counting_of=CaliperCounting(workspace).of,
        )  # fmt: skip
