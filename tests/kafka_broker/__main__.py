"""``make kafka``: a broker on localhost:9092 until Ctrl-C; its data stays in xueqing-data/kafka."""

import os
import sys
from pathlib import Path

from tests.kafka_broker import BrokerUnavailable, start_broker

try:
    broker = start_broker(Path(os.environ.get("XUEQING_HOME", "xueqing-data")).absolute() / "kafka", port=9092)
except BrokerUnavailable as error:
    sys.exit(f"no broker: {error}")
print(f"Kafka is up at {broker.address}. In another terminal:\n\n"
      f"  export XUEQING_LOG=kafka://{broker.address}/xueqing-events XUEQING_HOME=xueqing-data/on-kafka\n"
      "  ./xueqing demo\n\nCtrl-C stops it; its data stays.", flush=True)  # fmt: skip
try:
    broker.process.wait()
except KeyboardInterrupt:
    broker.stop()
