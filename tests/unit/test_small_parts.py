from __future__ import annotations

import json
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from decimal import ROUND_HALF_UP, Decimal
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import ingest.events
import warehouse.errors
from ingest.identity import KeyFile, Vault
from ingest.programmes.pack import Pack
from ingest.sources.simulate import simulate
from ingest.sources.simulate.shares import allocate, counts_for_percentages
from pipelines.commands.run import once_for
from pipelines.reports.document.names import file_part, folder_part
from pipelines.words import percent
from warehouse.errors import IdentityError


@given(st.integers(0, 10**6), st.integers(1, 10**6), st.integers(0, 4))
def test_percentages_round_half_up_from_exact_counts(numerator: int, denominator: int, decimals: int) -> None:
    exact = Decimal(numerator) * 100 / Decimal(denominator)
    assert Decimal(percent(numerator, denominator, decimals)) == exact.quantize(
        Decimal(1).scaleb(-decimals), ROUND_HALF_UP
    )


def test_an_empty_denominator_has_no_value() -> None:
    assert percent(0, 0) == "–"
    assert percent(6888, 6958) == "98.99"
    assert percent(1, 800, 1) == "0.1"
    assert percent(1, 200, 0) == "1"  # 0.5 goes up


@given(st.lists(st.floats(0.01, 100), min_size=1, max_size=30), st.integers(0, 5000), st.integers(0, 3))
def test_allocation_gives_out_the_total(weights: list[float], total: int, minimum: int) -> None:
    if total < minimum * len(weights):
        with pytest.raises(ValueError):
            allocate(total, weights, minimum)
        return
    parts = allocate(total, weights, minimum)
    assert parts.sum() == total
    assert parts.min() >= minimum
    exact = np.array(weights) / sum(weights) * (total - minimum * len(weights)) + minimum
    assert np.abs(parts - exact).max() < 1 + 1e-9


@given(st.lists(st.integers(0, 400), min_size=2, max_size=5).filter(lambda c: sum(c) > 0))
def test_counts_come_back_from_their_own_percentages(counts: list[int]) -> None:
    total = sum(counts)
    printed = [(Decimal(c) * 100 / total).quantize(Decimal("0.01"), ROUND_HALF_UP) for c in counts]
    assert counts_for_percentages(printed, total) == counts


def test_the_simulator_is_deterministic_and_scales(packs: dict[str, Pack]) -> None:
    pack = packs["tianshui-2017"]

    def run(**options: Any) -> list[list[Any]]:
        return [s.records for s in simulate(pack, fraction=0.02, **options)]

    first = run(seed=3, scale=2)
    assert first == run(seed=3, scale=2)
    assert first != run(seed=4, scale=2)
    assert len(first) == 2
    ids = [
        json.loads(r.value)["payload"]["enrolment_id"] for part in first for r in part if b"enrolment.opened" in r.value
    ]
    assert len(ids) == len(set(ids))


def test_every_simulated_school_class_and_workshop_has_a_name_of_its_own(packs: dict[str, Pack]) -> None:
    (simulation,) = simulate(packs["tianshui-2017"], fraction=0.05)
    events = [json.loads(record.value) for record in simulation.records]
    names = [e["payload"] for e in events if e["event_type"] == "group.named"]
    used = {
        (kind, e["payload"][f"{kind}_id"])
        for e in events
        for kind in ("school", "class", "workshop")
        if f"{kind}_id" in e["payload"]
    }
    assert used <= {(n["kind"], n["group_id"]) for n in names}
    for label in ("label_zh", "label_en"):
        assert len({n[label] for n in names}) == len(names)
    # They are named before anybody is enrolled.
    assert max(e["occurred_at"] for e in events if e["event_type"] == "group.named") < min(
        e["occurred_at"] for e in events if e["event_type"] != "group.named"
    )


@pytest.fixture
def vault(tmp_path: Path) -> Iterator[Vault]:
    vault = Vault(tmp_path / "vault.sqlite", b"k" * 32)
    yield vault
    vault.close()


def test_the_vault_gives_back_what_it_was_given_and_forgets(vault: Vault, tmp_path: Path) -> None:
    canary = "司马相如-13800138000"
    keys = vault.resolve([("account-1", {"name": canary}), ("account-2", {"name": "x"})])
    assert vault.resolve([("account-1", {})])["account-1"] == keys["account-1"]
    assert vault.show(keys["account-1"]) == {"name": canary}
    for word in (canary, "account-1"):
        assert word.encode() not in (tmp_path / "vault.sqlite").read_bytes()
    vault.forget(keys["account-1"])
    with pytest.raises(IdentityError, match="forgotten"):
        vault.show(keys["account-1"])
    assert vault.count() == 1
    # The account leads nowhere now: whoever comes with it is somebody new.
    assert vault.resolve([("account-1", {})])["account-1"] != keys["account-1"]
    with pytest.raises(IdentityError):
        vault.forget("Lnobody123")


def test_the_vault_keeps_each_form_once_under_its_persons_key(vault: Vault, tmp_path: Path) -> None:
    first = vault.keep_forms([("a", "A"), ("b", "B"), ("a", "A"), ("a", "AA")])
    (a, _), (b, _) = first["a", "A"], first["b", "B"]
    assert a != b
    assert first == {("a", "A"): (a, 0), ("a", "AA"): (a, 1), ("b", "B"): (b, 0)}
    with closing(Vault(tmp_path / "vault.sqlite", b"k" * 32)) as other:
        assert other.keep_forms([("b", "BB"), ("a", "AA"), ("c", "C"), ("b", "B")]) | first == first | {
            ("b", "BB"): (b, 1), ("c", "C"): (other.find("c"), 0),
        }  # fmt: skip
    assert vault.keep_forms([("b", "BB")]) == {("b", "BB"): (b, 1)}
    assert [vault.form(a, 1), vault.form(b, 0), vault.form(b, 1)] == ["AA", "B", "BB"]
    vault.forget(b)
    with pytest.raises(IdentityError, match="forgotten"):
        vault.form(b, 0)
    # Whoever comes with the account now is somebody new.
    ((again, number),) = vault.keep_forms([("b", "BB")]).values()
    assert (again != b, number) == (True, 0)


def test_two_who_meet_the_same_people_at_once_give_them_the_same_keys(tmp_path: Path) -> None:
    path = tmp_path / "vault.sqlite"
    people = [(f"account-{n % 40}", f"form {n}") for n in range(200)]

    def meet(order: int) -> dict[tuple[str, str], tuple[str, int]]:
        with closing(Vault(path, b"k" * 32)) as own:
            found = {}
            for start in range(0, 200, 20):
                found |= own.keep_forms(people[start : start + 20][::order])
            return found

    Vault(path, b"k" * 32).close()
    with ThreadPoolExecutor(4) as pool:
        one, *others = pool.map(meet, (1, -1, 1, -1))
    assert all(other == one for other in others)
    assert sorted(one.values()) == sorted({(key, n) for key, _ in one.values() for n in range(5)})


def test_the_vault_opens_with_its_own_key_only(vault: Vault, tmp_path: Path) -> None:
    vault.close()
    with pytest.raises(IdentityError, match="does not open"):
        Vault(tmp_path / "vault.sqlite", b"x" * 32)


def test_a_key_file_is_private_and_never_overwritten(tmp_path: Path) -> None:
    path = tmp_path / "vault.key"
    key = KeyFile.create(path)
    assert KeyFile.parse(path.read_text()) == key
    assert path.stat().st_mode & 0o077 == 0
    with pytest.raises(FileExistsError):
        KeyFile.create(path)
    for text in ("not base64!", "YWJj"):
        with pytest.raises(IdentityError):
            KeyFile.parse(text)


def test_the_designed_surface_is_frozen() -> None:
    assert ingest.events.__all__ == [
        "Actor", "Envelope", "EventSpec", "Reason", "Refusal", "catalogue", "encode", "encode_raw", "format_time",
        "latest_version", "parse_time", "upcast", "validate",
    ]  # fmt: skip
    assert set(warehouse.errors.__all__) == {
        "AlertNotSent", "BadConfiguration", "BadSource", "BuildFailed", "BuildInProgress", "CommitRefused", "IdentityError",
        "IndexDamaged", "LakeBusy", "LakeDamaged", "LakeMismatch", "LogReplaced", "LogTruncated", "LogUnavailable", "NoLog", "NotPublished",
        "QualityFailed", "SealBroken", "StorageUnavailable", "Terminal", "Transient", "WarehouseDamaged", "XueqingError",
    }  # fmt: skip


@given(
    st.text(min_size=1, max_size=200)
    | st.sampled_from([".", "..", "a/b", "a\\b", "../../x", ".hidden", "a ", "a.", "学情 计划", "con", "a\0b"])
)
def test_no_id_becomes_a_way_to_another_folder(name: str) -> None:
    for part in (file_part(name), folder_part(name)):
        assert Path("root", part).parent == Path("root")
        assert Path("root", part).resolve().parent == Path("root").resolve()
        assert not part.startswith(".")
        assert len(part.encode()) <= 255


def test_a_programme_keeps_its_name_as_a_folder() -> None:
    assert folder_part("tianshui-2017") == "tianshui-2017"
    assert folder_part("学情 计划") == "学情 计划"


def test_what_was_interrupted_is_written_again_and_what_is_whole_is_not(tmp_path: Path) -> None:
    done, written = tmp_path / "done", list[str]()

    def interrupted() -> None:
        written.append("half")
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        once_for("build-1", done, interrupted)
    for build in ("build-1", "build-1", "build-2", "build-2"):
        once_for(build, done, lambda build=build: written.append(build))  # type: ignore[misc]
    assert written == ["half", "build-1", "build-2"]
