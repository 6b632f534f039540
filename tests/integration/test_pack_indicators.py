"""A pack's own indicators and breakdowns, with no change of Python or SQL, wherever indicators and breakdowns are shown."""

from __future__ import annotations

import csv
import shutil
from datetime import date
from pathlib import Path

import pytest

from ingest.log.sqlite import SqliteLog
from ingest.programmes.pack import Pack, load_pack
from ingest.sources.simulate import simulate
from tests.command_line import xueqing
from tests.oracle import Oracle, Rules
from tests.warehouse_help import cells_of, raw_records
from warehouse.query import connect

P = "tianshui-2017"
DAY = date(2017, 11, 27)
WRITING = "writing,写作率,Writing rate,participating,journal|peer_review|assignment_submitted,event_count,>=,9,九次以上写作,nine pieces of writing"
KEEN = "keen_writing,勤写率,Keen writing rate,writing,journal|peer_review|assignment_submitted,event_count,>=,11,十一次以上写作,eleven pieces"
PROVEN = "proven,写作合格率,Pass rate of keen writers,keen_writing,,has_passed,,,勤写且合格,those of them who pass"


def changed(folder: Path, pack: Pack) -> Path:
    """The pack with three more indicators, one of them a share of a share, and one more breakdown."""
    shutil.copytree(pack.path, folder)

    def add(name: str, *rows: str) -> None:
        with (folder / f"{name}.csv").open("a", encoding="utf-8") as file:
            file.write("".join(f"{row}\n" for row in rows))

    add("indicators", WRITING, KEEN, PROVEN)
    add("targets", "writing,2017-10-20,2017-11-30,98")
    add(
        "actions",
        "push_writing,pace:writing,1,班级辅导教师,Class tutors,7,督促{count}个区县写作,The {count} counties behind write more",
    )
    (folder / "breakdowns.csv").write_text(
        "breakdown,dimensions,label_zh,label_en\nwho_where,county_id|school_stage|tier,区县学段分层,County by stage and tier\n", encoding="utf-8"
    )  # fmt: skip
    bulletins = (folder / "bulletins.csv").read_text(encoding="utf-8")
    old = "4,2017-11-28,2017-11-27,course_study"
    assert old in bulletins
    (folder / "bulletins.csv").write_text(bulletins.replace(old, f"{old}|writing"), encoding="utf-8")
    return folder


@pytest.fixture(scope="module")
def home(packs: dict[str, Pack], tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("own-indicators")
    (simulation,) = simulate(packs[P], fraction=0.02)
    with SqliteLog(folder / "log.sqlite") as log:
        log.append(simulation.records)
    where = changed(folder / "packs" / P, packs[P])
    for command in (["programme", "check", str(where)], ["programme", "load", str(where)], ["sink"], ["build"]):
        done = xueqing(folder, *command)
        assert done.returncode == 0, done.stderr
    return folder


def test_the_oracle_counts_them_alike(home: Path) -> None:
    rules = Rules(home / "packs" / P)
    oracle = Oracle.read(raw_records(home / "log.sqlite"), rules, P)
    with connect(home / "warehouse" / "xueqing.duckdb") as con:
        for day in (date(2017, 10, 30), DAY, date(2017, 12, 25)):
            found = cells_of(con, P, day)
            assert found == oracle.status(day), day
        whole = found["programme",]
        assert 0 < whole["proven"] <= whole["keen_writing"] < whole["writing"] < whole["participating"]
        assert any(cell[0] == "who_where" for cell in found)
        shares = dict(
            con.execute(
                "select indicator, denominator_count from rpt_indicators where as_of_on = ? and breakdown = 'programme'",
                [DAY],
            ).fetchall()
        )
    # What a share is of is counted, too.
    on_the_day = oracle.status(DAY)["programme",]
    assert shares["proven"] == on_the_day["keen_writing"]
    assert shares["keen_writing"] == on_the_day["writing"]
    assert shares["writing"] == on_the_day["participating"]


def test_ranks_and_weeks_have_them(home: Path) -> None:
    with connect(home / "warehouse" / "xueqing.duckdb") as con:
        for mart in ("rpt_indicator_ranks", "rpt_indicator_weeks"):
            counted = con.execute(
                f"select count(*) from {mart} where indicator in ('writing', 'keen_writing', 'proven') and breakdown = 'who_where'"
            ).fetchone()
            assert counted is not None
            assert counted[0] > 0, mart
        behind = con.execute(
            "select count(*) from rpt_pace where indicator = 'writing' and as_of_on = ?", [DAY]
        ).fetchone()
        assert behind == (1,)


def test_commands_show_them(home: Path) -> None:
    shown = xueqing(home, "indicators", P, "--by", "who_where", "--as-of", str(DAY), "-i", "writing", "--lang", "en")
    assert shown.returncode == 0, shown.stderr
    assert "Writing rate" in shown.stdout
    unknown = xueqing(home, "indicators", P, "--by", "nowhere")
    assert "who_where" in unknown.stderr
    for figure in (f"{P} writing_rate as-of {DAY}", f"{P} proven county=qinzhou as-of 2017-12-25", f"{P} keen_writing county=qinzhou school_stage=primary tier=basic as-of {DAY}"):  # fmt: skip
        found = xueqing(home, "explain", figure, "--of", "denominator", "--limit", "100000")
        assert found.returncode == 0, found.stderr
        assert "journal.published" in found.stdout
        assert ": the same" in found.stdout


@pytest.mark.parametrize(
    ("language", "words"), [("en", ("Writing rate", "behind write more")), ("zh", ("写作率", "个区县写作"))]
)
def test_a_bulletin_has_them_in_its_focus_pace_and_next_steps(
    home: Path, language: str, words: tuple[str, str]
) -> None:
    done = xueqing(home, "bulletin", "draft", "4", "-p", P, "-f", "md", "--lang", language)
    assert done.returncode == 0, done.stderr
    text = Path(done.stdout.strip().splitlines()[-1]).read_text(encoding="utf-8")
    for word in words:
        assert word in text


def test_a_warehouse_without_them_has_none(packs: dict[str, Pack]) -> None:
    with (packs[P].path / "indicators.csv").open(encoding="utf-8") as file:
        assert not {"writing", "keen_writing", "proven"} & {row["indicator"] for row in csv.DictReader(file)}
    assert "who_where" not in Rules(packs[P].path).breakdowns
    assert load_pack(packs[P].path).tables["breakdowns"] == []
