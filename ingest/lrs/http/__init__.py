"""xAPI over HTTP."""

from ingest.lrs.http.app import Limits, make_app

__all__ = ["Limits", "make_app"]
