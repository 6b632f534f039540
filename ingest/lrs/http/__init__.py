"""The learning-record store over HTTP: xAPI, and a collector of our own events."""

from ingest.lrs.http.access import Access
from ingest.lrs.http.app import make_app, resource_of
from ingest.lrs.http.caliper import as_shipped
from ingest.lrs.http.limits import Limits
from ingest.lrs.http.observing import Observer

__all__ = ["Access", "Limits", "Observer", "as_shipped", "make_app", "resource_of"]
