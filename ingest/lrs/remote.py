"""A client of another learning-record store."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NoReturn
from urllib.parse import urljoin

import msgspec
import requests
from requests.adapters import HTTPAdapter
from urllib3 import Retry

from ingest.lrs.http.multipart import Part, boundary_of, join_parts, split_parts
from ingest.lrs.http.requests import Refused, media_type
from ingest.lrs.standard.rules import VERSIONS, VOIDED, BadStatement
from ingest.lrs.standard.strict_json import parse_json
from warehouse.errors import BadSource, LogUnavailable

__all__ = ["Page", "RemoteStore", "Unwelcome"]

_PAGE = 200
#: Answers after which the same is asked again: every request is one that may be sent twice.
_AGAIN = (429, 502, 503, 504)
_RETRY = Retry(
    5,
    status_forcelist=_AGAIN,
    allowed_methods=None,
    backoff_factor=1,
    backoff_max=60,
    retry_after_max=60,
    raise_on_status=False,
)


class Unwelcome(Exception):
    """The other store refuses statements for good, with a status and a reason."""

    def __init__(self, status: int, why: str) -> None:
        super().__init__(f"{status}: {why}")
        self.status = status


@dataclass(frozen=True, slots=True)
class Page:
    """Statements in the order of storing, and the contents of their attachments by hash."""

    statements: Sequence[dict[str, Any]]
    attachments: Mapping[str, bytes]


class RemoteStore:
    """A store at ``url`` (the address before ``/statements``), for the client of a key."""

    def __init__(self, url: str, key_id: str, secret: str) -> None:
        self._url = url.rstrip("/") + "/"
        self._session = requests.Session()
        for scheme in ("http://", "https://"):
            self._session.mount(scheme, HTTPAdapter(max_retries=_RETRY))
        self._session.auth = (key_id, secret)
        self._session.headers["X-Experience-API-Version"] = VERSIONS[0]

    def pages(self, since: str | None) -> Iterator[Page]:
        """All statements stored after ``since``, the oldest first; a voided statement comes before the statement that voids it.

        Raises:
            BadSource: the address is no learning-record store, or the key may not read.
            LogUnavailable: the store does not answer.
        """
        parameters = {"ascending": "true", "limit": str(_PAGE), "attachments": "true"}
        if since is not None:
            parameters["since"] = since
        answer = self._ask("GET", urljoin(self._url, "statements"), params=parameters)
        while True:
            found, attachments = self._read(answer)
            if not isinstance(found, dict) or not isinstance(found.get("statements"), list):
                raise BadSource(f"{self._url}statements does not answer as a learning-record store does")
            statements: list[dict[str, Any]] = []
            for statement in found["statements"]:
                voided = _voids(statement)
                if voided is not None:
                    statements += self._voided(voided, attachments)
                statements.append(statement)
            yield Page(statements, attachments)
            more = found.get("more")
            if not more:
                return
            answer = self._ask("GET", urljoin(self._url, str(more)))

    def _voided(self, statement_id: str, attachments: dict[str, bytes]) -> list[dict[str, Any]]:
        parameters = {"voidedStatementId": statement_id, "attachments": "true"}
        answer = self._ask("GET", urljoin(self._url, "statements"), params=parameters, may_lack=True)
        if answer.status_code == 404:
            return []
        found, more = self._read(answer)
        attachments |= more
        return [found] if isinstance(found, dict) else []

    @staticmethod
    def _read(answer: requests.Response) -> tuple[Any, dict[str, bytes]]:
        content_type = answer.headers.get("content-type", "")
        try:
            if media_type(content_type) != "multipart/mixed":
                return parse_json(answer.content), {}
            first, *rest = split_parts(answer.content, boundary_of(content_type))
            return parse_json(first.content), {
                p.headers.get("x-experience-api-hash", "").lower(): p.content for p in rest
            }
        except (Refused, BadStatement) as error:
            raise BadSource(f"what {answer.url.partition('?')[0]} answers cannot be read: {error}") from None

    def send(self, statements: Sequence[Mapping[str, Any]], attachments: Mapping[str, bytes], version: str) -> None:
        """Store statements there; the store keeps those that it has.

        Raises:
            Unwelcome: the store refuses them; of several it may have taken none.
            LogUnavailable: the store does not answer.
        """
        body, content_type = msgspec.json.encode(statements), "application/json"
        if attachments:
            parts = [Part({"Content-Type": content_type}, body)]
            for sha2, content in attachments.items():
                about = {"Content-Transfer-Encoding": "binary", "X-Experience-API-Hash": sha2}
                parts.append(Part({"Content-Type": "application/octet-stream", **about}, content))
            body, content_type = join_parts(parts)
        headers = {"Content-Type": content_type, "X-Experience-API-Version": version}
        answer = self._ask("POST", urljoin(self._url, "statements"), data=body, headers=headers, may_refuse=True)
        if answer.status_code >= 400:
            raise Unwelcome(answer.status_code, answer.text[:300])

    def _ask(
        self, method: str, url: str, *, may_lack: bool = False, may_refuse: bool = False, **more: Any
    ) -> requests.Response:  # fmt: skip
        try:
            answer = self._session.request(method, url, timeout=60, **more)
        except requests.RequestException as error:
            self._away(type(error).__name__)
        if answer.status_code in _AGAIN:
            self._away(f"it answered {answer.status_code}")
        if answer.status_code in (401, 403):
            raise BadSource(f"{self._url} does not let this key in ({answer.status_code}); see --key")
        if answer.status_code >= 400 and not may_refuse and not (may_lack and answer.status_code == 404):
            raise BadSource(f"{self._url} answered {answer.status_code}; the URL is the one before /statements")
        return answer

    def _away(self, why: str) -> NoReturn:
        raise LogUnavailable(f"{self._url} cannot be reached ({why}); run the same again to go on where it stopped")


def _voids(statement: Any) -> str | None:
    if not isinstance(statement, dict) or not isinstance(statement.get("object"), dict):
        return None
    verb = statement.get("verb")
    is_voiding = isinstance(verb, dict) and verb.get("id") == VOIDED
    target = statement["object"].get("id")
    return target if is_voiding and isinstance(target, str) else None
