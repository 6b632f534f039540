"""The vault recognises a person by any of their accounts."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from ingest.identity import Recognised, Vault
from warehouse.errors import IdentityError


@pytest.fixture
def vault(tmp_path: Path) -> Iterator[Vault]:
    made = Vault(tmp_path / "vault.sqlite", b"k" * 32)
    yield made
    made.close()


def test_a_person_is_known_by_each_of_their_accounts(vault: Vault) -> None:
    key, other = vault.recognise(
        [Recognised(None, ["id:1", "tel:1"], [], {"name": "甲"}), Recognised(None, ["tel:2"], [], {"name": "乙"})]
    )
    lookups = [vault.lookup(a) for a in ("id:1", "tel:1", "tel:2", "tel:3")]
    assert vault.known_by(lookups) == {lookups[0]: key, lookups[1]: key, lookups[2]: other}
    assert key != other
    assert vault.find("tel:1") == key


def test_details_are_added_to_and_a_phone_that_was_given_up_is_free(vault: Vault) -> None:
    (key,) = vault.recognise([Recognised(None, ["id:1", "tel:1"], [], {"name": "甲", "phone": "1"})])
    vault.recognise([Recognised(key, ["tel:9"], ["tel:1"], {"phone": "9"})])
    assert vault.show(key) == {"name": "甲", "phone": "9"}
    assert vault.find("tel:1") is None
    assert vault.find("tel:9") == vault.find("id:1") == key
    (new,) = vault.recognise([Recognised(None, ["tel:1"], [], {"name": "丙"})])
    assert new != key


def test_whoever_has_an_account_by_now_is_that_person_and_nobody_loses_one(vault: Vault) -> None:
    (key,) = vault.recognise([Recognised(None, ["id:1"], [], {"name": "甲"})])
    again, other = vault.recognise([Recognised(None, ["id:1"], [], {}), Recognised(None, ["id:2"], [], {"name": "乙"})])
    assert again == key
    vault.recognise([Recognised(other, ["id:1"], ["id:1"], {})])
    assert vault.find("id:1") == key


def test_nobody_is_kept_where_one_was_forgotten_meanwhile(vault: Vault) -> None:
    (key,) = vault.recognise([Recognised(None, ["id:1"], [], {"name": "甲"})])
    vault.forget(key)
    assert vault.known_by([vault.lookup("id:1")]) == {}
    with pytest.raises(IdentityError, match="forgotten"):
        vault.recognise([Recognised(None, ["id:2"], [], {"name": "乙"}), Recognised(key, ["tel:1"], [], {})])
    assert vault.find("id:2") is None
