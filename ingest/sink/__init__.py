"""From the log to the lake, exactly once."""

from ingest.sink.loop import REMEDY, STEPS, BatchReport, Sink, SinkOptions

__all__ = ["REMEDY", "STEPS", "BatchReport", "Sink", "SinkOptions"]
