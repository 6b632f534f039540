"""Learner events: envelope, catalogue, validation and upcasting."""

from ingest.events.catalogue import Actor, EventSpec, catalogue, latest_version
from ingest.events.envelope import Envelope, encode, encode_raw, format_time, parse_time
from ingest.events.upcasters import upcast
from ingest.events.validation import Reason, Refusal, validate

__all__ = [
    "Actor",
    "Envelope",
    "EventSpec",
    "Reason",
    "Refusal",
    "catalogue",
    "encode",
    "encode_raw",
    "format_time",
    "latest_version",
    "parse_time",
    "upcast",
    "validate",
]
