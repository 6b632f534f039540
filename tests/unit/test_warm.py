"""Processes forked from one that has made their imports: they end, fail and are ended as any others."""

from __future__ import annotations

import os
import signal
import sys
import time
from collections.abc import Sequence
from pathlib import Path

import pytest

from warehouse.warm import Forked, fork, prepare

HERE = "tests.unit.test_warm"


def told(arguments: Sequence[str]) -> int:
    print(arguments, Path.cwd(), os.environ.get("SAID"), "colorsys" in sys.modules)
    print("an error", file=sys.stderr)
    return 3


def failing(arguments: Sequence[str]) -> None:
    raise KeyError(*arguments)


def exiting(arguments: Sequence[str]) -> None:
    sys.exit(*arguments)


def sleeping(arguments: Sequence[str]) -> None:
    print("begun", flush=True)
    time.sleep(600)


def asking(arguments: Sequence[str]) -> int:
    with run("telling_its_parent") as inner:
        assert inner.stdout is not None
        print(inner.stdout.read(), flush=True)
    print(grandparent(os.getpid()))
    return 0


def telling_its_parent(arguments: Sequence[str]) -> None:
    print(grandparent(os.getpid()))


def grandparent(pid: int) -> int:
    """Who forked: between it and what it forks is one that waits."""
    for _ in range(2):
        pid = int(Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[1])
    return pid


def run(name: str, *arguments: str, cwd: Path | None = None, **env: str) -> Forked:
    return fork(f"{HERE}:{name}", arguments, cwd=cwd or Path.cwd(), env=os.environ | env)


def test_it_has_its_arguments_environment_folder_and_imports(tmp_path: Path) -> None:
    prepare(HERE, "colorsys")
    with run("told", "a", "学", cwd=tmp_path, SAID="so") as process:
        assert process.stdout is not None
        text = process.stdout.read()
    assert text == f"['a', '学'] {tmp_path} so True\nan error\n"
    assert process.wait() == 3


def test_its_end_is_told_whatever_it_is() -> None:
    with run("failing", "nothing such") as process:
        assert process.stdout is not None
        assert "KeyError: 'nothing such'" in process.stdout.read()
    assert process.wait() == 1
    with run("exiting", "no more") as process:
        assert process.stdout is not None
        assert process.stdout.read() == "no more\n"
    assert process.wait() == 1
    with run("sleeping") as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "begun\n"
        with pytest.raises(TimeoutError):
            process.wait(0.01)
        process.terminate()
        assert process.wait(60) == -signal.SIGTERM
        process.terminate()


@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="reads /proc")
def test_what_is_forked_asks_the_same_one_and_a_new_one_takes_the_place_of_one_that_died() -> None:
    def forkers() -> set[int]:
        with run("asking") as process:
            assert process.stdout is not None
            return {int(line) for line in process.stdout.read().split()}

    (first,) = forkers()
    os.kill(first, signal.SIGKILL)
    (second,) = forkers()
    assert second != first
    assert {second} == forkers()
