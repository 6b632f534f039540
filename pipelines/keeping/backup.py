"""A copy of all that cannot be made again, taken while everything runs; `pipelines.keeping.restore` brings it back.

What can be made again from the log (lake, warehouse, index of statements, site) is not in it, nor is the vault's key. How far a migration
from another store has come is not either: it may be ahead of the copied log, and begun anew it takes nothing twice.
"""

from __future__ import annotations

import os
import shutil
import sqlite3
from base64 import b64encode
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from hashlib import sha256
from importlib.metadata import version
from pathlib import Path

import msgspec

from ingest.identity import Vault
from ingest.log.sqlite import SqliteLog
from pipelines.keeping.durable import (
    Piece,
    copy_file,
    empty_folder,
    only_one,
    private_folder,
    read_piece,
    sync,
    sync_one,
    write_through,
)
from pipelines.settings import Settings, told_settings
from pipelines.workspace import Workspace, log_file
from warehouse.errors import BadConfiguration, BadSource, IdentityError

__all__ = [
    "FORMAT", "KEYS", "LOG", "MANIFEST", "READINGS", "SETTINGS", "STEPS", "TREES", "VAULT", "BackedUp", "LogCopy", "Manifest", "Report", "Signed",
    "back_up",
]  # fmt: skip

FORMAT = 1
#: Names in a backup.
MANIFEST, LOG, VAULT, KEYS, SETTINGS = "manifest.json", "log.sqlite", "vault.sqlite", "keys.sqlite", "settings.json"
READINGS = "people-readings.sqlite"
#: Folders that are copied, by their name in a backup, and in a home.
TREES = ("attachments", "bulletins", "briefings", "rejected", "programmes")
#: What ``probe`` is told, in this order: each when it is done.
STEPS = ("log", "vault", "people-readings", "keys", "files", "synced", "manifest", "renamed")
_SEAL = "seal.json"
#: Pages of SQLite (4 KB each) copied between two signs of progress.
_PAGES = 4_096

#: Told how far it is: of which part, bytes done just now, and bytes in all (0 where that is not known).
Report = Callable[[str, int, int], None]


class LogCopy(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Which log it was, and up to where; ``url`` is empty where the backup holds the log itself."""

    url: str
    log_id: str
    begin_offsets: dict[int, int]
    end_offsets: dict[int, int]


class Manifest(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What a backup holds, and the instant at which it was begun."""

    format: int
    product: str
    made_at: datetime
    log: LogCopy
    files: dict[str, Piece]


class Signed(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The manifest's file: its bytes, and their SHA-256."""

    sha256: str
    manifest: msgspec.Raw


@dataclass(frozen=True, slots=True)
class BackedUp:
    """What was done."""

    folder: Path
    manifest: Manifest
    key_file: Path | None

    @property
    def size(self) -> int:
        """Bytes of all pieces."""
        return sum(piece.size for piece in self.manifest.files.values())


def back_up(
    workspace: Workspace,
    folder: Path,
    *,
    key_to: Path | None = None,
    report: Report = lambda part, done, total: None,
    probe: Callable[[str], None] = lambda step: None,
) -> BackedUp:
    """Copy log, vault, the record of who read names, keys, attachments, issued reports, refused lines, extra packs and settings into a new folder.

    The log is copied first, as it was at one instant, and all else after it. Whoever appends a record that names a person has put that person into
    the vault before, and what a statement's attachment holds is in its file before the statement is in the log: so everybody and
    every attachment that the copied log names is in the copy. What came in between is there too, and no record names it.

    It is written beside, under ``FOLDER.partial``, and renamed when it is whole; what is left of one that was killed is removed by the next.

    Args:
        key_to: a file, not there yet, that the vault's key is written to.

    Raises:
        BadConfiguration: the folder is there already or cannot be written, or there is no log.
        BadSource: a file that is to be copied is damaged.
        IdentityError: the key does not open the vault.
        LogUnavailable: the log cannot be reached.
        Transient: another backup is writing there.
    """
    folder = Path(os.path.normpath(folder.expanduser().absolute()))
    settings = workspace.settings
    _check(settings, folder, key_to)
    with _translated(folder):
        partial = folder.with_name(f"{folder.name}.partial")
        private_folder(partial)
        with only_one(partial, "another backup is being written there"):
            empty_folder(partial)
            try:
                made_at = datetime.now(UTC)
                files = _Files(partial, report)
                log = _copy_log(workspace, files)
                probe("log")
                # The vault notes the newest reading of names: the record comes after it, so that it holds that one.
                for name, source in ((VAULT, settings.vault), (READINGS, settings.readings), (KEYS, settings.keys)):
                    if source.exists():
                        _copy_sqlite(source, partial / name, name, report)
                        files.add(name)
                    probe(name.removesuffix(".sqlite"))
                for name, root in _trees(settings):
                    _copy_tree(root, name, files)
                write_through(partial / SETTINGS, msgspec.json.format(msgspec.json.encode(told_settings()), indent=1))
                files.add(SETTINGS)
                probe("files")
                sync(partial)
                probe("synced")
                manifest = Manifest(FORMAT, version("xueqing"), made_at, log, files.pieces)
                _write_manifest(partial / MANIFEST, manifest)
                probe("manifest")
                if key_to is not None:
                    _write_key(settings, key_to)
                _rename(partial, folder)
            except BaseException:
                shutil.rmtree(partial, ignore_errors=True)
                raise
    probe("renamed")
    return BackedUp(folder, manifest, key_to)


def _check(settings: Settings, folder: Path, key_to: Path | None) -> None:
    if folder.exists() or folder.is_symlink():
        raise BadConfiguration(f"{folder} is there already; name a folder that is not")
    for _, root in _trees(settings):
        if folder.is_relative_to(root.absolute()):
            raise BadConfiguration(f"{folder} is within what is backed up; name a folder elsewhere")
    file = log_file(settings.log)
    if file is not None and not file.exists():
        raise BadConfiguration(f"there is nothing to back up: no log at {file}; set XUEQING_HOME or XUEQING_LOG")
    if key_to is not None:
        if key_to.exists() or key_to.is_symlink():
            raise BadConfiguration(f"{key_to} is there already; name a file that is not")
        inside = (folder, folder.with_name(f"{folder.name}.partial"))
        if any(Path(os.path.normpath(key_to.absolute())).is_relative_to(one) for one in inside):
            raise BadConfiguration("the key is kept apart from the backup: name a file outside of it with --key-to")
        if not settings.vault_database and not settings.vault.exists():
            raise IdentityError("there is no vault yet, so there is no key to write")
        Vault(
            settings.vault_database or settings.vault, settings.read_vault_key(create=False)
        ).close()  # it opens the vault, or says that it does not


def _trees(settings: Settings) -> Iterator[tuple[str, Path]]:
    for name in TREES:
        root = settings.programmes if name == "programmes" else settings.home / name
        if root is not None and root.is_dir():
            yield name, root


class _Files:
    """The pieces that are there, each with its digest."""

    def __init__(self, folder: Path, report: Report) -> None:
        self.folder, self.report = folder, report
        self.pieces: dict[str, Piece] = {}

    def add(self, name: str) -> None:
        """A file that was written."""
        path = self.folder / name
        path.chmod(0o600)
        self.pieces[name] = read_piece(path)

    def copy(self, source: Path, name: str) -> None:
        """A file from elsewhere."""
        piece = copy_file(source, self.folder / name)
        self.pieces[name] = piece
        self.report(name.partition("/")[0], piece.size, 0)


def _copy_log(workspace: Workspace, files: _Files) -> LogCopy:
    log = workspace.log
    file = log_file(workspace.settings.log)
    if file is None:
        # The brokers keep the topic; what is needed to go on with it is where it is, which one, and how far it was.
        return LogCopy(workspace.settings.log, log.log_id, log.begin_offsets(), log.end_offsets())
    target = files.folder / LOG
    _copy_sqlite(file, target, LOG, files.report)
    with SqliteLog(target) as copied:
        if copied.log_id != log.log_id:
            raise BadSource(f"{file} was replaced by another log while it was copied; run it again")
        found = LogCopy("", copied.log_id, copied.begin_offsets(), copied.end_offsets())
    files.add(LOG)
    return found


def _copy_sqlite(source: Path, target: Path, name: str, report: Report) -> None:
    """A database as it is at one instant, whoever writes meanwhile.

    A transaction holds that instant: without one the copying would begin again with each write of another. A log's writers go on
    beside it (its WAL grows as long as it takes); those of the vault and the keys wait for a copy that is small.
    """
    try:
        with (
            closing(sqlite3.connect(f"{source.absolute().as_uri()}?mode=rw", uri=True, timeout=60, isolation_level=None)) as live,
            closing(sqlite3.connect(target, isolation_level=None)) as copy,
        ):  # fmt: skip
            live.execute("begin")
            live.execute("select count(*) from sqlite_schema").fetchone()
            page = int(live.execute("pragma page_size").fetchone()[0])
            copy.execute("pragma synchronous=off")  # all of it is synced at the end
            done = 0

            def progressed(status: int, remaining: int, total: int) -> None:
                nonlocal done
                report(name, (total - remaining - done) * page, total * page)
                done = total - remaining

            live.backup(copy, pages=_PAGES, progress=progressed)
            problem = str(copy.execute("pragma quick_check(1)").fetchone()[0])
    except sqlite3.OperationalError as error:
        raise BadSource(f"{source.name} cannot be copied ({error}); is there room, and may you write there?") from error
    except sqlite3.DatabaseError as error:
        raise BadSource(f"{source} is damaged ({error}); restore it from an earlier backup") from error
    if problem != "ok":
        raise BadSource(f"{source} is damaged, so it is not backed up; restore it from an earlier backup")


def _copy_tree(root: Path, name: str, files: _Files) -> None:
    """Every file of a folder, but for those that are being written.

    A seal comes after all that it seals: one that was there at the first look seals files that are there at the second.
    """
    first = set(_listed(root))
    second = {path for path in _listed(root) if path.name != _SEAL}
    for path in sorted(first | second):
        if any(part.startswith(".") for part in path.parts) or (name == "attachments" and "." in path.name):
            continue
        try:
            path.as_posix().encode()
        except UnicodeEncodeError:
            raise BadSource(f"a file in {root} has a name that is no text; rename it") from None
        with suppress(FileNotFoundError):  # replaced or taken away since
            files.copy(root / path, f"{name}/{path.as_posix()}")


def _listed(root: Path) -> Iterator[Path]:
    def fail(error: OSError) -> None:
        raise error

    for folder, _, names in os.walk(root, onerror=fail):
        for name in names:
            path = Path(folder, name)
            if path.is_file() and not path.is_symlink():
                yield path.relative_to(root)


def _write_manifest(path: Path, manifest: Manifest) -> None:
    content = msgspec.json.format(msgspec.json.encode(manifest), indent=1)
    write_through(path, msgspec.json.encode(Signed(sha256(content).hexdigest(), msgspec.Raw(content))) + b"\n")
    sync_one(path.parent)


def _write_key(settings: Settings, target: Path) -> None:
    """The key in a file of its own, as it was given."""
    key = settings.read_vault_key(create=False)
    private_folder(target.parent)
    write_through(target, b64encode(key) + b"\n")


def _rename(partial: Path, folder: Path) -> None:
    try:
        os.rename(partial, folder)  # noqa: PTH104 - beside os.replace: it takes the place of no file
    except OSError:
        raise BadConfiguration(f"{folder} is there by now; name a folder that is not") from None
    sync_one(folder.parent)


@contextmanager
def _translated(folder: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise BadConfiguration(
            f"the backup cannot be written to {folder} ({error.strerror}); nothing is left of it: see to room and rights, and run it again"
        ) from error
