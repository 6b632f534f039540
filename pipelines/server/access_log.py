"""The log of requests: a file of JSON lines, begun anew when it is large."""

from __future__ import annotations

import json
import logging
import queue
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from logging.handlers import RotatingFileHandler
from pathlib import Path
from typing import Any

__all__ = ["access_log"]

_LOG_BYTES, _LOGS_KEPT = 50_000_000, 5
#: The lines of so many seconds are written together.
_LOG_S = 0.2


@contextmanager
def access_log(path: Path) -> Iterator[Callable[[dict[str, Any]], None]]:
    """A function that takes a request's line; a thread writes the lines to ``path``, which is rotated when it is large."""
    path.parent.mkdir(parents=True, exist_ok=True)
    handler = RotatingFileHandler(path, maxBytes=_LOG_BYTES, backupCount=_LOGS_KEPT, encoding="utf-8")
    log = logging.Logger("xueqing.access", logging.INFO)
    log.addHandler(handler)
    lines: queue.SimpleQueue[dict[str, Any] | None] = queue.SimpleQueue()

    def write() -> None:
        is_open = True
        while is_open:
            some = [lines.get()]
            time.sleep(_LOG_S)
            while not lines.empty():
                some.append(lines.get())
            is_open = None not in some
            text = "\n".join(json.dumps(line, ensure_ascii=False) for line in some if line is not None)
            if text:
                log.info(text)

    writer = threading.Thread(target=write, name="access-log", daemon=True)
    writer.start()
    try:
        yield lines.put
    finally:
        lines.put(None)
        writer.join()
        handler.close()
