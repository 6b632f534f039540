"""Brings a backup back into an empty home, whole or not at all.

While it is under way a file of the home says so (``.restoring``), and no command opens the home. The pieces are copied into a folder of the
home and checked there, then renamed to their places; the file that says so goes last. What a killed restore has left is what that file
names: the next one takes it away and begins anew.
"""

from __future__ import annotations

import errno
import os
import shutil
import sqlite3
from base64 import b64encode
from collections.abc import Callable, Iterable, Mapping
from contextlib import ExitStack, closing
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path, PurePosixPath

import msgspec

from ingest.identity import KeyFile, Vault
from ingest.log.port import EventLog
from ingest.log.sqlite import SqliteLog
from pipelines.erasing import apply_erasures
from pipelines.keeping import durable
from pipelines.keeping.backup import (
    FORMAT,
    KEYS,
    LOG,
    MANIFEST,
    READINGS,
    SETTINGS,
    TREES,
    VAULT,
    Manifest,
    Report,
    Signed,
)
from pipelines.keeping.durable import Piece, read_piece
from pipelines.settings import Settings, told_settings
from pipelines.workspace import RESTORING, log_file, open_log
from warehouse.errors import BadConfiguration, BadSource, IdentityError

__all__ = ["STEPS", "Restored", "check_backup", "restore"]

#: What ``probe`` is told, in this order: each when it is done. ``placed`` comes once for each piece.
STEPS = ("begun", "copied", "forgotten", "placing", "placed", "cleared", "finished")
_PIECES = ".restoring-pieces"
_BESIDE = ("", "-wal", "-shm", "-journal")


@dataclass(frozen=True, slots=True)
class Restored:
    """What was done: of what, how many people were forgotten again, and which settings of then are not set now."""

    manifest: Manifest
    forgotten_again: int
    unset: Mapping[str, str | None]
    has_programmes: bool


def check_backup(folder: Path, report: Report = lambda part, done, total: None) -> Manifest:
    """Compare every file with its digest.

    Raises:
        BadSource: it is no finished backup, one of a later version, or damaged; the message names the piece.
    """
    manifest = _read_manifest(folder)
    total = sum(piece.size for piece in manifest.files.values())
    for name, piece in manifest.files.items():
        path = folder / name
        if path.is_symlink() or not path.is_file():
            raise _damaged(folder, name, "is missing")
        try:
            found = read_piece(path, lambda size: report("Digests", size, total))
        except OSError as error:
            raise _damaged(folder, name, f"cannot be read ({error.strerror})") from None
        _compare(folder, name, piece, found)
    return manifest


def restore(
    settings: Settings,
    folder: Path,
    *,
    key_file: Path | None = None,
    report: Report = lambda part, done, total: None,
    probe: Callable[[str], None] = lambda step: None,
) -> Restored:
    """Bring a backup into the home that the settings name, which is empty or absent.

    Whoever was forgotten, as the log says, and is not in the vault's copy, is forgotten again. A log in Kafka is not in the backup: it is the one
    that XUEQING_LOG names, and must be the one of the backup and hold all that it held.

    Args:
        key_file: the vault's key; by default the usual settings say it. It is put where the settings look for it, if nothing is there.

    Raises:
        BadSource: the backup is damaged; the home is as it was.
        BadConfiguration: the home is not empty, or the settings name another kind of log.
        IdentityError: there is no key, or it does not open the vault.
        LogUnavailable: the log of Kafka cannot be reached.
        Transient: another restore is under way.
    """
    manifest = check_backup(folder, report)
    key = _key(settings, key_file) if VAULT in manifest.files else None
    with ExitStack() as stack:
        outside = stack.enter_context(_outside_log(settings, manifest)) if manifest.log.url else None
        home = settings.home
        try:
            durable.private_folder(home)
            stack.enter_context(durable.only_one(home, "another restore into that home is under way"))
            left = _left(home)
            _check_empty(settings, manifest, left)
            try:
                _clear(home, left)
                home.chmod(0o700)
                forgotten = _restore(settings, folder, manifest, key, outside, report, probe)
            except BaseException:
                _clear(home, _left(home) or ())
                _finish(home)
                raise
            _finish(home)
        except (OSError, sqlite3.Error) as error:
            why = error.strerror if isinstance(error, OSError) else error
            raise BadConfiguration(
                f"the backup cannot be brought into {home} ({why}); the home is as it was: see to room and rights, and run it again"
            ) from error
    probe("finished")
    then: dict[str, str | None] = msgspec.json.decode((folder / SETTINGS).read_bytes())
    now = told_settings()
    unset = {name: value for name, value in then.items() if name not in now and name != "XUEQING_HOME"}
    return Restored(manifest, forgotten, unset, any(name.startswith("programmes/") for name in manifest.files))


def _read_manifest(folder: Path) -> Manifest:
    if not (folder / MANIFEST).is_file():
        raise BadSource(f"{folder} is no finished backup: it has no {MANIFEST}")
    try:
        signed = msgspec.json.decode((folder / MANIFEST).read_bytes(), type=Signed)
        content = bytes(signed.manifest)
        if sha256(content).hexdigest() != signed.sha256:
            raise _damaged(folder, MANIFEST, "was changed")
        found = msgspec.json.decode(content)
        if isinstance(found, dict) and isinstance(found.get("format"), int) and found["format"] > FORMAT:
            raise BadSource(f"{folder} was made by a later version of Xueqing; restore it with that version")
        manifest = msgspec.json.decode(content, type=Manifest)
    except (OSError, ValueError, msgspec.MsgspecError):
        raise _damaged(folder, MANIFEST, "cannot be read") from None
    needed = {SETTINGS} | ({LOG} if not manifest.log.url else set())
    if manifest.format != FORMAT or not all(map(_is_ours, manifest.files)) or needed - manifest.files.keys():
        raise _damaged(folder, MANIFEST, "names other files than a backup has")
    return manifest


def _is_ours(name: str) -> bool:
    parts = PurePosixPath(name).parts
    if "\0" in name or ".." in parts or "/".join(parts) != name:
        return False
    return name in (LOG, VAULT, READINGS, KEYS, SETTINGS) or (len(parts) > 1 and parts[0] in TREES)


def _damaged(folder: Path, name: str, how: str) -> BadSource:
    return BadSource(f"the backup {folder} is damaged: {name} {how}; nothing was restored, take another backup")


def _compare(folder: Path, name: str, expected: Piece, found: Piece) -> None:
    if found.size != expected.size:
        raise _damaged(folder, name, f"has {found.size:,} bytes and not {expected.size:,}")
    if found != expected:
        raise _damaged(folder, name, "was changed")


def _key(settings: Settings, key_file: Path | None) -> bytes:
    if key_file is None:
        return settings.read_vault_key(create=False)
    try:
        key = KeyFile.parse(key_file.read_text(encoding="ascii", errors="replace"))
    except OSError as error:
        raise IdentityError(f"the vault's key cannot be read from {key_file} ({error.strerror})") from None
    usual = settings.vault_key is not None or settings.vault_key_file.is_file()
    if usual and settings.read_vault_key(create=False) != key:
        raise IdentityError("XUEQING_VAULT_KEY or XUEQING_VAULT_KEY_FILE has another key than --key; unset it")
    return key


def _outside_log(settings: Settings, manifest: Manifest) -> EventLog:
    """The log that the backup does not hold; it holds all that it held when the backup was made."""
    if log_file(settings.log) is not None:
        raise BadConfiguration(f"the log of this backup is in Kafka; set XUEQING_LOG={manifest.log.url}")
    log = open_log(settings.log, max(1, len(manifest.log.end_offsets)))
    ends = log.end_offsets()
    if log.log_id == manifest.log.log_id and all(ends.get(p, 0) >= end for p, end in manifest.log.end_offsets.items()):
        return log
    what = "ends before the backup does" if log.log_id == manifest.log.log_id else "is another one than the backup's"
    log.close()
    raise BadConfiguration(f"the log that XUEQING_LOG names {what}; bring the topic back first, or name the right one")


def _targets(settings: Settings, manifest: Manifest) -> dict[str, Path]:
    """Where each part of the backup is to be."""
    parts = {PurePosixPath(name).parts[0] for name in manifest.files} - {SETTINGS}
    places = {VAULT: settings.vault.absolute(), READINGS: settings.readings, KEYS: settings.keys}
    if LOG in parts:
        file = log_file(settings.log)
        if file is None:
            raise BadConfiguration("the backup holds a log in SQLite, and XUEQING_LOG names Kafka; unset it")
        places[LOG] = file.absolute()
    return {part: places.get(part, settings.home / part) for part in sorted(parts)}


def _left(home: Path) -> tuple[Path, ...] | None:
    """What a restore that did not end may have put in place; None where there was none."""
    try:
        return tuple(map(Path, msgspec.json.decode((home / RESTORING).read_bytes(), type=list[str])))
    except FileNotFoundError:
        return None
    except msgspec.MsgspecError:  # it died before it had put anything anywhere
        return ()


def _check_empty(settings: Settings, manifest: Manifest, left: tuple[Path, ...] | None) -> None:
    home, mine = settings.home, set(left or ())
    kept = {home / "lost+found", settings.vault_key_file.absolute(), home / f"{RESTORING}.new"}
    if left is not None:
        kept |= {home / RESTORING, home / _PIECES}
    if any(path not in mine and path not in kept for path in home.iterdir()):
        raise BadConfiguration(f"{home} is not empty; set XUEQING_HOME to a folder that is, or is not there yet")
    for name, target in _targets(settings, manifest).items():
        for end in _BESIDE if name in (LOG, VAULT, READINGS, KEYS) else ("",):
            path = target.with_name(target.name + end)
            if path not in mine and (path.exists() or path.is_symlink()):
                raise BadConfiguration(f"{path} is there already; nothing is restored over it: move it away")


def _clear(home: Path, left: Iterable[Path] | None) -> None:
    """Take away what a restore has left, but for the file that says so."""
    for path in (*(left or ()), home / _PIECES) if left is not None else ():
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path)
        else:
            path.unlink(missing_ok=True)


def _finish(home: Path) -> None:
    (home / f"{RESTORING}.new").unlink(missing_ok=True)
    (home / RESTORING).unlink(missing_ok=True)
    durable.sync_one(home)


def _say(home: Path, targets: Iterable[Path]) -> None:
    fresh = home / f"{RESTORING}.new"
    fresh.unlink(missing_ok=True)
    durable.write_through(fresh, msgspec.json.encode([str(path) for path in targets]))
    os.replace(fresh, home / RESTORING)
    durable.sync_one(home)


def _restore(
    settings: Settings, folder: Path, manifest: Manifest, key: bytes | None, outside: EventLog | None, report: Report, probe: Callable[[str], None],
) -> int:  # fmt: skip
    home, pieces = settings.home, settings.home / _PIECES
    _say(home, ())
    probe("begun")
    pieces.mkdir(mode=0o700)
    total = sum(piece.size for piece in manifest.files.values())
    for name, piece in manifest.files.items():
        if name != SETTINGS:
            _compare(folder, name, piece, durable.copy_file(folder / name, pieces / name))
            report("Copying", piece.size, total)
    probe("copied")
    forgotten = _check_pieces(pieces, manifest, key, outside)
    probe("forgotten")
    durable.sync(pieces)
    targets = _targets(settings, manifest)
    key_file = settings.vault_key_file.absolute()
    writes_key = key is not None and settings.vault_key is None and not key_file.exists()
    _say(home, [*targets.values(), *([key_file] if writes_key else [])])
    probe("placing")
    if key is not None and writes_key:
        durable.private_folder(key_file.parent)
        durable.write_through(key_file, b64encode(key) + b"\n")
    for name, target in targets.items():
        _place(pieces / name, target)
        probe("placed")
    shutil.rmtree(pieces)
    probe("cleared")
    return forgotten


def _check_pieces(pieces: Path, manifest: Manifest, key: bytes | None, outside: EventLog | None) -> int:
    """Open what was copied; returns how many people were forgotten again."""
    with ExitStack() as stack:
        log = outside
        if log is None:
            log = stack.enter_context(SqliteLog(pieces / LOG))
            if log.log_id != manifest.log.log_id or log.end_offsets() != manifest.log.end_offsets:
                raise BadSource("the backup's log is not the one that its manifest names; take another backup")
        if key is None:
            return 0
        try:
            with closing(Vault(pieces / VAULT, key)) as vault:
                return apply_erasures(vault, log, None)
        finally:
            # Whoever opens the vault makes it again.
            for end in ("-lock", ".lock"):
                (pieces / f"{VAULT}{end}").unlink(missing_ok=True)


def _place(staged: Path, target: Path) -> None:
    durable.private_folder(target.parent)
    try:
        os.replace(staged, target)
    except OSError as error:
        if error.errno != errno.EXDEV:
            raise
        fresh = target.with_name(f".{target.name}.restoring")
        fresh.unlink(missing_ok=True)
        durable.copy_file(staged, fresh)
        durable.sync_one(fresh)
        os.replace(fresh, target)
    durable.sync_one(target.parent)
