"""Caliper (1EdTech), versions 1.0 to 1.2: envelopes, and events without an envelope."""

from ingest.sources.caliper.reading import CALIPER, CaliperReader, agent_of, read_caliper

__all__ = ["CALIPER", "CaliperReader", "agent_of", "read_caliper"]
