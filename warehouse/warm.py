"""Processes that begin with their imports done: each is forked from one that has made them once.

Importing dbt and reading its project takes longer than many a build. The process that forks is started by the first who
asks, imports beside what that one does meanwhile, has no threads and opens nothing; it ends when its starter does. What
is forked from it asks the same one.
"""

from __future__ import annotations

import atexit
import gc
import importlib
import json
import os
import select
import signal
import socket
import struct
import subprocess
import sys
import warnings
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import IO, Any, NoReturn

__all__ = ["Forked", "fork", "prepare"]

#: Two numbers go back: the process's id when it begins, its exit code when it has ended.
_NUMBER = struct.Struct("q")
_modules: set[str] = set()
_asking: socket.socket | None = None
_alive: int | None = None


class Forked:
    """A process that was forked; ``stdout`` is what it prints, errors too, unless it was given files of its own."""

    def __init__(self, status: int, stdout: IO[str] | None) -> None:
        self.stdout = stdout
        self._status = status
        self._code: int | None = None
        self.pid = self._number()

    def __enter__(self) -> Forked:
        return self

    def __exit__(self, *exc: object) -> None:
        if self.stdout is not None:
            self.stdout.close()
        self.wait()

    def _number(self) -> int | None:
        data = b""
        while len(data) < _NUMBER.size:
            part = os.read(self._status, _NUMBER.size - len(data))
            if not part:
                return None
            data += part
        return int(_NUMBER.unpack(data)[0])

    def wait(self, timeout_s: float | None = None) -> int:
        """Its exit code, negative for the signal that ended it.

        Raises:
            TimeoutError: it has not ended by then.
        """
        if self._code is None:
            if not select.select([self._status], [], [], timeout_s)[0]:
                raise TimeoutError(f"process {self.pid} runs on after {timeout_s} s")
            code = self._number()
            self._code = -signal.SIGKILL if code is None else code
            os.close(self._status)
        return self._code

    def terminate(self, by: signal.Signals = signal.SIGTERM) -> None:
        """Ask it to end."""
        if self._code is None and self.pid is not None:
            with suppress(ProcessLookupError):
                os.kill(self.pid, by)


def prepare(*modules: str) -> None:
    """Have the process that forks import these, starting it if need be, without waiting for it."""
    new = [name for name in modules if name not in _modules]
    _modules.update(new)
    if new or _asking is None:
        _ask(" ".join(new))


def _ask(text: str, fds: Sequence[int] = ()) -> None:
    if _asking is not None:
        try:
            socket.send_fds(_asking, [text.encode()], fds)
            return
        except OSError:  # it has ended, with who started it or by itself
            _asking.close()
    text = text if fds else " ".join(sorted(_modules))
    _start()
    assert _asking is not None
    socket.send_fds(_asking, [text.encode()], fds)


def _start() -> None:
    global _asking, _alive
    if _alive is not None:
        os.close(_alive)
    asking, asked = socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM)
    ends, alive = os.pipe()
    code = f"from warehouse.warm import _serve; _serve({asked.fileno()}, {asking.fileno()}, {ends})"
    nothing = subprocess.DEVNULL
    server = subprocess.Popen(
        [sys.executable, "-c", code],
        stdin=nothing, stdout=nothing, stderr=nothing, pass_fds=(asked.fileno(), asking.fileno(), ends),
    )  # fmt: skip
    asked.close()
    os.close(ends)
    _asking, _alive = asking, alive
    atexit.register(_end, server, os.getpid())


def _end(server: subprocess.Popen[bytes], starter: int) -> None:
    if _asking is not None:
        _asking.close()
    if os.getpid() == starter:
        server.terminate()
        server.wait()


def fork(
    function: str,
    arguments: Sequence[str],
    *,
    cwd: Path,
    env: Mapping[str, str],
    files: tuple[int, int, int] | None = None,
) -> Forked:
    """A process that calls ``function`` (``module:name``) with the arguments.

    Args:
        env: the whole environment.
        files: what its standard input, output and error are; without them its output can be read here.
    """
    mask = os.umask(0o077)  # it can only be asked for by setting it: for a moment to the strictest
    os.umask(mask)
    request = json.dumps([function, list(arguments), str(cwd), dict(env), mask])
    begun = _request(request, files)
    if begun.pid is not None:
        return begun
    with begun:  # the one that forks has died with the request
        return _request(request, files)


def _request(request: str, files: tuple[int, int, int] | None) -> Forked:
    read, write = os.pipe()
    status, ended = os.pipe()
    given: tuple[int, ...] = files or ()
    output: int | None = None
    if files is None:
        output, printed = os.pipe()
        given = (os.open(os.devnull, os.O_RDONLY), printed, os.dup(printed))
    try:
        _ask("", [read, ended, *given])
    finally:
        for fd in (read, ended, *(given if files is None else ())):
            os.close(fd)
    with suppress(BrokenPipeError), os.fdopen(write, "w", encoding="utf-8") as file:
        file.write(request)
    return Forked(status, os.fdopen(output, encoding="utf-8", errors="replace") if output is not None else None)


def _serve(asked: int, asking: int, alive: int) -> None:
    """Import what is asked for, and fork for each that asks, until nobody holds the other end of ``alive``."""
    from warehouse import warm  # not __main__, whose globals nobody sees

    warm._asking, warm._alive = socket.socket(fileno=asking), None
    requests = socket.socket(fileno=asked)
    interrupted = signal.signal(signal.SIGINT, signal.SIG_IGN)
    ended = signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    while alive not in select.select([requests, alive], [], [])[0]:
        names, fds, _, _ = socket.recv_fds(requests, 65_536, 5)
        if not fds:
            _import(names.decode().split())
            warm._modules.update(names.decode().split())
            continue
        if os.fork() == 0:
            signal.signal(signal.SIGCHLD, ended)
            requests.close()
            os.close(alive)
            _keep(fds, interrupted)
        for fd in fds:
            os.close(fd)


def _import(names: Sequence[str]) -> None:
    for name in names:
        with warnings.catch_warnings(), suppress(Exception):  # who needs it says why it cannot be had
            warnings.simplefilter("ignore")
            importlib.import_module(name)
    # What is here now is the same in every process: none of them need look it over, and so none writes to it.
    gc.collect()
    gc.freeze()


def _keep(fds: list[int], interrupted: Any) -> NoReturn:
    """Fork once more, and tell how that one ended."""
    read, status, *files = fds
    try:
        pid = os.fork()
        if pid == 0:
            os.close(status)
            signal.signal(signal.SIGINT, interrupted)
            os._exit(_run(read, files))
        for fd in (read, *files):
            os.close(fd)
        with suppress(BrokenPipeError):
            os.write(status, _NUMBER.pack(pid))
            os.write(status, _NUMBER.pack(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])))
    finally:
        os._exit(0)


def _run(read: int, files: list[int]) -> int:
    try:
        for number, fd in enumerate(files):
            os.dup2(fd, number)
            os.close(fd)
        sys.stdin = os.fdopen(0, encoding="utf-8", closefd=False)
        with os.fdopen(read, encoding="utf-8") as request:
            function, arguments, cwd, env, mask = json.load(request)
        os.environ.clear()
        os.environ.update(env)
        os.chdir(cwd)
        os.umask(mask)
        module, name = function.split(":")
        code = getattr(importlib.import_module(module), name)(arguments)
    except SystemExit as error:
        code = error.code
        if isinstance(code, str):
            print(code, file=sys.stderr)
            code = 1
    except BaseException:
        sys.excepthook(*sys.exc_info())
        code = 1
    for stream in (sys.stdout, sys.stderr):
        with suppress(OSError, ValueError):
            stream.flush()
    return int(code or 0)
