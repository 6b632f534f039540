"""Answers of a file against a pack whose first level is the best: refused upside down, and right in every figure once they are right."""

from __future__ import annotations

from pathlib import Path

import pytest

from ingest.log.sqlite import SqliteLog
from tests.integration.test_definitions_in_force import P, done, records, write_pack

#: The pack's form f: q1 满意, q2 推荐; 1 好, 2 中, 3 差, without scores.
LEVELS = ("差", "中", "好")
#: Eleven who take part: of q1 9 好 and 2 中, of q2 10 中 and 1 差. One who does not.
ROWS = [f"e{n:03d},{'好' if n < 9 else '中'},{'中' if n < 10 else '差'}" for n in range(11)] + ["nobody,好,好"]


def form(folder: Path, *, codes: tuple[int, ...] | None, form_id: str = "f") -> Path:
    text = f'form_id = "{form_id}"\nlabel_zh = "f"\nlabel_en = "f"\nkey = "enrolment_id"\n'
    for n, label in enumerate(LEVELS):
        code = f"code = {codes[n]}\n" if codes else ""
        text += f'[[levels]]\n{code}label_zh = "{label}"\nlabel_en = "{label}"\n'
    for item, label in (("q1", "满意"), ("q2", "推荐")):
        text += f'[[items]]\nitem_id = "{item}"\nlabel_zh = "{label}"\nlabel_en = "{label}"\n'
    file = folder / f"{form_id}{'-'.join(map(str, codes or ()))}.toml"
    file.write_text(text, encoding="utf-8")
    return file


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("answers")
    write_pack(folder / "away" / P)
    done(folder, "programme", "load", str(folder / "away" / P))
    with SqliteLog(folder / "home" / "log.sqlite") as log:
        log.append([record for record in records() if b'"survey.answered"' not in record.value])
    done(folder, "sink")
    done(folder, "build")
    (folder / "answers.csv").write_text("\n".join(["enrolment_id,满意,推荐", *ROWS]) + "\n", encoding="utf-8-sig")
    return folder


def offsets(folder: Path) -> int:
    with SqliteLog(folder / "home" / "log.sqlite") as log:
        return sum(log.end_offsets().values())


def importing(folder: Path, file: Path, *, code: int = 0) -> str:
    answers = str(folder / "answers.csv")
    return done(
        folder, "survey", "import", answers, "--form", str(file), "-p", P, "--answered-on", "2016-01-18", "--lang", "en", code=code
    )  # fmt: skip


def test_answers_are_never_written_upside_down(home: Path) -> None:
    before = offsets(home)
    told = importing(home, form(home, codes=(1, 2, 3)), code=1)
    assert "level 差: its code is 1 in the form file and 3 in the pack" in " ".join(told.split())
    told = importing(home, form(home, codes=None, form_id="other"), code=1)
    assert "survey_items.csv" in told
    assert "xueqing programme load" in told
    unsure = home / "unsure.toml"
    text = form(home, codes=None).read_text(encoding="utf-8")
    unsure.write_text(text.replace("key =", "is_order_confirmed = false\nkey ="), encoding="utf-8")
    assert "is_order_confirmed = true" in importing(home, unsure, code=1)
    for refused in (unsure, form(home, codes=(1, 2, 3))):
        done(
            home, "survey", "analyse", str(home / "answers.csv"), "--form", str(refused), "-p", P, code=1
        )  # fmt: skip
    assert offsets(home) == before


def test_every_figure_of_imported_answers_is_the_true_one(home: Path) -> None:
    """9 × 3 + 2 × 2 = 31, of 11 answers 2.818, 11 of 11 in the top two; 10 × 2 + 1 = 21, of 11 1.909, 10 of 11 in the top two."""
    good = form(home, codes=None)
    straight = done(home, "survey", "analyse", str(home / "answers.csv"), "--form", str(good), "-p", P, "--lang", "en")
    # A form that the pack does not have is analysed as its file says, beside the same people.
    other = form(home, codes=None, form_id="other")
    own = done(home, "survey", "analyse", str(home / "answers.csv"), "--form", str(other), "-p", P, "--lang", "en")
    assert "2.82" in own
    assert "11 answer sheets appended" in importing(home, good)
    assert "0 answer sheets appended" in importing(home, form(home, codes=(3, 2, 1)))  # the same events
    done(home, "sink")
    done(home, "build")
    events = done(home, "survey", "analyse", "-p", P, "--lang", "en")
    for told in (straight, events):
        assert "100.00" in told
        assert "90.91" in told
        assert "2.82" in told
        assert "1.91" in told
    counts = done(
        home, "sql", "-f", "csv", "select item_id, level, count(*) from fct_survey_answers group by all order by all"
    )
    assert [line for line in counts.splitlines() if line.startswith("q")] == ["q1,1,9", "q1,2,2", "q2,2,10", "q2,3,1"]
    estimated = done(
        home, "sql", "-f", "csv", "select item_id, round(estimate, 3) from survey_estimates where statistic = 'mean' order by 1"
    )  # fmt: skip
    assert [line for line in estimated.splitlines() if line.startswith("q")] == ["q1,2.818", "q2,1.909"]
