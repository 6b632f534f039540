"""A backup taken while everything runs comes back whole, or not at all."""

from __future__ import annotations

import base64
import hashlib
import os
import shutil
import signal
import stat
import subprocess
import sys
import threading
import uuid
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ingest.events import catalogue, encode
from ingest.events.correction import LearnerErased
from ingest.identity import Vault
from ingest.log.port import EventLog, NewRecord
from ingest.log.sqlite import SqliteLog
from ingest.lrs.access.keys import Keys
from ingest.lrs.attachments import Attachments
from ingest.lrs.index.sqlite import SqliteIndex
from ingest.lrs.writing.people import People
from ingest.lrs.writing.store import Store
from pipelines.keeping import backup, restore
from pipelines.keeping.backup import back_up
from pipelines.keeping.restore import check_backup
from pipelines.settings import Settings
from pipelines.workspace import RESTORING, Workspace
from tests import samples
from tests.command_line import xueqing
from tests.kafka_broker import Broker
from tests.lrs_help import ALICE, KEK, STATEMENT
from warehouse.errors import BadConfiguration, BadSource, IdentityError, Transient

EVENT = samples.golden_event(catalogue()["video.watched", 2])
IMPORTER = {"objectType": "Agent", "account": {"homePage": "urn:xueqing", "name": "import"}}
CONTENT = b"what Alice has written"
SHA2 = hashlib.sha256(CONTENT).hexdigest()
BOB = {"mbox": "mailto:bob@example.org", "name": "Bob"}
KEY = base64.b64encode(KEK).decode()


def settings_of(home: Path, **more: str) -> Settings:
    return Settings.from_environment({"XUEQING_HOME": str(home), "XUEQING_VAULT_KEY": KEY, **more})


def event(number: int) -> bytes:
    return samples.encode(EVENT | {"event_id": str(uuid.UUID(int=number))})


def statement(number: int, actor: dict[str, Any]) -> dict[str, Any]:
    attachment = {
        "usageType": "http://example.org/usage", "display": {"en": "text"}, "contentType": "text/plain",
        "length": len(CONTENT), "sha2": SHA2,
    }  # fmt: skip
    return STATEMENT | {"id": str(uuid.UUID(int=number)), "actor": actor, "attachments": [attachment]}


def person_key(vault: Vault, actor: dict[str, Any]) -> str:
    key = People(vault).key_of(actor)
    assert key is not None
    return key


def erased(key: str) -> bytes:
    return encode(
        LearnerErased(), event_type="learner.erased", event_id=str(uuid.uuid4()), occurred_at=datetime.now(UTC),
        programme_id="p", source="xueqing-identity", learner_key=key,
    )  # fmt: skip


def fill(home: Path) -> tuple[str, str]:
    """A small home with one of everything; the id and secret of a client's key."""
    made = settings_of(home)
    with (
        SqliteLog(home / "log.sqlite") as log,
        closing(Vault(made.vault, KEK)) as vault,
        closing(SqliteIndex(home / "statement-index.sqlite")) as index,
        closing(Store(log, index, People(vault))) as store,
    ):
        log.append([NewRecord(b"k%d" % i, event(i)) for i in range(100)])
        for actor in (ALICE, BOB):
            whose = store.people.whose({"actor": actor}, IMPORTER)
            Attachments(made.attachments, store.people.sealer).put("p", whose, SHA2, CONTENT)
        store.put("p", [statement(1, ALICE), statement(2, BOB)], IMPORTER, "1.0.3").result(60)
    with closing(Keys(made.keys)) as keys:
        key, secret = keys.create("p", ["all"])
    bulletin = made.bulletins / "p" / "001"
    bulletin.mkdir(parents=True)
    for name in ("bulletin.json", "all.public.en.html", "seal.json", ".half.html"):
        (bulletin / name).write_text(name)
    (made.briefings / "p" / "2017-10-28").mkdir(parents=True)
    (made.briefings / "p" / "2017-10-28" / "class.html").write_text("class")
    (home / "rejected").mkdir()
    (home / "rejected" / "lines.ndjson").write_text("{}\n")
    return key.key_id, secret


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("home") / "home"
    fill(folder)
    return folder


@pytest.fixture(scope="module")
def copy(home: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return back_up(Workspace(settings_of(home)), tmp_path_factory.mktemp("copies") / "copy").folder


def records(log: EventLog) -> list[tuple[int, int, bytes | None]]:
    found: list[tuple[int, int, bytes | None]] = []
    with log.reader(lambda partition: 0) as reader:
        while pieces := reader.poll(10_000, 1 << 26, 0):
            for piece in pieces:
                found += [(piece.partition, o, v) for o, v in zip(piece.offsets, piece.values, strict=True)]
    return sorted(found)


def files(root: Path) -> dict[str, bytes]:
    return {p.relative_to(root).as_posix(): p.read_bytes() for p in sorted(root.rglob("*")) if p.is_file()}


def test_what_was_copied_while_others_wrote_is_restored_whole(tmp_path: Path) -> None:
    home, fresh = tmp_path / "home", tmp_path / "fresh"
    key_id, secret = fill(home)
    made, stop, wrote = settings_of(home), threading.Event(), threading.Event()

    def write() -> None:
        """A person into the vault, then a record that names them, as every importer does."""
        with SqliteLog(home / "log.sqlite") as log, closing(Vault(made.vault, KEK)) as vault:
            number = 1_000
            while not stop.is_set():
                number += 1
                vault.put([(f"Lperson{number}", f"account {number}", {"account": f"account {number}"})])
                named = EVENT | {"event_id": str(uuid.UUID(int=number)), "learner_key": f"Lperson{number}"}
                log.append([NewRecord(b"k%d" % number, samples.encode(named))])
                wrote.set()

    def wait(step: str = "") -> None:
        """Until somebody came between this step and the next."""
        wrote.clear()
        assert stop.is_set() or wrote.wait(60)

    writer = threading.Thread(target=write)
    writer.start()
    try:
        wait()
        done = back_up(Workspace(made), tmp_path / "copy", key_to=tmp_path / "apart" / "key", probe=wait)
    finally:
        stop.set()
        writer.join()
    assert (tmp_path / "apart" / "key").read_text().strip() == KEY
    assert KEK not in b"".join(files(done.folder).values())
    assert KEY.encode() not in b"".join(files(done.folder).values())
    for path in (done.folder, *done.folder.rglob("*"), tmp_path / "apart" / "key"):
        assert stat.S_IMODE(path.stat().st_mode) == (0o700 if path.is_dir() else 0o600), path

    came_back = xueqing(fresh, "restore", str(done.folder), "--key", str(tmp_path / "apart" / "key"))
    assert came_back.returncode == 0, came_back.stderr
    assert "xueqing sink" in came_back.stdout
    assert (fresh / "vault.key").read_text().strip() == KEY
    assert sorted(p.name for p in fresh.iterdir()) == [
        "attachments", "briefings", "bulletins", "keys.sqlite", "log.sqlite", "rejected", "vault.key", "vault.sqlite",
    ]  # fmt: skip
    for path in (fresh, *fresh.rglob("*")):
        assert stat.S_IMODE(path.stat().st_mode) == (0o700 if path.is_dir() else 0o600), path
    with SqliteLog(home / "log.sqlite") as log, SqliteLog(fresh / "log.sqlite") as restored:
        ends = restored.end_offsets()
        assert restored.log_id == log.log_id
        assert ends == done.manifest.log.end_offsets
        assert records(restored) == [r for r in records(log) if r[1] < ends[r[0]]]
        named = [
            v.split(b'"learner_key":')[1].split(b'"')[1].decode()
            for _, _, v in records(restored)
            if v and b"Lperson" in v
        ]
    assert named
    with closing(Vault(fresh / "vault.sqlite", KEK)) as vault:
        assert [vault.show(key)["account"] for key in named] == [f"account {key[7:]}" for key in named]
        people, alice = People(vault), person_key(vault, ALICE)
        assert people.written(f"{alice}.0") is not None
        assert Attachments(fresh / "attachments", people.sealer).get("p", alice, SHA2) == CONTENT
    with closing(Keys(fresh / "keys.sqlite")) as keys:
        assert keys.check(key_id, secret) is not None
    assert set(files(fresh / "bulletins")) == {
        f"p/001/{n}" for n in ("bulletin.json", "all.public.en.html", "seal.json")
    }
    assert set(files(fresh / "briefings")) == {"p/2017-10-28/class.html"}
    assert f"{sum(ends.values()):,} accepted, 0 quarantined" in xueqing(fresh, "sink").stdout


def test_a_long_log_is_copied_as_it_was_at_one_instant(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Between any two steps of the copying somebody appends; it neither begins again nor mixes."""
    home = tmp_path / "home"
    monkeypatch.setattr(backup, "_PAGES", 4)
    with SqliteLog(home / "log.sqlite") as log:
        log.append([NewRecord(b"k%d" % i, event(i)) for i in range(2_000)])
        before, steps = records(log), 0

        def append(part: str, done: int, total: int) -> None:
            nonlocal steps
            if part == backup.LOG:
                steps += 1
                log.append([NewRecord(b"new", event(10_000 + steps))])

        done = back_up(Workspace(settings_of(home)), tmp_path / "copy", report=append)
        with SqliteLog(done.folder / "log.sqlite") as copied:
            assert records(copied) == before
    assert steps > 10


def test_settings_are_kept_without_secrets(home: Path, tmp_path: Path) -> None:
    secrets = {
        "XUEQING_VAULT_KEY": KEY, "XUEQING_ALERT_WEBHOOK": "https://chat.example/sesame1",
        "XUEQING_SMTP": "smtp://u:sesame2@mail.example", "XUEQING_STATEMENT_INDEX": "postgresql://u:sesame3@db.example/x",
    }  # fmt: skip
    pack = tmp_path / "packs" / "mine"
    pack.mkdir(parents=True)
    (pack / "programme.toml").write_text("x = 1\n")
    done = xueqing(
        home, "backup", str(tmp_path / "copy"), XUEQING_PARTITIONS="7", XUEQING_PROGRAMMES=str(pack.parent), **secrets
    )
    assert done.returncode == 0, done.stderr
    assert "XUEQING_VAULT_KEY" in done.stderr
    found = files(tmp_path / "copy")
    assert b'"XUEQING_PARTITIONS": "7"' in found["settings.json"]
    assert b'"XUEQING_SMTP": null' in found["settings.json"]
    assert not [name for name, content in found.items() if b"sesame" in content or KEY.encode() in content]
    again = xueqing(tmp_path / "fresh", "restore", str(tmp_path / "copy"), XUEQING_VAULT_KEY=KEY)
    assert again.returncode == 0, again.stderr
    assert "XUEQING_PARTITIONS" in again.stderr
    assert f"XUEQING_PROGRAMMES={tmp_path / 'fresh' / 'programmes'}" in again.stderr
    assert files(tmp_path / "fresh" / "programmes") == {"mine/programme.toml": b"x = 1\n"}
    assert not (tmp_path / "fresh" / "vault.key").exists()


@pytest.mark.parametrize("how", ["missing", "shorter", "longer", "flipped"])
def test_each_damaged_file_is_named_and_nothing_restored(copy: Path, tmp_path: Path, how: str) -> None:
    for name in files(copy):
        bad = tmp_path / "bad"
        shutil.copytree(copy, bad)
        path, content = bad / name, (bad / name).read_bytes()
        if how == "missing":
            path.unlink()
        elif how == "flipped":
            middle = len(content) // 2
            path.write_bytes(content[:middle] + bytes([content[middle] ^ 4]) + content[middle + 1 :])
        else:
            path.write_bytes(content[:-1] if how == "shorter" else content + b"x")
        for command in (
            lambda folder=bad: check_backup(folder),
            lambda folder=bad: restore.restore(settings_of(tmp_path / "fresh"), folder),
        ):
            if name == "manifest.json" and how == "shorter":
                continue  # the line's end
            with pytest.raises(BadSource, match=name.replace(".", r"\.")) as told:
                command()
            assert "\n" not in str(told.value)
        assert not (tmp_path / "fresh").exists()
        shutil.rmtree(bad)


@given(place=st.floats(0, 1, exclude_max=True), bit=st.integers(0, 7))
@settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_no_flipped_bit_of_the_manifest_goes_unseen(copy: Path, place: float, bit: int) -> None:
    path = copy / "manifest.json"
    content = path.read_bytes()
    at = int(place * (len(content) - 1))
    try:
        path.write_bytes(content[:at] + bytes([content[at] ^ 1 << bit]) + content[at + 1 :])
        with pytest.raises(BadSource):
            check_backup(copy)
    finally:
        path.write_bytes(content)


def test_only_the_right_key_restores_it(copy: Path, tmp_path: Path) -> None:
    fresh, wrong = tmp_path / "fresh", tmp_path / "wrong"
    wrong.write_text(base64.b64encode(bytes(32)).decode())
    bare = Settings.from_environment({"XUEQING_HOME": str(fresh)})
    for key_file in (None, tmp_path / "nothing", wrong):
        with pytest.raises(IdentityError):
            restore.restore(bare, copy, key_file=key_file)
        assert not fresh.exists() or not [*fresh.iterdir()]
    with pytest.raises(IdentityError, match="another key"):
        restore.restore(settings_of(fresh), copy, key_file=wrong)
    # One that lies where the settings look for it is no content of the home.
    (fresh / "vault.key").write_text(KEY)
    restore.restore(bare, copy)
    assert (fresh / "log.sqlite").exists()


def test_nothing_is_written_over(home: Path, copy: Path, tmp_path: Path) -> None:
    full = tmp_path / "full"
    full.mkdir()
    (full / "mine").write_text("mine")
    with pytest.raises(BadConfiguration, match="not empty"):
        restore.restore(settings_of(full), copy)
    assert files(full) == {"mine": b"mine"}
    for name in ("log.sqlite", "log.sqlite-wal"):
        (tmp_path / name).write_text("mine")
        with pytest.raises(BadConfiguration, match="there already"):
            restore.restore(settings_of(tmp_path / "fresh", XUEQING_LOG=f"sqlite:{tmp_path / 'log.sqlite'}"), copy)
        assert (tmp_path / name).read_text() == "mine"
        (tmp_path / name).unlink()
    for taken in (full, full / "mine"):
        with pytest.raises(BadConfiguration, match="there already"):
            back_up(Workspace(settings_of(home)), taken)
    with pytest.raises(BadConfiguration, match="apart"):
        back_up(Workspace(settings_of(home)), tmp_path / "c", key_to=tmp_path / "c" / "key")
    with pytest.raises(BadConfiguration, match="within"):
        back_up(Workspace(settings_of(home)), home / "attachments" / "c")
    with pytest.raises(BadConfiguration, match="nothing to back up"):
        back_up(Workspace(settings_of(tmp_path / "nowhere")), tmp_path / "c")
    assert not (tmp_path / "c").exists()


def test_pieces_go_where_the_settings_say(copy: Path, tmp_path: Path) -> None:
    made = settings_of(
        tmp_path / "fresh", XUEQING_LOG=f"sqlite:{tmp_path / 'a' / 'l'}", XUEQING_VAULT=str(tmp_path / "b" / "v")
    )
    restore.restore(made, copy)
    with SqliteLog(tmp_path / "a" / "l") as log:
        assert log.end_offsets() == check_backup(copy).log.end_offsets
    assert sorted(p.name for p in (tmp_path / "b").iterdir()) == ["v"]
    assert sorted(p.name for p in (tmp_path / "fresh").iterdir()) == [
        "attachments", "briefings", "bulletins", "keys.sqlite", "rejected",
    ]  # fmt: skip


def test_a_damaged_source_is_told_of(tmp_path: Path) -> None:
    home = tmp_path / "home"
    fill(home)
    content = bytearray((home / "vault.sqlite").read_bytes())
    content[5000:] = b"\xff" * (len(content) - 5000)
    (home / "vault.sqlite").write_bytes(content)
    with pytest.raises(BadSource, match=r"vault\.sqlite is damaged"):
        back_up(Workspace(settings_of(home)), tmp_path / "copy")
    assert not (tmp_path / "copy").exists()
    assert not (tmp_path / "copy.partial").exists()


def run(what: str, home: Path, folder: Path, step: str) -> int:
    env = {k: v for k, v in os.environ.items() if not k.startswith("XUEQING_")}
    env |= {"XUEQING_HOME": str(home), "XUEQING_VAULT_KEY": KEY}
    return subprocess.run(
        [sys.executable, "-m", "tests.integration.backup_process", what, str(folder), step], env=env, check=False
    ).returncode


@pytest.mark.parametrize("step", backup.STEPS)
def test_a_backup_killed_at_any_step_is_whole_or_partial(home: Path, tmp_path: Path, step: str) -> None:
    folder = tmp_path / "copy"
    assert run("backup", home, folder, step) == -signal.SIGKILL
    if step == "renamed":
        check_backup(folder)
        return
    assert [p.name for p in tmp_path.iterdir()] == ["copy.partial"]
    back_up(Workspace(settings_of(home)), folder)
    check_backup(folder)
    assert [p.name for p in tmp_path.iterdir()] == ["copy"]


@pytest.mark.parametrize("step", restore.STEPS)
def test_a_restore_killed_at_any_step_is_done_again(copy: Path, tmp_path: Path, step: str) -> None:
    fresh = tmp_path / "fresh"
    assert run("restore", fresh, copy, step) == -signal.SIGKILL
    if step != "finished":
        with pytest.raises(BadConfiguration, match="run it again"):
            Workspace(settings_of(fresh))
        restore.restore(settings_of(fresh), copy)
    Workspace(settings_of(fresh))
    whole = tmp_path / "whole"
    restore.restore(settings_of(whole), copy)
    assert files(fresh) == files(whole)


def test_an_interrupt_or_a_fault_leaves_nothing(home: Path, copy: Path, tmp_path: Path) -> None:
    for step in backup.STEPS[:-1]:
        with pytest.raises(KeyboardInterrupt):
            back_up(Workspace(settings_of(home)), tmp_path / "copy", probe=_raising(step, KeyboardInterrupt()))
        assert not [*tmp_path.iterdir()]
    with pytest.raises(BadConfiguration, match="No space left"):
        back_up(Workspace(settings_of(home)), tmp_path / "copy", probe=_raising("files", OSError(28, "No space left")))
    assert not [*tmp_path.iterdir()]
    fresh = tmp_path / "fresh"
    for step in restore.STEPS[:-1]:
        with pytest.raises(BadConfiguration, match="No space left"):
            restore.restore(settings_of(fresh), copy, probe=_raising(step, OSError(28, "No space left")))
        assert not [*fresh.iterdir()]


def _raising(step: str, error: BaseException) -> Any:
    def probe(name: str) -> None:
        if name == step:
            raise error

    return probe


def test_one_backup_and_one_restore_at_a_time(home: Path, copy: Path, tmp_path: Path) -> None:
    refused = []

    def again(name: str) -> None:
        with pytest.raises(Transient):
            back_up(Workspace(settings_of(home)), tmp_path / "copy")
        refused.append(name)

    back_up(Workspace(settings_of(home)), tmp_path / "copy", probe=lambda step: again(step) if step == "log" else None)

    def once_more(name: str) -> None:
        with pytest.raises(Transient):
            restore.restore(settings_of(tmp_path / "fresh"), copy)
        refused.append(name)

    restore.restore(
        settings_of(tmp_path / "fresh"), copy, probe=lambda step: once_more(step) if step == "copied" else None
    )
    assert refused == ["log", "copied"]
    assert not (tmp_path / "fresh" / RESTORING).exists()


def test_whom_the_log_says_was_forgotten_is_forgotten_again(tmp_path: Path) -> None:
    """However the event is written; nobody else is, whatever a record quotes."""
    home = tmp_path / "home"
    fill(home)
    with SqliteLog(home / "log.sqlite") as log, closing(Vault(home / "vault.sqlite", KEK)) as vault:
        vault.put([(f"Lperson-one{i}", f"one {i}", {"name": f"one {i}"}) for i in range(4)])
        alice = person_key(vault, ALICE)
        escaped = erased("Lperson-one0").replace(b"learner.erased", b"learn\\u0065r.erased")
        quoting = samples.encode(EVENT | {"note": "learner.erased", "learner_key": "Lperson-one2"})
        log.append(
            [
                NewRecord(b"k", v)
                for v in (erased(alice), escaped, quoting, b"learner.erased", b"", erased("Lperson-nobody"))
            ]
        )
        log.append([NewRecord(b"k", erased("Lperson-one1"))])
        vault.forget("Lperson-one1")
    done = back_up(Workspace(settings_of(home)), tmp_path / "copy")
    assert restore.restore(settings_of(tmp_path / "fresh"), done.folder).forgotten_again == 2
    with closing(Vault(tmp_path / "fresh" / "vault.sqlite", KEK)) as vault:
        for key in (alice, "Lperson-one0", "Lperson-one1"):
            with pytest.raises(IdentityError, match="forgotten"):
                vault.show(key)
        assert vault.show("Lperson-one2") == {"name": "one 2"}
        assert vault.show("Lperson-one3") == {"name": "one 3"}
        assert vault.show(person_key(vault, BOB))


@pytest.mark.kafka
def test_of_kafka_the_backup_says_which_log_it_was(broker: Broker, tmp_path: Path) -> None:
    url = f"kafka://{broker.address}/backup-{uuid.uuid4()}"
    made = settings_of(tmp_path / "home", XUEQING_LOG=url)
    workspace = Workspace(made)
    with closing(workspace.vault(create=True)) as vault, workspace.log as log:
        vault.put([("Lperson-one1", "one", {"name": "one"}), ("Lperson-two2", "two", {"name": "two"})])
        log.append([NewRecord(b"k%d" % i, event(i)) for i in range(20)])
        done = back_up(workspace, tmp_path / "copy")
        # Forgotten after the backup: the topic still says so.
        log.append([NewRecord(b"k", erased("Lperson-one1"))])
    assert done.manifest.log.url == url
    assert sum(done.manifest.log.end_offsets.values()) == 20
    with pytest.raises(BadConfiguration, match="set XUEQING_LOG=kafka://"):
        restore.restore(settings_of(tmp_path / "fresh"), done.folder)
    other = f"kafka://{broker.address}/other-{uuid.uuid4()}"
    with pytest.raises(BadConfiguration, match="another one"):
        restore.restore(settings_of(tmp_path / "fresh", XUEQING_LOG=other), done.folder)
    assert restore.restore(settings_of(tmp_path / "fresh", XUEQING_LOG=url), done.folder).forgotten_again == 1
    with closing(Vault(tmp_path / "fresh" / "vault.sqlite", KEK)) as vault:
        assert vault.show("Lperson-two2") == {"name": "two"}
