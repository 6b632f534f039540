"""A package from npm, unpacked in the cache between runs; nothing of it is installed."""

from __future__ import annotations

import base64
import fcntl
import hashlib
import os
import shutil
import subprocess
import tarfile
from pathlib import Path


class PackageUnavailable(Exception):
    """Why there can be no package here."""


def package(name: str, version: str, sha512: str) -> Path:
    """The package's folder, fetched the first time and held to its hash (base64, as npm prints it).

    Raises:
        PackageUnavailable: no npm, or no way to the registry.
    """
    root = Path(os.environ.get("XDG_CACHE_HOME", Path.home() / ".cache")) / "xueqing"
    folder = root / f"npm-{hashlib.sha256(f'{name}@{version}'.encode()).hexdigest()[:12]}"
    root.mkdir(parents=True, exist_ok=True)
    with (root / "npm.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not (folder / "complete").exists():
            if shutil.which("npm") is None:
                raise PackageUnavailable("there is no npm on the PATH")
            folder.mkdir(exist_ok=True)
            command = ["npm", "pack", f"{name}@{version}", "--silent", "--pack-destination", str(folder)]
            done = subprocess.run(command, capture_output=True, text=True, timeout=300)
            if done.returncode != 0:
                raise PackageUnavailable(f"npm could not bring {name}: {done.stderr[-500:]}")
            (archive,) = folder.glob("*.tgz")
            digest = base64.b64encode(hashlib.sha512(archive.read_bytes()).digest()).decode()
            assert digest == sha512, f"{name}@{version} is not what it was"
            with tarfile.open(archive) as files:
                files.extractall(folder, filter="data")
            (folder / "complete").touch()
    return folder / "package"
