"""A file for whoever works on the models with dbt: what the last build had, beside it, never published."""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import chdir, contextmanager
from pathlib import Path

import duckdb
import pyarrow as pa

from warehouse.build import Warehouse, read_state, records_within, write_reference
from warehouse.dbt import BUILD_FILE, QUIET, project_dir, run_dbt
from warehouse.errors import BuildFailed, NotPublished
from warehouse.lake import Lake

__all__ = ["prepare", "run"]

#: Commands of dbt that make what they select.
_MAKING = ("build", "run")
#: Makes what says what a build works on say that it is all.
_AFRESH = ("run", "--full-refresh", "--select", "tag:touched")


def prepare(warehouse: Warehouse, lake: Lake, reference: Mapping[str, pa.Table], *, fresh: bool = False) -> Path:
    """Make the file of models under development, or bring its packs up to date; returns its path.

    Its models are those of the last build, its records those that the last build had read, so that any model can be made
    again by itself; the packs' tables are today's. It is kept from one command to the next, until there is a newer build.

    Args:
        fresh: begin anew from the last build.

    Raises:
        NotPublished: nothing was built yet.
        BuildFailed: dbt cannot run.
    """
    folder = warehouse.work / "development"
    # As the builds' file is called: views name the file that they were made in.
    file = folder / "candidate.duckdb"
    state = read_state(warehouse.private)
    if state is None:
        raise NotPublished("models need the tables of a build; run: xueqing build")
    is_new = fresh or (read_state(file) or {}).get("build_id") != state["build_id"]
    if is_new:
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        beside = file.with_suffix(".copying")
        shutil.copyfile(warehouse.private, beside)
        os.replace(beside, file)
    files = lake.snapshot().files
    with duckdb.connect(str(file)) as con:
        con.execute(f"create or replace view lake.records as {records_within(files, state['next_offsets'])}")
        con.execute(f"create or replace view lake.new_records as {records_within((), {})}")
        write_reference(con, reference)
    if is_new:
        done = run_dbt(list(_AFRESH), build_file=file, work=folder, memory="1GB")
        if not done.ok:
            file.unlink()
            raise BuildFailed("dbt cannot begin anew:\n" + "\n".join([*(m for _, m in done.failures), *done.tail]))
    return file


def run(arguments: Sequence[str], file: Path | None) -> int:
    """``dbt ARGUMENTS`` over a file that :func:`prepare` made, in this process and on this terminal; dbt's exit code.

    Selected models are made anew: there is nothing new for an incremental one to add. Without a file dbt is only asked about itself.
    """
    # Imported here: it takes 2 s, which no other command needs.
    from dbt.cli.exceptions import DbtUsageException
    from dbt.cli.main import dbtRunner

    if file is None:
        return 0 if dbtRunner().invoke([*arguments]).success else 2
    project, work = str(project_dir()), file.parent
    places = ["--project-dir", project, "--profiles-dir", project]
    output = {"DBT_TARGET_PATH": str(work / "target"), "DBT_LOG_PATH": str(work / "logs")}
    full = ["--full-refresh"] if arguments[0] in _MAKING and "--full-refresh" not in arguments else []
    with _environment(output | {BUILD_FILE: str(file)}), chdir(work):
        done = dbtRunner().invoke([*arguments, *full, *places])
    # What dbt has told of a run it does not raise; a wrong option it only raises.
    if isinstance(done.exception, DbtUsageException):
        print(done.exception, file=sys.stderr)
    return 0 if done.success else 1 if done.exception is None else 2


@contextmanager
def _environment(more: Mapping[str, str]) -> Iterator[None]:
    before = dict(os.environ)
    os.environ.update(QUIET | dict(more))
    try:
        yield
    finally:
        os.environ.clear()
        os.environ.update(before)
