"""Several processes that share the work, and the one that starts them."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Callable
from multiprocessing import connection, get_context
from multiprocessing.process import BaseProcess
from multiprocessing.synchronize import Event
from pathlib import Path
from tempfile import TemporaryDirectory

from prometheus_client.multiprocess import mark_process_dead

from pipelines.console import errors, until_interrupted
from pipelines.server.app import opened_app
from pipelines.server.listening import Listening, bound
from pipelines.server.process import calm_collector, make_server
from pipelines.settings import Settings
from pipelines.together import when_parent_ends
from pipelines.workspace import Workspace
from warehouse.errors import BadConfiguration

__all__ = ["supervise"]

#: The server gives up after so many processes in a row that ended before they served.
_FAILURES = 3


def supervise(settings: Settings, listening: Listening, begun: Callable[[], None]) -> None:
    """Run the processes until told to stop; start another where one ends by itself."""
    with TemporaryDirectory(prefix="xueqing-serve-") as folder:
        shared = Path(folder)
        # prometheus_client reads the variable when a process first imports it, which is after this.
        os.environ["PROMETHEUS_MULTIPROC_DIR"] = folder
        context = get_context("spawn")

        def start(number: int) -> tuple[BaseProcess, Event]:
            has_begun = context.Event()
            process = context.Process(target=_work, args=(settings, listening, number, shared, has_begun), daemon=True)
            process.start()
            return process, has_begun

        running = {number: start(number) for number in range(1, listening.processes + 1)}
        is_stopping, failures, is_told = threading.Event(), 0, False

        with until_interrupted(is_stopping.set):
            while running:
                connection.wait([process.sentinel for process, _ in running.values()], timeout=0.5 if is_told else 0.05)
                if not is_told and all(has_begun.is_set() for _, has_begun in running.values()):
                    is_told = True
                    begun()
                if is_stopping.is_set():
                    for process, _ in running.values():
                        process.terminate()
                for number, (process, has_begun) in list(running.items()):
                    if process.is_alive():
                        continue
                    mark_process_dead(process.pid, folder)  # type: ignore[no-untyped-call]
                    del running[number]
                    if not is_stopping.is_set():
                        failures = 0 if has_begun.is_set() else failures + 1
                        errors.print(
                            f"[yellow]Process {number} ended ({process.exitcode}); another is started.[/yellow]"
                        )
                        running[number] = start(number)
                        if failures >= _FAILURES:
                            is_stopping.set()
        if failures >= _FAILURES:
            raise BadConfiguration("its processes end as soon as they are started; --processes 1 tells why")


def _work(settings: Settings, listening: Listening, number: int, shared: Path, has_begun: Event) -> None:
    """Serve as one of several processes, until told to stop or until the supervisor is gone."""
    # Ctrl-C reaches every process; the supervisor tells this one to stop.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    with opened_app(Workspace(settings), listening, number, shared) as app, bound(listening, shared=True) as own:
        calm_collector()
        server = make_server(app, listening, has_begun.set)

        def stop(*_: object) -> None:
            server.should_exit = True

        signal.signal(signal.SIGTERM, stop)
        when_parent_ends(stop)
        server.run(sockets=[own])
