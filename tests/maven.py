"""Jars from Maven Central, cached between runs; nothing is installed outside the cache."""

from __future__ import annotations

import fcntl
import os
import shutil
import subprocess
from hashlib import sha256
from pathlib import Path


class JarsUnavailable(Exception):
    """Why there can be no jars here."""


def jars(pom: Path, name: str) -> Path:
    """The folder with the jars that ``pom`` asks for, fetched the first time.

    Raises:
        JarsUnavailable: no Java, no Maven, or no way to the repository.
    """
    if shutil.which("java") is None:
        raise JarsUnavailable("there is no java on the PATH (17 or later)")
    root = Path(os.environ.get("XDG_CACHE_HOME", Path.home() / ".cache")) / "xueqing"
    folder = root / f"{name}-{sha256(pom.read_bytes()).hexdigest()[:12]}"
    root.mkdir(parents=True, exist_ok=True)
    with (root / f"{name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not (folder / "complete").exists():
            if shutil.which("mvn") is None:
                raise JarsUnavailable(f"there is no mvn on the PATH, and the jars of {name} are not cached")
            command = ["mvn", "-q", "-B", "-f", str(pom), "dependency:copy-dependencies", f"-DoutputDirectory={folder}"]
            done = subprocess.run(command, capture_output=True, text=True, timeout=900)
            if done.returncode != 0:
                raise JarsUnavailable(f"Maven could not bring the jars of {name}: {done.stdout[-800:]}")
            (folder / "complete").touch()
    return folder
