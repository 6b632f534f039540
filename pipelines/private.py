"""Files of a home are for their owner only; the published file, where a setting says so, for a group besides."""

from __future__ import annotations

import grp
import os
import stat
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from pipelines.settings import Settings
from warehouse.errors import BadConfiguration

__all__ = ["check_writable", "keep_private", "open_to_group", "tighten"]

#: What is written into a home; anything else that lies there is not touched.
_OURS = (
    "attachments", "briefings", "bulletins", "demo-reports", "lake", "logs", "migrations", "named", "oulad-imported", "programmes", "rejected", "reports", "runs", "simulation-unfinished",
    "site", "site-restricted", ".site.new", ".site.old", ".site-restricted.new", ".site-restricted.old", "warehouse",
)  # fmt: skip
#: Files that have others beside them.
_OUR_FILES = ("keys.sqlite", "log.sqlite", "people-readings.", "statement-index.", "vault.key", "vault.sqlite")
_BESIDE = ("", "-journal", "-shm", "-wal", "-lock")


def keep_private() -> None:
    """From now on, whatever this process and those that it starts create is for its owner only."""
    os.umask(0o077)


def tighten(settings: Settings) -> None:
    """What an earlier version has left open to others is closed; costs a look at some dozen names where nothing is.

    A folder is closed before what is in it. What belongs to somebody else is left as it is.

    Raises:
        BadConfiguration: there is no such group as the setting names.
    """
    group = _group(settings)
    home = settings.home
    if home.is_dir() and all(_is_ours(path.name) for path in home.iterdir()):
        _close(home, group)
    for path in _files(settings):
        if path == settings.warehouse:
            _close(path, group)
        else:
            _close_all(path)
    for path in settings.warehouse.glob("*"):
        if path != _published(settings) or group is None:
            _close_all(path)
    open_to_group(settings)


def open_to_group(settings: Settings) -> None:
    """The published file for the group that the setting names, and the folders on the way to it, so that it may be opened.

    Raises:
        BadConfiguration: there is no such group.
    """
    group = _group(settings)
    if group is None:
        return
    for path, mode in ((settings.home, 0o710), (settings.warehouse, 0o710), (_published(settings), 0o640)):
        with suppress(OSError):
            os.chown(path, -1, group)
            path.chmod(mode)


def check_writable(home: Path) -> None:
    """Whether files can be made there.

    Raises:
        BadConfiguration: they cannot.
    """
    try:
        home.mkdir(parents=True, exist_ok=True)
        probe = home / f".probe-{os.getpid()}"
        probe.touch()
        probe.unlink()
    except OSError as error:
        raise BadConfiguration(
            f"nothing can be written into the home {home} ({error.strerror}); set XUEQING_HOME to a folder of yours"
        ) from None


def _group(settings: Settings) -> int | None:
    if not settings.published_group:
        return None
    try:
        return grp.getgrnam(settings.published_group).gr_gid
    except KeyError:
        raise BadConfiguration("XUEQING_PUBLISHED_GROUP names no group of this machine") from None


def _published(settings: Settings) -> Path:
    return settings.warehouse / "xueqing.duckdb"


def _is_ours(name: str) -> bool:
    return name in _OURS or name.startswith(_OUR_FILES)


def _files(settings: Settings) -> Iterator[Path]:
    """What the settings name, wherever it is, and what is in the home."""
    for url in (settings.log, settings.statement_index):
        if url.startswith("sqlite:"):
            file = str(Path(url.removeprefix("sqlite:")).expanduser())
            yield from (Path(file + end) for end in _BESIDE)
    yield from (settings.vault, settings.vault_key_file)
    if "://" not in settings.lake:
        yield Path(settings.lake)
    if settings.home.is_dir():
        yield from [path for path in settings.home.iterdir() if _is_ours(path.name)]


def _close_all(path: Path) -> None:
    """A file; a folder, and what is below it where it was not closed yet."""
    if _close(path) and path.is_dir():
        for folder, folders, files in os.walk(path):
            for name in (*folders, *files):
                _close(Path(folder, name))


def _close(path: Path, group: int | None = None) -> bool:
    """Take from others what they may; whether there was anything to take. ``group`` may go through a folder."""
    try:
        found = path.lstat()
        mode = stat.S_IMODE(found.st_mode)
        kept = mode & 0o7700 | (mode & 0o010 if group is not None and found.st_gid == group else 0)
        if (
            stat.S_ISLNK(found.st_mode)
            or kept == mode
            or not (stat.S_ISREG(found.st_mode) or stat.S_ISDIR(found.st_mode))
        ):
            return False
        path.chmod(kept)
    except OSError:
        return False
    return True
