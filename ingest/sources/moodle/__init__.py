"""Moodle: exports of its log reports (CSV, JSON) and dumps of logstore_standard_log."""

from ingest.sources.moodle.reading import MoodleSite, read_moodle

__all__ = ["MoodleSite", "read_moodle"]
