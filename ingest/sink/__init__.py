"""From the log to the lake, exactly once."""

from ingest.sink.loop import STEPS, BatchReport, Sink, SinkOptions

__all__ = ["STEPS", "BatchReport", "Sink", "SinkOptions"]
