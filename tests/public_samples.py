"""Public data that tests read and this repository does not hold: from a folder of clones, or fetched for the run.

``XUEQING_PUBLIC_SAMPLES`` names a folder that has a clone of each repository, as ``owner+name`` or ``owner+name/repo``.
"""

from __future__ import annotations

import os
import subprocess
from functools import cache
from pathlib import Path

import pytest

from tests.conftest import lacking

__all__ = ["PublicRepository"]

_SECONDS = 120


class PublicRepository:
    """A repository's newest commit; the test is skipped where it cannot be had."""

    def __init__(self, name: str, folder: Path) -> None:
        found = _clone(name, folder)
        if isinstance(found, str):
            lacking(
                "public_samples",
                f"{name} cannot be fetched ({found}); name a folder of clones with XUEQING_PUBLIC_SAMPLES",
            )
        self._git = found

    def files(self, under: str) -> list[str]:
        """The paths of the files in a folder."""
        listed = self._run("ls-tree", "-r", "-z", "--name-only", "HEAD", under)
        return listed.decode().rstrip("\0").split("\0")

    def read(self, path: str) -> bytes:
        """A file's content; the test is skipped where the clone lacks it."""
        try:
            return self._run("show", f"HEAD:{path}")
        except subprocess.CalledProcessError:
            pytest.skip(f"the clone lacks {path}")

    def _run(self, *arguments: str) -> bytes:
        return subprocess.run(["git", "-C", str(self._git), *arguments], check=True, capture_output=True).stdout


@cache
def _clone(name: str, folder: Path) -> Path | str:
    """The clone, or why there is none."""
    given = os.environ.get("XUEQING_PUBLIC_SAMPLES")
    plain = name.replace("/", "+")
    if given:
        places = [Path(given, plain, "repo"), Path(given, plain)]
        return next((place for place in places if place.is_dir()), f"{given} has no {plain}")
    target = folder / plain
    command = ["git", "clone", "--quiet", "--bare", "--depth", "1", f"https://github.com/{name}", str(target)]
    environment = os.environ | {"GIT_TERMINAL_PROMPT": "0"}
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=_SECONDS, env=environment)
    except (OSError, subprocess.TimeoutExpired) as error:
        return type(error).__name__
    return target if done.returncode == 0 else (done.stderr.strip().splitlines() or ["git failed"])[-1]
