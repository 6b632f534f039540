"""What a process that runs dbt begins with: dbt imported, and the project as dbt reads it. See :mod:`warehouse.warm`."""

from __future__ import annotations

import contextlib
import gc
import json
import os
import shutil
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

from dbt.adapters.duckdb.connections import DuckDBConnectionManager
from dbt.cli.main import dbtRunner
from dbt.contracts.graph.manifest import Manifest
from dbt_common.events.base_types import EventMsg
from dbt_common.events.functions import msg_to_dict
from dbt_common.utils.encoding import ForgivingJSONEncoder

from warehouse.dbt import BUILD_FILE, MANIFEST, dbt_arguments, kept_folder, project_digest

__all__ = ["run"]

_PARSED = "partial_parse.msgpack"
_SILENT = ("--log-level", "none")


@contextlib.contextmanager
def _parsed(target: Path) -> Iterator[None]:
    """Let dbt find what it made of this project when it last read it (3 s).

    dbt itself looks whether it may be used, and reads the project anew if not.
    """
    kept = kept_folder()
    if (kept / _PARSED).exists() and not (target / _PARSED).exists():
        target.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(kept / _PARSED, target / _PARSED)
    started = time.time()
    yield
    for name in (_PARSED, MANIFEST):
        _keep(target / name, kept, started)


def _keep(file: Path, kept: Path, started: float) -> None:
    # One that is older may be of another state of the project.
    if not (kept / file.name).exists() and file.exists() and file.stat().st_mtime >= started:
        with contextlib.suppress(OSError):  # a home that may not be written to: then it is made each time
            kept.mkdir(parents=True, exist_ok=True)
            beside = kept / f"{file.name}.{os.getpid()}"
            shutil.copyfile(file, beside)
            os.replace(beside, kept / file.name)


def _read() -> Manifest | None:
    """The project as dbt reads it; none if it cannot, which a run then says."""
    with tempfile.TemporaryDirectory() as name:
        work = Path(name)
        with _parsed(work / "target"):
            # Without the manifest's file for who has it.
            written = ["--no-write-json"] if (kept_folder() / MANIFEST).exists() else []
            done = dbtRunner().invoke([*_SILENT, *written, *dbt_arguments(["parse"], work)])
    return done.result if done.success and isinstance(done.result, Manifest) else None


_digest = project_digest()
_manifest = _read()


def run(arguments: Sequence[str]) -> int:
    """``dbt ARGUMENTS`` in a working directory; its exit code."""
    # A run makes millions of objects that live until its end: each look for cycles among them finds none, and takes a sixteenth of its time.
    gc.set_threshold(100_000, 50, 100)
    command, *more = arguments
    work = Path.cwd()
    known = (kept_folder() / MANIFEST).exists()
    current = BUILD_FILE not in os.environ and command != "parse" and project_digest() == _digest
    manifest = _manifest if current else None
    if manifest is not None and not known:
        manifest.write(str(work / "target" / MANIFEST))  # type: ignore[no-untyped-call]
    # What dbt writes of a build is not read, and takes it a second.
    quick = ["--no-write-json"] if command == "build" and (manifest is not None or known) else []
    with _parsed(work / "target") if manifest is None else contextlib.nullcontext():
        done = dbtRunner(manifest, [_tell]).invoke([*_SILENT, *quick, *dbt_arguments([command, *more], work)])
    if done.exception is not None:
        print(done.exception)
    # The file is closed so; the rest is not taken apart, which takes Python a second.
    DuckDBConnectionManager.close_all_connections()  # type: ignore[no-untyped-call]
    return 0 if done.success else 1


def _tell(event: EventMsg) -> None:
    """Print an event as dbt's own log in JSON does, which writes a line of the thousands that it then leaves out, too."""
    if event.info.level in ("info", "warn", "error"):
        # In one piece: there are several threads.
        sys.stdout.write(json.dumps(msg_to_dict(event), cls=ForgivingJSONEncoder) + "\n")
        sys.stdout.flush()
