"""What a vault promises, whatever its rows are in: SQLite and PostgreSQL."""

from __future__ import annotations

import hmac
import os
import random
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from typing import get_args, get_type_hints

import pytest
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from ingest.identity import Vault
from ingest.identity.periods import LEVELS
from ingest.identity.sealing import KINDS, Sealer, header_of
from ingest.programmes.rows import Retention
from warehouse.errors import IdentityError
from warehouse.lake import Covered

KEY, NEW_KEY = bytes(range(32)), bytes(32)
ALICE, BOB = "Lalice00000001", "Lbob0000000001"
Open = Callable[..., Vault]


@pytest.fixture(params=["sqlite", "postgres"])
def opened(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Open]:
    """Opens the same vault, each time as another process would."""
    where = request.getfixturevalue("postgres")() if request.param == "postgres" else tmp_path / "vault.sqlite"
    vaults: list[Vault] = []

    def open_vault(key: bytes = KEY) -> Vault:
        vaults.append(Vault(where, key))
        return vaults[-1]

    yield open_vault
    for vault in vaults:
        vault.close()


def test_people_are_found_by_account_and_shown_until_they_are_forgotten(opened: Open) -> None:
    vault = opened()
    vault.put([(ALICE, "alice", {"name": "爱丽丝"}), (BOB, "bob", {"name": "Bob"})])
    assert vault.find("alice") == ALICE
    assert opened().show(ALICE) == {"name": "爱丽丝"}
    assert (vault.knows(ALICE), vault.knows("Lnobody0000001"), vault.known_of(ALICE)) == (True, False, (1, 0))
    vault.forget(ALICE)
    for one in (vault, opened()):
        assert one.find("alice") is None
        assert one.is_forgotten(ALICE)
        with pytest.raises(IdentityError, match="forgotten"):
            one.show(ALICE)
        assert one.show(BOB) == {"name": "Bob"}
    assert vault.resolve([("alice", {})])["alice"] != ALICE
    with pytest.raises(IdentityError, match="nobody"):
        vault.forget("Lnobody0000001")


def test_forms_have_numbers_and_the_same_again_the_same(opened: Open) -> None:
    vault = opened()
    forms = [("a", "one"), ("a", "two"), ("b", "one")]
    kept = vault.keep_forms(forms)
    assert opened().keep_forms([*forms, ("a", "three")]) == {**kept, ("a", "three"): (kept["a", "one"][0], 2)}
    key, number = kept["a", "two"]
    assert vault.form(key, number) == "two"
    vault.forget(key)
    with pytest.raises(IdentityError):
        vault.form(key, number)


def test_another_key_does_not_open_it_and_rotation_changes_which_one_does(opened: Open) -> None:
    running = opened()
    sealed = Sealer(running).seal(ALICE, "p", "event", "x", b"words")
    with pytest.raises(IdentityError, match="does not open"):
        opened(NEW_KEY)
    running.admit(KEY, NEW_KEY)
    assert Sealer(opened()).open(sealed, "x") == Sealer(opened(NEW_KEY)).open(sealed, "x") == b"words"
    assert opened(NEW_KEY).dismiss_others(NEW_KEY) == 1
    with pytest.raises(IdentityError, match="does not open"):
        opened()
    # Who has it open goes on, and what is sealed then opens with the new key.
    later = Sealer(running).seal(BOB, "p", "event", "x", b"later")
    assert Sealer(opened(NEW_KEY)).open(later, "x") == b"later"
    assert opened(NEW_KEY).find("alice") is None


def test_a_text_ends_with_its_person_its_period_or_by_itself_and_no_other_does(opened: Open) -> None:
    vault = opened()
    sealer = Sealer(vault)
    texts = {
        (who, kind, n): sealer.seal(who, "p", kind, f"about {n}", f"{who} {kind} {n}".encode())
        for who in (ALICE, BOB, None) for kind in KINDS for n in range(3)
    }  # fmt: skip

    def alive() -> set[tuple[str | None, str, int]]:
        fresh = Sealer(opened())
        found = set()
        for (who, kind, n), text in texts.items():
            plain = fresh.open(text, f"about {n}")
            assert plain in (None, f"{who} {kind} {n}".encode())
            found |= {(who, kind, n)} if plain is not None else set()
        return found

    assert alive() == set(texts)
    expected, read = set(texts), {0: Covered(7, 1)}
    header = header_of(texts[None, "quarantine", 1])
    assert header is not None
    vault.erase(
        [], "log", read, leaves=[(header.period, header.leaf), ("Kunknown", "0" * LEVELS), (header.period, "short")]
    )
    expected.discard((None, "quarantine", 1))
    assert alive() == expected
    vault.erase([ALICE], "log", read)
    expected = {one for one in expected if one[0] != ALICE}
    assert alive() == expected
    document = next(p for p in vault.periods.all() if p.kind == "document")
    vault.erase([], "log", read, periods=[document.period])
    expected = {one for one in expected if one[1] != "document"}
    assert alive() == expected
    assert vault.erasures_read("log") == read
    # A person who is gone writes into nothing; a period that has ended is followed by another.
    assert Sealer(vault).open(Sealer(vault).seal(ALICE, "p", "event", "x", b"late"), "x") is None
    assert Sealer(vault).open(Sealer(vault).seal(BOB, "p", "document", "x", b"late"), "x") == b"late"


@pytest.mark.parametrize("seed", range(3))
def test_whatever_is_cut_out_of_a_period_all_others_open(opened: Open, seed: int) -> None:
    chance = random.Random(seed)
    vault = opened()
    sealer = Sealer(vault)
    texts = [sealer.seal(None, "p", "event", "x", b"%d" % n) for n in range(40)]
    gone = set(chance.sample(range(40), 9))
    for n in gone:
        header = header_of(texts[n])
        assert header is not None
        assert vault.periods.cut_out([(header.period, header.leaf)]) == 1
        assert vault.periods.cut_out([(header.period, header.leaf)]) == 0
    fresh = Sealer(vault)
    assert [n for n, text in enumerate(texts) if fresh.open(text, "x") is None] == sorted(gone)


def test_a_text_opens_where_it_belongs_and_says_when_it_was_changed(opened: Open) -> None:
    sealer = Sealer(opened())
    text = sealer.seal(ALICE, "p", "event", "here", b"words")
    for changed, about in (
        (text, "there"),
        (text[:-2] + ("AA" if text[-2:] != "AA" else "BB"), "here"),
        (text.replace(ALICE, BOB), "here"),
    ):
        sealer.seal(BOB, "p", "event", "here", b"")
        with pytest.raises(IdentityError):
            sealer.open(changed, about)
    with pytest.raises(IdentityError, match="not a sealed text"):
        sealer.open("words", "here")
    assert header_of("A256GCM:x:y:z:w") is None
    assert sealer.seal_bytes(ALICE, "p", "event", "here", b"words")[:8] == b"A256GCM:"
    assert sealer.open(sealer.seal_bytes(ALICE, "p", "event", "here", b"words"), "here") == b"words"


def test_the_same_words_of_a_person_have_the_same_mark(opened: Open) -> None:
    sealer = Sealer(opened())

    def mark(who: str, about: str, words: bytes) -> str:
        return sealer.seal_marked(who, "p", "event", about, words).rpartition(":")[2][:16]

    assert mark(ALICE, "e1", b"words") == mark(ALICE, "e1", b"words")
    others = {mark(ALICE, "e1", b"other"), mark(ALICE, "e2", b"words"), mark(BOB, "e1", b"words")}
    assert len({*others, mark(ALICE, "e1", b"words")}) == 4


def test_a_month_has_a_period_of_its_own(opened: Open) -> None:
    vault = opened()
    for month in (10, 11, 11):
        Sealer(vault, clock=lambda month=month: datetime(2017, month, 1, tzinfo=UTC)).seal(None, "p", "event", "x", b"")  # type: ignore[misc]
    assert [(p.kind, p.month) for p in vault.periods.all()] == [("event", "2017-10"), ("event", "2017-11")]


def test_a_vault_of_an_earlier_version_is_taken_over_and_its_key_can_be_changed(tmp_path: Path) -> None:
    wrapping, lookup = (
        hmac.digest(KEY, f"xueqing vault: {what}".encode(), "sha256") for what in ("wrapping", "lookup")
    )
    key = AESGCM.generate_key(256)

    def sealed(secret: bytes, plain: bytes, about: bytes) -> bytes:
        nonce = os.urandom(12)
        return nonce + AESGCM(secret).encrypt(nonce, plain, about)

    about = ALICE.encode()
    with closing(sqlite3.connect(tmp_path / "vault.sqlite")) as con, con:
        con.executescript(
            """
            create table check_value (id integer primary key check (id = 1), sealed blob not null);
            create table persons (person_key text primary key, wrapped_key blob, sealed blob, forgotten_at text) without rowid;
            create table accounts (lookup blob primary key, person_key text not null) without rowid;
            """
        )
        con.execute("insert into check_value values (1, ?)", (sealed(wrapping, b"xueqing", b"check"),))
        person = (ALICE, sealed(wrapping, key, about), sealed(key, b'{"name": "Alice"}', about))
        con.execute("insert into persons values (?, ?, ?, null)", person)
        con.execute("insert into accounts values (?, ?)", (hmac.digest(lookup, b"alice", "sha256"), ALICE))
    document = sealed(key, b"state", b"sealed for " + about)
    with pytest.raises(IdentityError, match="does not open"):
        Vault(tmp_path / "vault.sqlite", NEW_KEY)
    for _ in range(2):
        with closing(Vault(tmp_path / "vault.sqlite", KEY)) as vault:
            assert vault.show(ALICE) == {"name": "Alice"}
            assert vault.find("alice") == ALICE
            assert vault.unseal(ALICE, document) == b"state"
    with closing(Vault(tmp_path / "vault.sqlite", KEY)) as vault:
        vault.admit(KEY, NEW_KEY)
        vault.dismiss_others(NEW_KEY)
    # The old key opens nothing of it by itself: what it wrapped is wrapped anew.
    with closing(sqlite3.connect(tmp_path / "vault.sqlite")) as con:
        (wrapped,) = con.execute("select wrapped_key from persons").fetchone()
    with pytest.raises(InvalidTag):
        AESGCM(wrapping).decrypt(wrapped[:12], wrapped[12:], about)
    with closing(Vault(tmp_path / "vault.sqlite", NEW_KEY)) as vault:
        assert vault.show(ALICE) == {"name": "Alice"}


def test_a_pack_may_say_how_long_each_kind_is_kept() -> None:
    assert get_args(get_type_hints(Retention)["kind"]) == KINDS
