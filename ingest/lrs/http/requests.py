"""Reads what every resource needs of a request: version, parameters, credentials."""

from __future__ import annotations

import re
from base64 import b64decode
from binascii import a2b_qp
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from email.utils import formatdate
from typing import Any
from urllib.parse import unquote_to_bytes

from ingest.lrs.access.keys import Key
from ingest.lrs.standard.formats import instant, microseconds, plain_uuid
from ingest.lrs.standard.rules import VERSIONS, check_agent
from ingest.lrs.standard.strict_json import parse_json

__all__ = [
    "Call",
    "Refused",
    "authorization_in",
    "check_uuid",
    "credentials",
    "etags",
    "headers_of",
    "http_time",
    "likely_version",
    "media_type",
    "query_parameters",
    "spoken_version",
]

_VERSION = re.compile(r"^(?:1\.0(?:\.[0-9]+)?|2\.0(?:\.[0-9]+)?)\Z")
#: As JSON writes them, and as clients in Python do.
_TRUTH = {"true": True, "false": False, "True": True, "False": False}
#: Parameters of a query or form, at most: xAPI has a dozen, and a form carries as many headers.
_MOST_PARAMETERS = 100
#: Bytes that are unquoted before other threads have their turn.
_QUOTED_STEP = 65_536
_HALF_ESCAPE = re.compile(rb"%(?![0-9A-Fa-f]{2})")


class Refused(Exception):
    """A refusal: a status, and a reason that repeats no value of the request."""

    def __init__(self, status: int, why: str, headers: Mapping[str, str] | None = None) -> None:
        super().__init__(why)
        self.status, self.why, self.headers = status, why, dict(headers or {})


def headers_of(scope: Mapping[str, Any]) -> dict[str, str]:
    """The headers of a request by their names in lower case; of a header that comes several times the first."""
    # The scope has the names in lower case. Starlette's own mapping looks through all of them for each name.
    return {name.decode("latin-1"): value.decode("latin-1") for name, value in reversed(scope["headers"])}


def spoken_version(header: str | None) -> str:
    """The version that answers a client's header.

    Raises:
        Refused: 400, there is no version, or the server does not speak it.
    """
    if header is None:
        raise Refused(400, "the header X-Experience-API-Version is missing")
    if not _VERSION.match(header.strip()):
        raise Refused(400, "X-Experience-API-Version: 1.0.3 and 2.0.0 are spoken here")
    return "2.0.0" if header.strip().startswith("2") else "1.0.3"


def likely_version(header: str | None, *, is_alternate: bool = False) -> str:
    """The version that a client most likely speaks: refusals use it while the version is not known.

    Args:
        is_alternate: the request is in the alternate syntax, which 1.0.3 alone has.
    """
    told = (header or "").strip()
    return VERSIONS[0] if told.startswith(("0", "1")) or (not told and is_alternate) else VERSIONS[-1]


@dataclass(slots=True)
class Call:
    """A request, in the alternate syntax or not."""

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
        """A parameter; raises Refused where it is missing."""
        if name not in self.parameters:
            raise Refused(400, f"the parameter {name} is missing")
        return self.parameters[name]

    def truth(self, name: str) -> bool:
        """A parameter that is true or false; false where it is missing."""
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
    """The parameters of a query or a form; an empty text between two ``&`` is none.

    A large form is decoded in pieces, which takes little memory besides the result.

    Raises:
        Refused: 400, a parameter comes twice or is not text, or there are too many.
    """
    if query.count(b"&") > _MOST_PARAMETERS or not query.isascii():
        raise Refused(
            400, "the query cannot be read" if not query.isascii() else f"more than {_MOST_PARAMETERS} parameters"
        )
    found: dict[str, str] = {}
    try:
        for pair in filter(None, query.split(b"&")):
            name, _, value = pair.partition(b"=")
            text = _plain(name).decode()
            if text in found:
                raise Refused(400, "a parameter comes twice")
            found[text] = _plain(value).decode()
    except UnicodeDecodeError:
        raise Refused(400, "the query cannot be read") from None
    return found


def authorization_in(form: bytes) -> str:
    """The field Authorization of a form, or of its beginning; empty where there is none."""
    if form.count(b"&") <= _MOST_PARAMETERS:
        for pair in form.split(b"&"):
            name, _, value = pair.partition(b"=")
            if len(name) < 40 and _plain(name).lower() == b"authorization":
                return _plain(value).decode("utf-8", "replace")
    return ""


def _plain(quoted: bytes) -> bytes:
    """Undo the percent encoding of a form."""
    spaced = quoted.replace(b"+", b" ")
    if b"%" not in spaced:
        return spaced
    pieces, place = [], 0
    while place < len(spaced):
        end = place + _QUOTED_STEP
        # A cut must not fall into an escape.
        cut = spaced.rfind(b"%", max(place + 1, end - 2), end)
        end = cut if cut != -1 and end < len(spaced) else end
        piece = spaced[place:end]
        # Quoted-printable is the same with another sign, and has a decoder in C, which is as fast as a copy.
        is_plain = _HALF_ESCAPE.search(piece) is None
        pieces.append(a2b_qp(piece.replace(b"=", b"=3D").replace(b"%", b"=")) if is_plain else unquote_to_bytes(piece))
        place = end
    return b"".join(pieces)


def media_type(content_type: str) -> str:
    """The type of a Content-Type header without its parameters, in lower case."""
    return content_type.partition(";")[0].strip().lower()


def http_time(us: int) -> str:
    """Microseconds since 1970 as a time in HTTP."""
    return formatdate(us / 1e6, usegmt=True)


def etags(header: str) -> Collection[str]:
    """The tags of an If-Match or If-None-Match header, without quotes."""
    return {tag.strip().removeprefix("W/").strip('"') for tag in header.split(",")}


def check_uuid(text: str, name: str) -> None:
    """Raises Refused where a parameter is no UUID."""
    if not plain_uuid(text):
        raise Refused(400, f"{name}: a UUID")
