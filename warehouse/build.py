"""The private build: from a snapshot of the lake to a published warehouse, all or nothing.

A build works on the file of the build before the last one, which it brings up to date, or where there is none on a copy
of the last one: the last good file itself is never written to. What a file has read is written in it, so a build that was
killed or failed leaves nothing to repair: what it worked on is thrown away. Only a build whose tests have all passed is
published.
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import shutil
import sys
import time
import uuid
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from hashlib import sha256
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Protocol

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq

from warehouse.damage import damage_of, is_damage, is_lake_damage, storage_errors, unusable_storage
from warehouse.dbt import (
    DbtResult,
    Node,
    dbt_arguments,
    grown_marts,
    last_manifest,
    project_dir,
    run_dbt,
    run_logged,
    told,
)
from warehouse.errors import BadConfiguration, BuildFailed, BuildInProgress, LakeDamaged, NotPublished, WarehouseDamaged
from warehouse.lake import ACCEPTED, Lake, Snapshot
from warehouse.publish import (
    QUALITY_CHECKS,
    SURVEY_ESTIMATES,
    BuildInfo,
    copy_published,
    is_as_published,
    put_in_place,
    read_info,
    write_marts,
)
from warehouse.spark import SparkJob, read_built

__all__ = [
    "BuildOptions",
    "BuildReport",
    "Gate",
    "SparkOptions",
    "Warehouse",
    "before",
    "read_state",
    "records_within",
    "write_reference",
]

#: Columns of the lake that the models may read; the raw bytes of quarantined records are not among them.
_RECORD_COLUMNS = (
    "partition", "offset", "recorded_at", "event_id", "event_type", "event_version", "occurred_at",
    "programme_id", "learner_key", "staff_key", "source", "enrolment_id", "replaces", "payload",
)  # fmt: skip

_BUILD = ("build", "--exclude-resource-type", "unit_test", "--exclude-resource-type", "exposure")


@dataclass(frozen=True, slots=True)
class BuildOptions:
    """``memory`` bounds DuckDB; the process needs about 300 MB beside it.

    With ``recorded_before`` the records are those that the log had taken before that instant.
    """

    full: bool = False
    memory: str = "2500MB"
    recorded_before: datetime | None = None
    spark: SparkOptions | None = None


@dataclass(frozen=True, slots=True)
class SparkOptions:
    """Build on Spark, always in full.

    ``jars``: comma-separated jars with Delta, empty to have Spark fetch them. With ``keep`` the folder
    ``build/spark`` stays: Spark's Delta tables, and its answers to the marts' views as Parquet.
    """

    master: str = "local[*]"
    jars: str = ""
    keep: bool = False


@dataclass(frozen=True, slots=True)
class BuildReport:
    """What a build did."""

    info: BuildInfo
    is_full: bool
    is_new: bool
    seconds: float
    nodes: list[Node] = field(default_factory=list)
    is_on_spark: bool = False


class Gate(Protocol):
    """What stands between a private build and its publication."""

    def prepare(self) -> None:
        """A build begins, which will be judged: load what that needs, beside it."""

    def judge(self, candidate: Path, info: BuildInfo) -> pa.Table:
        """What was found, columns as in QUALITY_CHECKS.

        Raises:
            QualityFailed: it must not be published.
        """


class Warehouse:
    """The folder that holds the private build and the published file."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.work = root / "build"
        self.private = self.work / "private.duckdb"
        #: The build before that, for the next one to go on from: copying 50 million events' file takes 3 to 7 s.
        self.spare = self.work / "spare.duckdb"
        self.published = root / "xueqing.duckdb"
        self._seal = self.work / "published.sum"

    def edition(self, recorded_before: datetime) -> Warehouse:
        """The warehouse of what was known before an instant, beside this one."""
        return Warehouse(self.root / "known-by" / f"{recorded_before.astimezone(UTC):%Y%m%dT%H%M%S.%fZ}")

    def has_read(self, snapshot: Snapshot) -> bool:
        """Whether the published file was built from all that the snapshot holds."""
        try:
            info = read_info(self.published)
        except WarehouseDamaged:
            return False
        return (info.next_offsets if info is not None else {}) == _offsets(snapshot)

    def build(
        self,
        lake: Lake,
        reference: Mapping[str, pa.Table],
        options: BuildOptions | None = None,
        report: Callable[[Node], None] = lambda node: None,
        gate: Gate | None = None,
        estimate: Callable[[Path], pa.Table] | None = None,
    ) -> BuildReport:
        """Bring the warehouse up to the lake's newest version and publish it.

        Args:
            reference: the programme packs' tables, by name.
            gate: judges the private build before it is published.
            estimate: infers from a file with the marts what SQL cannot, columns as in SURVEY_ESTIMATES.

        What earlier builds have left and cannot be read any more is made again.

        Raises:
            BuildFailed: a model, a test or the gate failed; nothing was published.
            BuildInProgress: another process is building.
            LakeDamaged: a file of the lake is missing or cannot be read.
            StorageUnavailable: the disk is full, or the folder may not be written to; nothing was published.
        """
        options = options or BuildOptions()
        with storage_errors(f"the warehouse at {self.root}"), self._lock():
            try:
                return self._build(lake, reference, options, report, gate, estimate)
            except (BuildFailed, duckdb.Error) as error:
                if not is_damage(str(error)) or options.full:
                    raise _told(error) from error
            # What it went on from is not as it was written: a full build needs neither.
            return self._build(lake, reference, replace(options, full=True), report, gate, estimate)

    def _build(
        self,
        lake: Lake,
        reference: Mapping[str, pa.Table],
        options: BuildOptions,
        report: Callable[[Node], None],
        gate: Gate | None,
        estimate: Callable[[Path], pa.Table] | None,
    ) -> BuildReport:
        started = time.perf_counter()
        snapshot = lake.snapshot()
        definitions = _digest(reference)
        newest = None if options.full or options.spark else _state(self.private, definitions, lake, snapshot)
        published = self._published_info()
        if newest is not None and published is not None and not _has_news(snapshot, newest, options.recorded_before):
            return BuildReport(published, False, False, time.perf_counter() - started)
        info = BuildInfo(
            build_id=f"{datetime.now(UTC):%Y%m%dT%H%M%S}-{uuid.uuid4().hex[:8]}",
            built_at=datetime.now(UTC),
            lake_version=snapshot.version,
            next_offsets=_offsets(snapshot),
            definitions=definitions,
        )
        candidate = self.work / "candidate.duckdb"
        for leftover in self.work.glob("candidate.duckdb*"):
            leftover.unlink()
        ends = lake.last_records(snapshot.next_offsets)
        if gate is not None:
            gate.prepare()
        last = self._base(candidate, newest, definitions, lake, snapshot)
        # Whatever has changed since the published build has changed since the older one, too.
        follows = newest is not None and published is not None and published.build_id == newest.get("build_id")
        # What else is to be done is done beside the models and beside the judging: seconds of each.
        with ThreadPoolExecutor(2) as beside:
            if follows:
                copying = beside.submit(copy_published, self.published)
            if options.spark is not None:
                nodes = self._run_on_spark(candidate, snapshot, reference, info, options, report)
            else:
                nodes = self._run(candidate, snapshot, reference, last, info, options, report, ends)
            if follows:
                copying.result()
            spare = candidate.with_suffix(".duckdb.spare")
            # An edition is built once, mostly.
            if last is None and options.spark is None and options.recorded_before is None:
                sparing = beside.submit(shutil.copyfile, candidate, spare)
            else:
                sparing = None

            def write() -> tuple[Path, pa.Table]:
                manifest = last_manifest(self.work)
                grown = grown_marts(manifest) if follows else set()
                fresh = write_marts(candidate, self.published, info, told(manifest), grown=grown)
                return fresh, estimate(fresh) if estimate is not None else SURVEY_ESTIMATES.empty_table()

            writing = beside.submit(write)
            checks = gate.judge(candidate, info) if gate is not None else QUALITY_CHECKS.empty_table()
            fresh, estimates = writing.result()
            put_in_place(fresh, self.published, checks, estimates, self._seal)
            if sparing is not None:
                sparing.result()
        if options.spark is not None:
            candidate.unlink()
        elif last is None and options.recorded_before is not None:
            os.replace(candidate, self.private)
        else:
            self._keep(candidate, spare)
        return BuildReport(info, last is None, True, time.perf_counter() - started, nodes, options.spark is not None)

    def _published_info(self) -> BuildInfo | None:
        """What the published file was built from; None where it is to be published anew, whatever else is new."""
        try:
            info = read_info(self.published)
        except WarehouseDamaged:
            return None
        return info if info is None or is_as_published(self.published, self._seal) else None

    def _base(
        self,
        candidate: Path,
        newest: Mapping[str, object] | None,
        definitions: str,
        lake: Lake,
        snapshot: Snapshot,
    ) -> Mapping[str, object] | None:
        """Make the file that a build goes on from, and say what it has read; None for a full build."""
        if newest is None:
            return None
        if self.spare.exists():
            older = None if self.spare.samefile(self.private) else _state(self.spare, definitions, lake, snapshot)
            if older is not None:
                os.replace(self.spare, candidate)
                return older
            self.spare.unlink()
        return newest

    def _keep(self, candidate: Path, beside: Path) -> None:
        """The candidate is now the last good file; there is a private file at any instant.

        ``beside`` is to be the spare: a copy of the candidate that a full build has made, else the file before it.
        """
        if not beside.exists():
            os.link(self.private, beside)
        os.replace(beside, self.spare)
        os.replace(candidate, self.private)

    def write_docs(self, target: Path) -> None:
        """Write dbt's documentation of the last build, models, columns and lineage, as one HTML file.

        Raises:
            NotPublished: nothing was built on DuckDB yet.
            BuildFailed: dbt could not write it.
        """
        if not self.private.exists():
            raise NotPublished("nothing is built yet; run: xueqing build")
        with self._lock():
            work = self.work / "docs"
            shutil.rmtree(work, ignore_errors=True)
            work.mkdir()
            copy = work / "candidate.duckdb"
            shutil.copyfile(self.private, copy)
            _finished(run_dbt(["docs", "generate", "--static"], build_file=copy, work=work, memory="1GB"))
            target.parent.mkdir(parents=True, exist_ok=True)
            os.replace(work / "target" / "static_index.html", target)
            shutil.rmtree(work)

    @contextlib.contextmanager
    def _lock(self) -> Iterator[None]:
        self.work.mkdir(parents=True, exist_ok=True)
        with (self.work / "lock").open("w") as file:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError as error:
                raise BuildInProgress("another build is running in this folder; wait for it and try again") from error
            yield

    def _run(
        self,
        candidate: Path,
        snapshot: Snapshot,
        reference: Mapping[str, pa.Table],
        last: Mapping[str, object] | None,
        info: BuildInfo,
        options: BuildOptions,
        report: Callable[[Node], None],
        ends: Mapping[int, tuple[int, str]],
    ) -> list[Node]:
        def prepare() -> None:
            if last is not None and not candidate.exists():
                shutil.copyfile(self.private, candidate)
            _prepare(candidate, snapshot, reference, last, info, options.recorded_before, ends)

        arguments = [*_BUILD, *(["--full-refresh"] if last is None else ["--selector", "update"])]
        return _finished(
            run_dbt(
                arguments,
                build_file=candidate,
                work=self.work,
                memory=options.memory,
                report=report,
                meanwhile=prepare,
            )
        )

    def _run_on_spark(
        self,
        candidate: Path,
        snapshot: Snapshot,
        reference: Mapping[str, pa.Table],
        info: BuildInfo,
        options: BuildOptions,
        report: Callable[[Node], None],
    ) -> list[Node]:
        """Build the marts on Spark, bring their tables into ``candidate`` and make their views there."""
        assert options.spark is not None
        if not snapshot.files:
            raise BuildFailed("the lake is empty; nothing for Spark to build. Run: xueqing sink")
        if find_spec("pyspark") is None or find_spec("dbt.adapters.spark") is None:
            raise BadConfiguration("Spark is not installed; run: pip install 'xueqing[spark]' (and Java 17)")
        work = self.work / "spark"
        shutil.rmtree(work, ignore_errors=True)
        work.mkdir()
        for name, rows in reference.items():
            pq.write_table(rows, work / f"{name}.parquet")
        arguments = [*_BUILD, "--target", "spark", "--full-refresh"]
        job = SparkJob(
            master=options.spark.master,
            jars=options.spark.jars,
            work=str(work),
            files=[f.removeprefix("file://") for f in snapshot.files],
            columns=list(_RECORD_COLUMNS),
            condition=f"disposition = '{ACCEPTED}' and {before(options.recorded_before).replace('timestamptz', 'timestamp')}",
            reference={name: str(work / f"{name}.parquet") for name in reference},
            dbt=dbt_arguments(arguments, work),
            write_views=options.spark.keep,
        )
        job.write(work / "job.json")
        result = run_logged([sys.executable, "-m", "warehouse.spark", str(work / "job.json")], work, report)
        nodes = _finished(result)
        _prepare(candidate, snapshot, reference, None, info, options.recorded_before, {})
        with duckdb.connect(str(candidate)) as con:
            con.execute("set timezone = 'UTC'")
            con.execute("create schema marts")
            for table in sorted(p.name for p in (work / "tables" / "marts.db").iterdir()):
                files, empty = read_built(work, "marts", table)
                con.register("empty_mart", empty)
                con.execute(f"create table marts.{table} as from {f'read_parquet({files})' if files else 'empty_mart'}")
                con.unregister("empty_mart")
        views = ["run", "--select", "config.schema:marts,config.materialized:view"]
        _finished(run_dbt(views, build_file=candidate, work=self.work, memory=options.memory))
        if not options.spark.keep:
            shutil.rmtree(work)
        return nodes


def _told(error: Exception) -> Exception:
    """What a message of DuckDB that dbt has handed on tells of; the error itself where it is something else."""
    if isinstance(error, BuildFailed) and is_lake_damage(str(error)):
        return LakeDamaged("the lake is damaged (a file of it cannot be read); run: xueqing rebuild")
    return damage_of(error) or error


def _finished(result: DbtResult) -> list[Node]:
    if not result.ok:
        unusable = unusable_storage(
            RuntimeError("\n".join([*(m for _, m in result.failures), *result.tail])), "the warehouse"
        )
        if unusable is not None:
            raise unusable
        what = "\n".join(f"  {name}: {message}" for name, message in result.failures) or "\n".join(result.tail)
        raise BuildFailed(f"nothing was published; what was published before stands.\n{what}")
    return result.nodes


def _offsets(snapshot: Snapshot) -> dict[str, int]:
    return {str(p): o for p, o in snapshot.next_offsets.items()}


def _digest(reference: Mapping[str, pa.Table]) -> str:
    """Names the definitions: the packs' tables, the models' text and the vocabulary. Others need a full build."""
    digest = sha256()
    for name in sorted(reference):
        digest.update(name.encode() + json.dumps(reference[name].to_pylist(), default=str, sort_keys=True).encode())
    project = project_dir()
    for path in sorted(
        [*project.glob("models/**/*.sql"), *project.glob("macros/**/*.sql"), project / "dbt_project.yml"]
    ):
        digest.update(path.name.encode() + path.read_bytes())
    return digest.hexdigest()


def read_state(file: Path) -> dict[str, Any] | None:
    """What a build's file says that it has read; None where there is none or it is damaged: it can be made again."""
    if not file.exists():
        return None
    try:
        with duckdb.connect(str(file), read_only=True) as con:
            row = con.execute("select state from build.state").fetchone()
        state: dict[str, Any] = json.loads(row[0]) if row else {}
    except (duckdb.Error, ValueError):
        return None
    return state


def write_reference(con: duckdb.DuckDBPyConnection, reference: Mapping[str, pa.Table]) -> None:
    """Write the packs' tables into a build's file."""
    for name, rows in reference.items():
        con.register("rows", rows)
        con.execute(f"create or replace table reference.{name} as select * from rows")
        con.unregister("rows")


def _state(private: Path, definitions: str, lake: Lake, snapshot: Snapshot) -> dict[str, Any] | None:
    """What a build's file has read, if another may go on from there; None where it has to begin anew.

    It may where the definitions are the same and the lake still holds what was read: a lake that was made again from
    another copy of the log has other records at the same offsets.
    """
    state = read_state(private)
    if state is None or state.get("definitions") != definitions:
        return None
    read = {int(p): offset for p, offset in state["next_offsets"].items()}
    if any(snapshot.next_offsets.get(p, 0) < offset for p, offset in read.items()):
        return None
    found = lake.last_records(read)
    return state if {str(p): [*one] for p, one in found.items()} == state.get("last_records") else None


def _prepare(
    candidate: Path,
    snapshot: Snapshot,
    reference: Mapping[str, pa.Table],
    last: Mapping[str, object] | None,
    info: BuildInfo,
    recorded_before: datetime | None,
    last_records: Mapping[int, tuple[int, str]],
) -> None:
    """Write what the models read: the snapshot's files as views, the packs as tables."""
    # The newest file format writes strings a third faster; the published file keeps the one that
    # every client reads.
    with duckdb.connect(str(candidate), config={"storage_compatibility_version": "latest"}) as con:
        for schema in ("lake", "reference", "build"):
            con.execute(f"create schema if not exists {schema}")
        con.execute(f"create or replace view lake.records as {_records(snapshot.files, before(recorded_before))}")
        con.execute(f"create or replace view lake.new_records as {_new_records(snapshot, last, recorded_before)}")
        write_reference(con, reference)
        state = {
            "build_id": info.build_id,
            "next_offsets": info.next_offsets,
            "files": snapshot.files,
            "last_records": {str(p): [*one] for p, one in last_records.items()},
            "definitions": info.definitions,
        }
        con.execute("create or replace table build.state as select ?::varchar as state", [json.dumps(state)])


def _has_news(snapshot: Snapshot, last: Mapping[str, object], recorded_before: datetime | None) -> bool:
    if last["next_offsets"] == _offsets(snapshot):
        return False
    if recorded_before is None:
        return True
    with duckdb.connect() as con:
        con.execute("set timezone = 'UTC'")
        return bool(con.execute(f"{_new_records(snapshot, last, recorded_before)} limit 1").fetchall())


def _new_records(snapshot: Snapshot, last: Mapping[str, object] | None, recorded_before: datetime | None) -> str:
    if last is None:
        return _records(snapshot.files, "false")
    # A file of the last snapshot holds nothing new; a compacted one may hold both.
    known = set(last["files"])  # type: ignore[call-overload]
    files = tuple(f for f in snapshot.files if f not in known)
    if not files:
        return _records(snapshot.files[:1], "false")
    return _records(files, f"{_beyond(last['next_offsets'])} and {before(recorded_before)}")  # type: ignore[arg-type]


def before(moment: datetime | None) -> str:
    """SQL that holds for records that the log had taken before an instant (None: for all)."""
    return "true" if moment is None else f"recorded_at < timestamptz '{moment.astimezone(UTC):%Y-%m-%d %H:%M:%S.%f}+00'"


def _records(files: tuple[str, ...], condition: str) -> str:
    columns = ", ".join(f'"{name}"' for name in _RECORD_COLUMNS)
    names = ", ".join("'" + f.removeprefix("file://").replace("'", "''") + "'" for f in files)
    source = f"read_parquet([{names}])" if files else f"({_EMPTY})"
    return f"select {columns} from {source} where disposition = '{ACCEPTED}' and {condition}"


def records_within(files: tuple[str, ...], next_offsets: Mapping[str, int]) -> str:
    """SQL of the accepted records of some files that lie before the given offsets, by partition."""
    return _records(files, f"not ({_beyond(next_offsets)})")


_EMPTY = (
    "select null::integer as partition, null::bigint as offset, null::timestamptz as recorded_at,"
    " null::varchar as disposition, null::varchar as event_id, null::varchar as event_type,"
    " null::integer as event_version, null::timestamptz as occurred_at, null::varchar as programme_id,"
    " null::varchar as learner_key, null::varchar as staff_key, null::varchar as source,"
    " null::varchar as enrolment_id, null::varchar as replaces, null::varchar as payload"
)


def _beyond(next_offsets: Mapping[str, int]) -> str:
    cases = " ".join(f"when {p} then {o}" for p, o in next_offsets.items())
    return f'"offset" >= case "partition" {cases} else 0 end' if cases else "true"
