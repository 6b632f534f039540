"""A learning-record store in a folder, and a client of it."""

from __future__ import annotations

import base64
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import httpx2 as httpx
from argon2 import PasswordHasher
from starlette.testclient import TestClient

from ingest.identity import Vault
from ingest.log.port import EventLog
from ingest.log.sqlite import SqliteLog
from ingest.lrs.access.keys import Keys
from ingest.lrs.access.tokens import Tokens
from ingest.lrs.attachments import Attachments
from ingest.lrs.http import Access, Limits, make_app
from ingest.lrs.index.port import StatementIndex
from ingest.lrs.index.sqlite import SqliteIndex
from ingest.lrs.writing.people import People
from ingest.lrs.writing.store import Store

KEK = bytes(range(32))
ALICE = {"mbox": "mailto:alice@example.org", "name": "Alice"}
STATEMENT: dict[str, Any] = {
    "actor": ALICE,
    "verb": {"id": "http://example.org/verbs/read", "display": {"en": "read"}},
    "object": {"id": "http://example.org/books/1"},
}


class Lrs:
    """Everything that a server has; ``ask`` sends a request with the version header and a key."""

    def __init__(
        self,
        folder: Path,
        *,
        log: EventLog | None = None,
        index: StatementIndex | None = None,
        limits: Limits | None = None,
        tokens: Tokens | None = None,
    ) -> None:
        self.folder = folder
        self.log = log or SqliteLog(folder / "log.sqlite")
        self.vault = Vault(folder / "vault.sqlite", KEK)
        self.people = People(self.vault)
        self.index = index or SqliteIndex(folder / "index.sqlite")
        # Secrets of a test need no strength, and it makes many.
        self.keys = Keys(folder / "keys.sqlite", PasswordHasher(time_cost=1, memory_cost=8, parallelism=1))
        self._limits, self._tokens = limits, tokens
        self.reopen()
        self.usual = self.key("all")

    def reopen(self) -> None:
        """A store on what there is."""
        self.store = Store(self.log, self.index, self.people)
        app = make_app(
            self.store,
            Access(self.keys, self._tokens),
            Attachments(self.folder / "attachments", self.people.sealer),
            base_url="http://127.0.0.1",
            limits=self._limits,
        )
        # Entered, it keeps its loop from one request to the next.
        self.client = TestClient(app).__enter__()

    def key(self, *scopes: str, programme: str = "p") -> str:
        """A new key, as the value of an Authorization header."""
        key, secret = self.keys.create(programme, scopes)
        return "Basic " + base64.b64encode(f"{key.key_id}:{secret}".encode()).decode()

    def ask(
        self, method: str, resource: str, *, version: str | None = "1.0.3", key: str | None = None,
        headers: Mapping[str, str] | None = None, **more: Any,
    ) -> httpx.Response:  # fmt: skip
        told = {"authorization": key or self.usual, **(headers or {})}
        if version is not None:
            told["x-experience-api-version"] = version
        return self.client.request(method, f"/xapi/{resource}", headers=told, **more)

    def post(self, *statements: dict[str, Any], **more: Any) -> list[str]:
        """Store statements; their ids."""
        answer = self.ask("POST", "statements", json=list(statements), **more)
        assert answer.status_code == 200, answer.text
        ids: list[str] = answer.json()
        return ids

    def statements(self, *, key: str | None = None, **parameters: Any) -> list[dict[str, Any]]:
        """What a query gives, all pages of it."""
        answer = self.ask("GET", "statements", params=parameters, key=key)
        found: list[dict[str, Any]] = []
        while True:
            assert answer.status_code == 200, answer.text
            found += answer.json()["statements"]
            more = answer.json()["more"]
            if not more:
                return found
            answer = self.ask("GET", more.removeprefix("/xapi/"), key=key)

    def close(self) -> None:
        self.client.__exit__()
        self.store.close()
        self.index.close()
        self.keys.close()
        self.vault.close()
        self.log.close()
