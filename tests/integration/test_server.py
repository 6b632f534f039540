"""The server as a process: its page in a browser, a JavaScript client, what breaks others, and what it tells of itself."""

from __future__ import annotations

import json
import re
import socket
import threading
import time
from base64 import b64encode
from collections.abc import Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import httpx2 as httpx
import pytest
import schemathesis
from axe_playwright_python.sync_playwright import Axe
from hypothesis import HealthCheck, Phase, given, settings
from playwright.sync_api import Browser, sync_playwright

from pipelines.reports.public import list_public
from tests.conftest import lacking
from tests.integration.test_lrs_server import P, free_port, new_key, serving
from tests.lrs_help import ALICE, STATEMENT
from tests.npm import PackageUnavailable, package

Server = tuple[int, tuple[str, str], Path]


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    home = tmp_path_factory.mktemp("home")
    (home / "site").mkdir()
    (home / "site" / "index.html").write_text("<!doctype html><title>Reports</title>", encoding="utf-8")
    list_public(home / "site")
    key, port = new_key(home), free_port()
    with serving(home, port):
        yield port, key, home


@pytest.fixture(scope="module")
def chromium(browser: str) -> Iterator[Browser]:
    with sync_playwright() as playwright:
        opened = playwright.chromium.launch(executable_path=browser, args=["--no-sandbox"])
        yield opened
        opened.close()


def address(server: Server, path: str) -> str:
    return f"http://127.0.0.1:{server[0]}{path}"


def told(server: Server) -> dict[str, str]:
    basic = b64encode(":".join(server[1]).encode()).decode()
    return {"authorization": f"Basic {basic}", "x-experience-api-version": "2.0.0"}


def event(number: int, **changes: Any) -> dict[str, Any]:
    return {
        "event_id": f"00000000-0000-4000-8000-{number:012d}", "event_type": "session.started", "event_version": 1,
        "occurred_at": "2017-10-12T08:30:00Z", "programme_id": P, "learner_key": "Labcdefgh1234", "source": "test",
        "payload": {"enrolment_id": "e1", "device": "web"}, **changes,
    }  # fmt: skip


# -- what a person sees


@pytest.mark.parametrize("language", ["en", "zh"])
def test_the_start_page_shows_live_what_arrives(server: Server, chromium: Browser, language: str) -> None:
    page = chromium.new_page()
    errors: list[str] = []
    page.on("pageerror", lambda error: errors.append(str(error)))
    page.goto(address(server, f"/?lang={language}"))
    page.fill("[name=key]", server[1][0])
    page.fill("[name=secret]", "not the secret")
    page.click("button")
    page.wait_for_selector("#said:not(:empty)")
    assert page.locator("table").is_hidden()
    page.fill("[name=secret]", server[1][1])
    page.click("button")
    page.wait_for_selector(f"#said:has-text({P!r})")
    # It arrives while the page is open.
    body = STATEMENT | {"verb": {"id": f"http://example.org/verbs/seen-{language}"}}
    assert httpx.post(address(server, "/xapi/statements"), json=body, headers=told(server)).status_code == 200
    page.wait_for_selector(f"tbody th:text-is('seen-{language}')")
    found = Axe().run(page)
    assert found.violations_count == 0, found.generate_report()
    assert errors == []
    assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth")
    page.close()


def test_the_reports_are_carried_where_their_public_edition_is(server: Server) -> None:
    assert "Reports" in httpx.get(address(server, "/site/")).text
    page = httpx.get(address(server, "/site/index.html"))
    assert page.headers["content-security-policy"].startswith("default-src 'none'; script-src 'sha256-")
    assert page.headers["x-content-type-options"] == "nosniff"
    again = httpx.get(address(server, "/site/"), headers={"if-none-match": page.headers["etag"]})
    assert (again.status_code, again.content) == (304, b"")
    assert httpx.get(address(server, "/site/public.json")).status_code == 404
    assert httpx.get(address(server, "/site/../keys.sqlite")).status_code == 404
    assert httpx.get(address(server, "/site/%2e%2e/keys.sqlite")).status_code == 404


# -- clients


def test_a_javascript_client_works_unchanged_from_another_origin(
    server: Server, chromium: Browser, tmp_path: Path
) -> None:
    try:
        client = package(
            "@xapi/xapi",
            "3.0.3",
            "4tyouk97tL9VFmXOreogyUDeOKCLJh2Ck1P5RvrkIhEShxB0MfUzDMUCq9DgjZa/ZyjT0OY4I/BJBqAui9vyTw==",
        )
    except PackageUnavailable as error:
        lacking("npm", error)
    (tmp_path / "client.js").write_bytes((client / "dist" / "XAPI.umd.js").read_bytes())
    (tmp_path / "index.html").write_text("<!doctype html><script src='client.js'></script>", encoding="utf-8")

    class Quiet(SimpleHTTPRequestHandler):
        def log_message(self, format: str, *args: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=str(tmp_path))) as site:
        threading.Thread(target=site.serve_forever, daemon=True).start()
        page = chromium.new_page()
        page.goto(f"http://127.0.0.1:{site.server_port}/index.html")
        found = page.evaluate(
            """async ([endpoint, key, secret, statement]) => {
                const xapi = new XAPI({endpoint, auth: XAPI.toBasicAuth(key, secret), version: "1.0.3"});
                const agent = statement.actor, activityId = statement.object.id, place = {agent, activityId, stateId: "page"};
                const [id] = (await xapi.sendStatement({statement})).data;
                const one = (await xapi.getStatement({statementId: id})).data;
                const some = (await xapi.getStatements({agent, limit: 1})).data;
                await xapi.createState({...place, state: {at: 3}});
                const state = await xapi.getState(place);
                await xapi.setState({...place, state: {at: 4}, etag: state.headers.etag, matchHeader: "If-Match"});
                const changed = (await xapi.getState(place)).data;
                await xapi.deleteState(place);
                const about = (await xapi.getAbout()).data;
                let refused = null;
                try { await xapi.sendStatement({statement: {...statement, verb: {id: "no iri"}}}); }
                catch (error) { refused = [error.response.status, error.response.data.error]; }
                return {id: one.id, actor: one.actor, count: some.statements.length, changed, about, refused};
            }""",
            [address(server, "/xapi/"), *server[1], STATEMENT],
        )
        page.close()
        site.shutdown()
    assert found["actor"]["mbox"] == ALICE["mbox"]
    assert found["count"] == 1
    assert found["changed"] == {"at": 4}
    assert found["about"]["version"][-1] == "1.0.3", "the version that it speaks"
    assert found["refused"][0] == 400
    assert found["refused"][1].startswith("verb.id")


# -- what breaks others


def test_whatever_the_openapi_document_allows_is_answered_without_a_failure_of_the_server(server: Server) -> None:
    described = httpx.get(address(server, "/openapi.json")).json()
    schema = schemathesis.openapi.from_dict(described)
    operations = [found.ok() for found in schema.get_all_operations()]
    assert len(operations) == 24
    for operation in operations:

        @settings(
            max_examples=25, deadline=None, database=None, phases=[Phase.explicit, Phase.generate], derandomize=True,
            suppress_health_check=list(HealthCheck),
        )  # fmt: skip
        @given(case=operation.as_strategy())
        def asked(case: Any) -> None:
            answer = case.call(base_url=address(server, ""), headers={**told(server), **dict(case.headers or {})})
            assert answer.status_code < 500, (case.method, case.path, answer.status_code)

        asked()


def raw(server: Server, data: bytes, *, seconds: float = 40.0) -> bytes:
    with socket.create_connection(("127.0.0.1", server[0]), timeout=seconds) as connection:
        connection.sendall(data)
        found = b""
        while piece := connection.recv(65_536):
            found += piece
        return found


def test_endless_headers_are_cut_off(server: Server) -> None:
    head = b"GET /xapi/about HTTP/1.1\r\nHost: x\r\n" + b"".join(
        b"X-%d: %s\r\n" % (n, b"y" * 1_000) for n in range(100)
    )
    assert raw(server, head).startswith(b"HTTP/1.1 400")
    # In one read, too: many headers, one, the address, its query.
    long = b"y" * 40_000
    for head in (
        b"GET /health HTTP/1.1\r\nHost: x\r\n" + b"".join(b"X-%d: %s\r\n" % (n, b"y" * 1_000) for n in range(40)) + b"\r\n",
        b"GET /health HTTP/1.1\r\nHost: x\r\nX-Long: " + long + b"\r\n\r\n", b"GET /" + long + b" HTTP/1.1\r\nHost: x\r\n\r\n",
        b"GET /health?" + long + b" HTTP/1.1\r\nHost: x\r\n\r\n", b"GET /health HTTP/1.1\r\nHost: x\r\n" + long + b": x\r\n\r\n",
    ):  # fmt: skip
        assert raw(server, head).startswith(b"HTTP/1.1 400")
    # Bodies are none, and of requests that come together each has its own.
    body = b"POST /events HTTP/1.1\r\nHost: x\r\nContent-Length: 50000\r\n\r\n" + b"y" * 50_000
    several = (
        body
        + b"GET /health HTTP/1.1\r\nHost: x\r\n\r\n" * 1_000
        + b"GET /health HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"
    )
    assert raw(server, several).count(b"HTTP/1.1 200") == 1_001
    # Within the bound they are read.
    head = b"GET /xapi/about HTTP/1.1\r\nHost: x\r\nConnection: close\r\nX-Long: " + b"y" * 20_000 + b"\r\n\r\n"
    assert raw(server, head).startswith(b"HTTP/1.1 200")


@pytest.mark.slow
def test_who_sends_slowly_is_let_go_and_holds_up_nobody(server: Server) -> None:
    basic = told(server)["authorization"].encode()
    head = (
        b"POST /xapi/statements HTTP/1.1\r\nHost: x\r\nAuthorization: "
        + basic
        + b"\r\nContent-Type: application/json\r\n"
    )
    head += b"X-Experience-API-Version: 2.0.0\r\nContent-Length: 100\r\n\r\n{"
    slow = [socket.create_connection(("127.0.0.1", server[0]), timeout=60) for _ in range(200)]
    for number, connection in enumerate(slow):
        connection.sendall(b"GET /xapi/about HTTP/1.1\r\nX-Slow: " if number % 2 else head)
    assert httpx.post(address(server, "/xapi/statements"), json=STATEMENT, headers=told(server)).status_code == 200
    answers = [connection.recv(65_536).split(b"\r\n")[0] for connection in slow]
    assert answers == [b"HTTP/1.1 408 Request Timeout", b"HTTP/1.1 400 Bad Request"] * 100
    for connection in slow:
        connection.close()


# -- what it tells of itself


def test_metrics_and_the_access_log_count_requests_and_name_nobody(server: Server) -> None:
    def events() -> dict[str, float]:
        found = re.findall(
            r'xueqing_taken_total\{kind="event",status="(\w+)"\} (\S+)', httpx.get(address(server, "/metrics")).text
        )
        return {status: float(count) for status, count in found}

    agent = {"mbox": "mailto:zhuge.liang@example.org", "name": "诸葛亮"}
    before = events()
    httpx.post(address(server, "/xapi/statements"), json=STATEMENT | {"actor": agent}, headers=told(server))
    httpx.get(address(server, "/xapi/statements"), params={"agent": json.dumps(agent)}, headers=told(server))
    httpx.get(address(server, "/xapi/诸葛亮"), headers=told(server))
    httpx.post(address(server, "/events"), json=[event(1), event(1), event(2, source="")], headers=told(server))
    metrics = httpx.get(address(server, "/metrics")).text
    after = events()
    assert {status: count - before.get(status, 0) for status, count in after.items()} == dict.fromkeys(after, 1.0)
    assert set(after) == {"accepted", "repeated", "refused"}
    assert 'xueqing_requests_total{method="GET",resource="unknown",status="404"}' in metrics
    assert "xueqing_waiting_requests 0.0" in metrics
    assert "xueqing_held_bytes 0.0" in metrics
    deadline = time.monotonic() + 10
    log = server[2] / "logs" / "access.ndjson"
    while '"metrics"' not in log.read_text(encoding="utf-8"):
        assert time.monotonic() < deadline
    lines = [json.loads(line) for line in log.read_text(encoding="utf-8").splitlines()]
    assert {"at", "method", "resource", "status", "ms", "bytes", "key"} == set(lines[-1])
    assert any(line["resource"] == "statements" and line["key"] == server[1][0] for line in lines)
    for everything in (metrics, log.read_text(encoding="utf-8")):
        for name in ("zhuge", "诸葛亮", "%E8", server[1][1], "127.0.0.1"):
            assert name not in everything
