"""Open edX: tracking logs, one JSON object a line, with or without what a logger writes before it."""

from ingest.sources.openedx.reading import read_openedx

__all__ = ["read_openedx"]
