"""The server: the collector, the learning-record store, the pages; what it opens, and how it stops."""

from pipelines.server.listening import Listening, check_certificate, check_listening
from pipelines.server.serving import serve

__all__ = ["Listening", "check_certificate", "check_listening", "serve"]
