"""Spark Structured Streaming doing the sink's work: the same topic into the same kind of table.

It does less than the sink: it opens the envelope, checks its members' presence and form, keeps
apart what fails, and leaves the payload's own members unchecked.
"""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

from ingest.events import catalogue
from tests.maven import jars

POM = Path(__file__).with_name("pom.xml")
#: Records a micro-batch.
BATCHES = (100_000, 300_000, 1_000_000)


def _session(folder: Path) -> Any:
    from pyspark.sql import SparkSession

    wanted = ("delta-", "spark-sql-kafka", "spark-token-provider-kafka", "kafka-clients", "commons-pool2")
    extra = [str(j) for j in sorted(jars(POM, "spark").glob("*.jar")) if j.name.startswith(wanted)]
    settings = {
        "spark.jars": ",".join(extra),
        "spark.sql.extensions": "io.delta.sql.DeltaSparkSessionExtension",
        "spark.sql.catalog.spark_catalog": "org.apache.spark.sql.delta.catalog.DeltaCatalog",
        "spark.sql.shuffle.partitions": "4",
        "spark.databricks.delta.snapshotPartitions": "2",
        "spark.sql.parquet.compression.codec": "zstd",
        "spark.sql.session.timeZone": "UTC",
        "spark.ui.enabled": "false",
        "spark.driver.memory": "4g",
        "spark.driver.host": "127.0.0.1",
        "spark.driver.bindAddress": "127.0.0.1",
        "spark.local.dir": str(folder),
        "spark.sql.warehouse.dir": str(folder / "warehouse"),
    }
    builder = SparkSession.builder.master("local[2]").appName("xueqing-benchmark")
    for name, value in settings.items():
        builder = builder.config(name, value)
    session = builder.getOrCreate()
    session.sparkContext.setLogLevel("ERROR")
    return session


def _rows(session: Any, servers: str, topic: str, batch: int) -> Any:
    from pyspark.sql import functions as f

    envelope = (
        "event_id string, event_type string, event_version int, occurred_at string, programme_id string,"
        " learner_key string, staff_key string, source string, replaces string, payload string"
    )
    read = (
        session.readStream.format("kafka")
        .option("kafka.bootstrap.servers", servers)
        .option("subscribe", topic)
        .option("startingOffsets", "earliest")
        .option("maxOffsetsPerTrigger", batch)
        .load()
        .select("partition", "offset", f.col("timestamp").alias("recorded_at"), "value")
        .withColumn("e", f.from_json(f.col("value").cast("string"), envelope))
        .withColumn("occurred_at", f.expr("try_cast(e.occurred_at as timestamp)"))
    )
    ok = (
        f.col("e.event_id").rlike("^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$")
        & f.col("e.event_type").isin(sorted({event_type for event_type, _ in catalogue()}))
        & f.col("occurred_at").isNotNull()
        & f.col("e.programme_id").isNotNull()
        & f.col("e.source").isNotNull()
        & f.col("e.payload").startswith("{")
    )
    good = f.coalesce(ok, f.lit(False))
    kept = [f.when(good, f.col(f"e.{n}")).alias(n) for n in
            ("event_id", "event_type", "event_version", "programme_id", "learner_key", "staff_key", "source",
             "replaces", "payload")]  # fmt: skip
    return read.select(
        "partition", "offset", "recorded_at", "occurred_at", *kept,
        f.when(good, "accepted").otherwise("quarantined").alias("disposition"),
        f.get_json_object("e.payload", "$.enrolment_id").alias("enrolment_id"),
        f.when(~good, f.col("value")).alias("raw"),
    )  # fmt: skip


def spark_rates(servers: str, topic: str, count: int, folder: Path, rounds: int) -> dict[int, float]:
    """Records a second for each batch size, best of ``rounds``, after one run that warms it up."""
    session = _session(folder)
    seconds: dict[int, list[float]] = {}
    try:
        for round_ in range(rounds + 1):
            for batch in BATCHES if round_ else BATCHES[-1:]:
                table = folder / f"table-{round_}-{batch}"
                rows = _rows(session, servers, topic, batch)
                started = time.perf_counter()
                query = (
                    rows.writeStream.format("delta")
                    .option("checkpointLocation", f"{table}-checkpoint")
                    .trigger(availableNow=True)
                    .start(str(table))
                )
                query.awaitTermination()
                taken = time.perf_counter() - started
                found = session.read.format("delta").load(str(table)).where("disposition = 'accepted'").count()
                if found != count:
                    raise SystemExit(f"Spark accepted {found} of {count} records")
                if round_:
                    seconds.setdefault(batch, []).append(taken)
    finally:
        session.stop()
    return {batch: count / min(taken) for batch, taken in seconds.items()}
