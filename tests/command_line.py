"""``xueqing …`` as a process of its own, forked from one that has imported the program and nothing else.

Two thirds of what a short command costs is importing; what runs is :func:`pipelines.cli.main`, with its own arguments,
environment, streams and exit status.
"""

from __future__ import annotations

import multiprocessing
import os
import sys
import tempfile
from pathlib import Path
from subprocess import CompletedProcess

_SERVER = multiprocessing.get_context("forkserver")


def _run(folder: str, arguments: tuple[str, ...], env: dict[str, str]) -> None:
    for number, name in enumerate(("in", "out", "err")):
        file = os.open(f"{folder}/{name}", os.O_RDWR | os.O_CREAT)
        os.dup2(file, number)
        os.close(file)
    sys.stdin = open(0, closefd=False)  # noqa: SIM115  (multiprocessing leaves it closed)
    os.environ.clear()
    os.environ.update(env)
    sys.argv = ["xueqing", *arguments]
    from pipelines.cli import main
    from pipelines.console import errors, output

    # Made when they were imported, where another width may have been set.
    output.width = errors.width = int(env["COLUMNS"])
    main()


def xueqing(home: Path, *arguments: str, stdin: bytes = b"", **env: str) -> CompletedProcess[str]:
    """Run a command on a home, to its end."""
    _SERVER.set_forkserver_preload(["pipelines.cli", "great_expectations"])
    clean = {k: v for k, v in os.environ.items() if not k.startswith("XUEQING_")}
    clean |= {"XUEQING_HOME": str(home), "COLUMNS": "160", **env}
    with tempfile.TemporaryDirectory() as folder:
        streams = {name: Path(folder, name) for name in ("in", "out", "err")}
        streams["in"].write_bytes(stdin)
        process = _SERVER.Process(target=_run, args=(folder, arguments, clean))
        process.start()
        process.join(120)
        if process.exitcode is None:
            process.kill()
            process.join()
            raise TimeoutError(f"xueqing {' '.join(arguments)}: {streams['err'].read_text()}")
        out, err = (streams[name].read_text(encoding="utf-8") for name in ("out", "err"))
    return CompletedProcess(["xueqing", *arguments], process.exitcode, out, err)
