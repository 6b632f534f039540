"""``xueqing …`` as a process of its own, forked from one that has imported the program and nothing else.

Two thirds of what a short command costs is importing; what runs is :func:`pipelines.cli.main`, with its own arguments,
environment, streams and exit status.
"""

from __future__ import annotations

import os
import signal
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from subprocess import CompletedProcess

from warehouse.warm import fork, prepare


def run(arguments: Sequence[str]) -> None:
    """What the process does."""
    sys.argv = ["xueqing", *arguments]
    from pipelines.cli import main
    from pipelines.console import errors, output

    # Made when they were imported, where another width may have been set.
    output.width = errors.width = int(os.environ["COLUMNS"])
    main()


def xueqing(home: Path, *arguments: str, stdin: bytes = b"", **env: str) -> CompletedProcess[str]:
    """Run a command on a home, to its end."""
    prepare("pipelines.cli", "great_expectations")
    clean = {k: v for k, v in os.environ.items() if not k.startswith("XUEQING_")}
    clean |= {"XUEQING_HOME": str(home), "COLUMNS": "160", **env}
    with tempfile.TemporaryDirectory() as folder:
        paths = [Path(folder, name) for name in ("in", "out", "err")]
        paths[0].write_bytes(stdin)
        files = [os.open(path, os.O_RDWR | os.O_CREAT) for path in paths]
        process = fork(
            "tests.command_line:run", arguments, cwd=Path.cwd(), env=clean, files=(files[0], files[1], files[2])
        )
        for file in files:
            os.close(file)
        try:
            code = process.wait(120)
        except TimeoutError:
            process.terminate(signal.SIGKILL)
            process.wait()
            raise TimeoutError(f"xueqing {' '.join(arguments)}: {paths[2].read_text()}") from None
        out, err = (path.read_text(encoding="utf-8") for path in paths[1:])
    return CompletedProcess(["xueqing", *arguments], code, out, err)
