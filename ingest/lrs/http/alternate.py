"""The alternate request syntax of 1.0.3, and other bodies that hold JSON among other things."""

from __future__ import annotations

from collections.abc import Mapping

from ingest.lrs.http.bodies import JsonCount
from ingest.lrs.http.multipart import boundary_of
from ingest.lrs.http.requests import Call, media_type, query_parameters

__all__ = ["first_part", "from_form", "is_json"]

#: Headers that a form of the alternate request syntax carries as fields.
_FORM_HEADERS = {
    "authorization", "x-experience-api-version", "content-type", "content-length", "if-match", "if-none-match", "accept-language", "accept",
}  # fmt: skip


def from_form(headers: Mapping[str, str], form: bytes) -> tuple[dict[str, str], dict[str, str], bytes]:
    """The headers, parameters and body of a request in the alternate syntax."""
    fields = query_parameters(form)
    content = fields.pop("content", "")
    told = {name.lower(): fields.pop(name) for name in list(fields) if name.lower() in _FORM_HEADERS}
    kept = {k: v for k, v in headers.items() if k not in ("content-type", "content-length")}
    merged, body = {"content-type": "application/json", **kept, **told}, content.encode()
    if is_json(merged):
        JsonCount().add_all(body)
    return merged, fields, body


def is_json(headers: Mapping[str, str]) -> bool:
    """Whether a body is JSON by its Content-Type."""
    return media_type(headers.get("content-type", "")) == "application/json"


def first_part(call: Call) -> bytes:
    """The JSON at the beginning of a body with attachments; nothing of another body."""
    content_type = call.headers.get("content-type", "")
    if media_type(content_type) != "multipart/mixed":
        return b""
    mark = b"--" + boundary_of(content_type).encode("latin-1")
    start = call.body.find(mark)
    return call.body[start : call.body.find(b"\r\n" + mark, start + len(mark))] if start != -1 else b""
