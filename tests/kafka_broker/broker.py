"""Starts and stops the broker. Needs Java 17 and Maven; nothing is installed outside the cache."""

from __future__ import annotations

import socket
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path

from tests.maven import JarsUnavailable, jars

POM = Path(__file__).with_name("pom.xml")
CLUSTER_ID = "xueqingTestClusterAAAA"


class BrokerUnavailable(Exception):
    """Why there can be no broker here."""


@dataclass
class Broker:
    """A running broker."""

    process: subprocess.Popen[bytes]
    port: int
    folder: Path

    @property
    def address(self) -> str:
        return f"127.0.0.1:{self.port}"

    def stop(self) -> None:
        self.process.terminate()
        try:
            self.process.wait(20)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()


def free_ports(count: int) -> list[int]:
    sockets = [socket.socket() for _ in range(count)]
    try:
        for s in sockets:
            s.bind(("127.0.0.1", 0))
        return [int(s.getsockname()[1]) for s in sockets]
    finally:
        for s in sockets:
            s.close()


def start_broker(folder: Path, port: int | None = None, heap: str = "768m") -> Broker:
    """A broker on ``port`` (or a free one) with its data under ``folder``."""
    try:
        classpath = f"{jars(POM, 'kafka')}/*"
    except JarsUnavailable as error:
        raise BrokerUnavailable(str(error)) from error
    client, controller = free_ports(2)
    client = port or client
    folder.mkdir(parents=True, exist_ok=True)
    properties = folder / "server.properties"
    properties.write_text(
        f"""
process.roles=broker,controller
node.id=1
controller.quorum.voters=1@127.0.0.1:{controller}
listeners=PLAINTEXT://127.0.0.1:{client},CONTROLLER://127.0.0.1:{controller}
advertised.listeners=PLAINTEXT://127.0.0.1:{client}
controller.listener.names=CONTROLLER
inter.broker.listener.name=PLAINTEXT
log.dirs={folder}/data
offsets.topic.replication.factor=1
offsets.topic.num.partitions=4
transaction.state.log.replication.factor=1
transaction.state.log.min.isr=1
group.initial.rebalance.delay.ms=0
group.min.session.timeout.ms=1000
auto.create.topics.enable=false
message.max.bytes=8388608
"""
    )
    java = ["java", f"-Xmx{heap}", "-XX:+UseSerialGC", "-cp", classpath]
    if not (folder / "data" / "meta.properties").exists():
        subprocess.run(
            [*java, "kafka.tools.StorageTool", "format", "-t", CLUSTER_ID, "-c", str(properties)],
            check=True, capture_output=True, timeout=120,
        )  # fmt: skip
    with (folder / "broker.log").open("wb") as output:
        process = subprocess.Popen([*java, "kafka.Kafka", str(properties)], stdout=output, stderr=output)
    broker = Broker(process, client, folder)
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        if process.poll() is not None:
            raise BrokerUnavailable(f"the broker ended at once; see {folder}/broker.log")
        try:
            with socket.create_connection(("127.0.0.1", client), 1):
                return broker
        except OSError:
            time.sleep(0.2)
    broker.stop()
    raise BrokerUnavailable("the broker did not open its port within a minute")
