"""Every resource, method, scope and form of credential of one programme, looked through for what another programme was told."""

from __future__ import annotations

import base64
import hashlib
import itertools
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlencode
from uuid import uuid4

import pytest

from ingest.lrs.access.keys import SCOPES
from ingest.lrs.http.openapi import description
from ingest.lrs.standard.rules import VOIDED
from tests.lrs_help import Lrs

#: What programme a alone was told; none of it may be in an answer to a key of programme b.
SECRETS = (
    "canary-name", "canary-mbox", "canary-verb", "canary-activity", "canary-definition", "canary-response", "canary-state", "canary-profile",
    "canary-agent-profile", "canary-attachment", "canary-voided", "canary-account", "canary-event",
)  # fmt: skip
WHO = {"mbox": "mailto:canary-mbox@secret.example", "name": "canary-name"}
BY_ACCOUNT = {"account": {"homePage": "http://secret.example", "name": "canary-account"}, "name": "canary-name"}
ACTIVITY = "http://secret.example/canary-activity"
VERB = "http://secret.example/canary-verb"
CONTENT = b"canary-attachment"
SHA2 = hashlib.sha256(CONTENT).hexdigest()


class Told:
    """Programme a with something secret in every place, and what b may know of it: ids and addresses, as from a leaked log."""

    def __init__(self, lrs: Lrs) -> None:
        self.lrs = lrs
        self.key = lrs.key("all", programme="a")
        self.reader = lrs.key("all", programme="b")
        self.statement, self.voided, self.attached = (str(uuid4()) for _ in range(3))
        common = {"actor": WHO, "verb": {"id": VERB, "display": {"en": "canary-verb"}}}
        thing = {
            "id": ACTIVITY,
            "definition": {"name": {"en": "canary-definition"}, "type": "http://secret.example/canary-definition"},
        }
        lrs.post(
            {
                "id": self.statement,
                **common,
                "object": thing,
                "result": {"response": "canary-response"},
                "context": {"instructor": BY_ACCOUNT},
            },
            {"id": self.voided, **common, "object": {"id": "http://secret.example/canary-voided"}},
            {**common, "verb": {"id": VOIDED}, "object": {"objectType": "StatementRef", "id": self.voided}},
            {**common, "object": {"objectType": "StatementRef", "id": self.statement}},
            key=self.key,
        )
        attachment = {
            "usageType": "http://e.org/u",
            "display": {"en": "a"},
            "contentType": "text/plain",
            "length": len(CONTENT),
            "sha2": SHA2,
        }
        body = (
            b'--b\r\nContent-Type: application/json\r\n\r\n'
            + json.dumps({"id": self.attached, **common, "object": thing, "attachments": [attachment]}).encode()
            + b"\r\n--b\r\nContent-Type: text/plain\r\nContent-Transfer-Encoding: binary\r\nX-Experience-API-Hash: " + SHA2.encode()
            + b"\r\n\r\n" + CONTENT + b"\r\n--b--\r\n"
        )  # fmt: skip
        answer = lrs.ask(
            "POST", "statements", content=body, headers={"content-type": "multipart/mixed; boundary=b"}, key=self.key
        )
        assert answer.status_code == 200, answer.text
        agent = json.dumps(WHO)
        self.places: dict[str, dict[str, str]] = {
            "activities/state": {"activityId": ACTIVITY, "agent": agent, "stateId": "canary-state"},
            "activities/profile": {"activityId": ACTIVITY, "profileId": "canary-profile"},
            "agents/profile": {"agent": agent, "profileId": "canary-agent-profile"},
        }
        for resource, place in self.places.items():
            told = next(v for k, v in place.items() if k.endswith("Id") and k != "activityId")
            stored = lrs.ask(
                "PUT", resource, params=place, content=told.encode(), key=self.key, headers={"if-none-match": "*"}
            )
            assert stored.status_code == 204, stored.text
        self.event = str(uuid4())
        event = {
            "event_id": self.event, "event_type": "session.started", "event_version": 1, "occurred_at": "2017-10-12T08:30:00Z", "programme_id": "a",
            "learner_key": "Labcdefgh1234", "source": "canary-event", "payload": {"enrolment_id": "canary-event", "device": "web"},
        }  # fmt: skip
        assert lrs.client.post("/events", json=event, headers={"authorization": self.key}).status_code == 200
        self.events = [event, event | {"programme_id": "b"}, event | {"programme_id": "b", "event_id": str(uuid4())}]
        page = lrs.ask("GET", "statements", params={"limit": 1}, key=self.key)
        self.more = page.json()["more"].partition("?more=")[2]
        self.person = lrs.people.key_of(WHO)
        self.before = self.state()

    def state(self) -> list[Any]:
        """All that a key of programme a reads."""
        found: list[Any] = [
            self.lrs.ask("GET", "statements", params={"limit": 500, "attachments": "true"}, key=self.key).status_code
        ]
        found += self.lrs.statements(key=self.key, limit=500)
        found += [self.lrs.ask("GET", "statements", params={"voidedStatementId": self.voided}, key=self.key).json()]
        found += [self.lrs.ask("GET", r, params=p, key=self.key).content for r, p in self.places.items()]
        found += [self.lrs.ask("GET", "activities", params={"activityId": ACTIVITY}, key=self.key).json()]
        found += [self.lrs.ask("GET", "agents", params={"agent": json.dumps(WHO)}, key=self.key).json()]
        return found


@pytest.fixture
def told(tmp_path: Path) -> Iterator[Told]:
    lrs = Lrs(tmp_path)
    yield Told(lrs)
    lrs.close()


def requests_of(told: Told) -> Iterator[tuple[str, str, dict[str, str], Any]]:
    """Method, path, parameters and body: whatever asks for what is another's, or writes over it."""
    agents = [json.dumps(a) for a in (
        WHO, BY_ACCOUNT, {"mbox": WHO["mbox"]}, {"account": {"homePage": "urn:xueqing:learner", "name": f"{told.person}.0"}},
        {"account": {"homePage": "urn:xueqing:learner", "name": str(told.person)}},
    )]  # fmt: skip
    asked: list[dict[str, str]] = [
        {}, {"limit": "500", "attachments": "true"}, {"statementId": told.statement}, {"voidedStatementId": told.voided},
        {"statementId": told.attached, "attachments": "true"}, {"verb": VERB}, {"activity": ACTIVITY, "related_activities": "true"},
        {"more": told.more}, {"since": "2017-01-01T00:00:00Z", "format": "canonical"},
        *[{"agent": a, "related_agents": "true"} for a in agents],
    ]  # fmt: skip
    for parameters in asked:
        yield "GET", "/xapi/statements", parameters, None
        yield "HEAD", "/xapi/statements", parameters, None
    mine = {"actor": {"mbox": "mailto:b@example.org"}, "verb": {"id": "http://e.org/v"}}
    for statement_id in (told.statement, told.voided):
        yield "PUT", "/xapi/statements", {"statementId": statement_id}, {**mine, "object": {"id": "http://e.org/o"}}
        yield (
            "POST",
            "/xapi/statements",
            {},
            {**mine, "verb": {"id": VOIDED}, "object": {"objectType": "StatementRef", "id": statement_id}},
        )
        yield "POST", "/xapi/statements", {}, {**mine, "object": {"objectType": "StatementRef", "id": statement_id}}
    yield "POST", "/xapi/statements", {}, [{**mine, "object": {"id": ACTIVITY, "definition": {"name": {"en": "of b"}}}}]
    attachment = {
        "usageType": "http://e.org/u",
        "display": {"en": "a"},
        "contentType": "text/plain",
        "length": 17,
        "sha2": SHA2,
        "fileUrl": "http://e.org/f",
    }
    yield "POST", "/xapi/statements", {}, {**mine, "object": {"id": "http://e.org/o"}, "attachments": [attachment]}
    key = {"objectType": "Thing", "account": {"homePage": "urn:xueqing:learner", "name": f"{told.person}.0"}}
    yield (
        "POST",
        "/xapi/statements",
        {},
        {**mine, "object": {"id": "http://e.org/o"}, "result": {"extensions": {"http://e.org/x": key}}},
    )
    yield "GET", "/xapi/statements", {"limit": "500", "attachments": "true"}, None
    for resource, place in told.places.items():
        for method in ("GET", "HEAD", "PUT", "POST", "DELETE", "GET"):
            yield method, f"/xapi/{resource}", place, {"x": 1} if method in ("PUT", "POST") else None
        rest = {k: v for k, v in place.items() if k not in ("stateId", "profileId")}
        yield "GET", f"/xapi/{resource}", rest, None
        if resource == "activities/state":
            yield "DELETE", f"/xapi/{resource}", rest, None
    for agent in agents:
        yield "GET", "/xapi/agents", {"agent": agent}, None
    yield "GET", "/xapi/activities", {"activityId": ACTIVITY}, None
    for event in told.events:
        yield "POST", "/events", {}, event
    seen = {
        "id": f"urn:uuid:{uuid4()}", "type": "ViewEvent", "action": "Viewed", "actor": {"id": "https://secret.example/people/1", "type": "Person"},
        "object": {"id": ACTIVITY, "type": "Page"}, "eventTime": "2017-10-12T08:30:00.000Z",
    }  # fmt: skip
    yield "POST", "/caliper", {}, {
        "sensor": "https://sensor.example.org", "sendTime": "2017-10-12T08:30:01.000Z", "dataVersion": "http://purl.imsglobal.org/ctx/caliper/v1p2",
        "data": [seen],
    }  # fmt: skip
    for path in ("/xapi/about", "/live", "/metrics", "/ready", "/health", "/openapi.json", "/", "/xapi/nothing"):
        yield "GET", path, {}, None


def secrets_in(answer: Any, asked: tuple[Any, ...]) -> list[str]:
    """What of the other programme stands in an answer that did not stand in the question."""
    text = answer.text + json.dumps(dict(answer.headers))
    known = json.dumps(asked)
    return [secret for secret in (*SECRETS, "secret.example") if secret in text and secret not in known]


@pytest.mark.parametrize("scope", [*SCOPES, "none"])
def test_a_key_of_one_programme_learns_nothing_of_another(told: Told, scope: str) -> None:
    lrs = told.lrs
    own = lrs.key("enrolments/open" if scope == "none" else scope, programme="b")
    revoked = own[:-4] + "AAA="
    asked = 0
    #: What this key itself has told.
    written: list[Any] = []
    for (method, path, parameters, body), (credential, is_alternate) in itertools.product(
        [*requests_of(told)], [(own, False), (own, True), (revoked, False), ("Bearer x.y.z", False), (None, False)]
    ):
        headers = {"x-experience-api-version": "1.0.3", **({"authorization": credential} if credential else {})}
        content = json.dumps(body).encode() if body is not None else None
        if is_alternate:
            if not path.startswith("/xapi/") or method == "HEAD":
                continue
            fields = {
                **parameters,
                **headers,
                "content-type": "application/json",
                **({"content": content.decode()} if content else {}),
            }
            answer = lrs.client.post(
                f"{path}?method={method}",
                content=urlencode(fields),
                headers={"content-type": "application/x-www-form-urlencoded"},
            )
        else:
            if content is not None:
                headers["content-type"] = "application/json"
            answer = lrs.client.request(method, path, params=parameters, content=content, headers=headers)
        asked += 1
        assert answer.status_code < 500, (method, path, answer.text)
        if body is not None:
            written.append(body)
        assert secrets_in(answer, (parameters, *written)) == [], (method, path, parameters, answer.text)
        if (
            credential is not own
            and path.startswith(("/xapi/", "/events", "/caliper", "/live"))
            and path != "/xapi/about"
        ):
            assert answer.status_code in (400, 401, 429), (method, path, answer.status_code)
    assert asked > 200
    assert told.state() == told.before


def test_the_matrix_asks_every_resource_that_there_is(told: Told) -> None:
    asked = {(method.lower(), path) for method, path, _, _ in requests_of(told)}
    documented = description("http://127.0.0.1", "/xapi", 1)["paths"]
    for path, methods in documented.items():
        for method in set(methods) & {"get", "put", "post", "delete"}:
            assert (method, path) in asked, (method, path)


def test_what_is_written_down_of_requests_names_nobody(told: Told, tmp_path: Path) -> None:
    credentials = base64.b64encode(b"canary-name:canary-mbox").decode()
    told.lrs.client.get(
        "/xapi/statements", params={"agent": json.dumps(WHO)}, headers={"authorization": f"Basic {credentials}"}
    )
    for file in tmp_path.rglob("access*.ndjson"):
        assert not [secret for secret in SECRETS if secret in file.read_text()]
