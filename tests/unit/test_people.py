"""Names from the vault: corrected, merged, read under a record that shows tampering, and put into documents and locked files."""

from __future__ import annotations

import io
import sqlite3
from collections.abc import Iterator
from datetime import UTC, date, datetime
from pathlib import Path

import msoffcrypto
import openpyxl
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pypdf import PdfReader
from pypdf.errors import WrongPasswordError

from ingest.identity import Readings, Vault
from ingest.sources.roster.recognising import Recogniser
from pipelines.reports.document import Column, Document, Heading, Row, Table, Value
from pipelines.reports.document.files import FORMATS
from pipelines.reports.document.locking import check_lockable, locked
from pipelines.reports.people import Person, Persons, marked, who_columns, who_values
from pipelines.settings import Settings
from pipelines.steps.naming import scheduled
from pipelines.words import Label
from warehouse.errors import BadConfiguration, IdentityError

KEY = b"k" * 32
NOW = datetime(2017, 12, 25, 8, tzinfo=UTC)
PEOPLE = [
    ("Lperson0001", "account-1", {"name": "王芳", "phone": "10000000001"}),
    ("Lperson0002", "account-2", {"name": "王芳芳", "phone": "10000000002"}),
    ("Lperson0003", "account-3", {"name": "李伟", "phone": "10000000003"}),
]


@pytest.fixture(params=["sqlite", "postgres"])
def vault(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Vault]:
    """A vault, once in a file and once in PostgreSQL."""
    where = tmp_path / "vault.sqlite" if request.param == "sqlite" else request.getfixturevalue("postgres")()
    vault = Vault(where, KEY)
    vault.put(PEOPLE)
    yield vault
    vault.close()


def test_a_correction_changes_what_it_names_and_nothing_else(vault: Vault) -> None:
    people = Recogniser(vault)
    people.correct("Lperson0001", {"name": "王方"})
    assert vault.show("Lperson0001") == {"name": "王方", "phone": "10000000001"}
    people.correct("Lperson0001", {"phone": "+86 139 0000 0001"})
    assert vault.show("Lperson0001") == {"name": "王方", "phone": "13900000001"}
    assert vault.find("mobile:13900000001") == "Lperson0001"
    people.correct("Lperson0001", {"phone": ""})
    assert vault.show("Lperson0001") == {"name": "王方"}
    assert vault.find("mobile:13900000001") is None
    assert vault.show("Lperson0002") == PEOPLE[1][2]
    with pytest.raises(IdentityError, match="nobody"):
        people.correct("Lnobody0000", {"name": "x"})
    with pytest.raises(BadConfiguration, match="no phone number"):
        people.correct("Lperson0002", {"phone": "abc"})
    assert vault.show("Lperson0002") == PEOPLE[1][2]


def test_merged_keys_are_one_person_until_they_are_parted(vault: Vault) -> None:
    forms = vault.keep_forms([("account-1", "王 芳")])
    assert vault.merge("Lperson0001", "Lperson0002") == "Lperson0002"
    assert vault.find("account-1") == "Lperson0002"
    assert vault.show("Lperson0001") == PEOPLE[1][2]
    assert vault.same_person("Lperson0001") == vault.same_person("Lperson0002") == ["Lperson0002", "Lperson0001"]
    # What was written down before is still read by its own key.
    assert vault.keep_forms([("account-1", "王芳 ")]) == {("account-1", "王芳 "): ("Lperson0002", 0)}
    assert vault.form(*forms["account-1", "王 芳"]) == "王 芳"
    assert vault.merge("Lperson0002", "Lperson0003") == "Lperson0003"
    assert vault.find("account-1") == "Lperson0003"
    with pytest.raises(IdentityError, match="already"):
        vault.merge("Lperson0001", "Lperson0003")
    with pytest.raises(IdentityError, match="already"):
        vault.merge("Lperson0003", "Lperson0001")
    assert vault.part("Lperson0002") == "Lperson0003"
    assert vault.find("account-1") == "Lperson0002"
    assert vault.part("Lperson0001") == "Lperson0002"
    assert [vault.find(account) for _, account, _ in PEOPLE] == [key for key, _, _ in PEOPLE]
    assert [vault.show(key) for key, _, _ in PEOPLE] == [details for _, _, details in PEOPLE]
    with pytest.raises(IdentityError, match="not merged"):
        vault.part("Lperson0001")


def test_whoever_was_forgotten_is_left_out_and_merges_with_nobody(vault: Vault) -> None:
    vault.merge("Lperson0001", "Lperson0002")
    for key in vault.same_person("Lperson0001"):
        vault.forget(key)
    assert vault.show_all(["Lperson0001", "Lperson0002", "Lperson0003", "Lnobody0000"]) == {"Lperson0003": PEOPLE[2][2]}
    with pytest.raises(IdentityError, match="forgotten"):
        vault.merge("Lperson0003", "Lperson0002")


def written(record: Readings, count: int = 4) -> None:
    for n in range(count):
        people = [key for key, _, _ in PEOPLE[: n % 3 + 1]]
        record.write(people, by_whom="office", purpose=f"list {n}", programme_id="p", scope="秦州", now=NOW)


def test_each_reading_is_in_the_record_with_its_people(vault: Vault, tmp_path: Path) -> None:
    record = Readings(tmp_path / "people-readings.sqlite", vault)
    assert (record.read(), record.check()) == ([], 0)
    written(record)
    assert record.check() == 4
    assert [(r.number, r.by_whom, r.purpose, r.person_count) for r in record.read()] == [
        (1, "office", "list 0", 1), (2, "office", "list 1", 2), (3, "office", "list 2", 3), (4, "office", "list 3", 1),
    ]  # fmt: skip
    assert [r.number for r in record.of(["Lperson0003"])] == [3]
    assert [r.number for r in record.of(["Lperson0002", "Lperson0003"])] == [2, 3]
    assert (tmp_path / "people-readings.sqlite").stat().st_mode & 0o777 == 0o600
    for _, _, details in PEOPLE:
        assert details["name"].encode() not in (tmp_path / "people-readings.sqlite").read_bytes()


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    number=st.integers(1, 4),
    change=st.sampled_from(
        [
            "update readings set by_whom = 'somebody else' where number = {n}",
            "update readings set read_at = '2017-01-01' where number = {n}",
            "update readings set purpose = 'nothing' where number = {n}",
            "update readings set programme_id = 'q' where number = {n}",
            "update readings set scope = 'nobody' where number = {n}",
            "update readings set person_count = person_count + 1 where number = {n}",
            "update people_read set person_key = 'Lperson9999' where number = {n} and person_key = 'Lperson0001'",
            "delete from people_read where number = {n} and person_key = 'Lperson0001'",
            "insert into people_read values ('Lperson9999', {n})",
            "update readings set link = '{zeros}' where number = {n}",
            "delete from readings where number = {n}",
            "delete from readings where number >= {n}",
        ]
    ),
)
def test_whatever_is_changed_in_the_record_is_seen(
    tmp_path_factory: pytest.TempPathFactory, number: int, change: str
) -> None:
    folder = tmp_path_factory.mktemp("readings")
    vault = Vault(folder / "vault.sqlite", KEY)
    record = Readings(folder / "people-readings.sqlite", vault)
    written(record)
    with sqlite3.connect(folder / "people-readings.sqlite") as con:
        con.execute(change.format(n=number, zeros="0" * 64))
    con.close()
    with pytest.raises(IdentityError, match="was changed"):
        record.check()
    vault.close()


def test_a_record_cut_off_at_its_end_is_not_written_on(vault: Vault, tmp_path: Path) -> None:
    record = Readings(tmp_path / "people-readings.sqlite", vault)
    written(record)
    (tmp_path / "people-readings.sqlite").unlink()
    with pytest.raises(IdentityError, match="entry 4"):
        record.check()
    with pytest.raises(IdentityError, match="entry 4"):
        written(record, 1)


def test_a_lost_record_can_be_begun_anew_and_says_so(vault: Vault, tmp_path: Path) -> None:
    record = Readings(tmp_path / "people-readings.sqlite", vault)
    written(record)
    with sqlite3.connect(tmp_path / "people-readings.sqlite") as con:
        con.execute("delete from readings where number = 2")
    con.close()
    kept = record.begin_anew(by_whom="office", now=NOW)
    assert kept is not None
    assert (kept.exists(), record.check()) == (True, 1)
    assert record.read()[0].purpose == "begun anew: the vault noted 4 readings before"
    written(record, 1)
    assert record.check() == 2


def test_an_older_vault_goes_with_a_newer_record(vault: Vault, tmp_path: Path) -> None:
    record = Readings(tmp_path / "people-readings.sqlite", vault)
    written(record, 2)
    vault.note("people-readings", f"1 {record.read()[0].link}".encode())
    assert record.check() == 2
    vault._con.execute("update notes set sealed = ?", (bytes(60),))
    with pytest.raises(IdentityError, match="without its key"):
        record.check()


SCHOOL = Label("秦州区青泉小学", "Qingquan Primary School, Qinzhou")
PERSONS = Persons(
    {"e-1": Person("王芳", "10000000001", SCHOOL)}, "office", "2017-12-25T08:00:00+00:00", "list", 7, "ab" * 32
)


def test_names_stand_beside_ids_only_where_they_were_asked_for() -> None:
    assert [c.label for c in who_columns(None, "学员", "zh")] == ["学员"]
    assert [c.label for c in who_columns(PERSONS, "学员", "zh", with_school=True)] == ["姓名", "学校", "电话", "学员"]
    assert [v.text for v in who_values(None, "e-1", "zh")] == ["e-1"]
    assert [v.text for v in who_values(PERSONS, "e-1", "en", with_school=True)] == [
        "王芳",
        SCHOOL.en,
        "10000000001",
        "e-1",
    ]
    assert [v.text for v in who_values(PERSONS, "e-2", "zh")] == ["–", "–", "e-2"]


def document() -> Document:
    rows = [Row(who_values(PERSONS, "e-1", "zh"))]
    table = Table("名单", "名单", [Column(c, is_number=False) for c in ("姓名", "电话", "学员")], rows)
    return Document("zh", "名单", "", date(2017, 12, 25), [Heading("名单"), table], ["脚注"])


def test_a_file_with_names_says_who_made_it_when_and_from_what() -> None:
    for is_sealed in (True, False):
        text = FORMATS["md"](marked(document(), PERSONS, is_sealed=is_sealed)).decode()
        assert "本件含姓名与电话" in text
        assert "由 office 于 2017-12-25T08:00:00+00:00 生成" in text
        assert "第 7 号，校验 abababababab" in text
        assert ("已封存" in text) == is_sealed


@pytest.mark.parametrize("ending", ["xlsx", "pdf"])
def test_a_locked_file_opens_with_its_password_only(ending: str) -> None:
    plain = FORMATS[ending](document())
    content = locked(plain, ending, "秘密-1234")
    assert b"10000000001" not in content
    if ending == "pdf":
        reader = PdfReader(io.BytesIO(content))
        assert reader.is_encrypted
        assert not reader.decrypt("wrong")
        assert reader.decrypt("秘密-1234")
        with pytest.raises(WrongPasswordError):
            PdfReader(io.BytesIO(content), password="wrong")
    else:
        file = msoffcrypto.OfficeFile(io.BytesIO(content))
        assert file.is_encrypted()
        file.load_key(password="秘密-1234", verify_password=True)
        opened = io.BytesIO()
        file.decrypt(opened)
        assert opened.getvalue() == plain
        assert openpyxl.load_workbook(opened)["名单"]["A3"].value == "王芳"
        with pytest.raises(msoffcrypto.exceptions.InvalidKeyError):
            msoffcrypto.OfficeFile(io.BytesIO(content)).load_key(password="wrong", verify_password=True)


def test_what_cannot_be_locked_is_told_before_anything_is_read() -> None:
    check_lockable(["xlsx", "pdf"])
    with pytest.raises(BadConfiguration, match="html, md"):
        check_lockable(["html", "xlsx", "md"])


def test_the_settings_of_files_with_names(tmp_path: Path) -> None:
    file = tmp_path / "password"
    file.write_text("秘密\nanother line\n", encoding="utf-8-sig")
    settings = Settings.from_environment(
        {"XUEQING_NAMED": "bulletins, briefings", "XUEQING_NAMED_PASSWORD_FILE": str(file)}
    )
    assert settings.named_kinds == ("bulletins", "briefings")
    assert settings.read_named_password() == "秘密"
    naming = scheduled(settings, "briefings")
    assert (naming is not None and naming.purpose, naming is not None and naming.password) == (
        "scheduled briefings",
        "秘密",
    )
    assert scheduled(Settings.from_environment({"XUEQING_NAMED": "bulletins"}), "briefings") is None
    assert Settings.from_environment({}).read_named_password() is None
    file.write_text("\n")
    with pytest.raises(BadConfiguration, match="is empty"):
        settings.read_named_password()
    with pytest.raises(BadConfiguration, match="cannot be read"):
        Settings.from_environment({}).read_named_password(tmp_path / "nowhere")
    with pytest.raises(BadConfiguration, match="not sites"):
        Settings.from_environment({"XUEQING_NAMED": "sites"})


def test_a_value_of_a_document_is_never_a_formula() -> None:
    persons = Persons({"e": Person("=1+1", "+86 100")}, "o", "now", "list", 1, "c" * 64)
    rows = [Row([*who_values(persons, "e", "zh"), Value.of_count(1)])]
    table = Table("t", "t", [Column(c) for c in "abcd"], rows)
    book = openpyxl.load_workbook(io.BytesIO(FORMATS["xlsx"](Document("zh", "t", "", date(2017, 1, 1), [table]))))
    assert book["t"]["A3"].data_type == "s"
    assert book["t"]["A3"].value == "=1+1"
