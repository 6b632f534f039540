"""A standalone Spark master and its workers as processes of their own, on the loopback only."""

from __future__ import annotations

import os
import re
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.maven import jars

#: For small data: expressions are evaluated, not compiled in three processes for each of hundreds of queries; Spark's own
#: tests hold both ways equal (277 s where it took 340). Few tasks, no filters made up at run time, no second look at each
#: plan, and no compiling of what runs for minutes only. Read by whom SPARK_CONF_DIR leads to it.
DEFAULTS = """
spark.sql.codegen.wholeStage false
spark.sql.codegen.factoryMode NO_CODEGEN
spark.sql.adaptive.enabled false
spark.databricks.delta.stats.collect false
spark.databricks.delta.stats.skipping false
spark.databricks.delta.snapshotPartitions 1
spark.sql.shuffle.partitions 2
spark.default.parallelism 2
spark.sql.leafNodeDefaultParallelism 1
spark.locality.wait 0
spark.sql.lightweightPlanChangeValidation false
spark.sql.optimizer.runtime.bloomFilter.enabled false
spark.sql.ui.explainMode simple
spark.driver.extraJavaOptions -XX:+UseSerialGC -XX:TieredStopAtLevel=1
spark.executor.extraJavaOptions -XX:+UseSerialGC -XX:TieredStopAtLevel=1
"""
POM = Path(__file__).parents[1] / "benchmarks" / "spark" / "pom.xml"


def delta_jars() -> str:
    """Delta's jars, comma-separated.

    Raises:
        JarsUnavailable: there is no Java or no Maven.
    """
    return ",".join(str(j) for j in sorted(jars(POM, "spark").glob("*.jar")) if j.name.startswith("delta-"))


def _wait_for(file: Path, pattern: str, process: subprocess.Popen[bytes]) -> str:
    for _ in range(600):
        found = re.search(pattern, file.read_text(errors="replace"))
        if found:
            return found.group(1)
        if process.poll() is not None:
            break
        time.sleep(0.1)
    raise RuntimeError(f"{file.name} never said {pattern}: {file.read_text(errors='replace')[-2000:]}")


@contextmanager
def cluster(folder: Path, workers: int) -> Iterator[str]:
    """The master's address, while it and its workers run; ``folder`` gets a ``spark-defaults.conf`` for small data."""
    import pyspark

    home = Path(pyspark.__file__).parent
    (folder / "spark-defaults.conf").write_text(DEFAULTS, encoding="utf-8")
    env = os.environ | {"SPARK_HOME": str(home), "SPARK_LOCAL_IP": "127.0.0.1", "SPARK_LOG_DIR": str(folder)}
    env["SPARK_DAEMON_JAVA_OPTS"] = "-XX:+UseSerialGC -XX:TieredStopAtLevel=1"
    running: list[subprocess.Popen[bytes]] = []

    def start(name: str, *arguments: str) -> tuple[Path, subprocess.Popen[bytes]]:
        log = folder / f"{name}.log"
        with log.open("wb") as out:
            process = subprocess.Popen(
                [str(home / "bin" / "spark-class"), *arguments],
                env=env,
                stdout=out,
                stderr=subprocess.STDOUT,
                cwd=folder,
            )
        running.append(process)
        return log, process

    try:
        where = ("--host", "127.0.0.1", "--port", "0", "--webui-port", "0")
        log, process = start("master", "org.apache.spark.deploy.master.Master", *where)
        address = _wait_for(log, r"(spark://127\.0\.0\.1:\d+)", process)
        for n in range(workers):
            log, process = start(
                f"worker-{n}", "org.apache.spark.deploy.worker.Worker", *where, "--cores", "1", "--memory", "1g",
                "--work-dir", str(folder / f"work-{n}"), address,
            )  # fmt: skip
            _wait_for(log, r"(Successfully registered with master)", process)
        yield address
    finally:
        for process in running:
            process.terminate()
        for process in running:
            process.wait(30)
