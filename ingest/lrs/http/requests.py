"""What every resource asks of a request: who sends it, by which version of xAPI, and a body within bounds."""

from __future__ import annotations

import re
from base64 import b64decode
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from email.utils import formatdate
from typing import Any
from urllib.parse import parse_qsl

from ingest.lrs.formats import instant, microseconds
from ingest.lrs.keys import Key
from ingest.lrs.rules import check_agent
from ingest.lrs.strict_json import parse_json

__all__ = [
    "Call",
    "Refused",
    "credentials",
    "etags",
    "http_time",
    "media_type",
    "query_parameters",
    "spoken_version",
]

_VERSION = re.compile(r"^(?:1\.0(?:\.[0-9]+)?|2\.0(?:\.[0-9]+)?)\Z")
_TRUTH = {"true": True, "false": False}


class Refused(Exception):
    """An answer other than asked for: its status, and why in words that repeat no value."""

    def __init__(self, status: int, why: str, headers: Mapping[str, str] | None = None) -> None:
        super().__init__(why)
        self.status, self.why, self.headers = status, why, dict(headers or {})


def spoken_version(header: str | None) -> str:
    """The version that answers a client's header.

    Raises:
        Refused: 400, no version or one that is not spoken here.
    """
    if header is None:
        raise Refused(400, "the header X-Experience-API-Version is missing")
    if not _VERSION.match(header.strip()):
        raise Refused(400, "X-Experience-API-Version: 1.0.3 and 2.0.0 are spoken here")
    return "2.0.0" if header.strip().startswith("2") else "1.0.3"


@dataclass(slots=True)
class Call:
    """A request as the resources see it, whichever syntax it came in."""

    method: str
    headers: Mapping[str, str]
    parameters: dict[str, str]
    body: bytes
    version: str
    key: Key

    def only(self, *names: str) -> None:
        """Raises Refused where there are other parameters than these."""
        unknown = sorted(set(self.parameters) - set(names))
        if unknown:
            raise Refused(400, f"not a parameter here: {', '.join(unknown)}")

    def required(self, name: str) -> str:
        """A parameter that must be there."""
        if name not in self.parameters:
            raise Refused(400, f"the parameter {name} is missing")
        return self.parameters[name]

    def truth(self, name: str) -> bool:
        """A parameter that is true or false, false where it is not there."""
        text = self.parameters.get(name, "false")
        if text not in _TRUTH:
            raise Refused(400, f"{name}: true or false")
        return _TRUTH[text]

    def agent(self, name: str = "agent") -> dict[str, Any]:
        """An agent or group in a parameter, as JSON."""
        node = parse_json(self.required(name).encode())
        check_agent(node, name)
        assert isinstance(node, dict)
        return node

    def microseconds(self, name: str) -> int | None:
        """A time in a parameter, in microseconds since 1970."""
        if name not in self.parameters:
            return None
        try:
            # A plus sign that a client did not encode has become a space.
            moment = instant(self.parameters[name].replace(" ", "+"))
        except ValueError:
            raise Refused(400, f"{name}: an ISO 8601 time") from None
        return microseconds(moment)


def credentials(header: str | None) -> tuple[str, str]:
    """The id and secret of HTTP Basic authentication.

    Raises:
        Refused: 401.
    """
    scheme, _, text = (header or "").partition(" ")
    try:
        if scheme.lower() != "basic":
            raise ValueError
        key_id, colon, secret = b64decode(text.strip(), validate=True).decode().partition(":")
        if not colon:
            raise ValueError
    except ValueError:
        raise Refused(
            401, "send a key's id and secret by HTTP Basic authentication", {"www-authenticate": 'Basic realm="xAPI"'}
        ) from None
    return key_id, secret


def query_parameters(query: bytes) -> dict[str, str]:
    """Each parameter once; raises Refused where one comes twice or is not text."""
    try:
        pairs = parse_qsl(query.decode("ascii"), keep_blank_values=True, strict_parsing=bool(query), errors="strict")
    except ValueError:
        raise Refused(400, "the query cannot be read") from None
    found = dict(pairs)
    if len(found) < len(pairs):
        raise Refused(400, "a parameter comes twice")
    return found


def media_type(content_type: str) -> str:
    """The type of a Content-Type header without its parameters, in lower case."""
    return content_type.partition(";")[0].strip().lower()


def http_time(us: int) -> str:
    """Microseconds since 1970 as HTTP writes a time."""
    return formatdate(us / 1e6, usegmt=True)


def etags(header: str) -> Collection[str]:
    """The tags of an If-Match or If-None-Match header, without quotes."""
    return {tag.strip().removeprefix("W/").strip('"') for tag in header.split(",")}
