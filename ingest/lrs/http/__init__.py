"""The learning-record store over HTTP: xAPI, and a collector of our own events."""

from ingest.lrs.http.access import Access
from ingest.lrs.http.app import Limits, make_app, resource_of
from ingest.lrs.http.observing import Observer

__all__ = ["Access", "Limits", "Observer", "make_app", "resource_of"]
