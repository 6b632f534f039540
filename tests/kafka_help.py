"""What a test does to a topic as its broker's operator might."""

from __future__ import annotations

from kafka import TopicPartition
from kafka.admin import ConfigResource, ConfigResourceType, KafkaAdminClient

from ingest.log.kafka import KafkaLog


def delete_records(log: KafkaLog, partition: int, before: int) -> None:
    """Delete what stands before an offset, as retention would."""
    admin = KafkaAdminClient(bootstrap_servers=log.servers)
    try:
        admin.delete_records({TopicPartition(log.topic, partition): before})
    finally:
        admin.close()


def set_retention(log: KafkaLog, **settings: str) -> None:
    """Set ``retention_ms`` or ``retention_bytes`` of the topic."""
    admin = KafkaAdminClient(bootstrap_servers=log.servers)
    names = {name.replace("_", "."): value for name, value in settings.items()}
    try:
        admin.alter_configs([ConfigResource(ConfigResourceType.TOPIC, log.topic, configs=names)])
    finally:
        admin.close()
