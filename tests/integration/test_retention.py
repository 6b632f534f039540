"""What has been kept long enough goes by its keys; what is left is read as before. And the vault's key is changed while it is used."""

from __future__ import annotations

import base64
import json
import os
import re
import signal
import subprocess
import sys
import uuid
from contextlib import closing
from pathlib import Path

import pytest

from ingest.identity import Vault
from ingest.identity.sealing import Sealer
from ingest.programmes.template import new_pack
from pipelines.reading.retired import read_retired
from pipelines.settings import Settings
from tests.command_line import xueqing
from warehouse.lake import Lake

P, LATE = "kept-for-a-time", "2099-01-01"


def event(text: str, **changes: object) -> bytes:
    said = {
        "event_id": str(uuid.uuid4()), "event_type": "enrolment.withdrawn", "event_version": 1, "occurred_at": "2017-10-12T08:30:00Z",
        "programme_id": P, "learner_key": "Lwr1terOfEvents", "source": "test", "payload": {"enrolment_id": "e1", "reason": text}, **changes,
    }  # fmt: skip
    return json.dumps(said, ensure_ascii=False).encode()


@pytest.fixture
def home(tmp_path: Path) -> Path:
    pack = new_pack(tmp_path / "programmes" / P, P)
    (pack / "retention.csv").write_text("kind,months\nquarantine,0\nevent,12\n", encoding="utf-8")
    bad = event("a reason that is kept for no month", payload=3)
    home = tmp_path / "home"
    done = xueqing(
        home, "import", "ndjson", "-", stdin=event("a reason") + b"\n" + bad, XUEQING_PROGRAMMES=str(pack.parent)
    )
    assert done.returncode == 0, done.stderr
    assert xueqing(home, "sink").returncode == 0
    return home


def periods(home: Path) -> dict[str, bool]:
    """Whether the keys of each kind are there."""
    settings = Settings.from_environment({"XUEQING_HOME": str(home)})
    with closing(Vault(settings.vault, settings.read_vault_key(create=False))) as vault:
        return {p.kind: p.destroyed_at is None for p in vault.periods.all()}


def test_what_is_due_is_listed_and_then_destroyed_by_kind(home: Path) -> None:
    programmes = str(home.parent / "programmes")

    def retain(*arguments: str) -> str:
        done = xueqing(home, "retain", *arguments, XUEQING_PROGRAMMES=programmes)
        assert done.returncode == 0, done.stderr
        return done.stdout

    assert "nothing is due" in retain("--until", "2017-01-01")
    listed = retain("--until", LATE, "--dry-run")
    assert "quarantine" in listed
    assert "event" in listed
    assert periods(home) == {"event": True, "quarantine": True}
    # Of this month's, kept for no month after it, the keys go on the first of the next; of events a year later.
    year, number = map(int, _months(home)[0].split("-"))
    first = f"{year + number // 12}-{number % 12 + 1:02}-01"
    shown = retain("--until", first, "--yes")
    assert "event" not in shown.splitlines()[-2]
    assert periods(home) == {"event": True, "quarantine": False}
    assert xueqing(home, "sink").returncode == 0
    listed = xueqing(home, "quarantine", "list").stdout
    # The record is there, and so is why it was set aside.
    assert "wrong_type" in listed
    place = next(word for word in listed.split() if re.fullmatch("[0-9]:[0-9]+", word))
    assert "its key is gone" in xueqing(home, "quarantine", "show", place).stdout
    assert "1 keys" in retain("--until", LATE, "--yes")
    assert periods(home) == {"event": False, "quarantine": False}
    assert "nothing is due" in retain("--until", LATE)
    assert xueqing(home, "sink").returncode == 0
    assert [(str(r.until_on), r.periods) for r in read_retired(Lake(str(home / "lake")), P)] == [(first, 1), (LATE, 1)]


def _months(home: Path) -> list[str]:
    settings = Settings.from_environment({"XUEQING_HOME": str(home)})
    with closing(Vault(settings.vault, settings.read_vault_key(create=False))) as vault:
        return [p.month for p in vault.periods.all()]


def test_the_vaults_key_is_changed_while_it_is_used(home: Path) -> None:
    settings = Settings.from_environment({"XUEQING_HOME": str(home)})
    old = settings.vault_key_file.read_text()
    with closing(Vault(settings.vault, settings.read_vault_key(create=False))) as running:
        sealed = Sealer(running).seal("Lwr1terOfEvents", P, "event", "x", b"words")
        assert xueqing(home, "identity", "rotate-key").returncode == 0
        assert settings.vault_key_file.read_text() != old
        assert Sealer(running).open(sealed, "x") == b"words"
    assert "does not open" in xueqing(home, "people", "show", "Lwr1terOfEvents", XUEQING_VAULT_KEY=old.strip()).stderr
    # Elsewhere it is put in place by hand, and both open until that is done.
    present = settings.vault_key_file.read_text().strip()
    new = home / "new.key"
    assert xueqing(home, "identity", "rotate-key", "--to", str(new), XUEQING_VAULT_KEY=present).returncode == 0
    fresh = new.read_text().strip()
    for key in (present, fresh):
        assert xueqing(home, "people", "show", "Lwr1terOfEvents", XUEQING_VAULT_KEY=key).returncode == 0
    assert xueqing(home, "identity", "rotate-key", "--finish", XUEQING_VAULT_KEY=fresh).returncode == 0
    assert xueqing(home, "people", "show", "Lwr1terOfEvents", XUEQING_VAULT_KEY=present).returncode == 1
    with closing(Vault(settings.vault, base64.b64decode(fresh))) as vault:
        assert Sealer(vault).open(sealed, "x") == b"words"


DYING = """
import os, signal, sys
from ingest.identity.vault import Vault
def die(*args, **options): os.kill(os.getpid(), signal.SIGKILL)
where = sys.argv.pop(1)
if where == "admitted": os.replace = die
if where == "replaced": Vault.dismiss_others = die
from pipelines import cli
sys.argv[0] = "xueqing"
cli.main()
"""


@pytest.mark.parametrize("where", ["admitted", "replaced"])
def test_killed_in_between_the_key_that_is_in_place_opens_the_vault(home: Path, where: str) -> None:
    env = os.environ | {"XUEQING_HOME": str(home)}
    command = [sys.executable, "-c", DYING, where, "identity", "rotate-key"]
    assert subprocess.run(command, env=env, capture_output=True, timeout=120).returncode == -signal.SIGKILL
    assert xueqing(home, "people", "show", "Lwr1terOfEvents").returncode == 0
    assert xueqing(home, "identity", "rotate-key").returncode == 0
    assert xueqing(home, "people", "show", "Lwr1terOfEvents").returncode == 0
    settings = Settings.from_environment({"XUEQING_HOME": str(home)})
    with closing(Vault(settings.vault, settings.read_vault_key(create=False))) as vault:
        assert vault.dismiss_others(settings.read_vault_key(create=False)) == 0


def test_a_key_beside_the_vault_is_warned_of_unless_everybody_is_invented(home: Path, tmp_path: Path) -> None:
    forget = ("people", "forget", "Lwr1terOfEvents", "-p", P, "--yes")
    programmes = str(home.parent / "programmes")
    warned = xueqing(home, *forget, XUEQING_PROGRAMMES=programmes)
    assert "lies beside the vault" in warned.stderr.replace("\n", " ")
    kept = tmp_path / "elsewhere.key"
    (home / "vault.key").rename(kept)
    quiet = xueqing(home, *forget, XUEQING_PROGRAMMES=programmes, XUEQING_VAULT_KEY_FILE=str(kept))
    assert "beside" not in quiet.stderr
    with closing(Vault(tmp_path / "demo.sqlite", bytes(32))) as vault:
        vault.put([("Linvented00001", "a", {"name": "n"})], are_invented=True)
        assert not vault.has_real_people()
        vault.put([("Lreal000000001", "b", {"name": "m"})])
        assert vault.has_real_people()
