"""Forgetting is finished whatever dies in between, and a vault from before forgets again what the log says."""

from __future__ import annotations

import os
import random
import shutil
import signal
import subprocess
import sys
import uuid
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from ingest.events import catalogue
from ingest.identity import KeyFile, Vault
from ingest.log.port import NewRecord
from ingest.log.sqlite import SqliteLog
from ingest.sink import Sink
from pipelines import cli
from pipelines.erasing import apply_erasures
from pipelines.settings import Settings
from pipelines.workspace import Workspace
from tests import samples
from tests.command_line import xueqing
from warehouse.errors import IdentityError, LogUnavailable
from warehouse.lake import Lake

OPENED = samples.golden_event(catalogue()["enrolment.opened", 1])
ERASED = samples.golden_event(catalogue()["learner.erased", 1])
PROGRAMME = ("-p", "tianshui-2017", "--yes")
#: How often a process is killed in each window; XUEQING_KILLS multiplies.
KILLS = int(os.environ.get("XUEQING_KILLS", "1"))


def erased(key: str) -> NewRecord:
    value = samples.encode(ERASED | {"event_id": str(uuid.uuid4()), "learner_key": key})
    return NewRecord(key.encode(), value)


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """A home with a log and two people in the vault."""
    assert xueqing(tmp_path, "import", "ndjson", "-", stdin=samples.encode(OPENED)).returncode == 0
    key = KeyFile.create(tmp_path / "vault.key")
    with closing(Vault(tmp_path / "vault.sqlite", key)) as vault:
        vault.put([(f"Lperson{n:05}", f"account-{n}", {"name": f"canary-{n}"}) for n in range(2)])
    return tmp_path


def test_a_vault_from_before_forgets_again(home: Path) -> None:
    shutil.copyfile(home / "vault.sqlite", home / "before.sqlite")
    assert "canary-0" in xueqing(home, "people", "show", "Lperson00000").stdout
    done = xueqing(home, "people", "forget", "Lperson00000", *PROGRAMME)
    assert done.returncode == 0, done.stderr
    for vault in ("vault.sqlite", "before.sqlite"):
        shown = xueqing(home, "people", "show", "Lperson00000", XUEQING_VAULT=str(home / vault))
        assert shown.returncode == 1
        assert "forgotten" in shown.stderr
        assert "canary" not in shown.stdout
        assert b"canary-0" not in (home / vault).read_bytes()
        assert "canary-1" in xueqing(home, "people", "show", "Lperson00001", XUEQING_VAULT=str(home / vault)).stdout


def test_whoever_has_several_keys_is_forgotten_by_all_and_files_with_names_go(home: Path) -> None:
    assert xueqing(home, "people", "merge", "Lperson00000", "Lperson00001").returncode == 0
    (home / "named" / "briefings").mkdir(parents=True)
    (home / "named" / "briefings" / "list.md").write_text("canary-0, canary-1")
    done = xueqing(home, "people", "forget", "Lperson00000", *PROGRAMME)
    assert "deleted: 1 files with names" in done.stdout
    assert not (home / "named").exists()
    for key in ("Lperson00000", "Lperson00001"):
        assert "forgotten" in xueqing(home, "people", "show", key).stderr
    log = Workspace(Settings.from_environment({"XUEQING_HOME": str(home)})).existing_log
    assert (
        sum(
            b"learner.erased" in (log.record_at(p, o) or (0, b""))[1]
            for p, end in log.end_offsets().items()
            for o in range(end)
        )
        == 2
    )  # type: ignore[operator]


def test_nobody_is_forgotten_in_the_name_of_no_programme_or_where_nobody_is_known(home: Path) -> None:
    ends = Workspace(Settings.from_environment({"XUEQING_HOME": str(home)})).existing_log.end_offsets()
    for arguments, says in (
        (("Lperson00000", "-p", "nowhere", "--yes"), "there is no programme 'nowhere'"),
        (("Lnobody00000", *PROGRAMME), "nobody of that key"),
    ):
        done = xueqing(home, "people", "forget", *arguments)
        assert done.returncode == 1
        assert says in done.stderr.replace("\n", " ")
    assert Workspace(Settings.from_environment({"XUEQING_HOME": str(home)})).existing_log.end_offsets() == ends
    assert "canary-0" in xueqing(home, "people", "show", "Lperson00000").stdout


DYING = """
import os, signal, sys
from ingest.identity.vault import Vault
from ingest.log.sqlite import SqliteLog
from pipelines import cli
def die(*args, **options): os.kill(os.getpid(), signal.SIGKILL)
where = sys.argv.pop(1)
if where == "before the log": SqliteLog.append = die
if where == "before the vault": Vault.forget = die
if where == "in the vault":
    real = Vault._forget
    Vault._forget = lambda *args: (real(*args), die())
sys.argv[0] = "xueqing"
cli.main()
"""


@pytest.mark.parametrize("nth", range(KILLS))
@pytest.mark.parametrize("where", ["before the log", "before the vault", "in the vault"])
def test_killed_in_between_it_is_finished_by_whoever_opens_the_vault(home: Path, where: str, nth: int) -> None:
    command = [sys.executable, "-c", DYING, where, "people", "forget", "Lperson00000", *PROGRAMME]
    env = os.environ | {"XUEQING_HOME": str(home)}
    assert subprocess.run(command, env=env, capture_output=True, timeout=120).returncode == -signal.SIGKILL
    shown = xueqing(home, "people", "show", "Lperson00000")
    if where == "before the log":
        assert "canary-0" in shown.stdout
        assert xueqing(home, "people", "forget", "Lperson00000", *PROGRAMME).returncode == 0
        shown = xueqing(home, "people", "show", "Lperson00000")
    assert shown.returncode == 1
    assert "forgotten" in shown.stderr
    assert "canary-1" in xueqing(home, "people", "show", "Lperson00001").stdout


def test_with_the_log_away_nobody_is_forgotten_and_that_is_said(
    home: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def away(*args: object, **options: object) -> list[object]:
        raise LogUnavailable("the log cannot be reached")

    monkeypatch.setenv("XUEQING_HOME", str(home))
    monkeypatch.setattr(sys, "argv", ["xueqing", "people", "forget", "Lperson00000", *PROGRAMME])
    for method in ("append", "end_offsets"):
        with monkeypatch.context() as patch:
            patch.setattr(SqliteLog, method, away)
            with pytest.raises(SystemExit) as ended:
                cli.main()
        assert ended.value.code == 75
        assert "Nobody is forgotten yet" in capsys.readouterr().err.replace("\n", " ")
    assert "canary-0" in xueqing(home, "people", "show", "Lperson00000").stdout


def test_an_erasure_that_a_platform_has_recorded_counts_however_it_is_written(home: Path) -> None:
    value = samples.encode(ERASED | {"learner_key": "Lperson00000"}).replace(b"learner.erased", b"learner\\u002eerased")
    other = samples.encode(
        OPENED | {"event_id": str(uuid.uuid4()), "learner_key": "Lperson00001", "source": "learner.erased"}
    )
    assert xueqing(home, "import", "ndjson", "-", stdin=value + b"\n" + other).returncode == 0
    assert "forgotten" in xueqing(home, "people", "show", "Lperson00000").stderr
    assert "canary-1" in xueqing(home, "people", "show", "Lperson00001").stdout


@pytest.fixture
def pieces(tmp_path: Path) -> Iterator[tuple[SqliteLog, Lake]]:
    with SqliteLog(tmp_path / "log.sqlite") as log:
        yield log, Lake(str(tmp_path / "lake"))


@pytest.mark.parametrize("seed", range(6))
def test_whatever_was_put_back_an_opened_vault_knows_nobody_who_was_erased(
    pieces: tuple[SqliteLog, Lake], tmp_path: Path, seed: int
) -> None:
    """Erasures, sinks, copies of the vault and restores in any order, and once an older log."""
    log, lake = pieces
    dice, key, file = random.Random(seed), bytes(32), tmp_path / "vault.sqlite"
    people = [f"Lperson{n:05}" for n in range(20)]
    copies: list[Path] = []
    gone: set[str] = set()
    with closing(Vault(file, key)) as vault:
        vault.put([(person, person, {"name": person}) for person in people])
    for _ in range(25):
        what = dice.choice(["erase", "erase", "fill", "sink", "copy", "restore", "open"])
        if what == "erase":
            person = dice.choice(people)
            gone.add(person)
            log.append([erased(person)])
        elif what == "fill":
            log.append([NewRecord(b"%d" % n, b"not an event") for n in range(10)])
        elif what == "sink":
            Sink(log, lake).run()
        elif what == "copy":
            copies.append(tmp_path / f"copy-{len(copies)}.sqlite")
            shutil.copyfile(file, copies[-1])
        elif what == "restore" and copies:
            shutil.copyfile(dice.choice(copies), file)
        with closing(Vault(file, key)) as vault:
            apply_erasures(vault, log, Lake(str(tmp_path / "lake")))
            for person in people:
                if person in gone:
                    with pytest.raises(IdentityError, match="forgotten"):
                        vault.show(person)
                else:
                    assert vault.show(person) == {"name": person}


def test_another_log_of_the_same_name_is_read_from_its_beginning(tmp_path: Path) -> None:
    person, key = "Lperson00000", bytes(32)
    with SqliteLog(tmp_path / "log.sqlite") as log:
        log.append([NewRecord(b"k", b"first")])
        shutil.copyfile(tmp_path / "log.sqlite", tmp_path / "kept.sqlite")
        log.append([NewRecord(b"%d" % n, b"then") for n in range(50)])
        with closing(Vault(tmp_path / "vault.sqlite", key)) as vault:
            vault.put([(person, "account", {"name": "canary"})])
            assert apply_erasures(vault, log, Lake(str(tmp_path / "lake"))) == 0
    with SqliteLog(tmp_path / "log.sqlite") as log:
        log._con.execute("delete from records where offset > 0")
        log._con.execute("update partitions set next_offset = min(next_offset, 1)")
        log.append([erased(person)])
        log.append([NewRecord(b"%d" % n, b"others") for n in range(200)])
        with closing(Vault(tmp_path / "vault.sqlite", key)) as vault:
            assert apply_erasures(vault, log, Lake(str(tmp_path / "lake"))) == 1


@pytest.mark.parametrize("damage", ["empty", "half", "garbage"])
def test_a_damaged_vault_is_one_line_and_never_taken_for_a_new_one(home: Path, damage: str) -> None:
    file = home / "vault.sqlite"
    content = file.read_bytes()
    file.write_bytes(
        {"empty": b"", "half": content[: len(content) // 2], "garbage": random.Random(1).randbytes(9_000)}[damage]
    )
    damaged = file.read_bytes()
    done = xueqing(home, "people", "show", "Lperson00000")
    assert done.returncode == 1
    assert "Traceback" not in done.stderr
    assert "put it back from a backup" in done.stderr.replace("\n", " ")
    assert file.read_bytes() == damaged


def test_a_vault_that_is_not_there_is_not_made_to_be_asked(home: Path) -> None:
    (home / "vault.sqlite").unlink()
    done = xueqing(home, "people", "show", "Lperson00000")
    assert "there is no vault" in done.stderr.replace("\n", " ")
    assert not (home / "vault.sqlite").exists()
