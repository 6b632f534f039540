"""Commands as a user types them."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import click
import pytest
from typer.main import get_command
from typer.testing import CliRunner

from ingest.events import catalogue
from pipelines.cli import app
from tests import samples
from tests.command_line import xueqing

GOOD = samples.golden_event(catalogue()["enrolment.opened", 1])


def test_quarantined_records_are_listed_mended_and_replayed(tmp_path: Path) -> None:
    bad = samples.encode(GOOD | {"occurred_at": "2017-10-12T08:00:00"})
    lines = b"\n".join([samples.encode(GOOD | {"event_id": "0" * 8 + GOOD["event_id"][8:]}), bad, b"not json"])
    assert xueqing(tmp_path, "import", "ndjson", "-", stdin=lines).returncode == 0
    assert "1 accepted, 2 quarantined" in xueqing(tmp_path, "sink").stdout
    listed = xueqing(tmp_path, "quarantine", "list").stdout
    assert "naive_time" in listed
    assert "not_json" in listed
    export = tmp_path / "export.ndjson"
    assert xueqing(tmp_path, "quarantine", "export", str(export), "--reason", "naive_time").returncode == 0
    (line,) = [json.loads(text) for text in export.read_text().splitlines()]
    shown = xueqing(tmp_path, "quarantine", "show", line["record"])
    assert '"occurred_at": "2017-10-12T08:00:00"' in shown.stdout
    still_bad = xueqing(tmp_path, "quarantine", "replay", str(export))
    assert still_bad.returncode == 1
    assert "naive_time" in still_bad.stdout
    export.write_text(json.dumps(line | {"value": line["value"].replace("08:00:00", "08:00:00Z")}))
    assert "1 replayed" in xueqing(tmp_path, "quarantine", "replay", str(export)).stdout
    assert "0 replayed, 0 still bad, 1 replayed before" in xueqing(tmp_path, "quarantine", "replay", str(export)).stdout
    xueqing(tmp_path, "sink")
    assert "2 in all" in xueqing(tmp_path, "quarantine", "list").stdout
    assert xueqing(tmp_path, "build").returncode == 0
    account = xueqing(tmp_path, "status")
    assert account.returncode == 0, account.stdout + account.stderr
    assert "2 accepted = 2 counted + 0 repeats + 0 conflicts + 0 waiting" in account.stdout
    query = "select replaces is not null as linked from lake.accepted order by 1"
    assert [
        r["linked"] for r in map(json.loads, xueqing(tmp_path, "sql", query, "-f", "json").stdout.splitlines())
    ] == [False, True]


def test_sql_writes_every_form_and_nothing_to_the_warehouse(tmp_path: Path) -> None:
    xueqing(tmp_path, "import", "ndjson", "-", stdin=samples.encode(GOOD))
    xueqing(tmp_path, "sink")
    xueqing(tmp_path, "build")
    query = "select cell_id as class_id, participating_count from rpt_status where breakdown = 'class' and as_of_on = '2017-10-12'"
    assert xueqing(tmp_path, "sql", query, "-f", "csv").stdout.splitlines() == [
        "class_id,participating_count",
        "class-1,1",
    ]
    assert json.loads(xueqing(tmp_path, "sql", query, "-f", "json").stdout) == {
        "class_id": "class-1",
        "participating_count": 1,
    }
    assert "class-1" in xueqing(tmp_path, "sql", query).stdout
    out = tmp_path / "answer.parquet"
    assert xueqing(tmp_path, "sql", query, "-f", "parquet", "-o", str(out)).returncode == 0
    assert out.read_bytes()[:4] == b"PAR1"
    refused = xueqing(tmp_path, "sql", "delete from fct_cell_spells")
    assert refused.returncode == 1
    assert "read-only" in refused.stderr
    wrong = xueqing(tmp_path, "sql", "select * from rpt_statu")
    assert wrong.returncode == 1
    assert "Traceback" not in wrong.stderr
    _reads_and_writes_nothing_else(tmp_path)
    _prints_data_as_it_is(tmp_path)


def _reads_and_writes_nothing_else(home: Path) -> None:
    (parquet,) = (home / "lake").rglob("part-*.parquet")
    before, secret = parquet.read_bytes(), home / "secret.txt"
    secret.write_text("the secret")
    for query in (
        f"from read_text('{home / 'vault.key'}')", f"from '{secret}'", f"from read_csv('{secret}')", f"from glob('{home}/*')",
        f"from sniff_csv('{secret}')", f"from read_blob('{home / 'log.sqlite'}')", f"copy (select 1) to '{home / 'copy.csv'}'",
        f"copy (select 1 a) to '{parquet}' (format parquet, use_tmp_file false)",
        f"explain analyze copy (select 1 a) to '{parquet}' (format parquet, use_tmp_file false)",
        f"explain /* */ (analyze) copy (select 1 a) to '{parquet}' (format parquet, use_tmp_file false)",
        f"prepare p as copy (select 1 a) to '{parquet}' (format parquet, use_tmp_file false)", f"select 1; copy (select 1) to '{secret}'",
        f"export database '{home / 'exported'}'", f"attach '{home / 'new.duckdb'}'", f"attach '{home / 'log.sqlite'}' (type sqlite)", "install httpfs",
        "load httpfs", "set enable_external_access = true", "reset lock_configuration", "set lock_configuration = false",
        f"set allowed_directories = ['{home}']", f"pragma profiling_output = '{home / 'profile'}'", f"set temp_directory = '{home / 'temp'}'",
        f"from enable_logging('QueryLog', storage = 'file', storage_path = '{home / 'logged'}')", "detach warehouse", "from con", "from answer",
        f"import database '{home}'", "create persistent secret s (type http)", "create table warehouse.marts.x as select 1", "drop table rpt_status",
    ):  # fmt: skip
        asked = xueqing(home, "sql", query)
        assert asked.returncode == 1, (query, asked.stdout)
        assert "Traceback" not in asked.stderr, query
        assert "the secret" not in asked.stdout + asked.stderr
    assert parquet.read_bytes() == before
    assert secret.read_text() == "the secret"
    assert not {"copy.csv", "exported", "new.duckdb", "profile", "temp", "logged"} & {
        path.name for path in home.iterdir()
    }
    # The lake is still read, and what is made in memory, too.
    for query in (
        "select count(*) n from lake.accepted", "create table t as select 1 as n; from t", "with x as (select 1 as n) from x", "explain select 1",
        "from lake.events", "select strftime(recorded_at, '%Y') as n from lake.accepted", "show all tables", "describe rpt_status",
        "explain analyze select count(*) from lake.accepted", "pivot lake.accepted on event_type", "set variable x = 1; select getvariable('x')",
    ):  # fmt: skip
        asked = xueqing(home, "sql", query)
        assert asked.returncode == 0, (query, asked.stderr)
    unwritable = xueqing(home, "sql", "select 1", "-o", str(home / "no" / "such.csv"))
    assert unwritable.returncode == 1
    assert "Traceback" not in unwritable.stderr


def _prints_data_as_it_is(home: Path) -> None:
    shown = xueqing(
        home,
        "sql",
        "select '[/red]' as \"[bold]a[/]\", '[b]x[/b]' as b, chr(27) || ']0;t' || chr(7) as c, '\u202ex' as d, '\u009b1m' as e",
    )
    assert shown.returncode == 0, shown.stderr
    assert all(text in shown.stdout for text in ("[/red]", "[bold]a[/]", "[b]x[/b]"))
    assert not set(shown.stdout) & {"\x1b", "\x07", "\u202e", "\u009b"}
    wrong = xueqing(home, "sql", "select '[/red]' from \"\x1b[31m[/x]\"")
    assert wrong.returncode == 1
    assert "\x1b" not in wrong.stderr
    query = (
        "select unnest(['=1+1', '+cmd|x', '-5', '-x', '@a', ' =a', '＝a', '+1.5e3', 'a=b', null]) as t, -7 as n, -1.5 as d, "
        "date '2017-10-12' as \"=on\", true as b, ['=x'] as l"
    )
    rows = xueqing(home, "sql", query, "-f", "csv").stdout.splitlines()
    assert rows[0] == "t,n,d,'=on,b,l"
    told = ["'=1+1", "'+cmd|x", "-5", "'-x", "'@a", "' =a", "'＝a", "+1.5e3", "a=b", ""]
    assert rows[1:] == [f"{text},-7,-1.5,2017-10-12,true,['=x']" for text in told]
    kept = xueqing(home, "sql", query, "-f", "csv", "--formulas", "keep").stdout.splitlines()
    assert kept[:2] == ["t,n,d,=on,b,l", "=1+1,-7,-1.5,2017-10-12,true,['=x']"]
    out = home / "answer.csv"
    assert xueqing(home, "sql", query, "-o", str(out)).returncode == 0
    assert out.read_text(encoding="utf-8").splitlines() == rows


def test_rebuild_gives_the_same_marts(tmp_path: Path) -> None:
    from tests.warehouse_help import marts

    xueqing(tmp_path, "import", "ndjson", "-", stdin=samples.encode(GOOD))
    xueqing(tmp_path, "sink")
    xueqing(tmp_path, "build")
    published = tmp_path / "warehouse" / "xueqing.duckdb"
    before = marts(published)
    written = xueqing(tmp_path, "docs")
    assert written.returncode == 0, written.stderr
    assert "int_decision_entries" in Path(written.stdout.strip().replace("\n", "")).read_text(encoding="utf-8")
    assert xueqing(tmp_path, "rebuild", "--yes").returncode == 0
    assert marts(published) == before


@pytest.mark.parametrize(
    ("arguments", "env", "says"),
    [
        (("build",), {}, "xueqing sink"),
        (("sql", "select 1"), {}, "xueqing build"),
        (("simulate", "nowhere"), {}, "there are: open-university, tianshui-2017"),
        (("status", "--as-of", "yesterday"), {}, "2017-10-28"),
        (("import", "oulad", "."), {}, "courses.csv"),
        (("people", "show", "Lnobody1"), {}, "XUEQING_VAULT_KEY"),
        (("status",), {"XUEQING_LOG": "redis:whatever"}, "sqlite:PATH or kafka://"),
    ],
)
def test_an_error_is_one_line_that_says_what_to_do(
    tmp_path: Path, arguments: tuple[str, ...], env: dict[str, str], says: str
) -> None:
    done = xueqing(tmp_path, *arguments, **env)
    assert done.returncode == 1
    assert says in done.stderr.replace("\n", " ")
    assert "Traceback" not in done.stderr


def test_every_command_explains_itself() -> None:
    def walk(command: click.Command, *names: str) -> Iterator[tuple[str, ...]]:
        yield names
        for name, child in getattr(command, "commands", {}).items():
            yield from walk(child, *names, name)

    found = list(walk(get_command(app)))
    assert {("demo",), ("sink",), ("sql",), ("programme", "load"), ("survey", "analyse")} <= set(found)
    for names in found:
        done = CliRunner().invoke(app, [*names, "--help"])
        assert done.exit_code == 0, names
        assert len(done.output) > 150, names


def test_a_simulation_that_was_killed_goes_on_where_it_was(tmp_path: Path) -> None:
    whole, broken = tmp_path / "whole", tmp_path / "broken"
    code = (
        "import os, signal\nfrom pathlib import Path\nfrom pipelines.collect import simulation\nfrom pipelines.settings import Settings\n"
        "from pipelines.workspace import Workspace\nsimulation.APPEND_BATCH = 500\n"
        "workspace = Workspace(Settings.from_environment())\nprint(simulation.is_simulation_unfinished(workspace))\n"
        "append, left = workspace.log.append, [int(os.environ['BATCHES'])]\n"
        "def dying(*args, **options):\n"
        "    left[0] -= 1\n"
        "    if left[0] == 0: os.kill(os.getpid(), signal.SIGKILL)\n"
        "    return append(*args, **options)\n"
        "workspace.log.append = dying\n"
        "simulation.run_simulation(workspace, 'tianshui-2017', seed=1, scale=1, faults=False, fraction=0.01)\n"
        "print(simulation.is_simulation_unfinished(workspace), sum(workspace.log.end_offsets().values()))\n"
    )

    def run(home: Path, batches: int) -> subprocess.CompletedProcess[str]:
        home.mkdir(exist_ok=True)
        env = os.environ | {"XUEQING_HOME": str(home), "BATCHES": str(batches)}
        return subprocess.run([sys.executable, "-c", code], env=env, capture_output=True, text=True, timeout=120)

    expected = run(whole, 0).stdout.split()
    assert run(broken, 5).returncode == -signal.SIGKILL
    found = run(broken, 0).stdout.split()
    assert (expected[0], found[0]) == ("False", "True")
    assert found[1:] == expected[1:]


def test_a_new_pack_is_checked_mended_and_shown(tmp_path: Path) -> None:
    folder = tmp_path / "packs" / "mine"
    assert xueqing(tmp_path, "programme", "new", str(folder)).returncode == 0
    rules = folder / "assessment_rules.csv"
    good = rules.read_text(encoding="utf-8-sig")
    rules.write_text(good.replace(",600,linear", ",none,linear"), encoding="utf-8")
    wrong = xueqing(tmp_path, "programme", "check", str(folder))
    assert wrong.returncode == 1
    assert "assessment_rules.csv row 2, target: 'none' is no number" in wrong.stdout
    # A command that needs the packs says the same and does nothing.
    refused = xueqing(tmp_path, "build", XUEQING_PROGRAMMES=str(folder.parent))
    assert refused.returncode == 1
    assert "row 2, target: 'none' is no number" in refused.stderr
    rules.write_text(good, encoding="utf-8")
    assert xueqing(tmp_path, "programme", "check", str(folder)).stdout == "nothing is wrong with mine\n"
    listed = xueqing(tmp_path, "programme", "show", XUEQING_PROGRAMMES=str(folder.parent)).stdout
    assert [line.split()[0] for line in listed.splitlines()] == ["open-university", "tianshui-2017", "mine"]
    shown = xueqing(tmp_path, "programme", "show", "mine", XUEQING_PROGRAMMES=str(folder.parent)).stdout
    assert "Study time" in shown
    assert "登录率" in shown


def test_a_changed_definition_applies_from_the_day_it_was_loaded_for(tmp_path: Path) -> None:
    folder, day = tmp_path / "packs" / "mine", "2017-10-1"
    mine = {"programme_id": "mine", "payload": {"enrolment_id": "e1", "class_id": "c1"}}
    watched = {"event_type": "video.watched", "event_version": 2, "programme_id": "mine"}
    events = [
        GOOD | mine,
        GOOD | watched | {"event_id": "1" * 8 + GOOD["event_id"][8:], "payload": {"enrolment_id": "e1", "course_id": "k", "watched_s": 60}},
    ]  # fmt: skip
    xueqing(tmp_path, "import", "ndjson", "-", stdin=b"\n".join(map(samples.encode, events)))
    xueqing(tmp_path, "programme", "new", str(folder))
    loaded = xueqing(tmp_path, "programme", "load", str(folder))
    assert "mine is loaded and applies for all dates, being the first" in loaded.stdout, loaded.stderr
    assert "nothing changes" in xueqing(tmp_path, "programme", "load", str(folder)).stdout
    indicators = folder / "indicators.csv"
    text = indicators.read_text(encoding="utf-8-sig")
    indicators.write_text(text.replace("video|text,quantity,>,0", "video|text,quantity,>,100"), encoding="utf-8")
    xueqing(tmp_path, "sink")
    built = xueqing(tmp_path, "build", XUEQING_PROGRAMMES=str(folder.parent))
    assert "The pack mine differs from the one loaded" in built.stderr
    assert (
        "applies from 2017-10-15 on"
        in xueqing(tmp_path, "programme", "load", str(folder), "--from", "2017-10-15").stdout
    )
    indicators.write_text("nothing", encoding="utf-8")
    assert xueqing(tmp_path, "programme", "load", str(folder)).returncode == 1
    assert xueqing(tmp_path, "build").returncode == 0
    shown = xueqing(tmp_path, "programme", "show", "mine").stdout
    assert "version 2" in shown
    assert "version 3" not in shown
    found = [
        json.loads(xueqing(tmp_path, "sql", "-f", "json",
            f"select study_count from rpt_status where breakdown = 'programme' and as_of_on = date '{day}{d}'").stdout)
        for d in (4, 5)
    ]  # fmt: skip
    assert found == [{"study_count": 1}, {"study_count": 0}]
    for d, version, printed in ((4, 1, "1 ÷ 1 = 100.00 %"), (5, 2, "0 ÷ 1 = 0.00 %")):
        told = xueqing(tmp_path, "explain", f"mine study_rate as-of {day}{d}", "--lang", "en")
        assert told.returncode == 0, told.stderr
        assert f"definition (v{version})" in told.stdout
        assert printed in told.stdout


def test_figures_are_followed_to_their_events_and_to_what_was_known(tmp_path: Path) -> None:
    lines = []
    for n, (kind, payload, at) in enumerate(
        [
            ("enrolment.opened", {"enrolment_id": "e1", "class_id": "c1", "county_id": "qinzhou", "is_called_up": True}, "2017-10-10T08:00:00Z"),
            ("session.started", {"enrolment_id": "e1", "device": "web"}, "2017-10-12T08:00:00Z"),
            ("journal.published", {"enrolment_id": "e1", "journal_id": "j", "characters": 500}, "2017-10-13T08:00:00Z"),
        ]
    ):  # fmt: skip
        lines.append(
            GOOD
            | {"event_id": str(n) * 8 + GOOD["event_id"][8:], "event_type": kind, "occurred_at": at, "payload": payload}
        )
    xueqing(tmp_path, "import", "ndjson", "-", stdin=b"\n".join(map(samples.encode, lines)))
    xueqing(tmp_path, "sink")
    assert xueqing(tmp_path, "build").returncode == 0
    out = tmp_path / "events.csv"
    told = xueqing(
        tmp_path,
        "explain",
        "tianshui-2017 login_rate county=秦州区 as-of 2017-10-20",
        "--export-events",
        str(out),
        "--lang",
        "zh",
    )
    assert told.returncode == 0, told.stderr
    assert "1 ÷ 1 = 100.00 %" in told.stdout
    assert "登录率" in told.stdout
    assert [line.split(",")[1] for line in out.read_text().splitlines()] == [
        "event_type",
        "enrolment.opened",
        "session.started",
    ]
    table = xueqing(
        tmp_path,
        "indicators",
        "--by",
        "county",
        "--as-of",
        "2017-10-20",
        "--since",
        "2017-10-11",
        "-i",
        "login",
        "--lang",
        "en",
    ).stdout
    assert "Qinzhou" in table
    assert "+100.00" in table
    assert "there are city, city_subject" in xueqing(tmp_path, "indicators", "--by", "planet").stderr.replace("\n", " ")
    card = xueqing(tmp_path, "scorecard", "tianshui-2017", "e1", "--as-of", "2017-10-20", "--lang", "en").stdout
    assert "online 5.00 of the 36 needed: 31.00 points missing" in card
    assert "1 journals" in card
    # Everything was recorded today: nothing of it was known in 2017.
    then = xueqing(tmp_path, "status", "-p", "tianshui-2017", "--as-of", "2017-10-20", "--known-by", "2017-10-29")
    assert then.returncode == 1
    assert "nothing is known of 'tianshui-2017'" in then.stderr
    changed = xueqing(tmp_path, "restate", "tianshui-2017", "--as-of", "2017-10-20", "--known-by", "2017-10-29")
    assert changed.returncode == 0, changed.stderr
    assert "3 events came in between" in changed.stdout
    assert "– " in changed.stdout
    assert "neither a date" in xueqing(tmp_path, "status", "--known-by", "recently").stderr


def test_an_audit_is_told_written_and_fails_where_something_cannot_be(tmp_path: Path) -> None:
    figures, relations = tmp_path / "figures.csv", tmp_path / "relations.csv"
    figures.write_text(
        "编号,数值,单位,分母\nn,６０,people,\nrate,33.50％,percent,n\nsome,about 300,people,\n", encoding="utf-8"
    )
    relations.write_text("left,relation,right,why\nn,<=,some,a part\n")
    written = [tmp_path / f"audit.{ending}" for ending in ("html", "md", "xlsx", "pdf")]
    to = [part for path in written for part in ("--to", str(path))]
    done = xueqing(tmp_path, "audit", str(figures), "-r", str(relations), *to, "--all", "--lang", "en")
    assert done.returncode == 3, done.stdout + done.stderr
    assert "no whole number of 60 gives 33.50" in done.stdout.replace("\n", " ")
    assert "1 cannot be, 0 are doubtful, 0 to look at; 0 hold, of 1 nothing can be told." in done.stdout
    assert all(path.stat().st_size > 200 for path in written)
    figures.write_text(figures.read_text().replace("33.50", "33.33"))
    fine = xueqing(tmp_path, "audit", str(figures), "--lang", "zh")
    assert fine.returncode == 0, fine.stderr
    assert "发现0项不可能成立" in fine.stdout
    for arguments, message in (
        ([str(tmp_path / "none.csv")], "there is no file"),
        ([str(figures), "--to", "audit.doc"], "write the audit as .html"),
        ([str(figures), "--against", "tianshui-2017"], "nothing is published"),
    ):
        refused = xueqing(tmp_path, "audit", *arguments)
        assert refused.returncode == 1
        assert message in refused.stderr.replace("\n", " ")


def test_a_command_begins_without_what_it_does_not_need() -> None:
    """Each of these takes half a second or more to import."""
    heavy = (
        "altair", "dagster", "great_expectations", "pandas", "pyspark", "scipy.stats", "statsmodels", "typst", "vl_convert",
    )  # fmt: skip
    code = f"import sys, pipelines.cli; print([m for m in {heavy} if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=120)
    assert (done.stdout.strip(), done.returncode) == ("[]", 0), done.stderr
