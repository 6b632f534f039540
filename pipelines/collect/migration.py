"""Statements out of another learning-record store and into it, taken up again where it stopped."""

from __future__ import annotations

import json
import os
from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import ExitStack, closing
from dataclasses import dataclass
from datetime import timedelta
from hashlib import sha256
from pathlib import Path
from threading import Event
from typing import Any

from ingest.events import format_time
from ingest.lrs.attachments import Attachments, sha2_matches
from ingest.lrs.index.port import Query, Stored
from ingest.lrs.remote import Page, RemoteStore, Unwelcome
from ingest.lrs.standard.agents import whose_of
from ingest.lrs.standard.facets import voids
from ingest.lrs.standard.formats import instant
from ingest.lrs.standard.words import attachments_of
from ingest.lrs.writing.loading import load_statements
from ingest.lrs.writing.people import People
from ingest.sources.report import ImportReport
from pipelines.collect.store import IMPORTER, opened_store, read_index, rejecting
from pipelines.console import progress, until_interrupted
from pipelines.workspace import Workspace
from warehouse.errors import BadConfiguration

__all__ = ["Forwarded", "forward", "parse_key", "pull"]

#: Stores compare ``stored`` differently, so a pull begins a little earlier; a statement that comes twice is skipped by its id.
_OVERLAP = timedelta(seconds=1)
#: The most statements of one request, and the most bytes of their JSON.
_TOGETHER, _TOGETHER_BYTES = 100, 8 << 20


def parse_key(text: str) -> tuple[str, str]:
    """A client's id and secret from ``ID:SECRET``, or from a file that holds it, as ``@FILE``.

    Raises:
        BadConfiguration: it is neither.
    """
    if text.startswith("@"):
        try:
            text = Path(text[1:]).read_text(encoding="utf-8").strip()
        except OSError as error:
            raise BadConfiguration(f"the key's file cannot be read: {error.strerror}") from None
    key_id, colon, secret = text.partition(":")
    if not (key_id and colon and secret):
        raise BadConfiguration("--key is ID:SECRET of a key of that store, or @FILE with it")
    return key_id, secret


class _Place:
    """How far we are with another store, in a small file of the home."""

    def __init__(self, workspace: Workspace, kind: str, url: str, programme_id: str) -> None:
        name = sha256(f"{url} {programme_id}".encode()).hexdigest()[:16]
        self._path = workspace.settings.home / "migrations" / f"{kind}-{name}.json"
        self._about = {"url": url, "programme_id": programme_id}

    def read(self) -> dict[str, Any]:
        return dict(json.loads(self._path.read_text(encoding="utf-8"))) if self._path.exists() else {}

    def write(self, **place: Any) -> None:
        self._path.parent.mkdir(parents=True, exist_ok=True)
        fresh = self._path.with_suffix(".new")
        fresh.write_text(json.dumps({**self._about, **place}), encoding="utf-8")
        os.replace(fresh, self._path)


def pull(
    workspace: Workspace, url: str, key: tuple[str, str], programme_id: str, since: str | None, *, open_enrolments: bool
) -> ImportReport:
    """Store all statements of another store; again later, those that came since.

    Args:
        since: from when on (RFC 3339), instead of where the last one stopped.

    Raises:
        BadSource: it is no such store, or the key may not read.
        LogUnavailable: it does not answer; what was read is stored, and the next one goes on from there.
    """
    report = ImportReport()
    place = _Place(workspace, "pull", url, programme_id)
    stopping = Event()
    with ExitStack() as stack:
        store = stack.enter_context(opened_store(workspace))
        attachments = Attachments(workspace.settings.attachments, store.people.sealer)
        reject = rejecting(workspace, "pulled", store.people.sealer, programme_id)
        stack.enter_context(until_interrupted(stopping.set))
        bar = stack.enter_context(progress())
        task = bar.add_task(f"Statements of {url}"[:34], total=None)
        for page in RemoteStore(url, *key).pages(since or place.read().get("since")):
            _keep(attachments, store.people, programme_id, page)
            lines = [json.dumps(s, ensure_ascii=False).encode() for s in page.statements]
            load_statements(
                store, programme_id, lines, IMPORTER, report, reject, opens_enrolments=open_enrolments,
                advance=lambda: bar.advance(task),
            )  # fmt: skip
            stored = [s["stored"] for s in page.statements if isinstance(s.get("stored"), str)]
            if stored:
                place.write(since=format_time(max(instant(text) for text in stored) - _OVERLAP))
            if stopping.is_set():
                break
    return report


@dataclass(slots=True)
class Forwarded:
    """What was sent: statements taken, and those refused for good by the other store's status."""

    sent: int
    refused: Counter[int]


def forward(workspace: Workspace, url: str, key: tuple[str, str], programme_id: str, since: str | None) -> Forwarded:
    """Send the programme's statements to another store, oldest first; again later, those that came since.

    A statement keeps its id, so that one which was sent twice is there once. One that the other store refuses is counted, and
    the others go on.

    Raises:
        BadSource: the key may not write there.
        LogUnavailable: it does not answer; the next one goes on from there.
    """
    remote, done = RemoteStore(url, *key), Forwarded(0, Counter())
    place = _Place(workspace, "forward", url, programme_id)
    stopping = Event()
    with ExitStack() as stack:
        people = People(stack.enter_context(closing(workspace.vault())))
        attachments = Attachments(workspace.settings.attachments, people.sealer)
        index = stack.enter_context(read_index(workspace))
        stack.enter_context(until_interrupted(stopping.set))
        bar = stack.enter_context(progress())
        task = bar.add_task(f"Statements to {url}"[:34], total=None)
        after = None if since else tuple(place.read().get("after", ())) or None
        since_us = int(instant(since).timestamp() * 1e6) if since else None
        while not stopping.is_set():
            query = Query((), since_us, is_ascending=True, limit=_TOGETHER, after=after, most_bytes=_TOGETHER_BYTES)
            page = index.find(programme_id, query).statements
            if not page:
                break
            ids = [target for s in page if (target := voids(s.statement)) is not None]
            voided = index.statements(programme_id, ids)
            for version, group in _by_version([*voided.values(), *page]):
                said = [_without(people.whole(s.statement), _OURS) for s in group]
                whose = [whose_of(s.statement) for s in group]
                _send(remote, said, _contents(attachments, programme_id, whose, said), version, done)
            after = (page[-1].stored_us, page[-1].place)
            place.write(after=after)
            bar.advance(task, len(page))
    return done


#: Properties that the receiving store sets itself.
_OURS = ("stored", "authority")


def _by_version(statements: Sequence[Stored]) -> Iterator[tuple[str, list[Stored]]]:
    old = [s for s in statements if str(s.statement.get("version", "1")).startswith("1")]
    new = [s for s in statements if not str(s.statement.get("version", "1")).startswith("1")]
    yield from ((version, group) for version, group in (("1.0.3", old), ("2.0.0", new)) if group)


def _without(statement: Mapping[str, Any], names: Collection[str]) -> dict[str, Any]:
    return {k: v for k, v in statement.items() if k not in names}


def _keep(attachments: Attachments, people: People, programme_id: str, page: Page) -> None:
    """Keep the contents of a page's attachments, each for the people whose statements have it."""
    sound = {sha2.lower(): content for sha2, content in page.attachments.items() if sha2_matches(content, sha2)}
    for statement in page.statements if sound else ():
        try:
            wanted = {attachment["sha2"].lower() for attachment in attachments_of(statement)} & sound.keys()
            whose = people.whose(statement, IMPORTER) if wanted else ""
        except (KeyError, TypeError, AttributeError, IndexError):
            continue  # no statement: whoever loads it says so
        for sha2 in wanted:
            attachments.put(programme_id, whose, sha2, sound[sha2])


def _contents(
    attachments: Attachments, programme_id: str, owners: Sequence[str], statements: Sequence[Mapping[str, Any]]
) -> dict[str, bytes]:
    found = {}
    for whose, statement in zip(owners, statements, strict=True):
        for attachment in attachments_of(statement):
            content = attachments.get(programme_id, whose, attachment["sha2"].lower())
            if content is not None:
                found[attachment["sha2"].lower()] = content
    return found


def _send(
    remote: RemoteStore,
    statements: Sequence[Mapping[str, Any]],
    contents: Mapping[str, bytes],
    version: str,
    done: Forwarded,
) -> None:
    try:
        remote.send(statements, contents, version)
    except Unwelcome as refusal:
        if len(statements) == 1:
            done.refused[refusal.status] += 1
            return
        for statement in statements:
            wanted = {a["sha2"].lower() for a in statement.get("attachments", ())}
            _send(remote, [statement], {k: v for k, v in contents.items() if k in wanted}, version, done)
    else:
        done.sent += len(statements)
