"""A backup or restore in a process of its own, which kills itself at a given step: ``python -m … backup|restore FOLDER STEP``."""

from __future__ import annotations

import os
import signal
import sys
from pathlib import Path

from pipelines.keeping.backup import back_up
from pipelines.keeping.restore import restore
from pipelines.settings import Settings
from pipelines.workspace import Workspace

what, folder, step = sys.argv[1], Path(sys.argv[2]), sys.argv[3]


def probe(name: str) -> None:
    if name == step:
        os.kill(os.getpid(), signal.SIGKILL)


if what == "backup":
    back_up(Workspace(Settings.from_environment()), folder, probe=probe)
else:
    restore(Settings.from_environment(), folder, probe=probe)
