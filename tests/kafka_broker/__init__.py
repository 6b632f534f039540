"""A real Kafka broker for tests and development: one KRaft node from Maven Central's jars."""

from tests.kafka_broker.broker import Broker, BrokerUnavailable, start_broker

__all__ = ["Broker", "BrokerUnavailable", "start_broker"]
