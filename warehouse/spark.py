"""Runs the dbt project on Spark, in a process of its own: ``python -m warehouse.spark JOB.json``.

The lake's accepted records and the packs' tables become Delta tables of a session; dbt builds its models
beside them as Delta tables; the marts are then read back from those by the one who asked.
"""

from __future__ import annotations

import json
import sys
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

__all__ = ["DELTA_PACKAGE", "SparkJob", "read_built"]

#: Later ones do not resolve with pyspark 4.1.
DELTA_PACKAGE = "io.delta:delta-spark_4.1_2.13:4.4.0"
_SCHEMAS = ("lake", "reference", "staging", "intermediate", "marts")
_FEW_TASKS = {"spark.sql.shuffle.partitions": "4", "spark.databricks.delta.snapshotPartitions": "2"}


@dataclass(frozen=True, slots=True)
class SparkJob:
    """What a build on Spark needs.

    Attributes:
        master: ``local[*]`` or a cluster's address; its workers must see ``work`` and the lake.
        jars: comma-separated jars with Delta; empty to have Spark fetch DELTA_PACKAGE.
        files: the snapshot's Parquet files; none for an empty lake.
        columns: those of the lake's that the models may read.
        condition: which records count, in Spark SQL.
        reference: Parquet files of the packs' tables, by name.
        dbt: the arguments for dbt.
        write_views: also write what the marts' views answer, as Parquet into ``work/views``.
    """

    master: str
    jars: str
    work: str
    files: list[str]
    columns: list[str]
    condition: str
    reference: dict[str, str]
    dbt: list[str]
    write_views: bool

    def write(self, path: Path) -> None:
        """As the file that ``python -m warehouse.spark`` reads."""
        path.write_text(json.dumps(asdict(self)), encoding="utf-8")


def _session(job: SparkJob) -> Any:
    from pyspark import SparkConf
    from pyspark.sql import SparkSession

    given = SparkConf()
    settings = {
        "spark.sql.extensions": "io.delta.sql.DeltaSparkSessionExtension",
        "spark.sql.catalog.spark_catalog": "org.apache.spark.sql.delta.catalog.DeltaCatalog",
        # Their defaults make some 50 tasks of every small query; a cluster's own settings stand.
        **{name: value for name, value in _FEW_TASKS.items() if not given.contains(name)},
        # A filter over many renamed columns has it write out every mixture of old and new names, past any memory.
        "spark.sql.constraintPropagation.enabled": "false",
        # A void may be voided, and that void, and so on: a hundred times by default.
        "spark.sql.cteRecursionLevelLimit": "-1",
        "spark.sql.cteRecursionRowLimit": "-1",
        "spark.sql.session.timeZone": "UTC",
        "spark.sql.parquet.outputTimestampType": "TIMESTAMP_MICROS",
        "spark.sql.warehouse.dir": str(Path(job.work) / "tables"),
        "spark.sql.catalogImplementation": "in-memory",
        "spark.ui.enabled": "false",
        "spark.ui.showConsoleProgress": "false",
        ("spark.jars" if job.jars else "spark.jars.packages"): job.jars or DELTA_PACKAGE,
    }
    if job.master.startswith("local") or "127.0.0.1" in job.master or "localhost" in job.master:
        settings |= {"spark.driver.host": "127.0.0.1", "spark.driver.bindAddress": "127.0.0.1"}
    builder = SparkSession.builder.master(job.master).appName("xueqing-build")
    for name, value in settings.items():
        builder = builder.config(name, value)
    session = builder.getOrCreate()
    session.sparkContext.setLogLevel("ERROR")
    return session


def _prepare(session: Any, job: SparkJob) -> None:
    for name in _SCHEMAS:
        session.sql(f"create database if not exists {name}")
    columns = ", ".join(f"`{name}`" for name in job.columns)
    # Columns that a file lacks are null: the lake's schema has grown.
    session.read.option("mergeSchema", "true").parquet(*job.files).createOrReplaceTempView("lake_files")
    for name, condition in (("records", job.condition), ("new_records", "false")):
        session.sql(f"create table lake.{name} using delta as select {columns} from lake_files where {condition}")
    for name, file in job.reference.items():
        session.read.parquet(file).write.format("delta").saveAsTable(f"reference.{name}")


def read_built(work: Path, schema: str, table: str) -> tuple[list[str], Any]:
    """The Parquet files of a table that a job has built, and an empty Arrow table of its columns."""
    import pyarrow as pa
    from deltalake import DeltaTable

    found = DeltaTable(str(work / "tables" / f"{schema}.db" / table))
    empty = pa.schema(found.schema().to_arrow()).empty_table()
    return [uri.removeprefix("file://") for uri in found.file_uris()], empty


def main() -> int:
    """Run the job; dbt's log goes to standard output, a line of JSON at a time."""
    job = SparkJob(**json.loads(Path(sys.argv[1]).read_text(encoding="utf-8")))
    session = _session(job)
    try:
        _prepare(session, job)
        from dbt.cli.main import dbtRunner

        if not dbtRunner().invoke(job.dbt).success:
            return 1
        if job.write_views:
            for row in session.sql("show views in marts").collect():
                if not row.isTemporary:
                    file = str(Path(job.work) / "views" / row.viewName)
                    session.table(f"marts.{row.viewName}").write.parquet(file)
        return 0
    finally:
        session.stop()


if __name__ == "__main__":
    sys.exit(main())
