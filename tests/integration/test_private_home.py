"""Whose the files of a home are, and how a server begins, or says in one line why it does not."""

from __future__ import annotations

import grp
import json
import os
import socket
import ssl
import stat
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from hashlib import sha256
from pathlib import Path

import pytest

from ingest.events import catalogue
from pipelines.private import check_writable, tighten
from pipelines.reports.public import PUBLIC, PublicSite, list_public
from pipelines.server import check_certificate, listening
from pipelines.settings import Settings
from tests import samples
from tests.command_line import xueqing
from tests.integration.test_lrs_server import P, ask, free_port, new_key, serving
from tests.lrs_help import STATEMENT
from warehouse.errors import BadConfiguration

GOOD = samples.golden_event(catalogue()["enrolment.opened", 1])


def modes(home: Path) -> dict[str, int]:
    """What others than the owner may, of everything below and of the home."""
    everything = [home, *home.rglob("*")]
    return {
        str(path.relative_to(home)): stat.S_IMODE(path.lstat().st_mode) & 0o077
        for path in everything
        if not path.is_symlink()
    }


def open_ones(home: Path) -> dict[str, int]:
    return {name: mode for name, mode in modes(home).items() if mode}


@contextmanager
def umask(mask: int) -> Iterator[None]:
    before = os.umask(mask)
    try:
        yield
    finally:
        os.umask(before)


def test_everything_in_a_home_is_its_owners(tmp_path: Path) -> None:
    home = tmp_path / "home"
    with umask(0o022):
        home.mkdir()
        assert xueqing(home, "import", "ndjson", "-", stdin=samples.encode(GOOD) + b"\nnot json\n").returncode == 0
        for command in (
            ["sink"],
            ["build"],
            ["status"],
            ["page", P],
            ["keys", "create", "-p", P, "--scope", "all"],
            ["sql", "select 1", "-o", str(home / "a.csv")],
        ):
            done = xueqing(home, *command)
            assert done.returncode == 0, (command, done.stdout, done.stderr)
        key, port = new_key(home), free_port()
        picture = b"\x89PNG and more"
        digest = sha256(picture).hexdigest()
        attached = {
            **STATEMENT,
            "attachments": [
                {
                    "usageType": "http://example.org/a",
                    "display": {"en": "a"},
                    "contentType": "image/png",
                    "length": len(picture),
                    "sha2": digest,
                }
            ],
        }
        parts = (
            b"--b\r\nContent-Type: application/json\r\n\r\n"
            + json.dumps(attached).encode()
            + b"\r\n--b\r\nContent-Type: image/png\r\n"
            b"Content-Transfer-Encoding: binary\r\nX-Experience-API-Hash: "
            + digest.encode()
            + b"\r\n\r\n"
            + picture
            + b"\r\n--b--\r\n"
        )
        with serving(home, port, processes=2):
            ask(port, key, "statements", [STATEMENT])
            _post_parts(port, key, parts)
            # While it runs, too.
            assert open_ones(home) == {}
        assert xueqing(home, "sink").returncode == 0
    names = set(modes(home))
    for kept in (
        "log.sqlite",
        "statement-index.sqlite",
        "vault.sqlite",
        "vault.key",
        "keys.sqlite",
        "warehouse/xueqing.duckdb",
        "logs/access.ndjson",
        "attachments",
        "lake",
        "reports",
    ):
        assert kept in names
    assert open_ones(home) == {}
    # As an earlier version left it.
    for path in [home, *home.rglob("*")]:
        path.chmod(0o755 if path.is_dir() else 0o644)
    assert len(open_ones(home)) == len(names)
    assert xueqing(home, "status").returncode == 0
    # What is not the program's own is left as it is, and so is a home in which others have theirs.
    assert set(open_ones(home)) == {".", "a.csv"}
    (home / "a.csv").unlink()
    assert xueqing(home, "status").returncode == 0
    assert home.stat().st_mode & 0o077 == 0


def _post_parts(port: int, key: tuple[str, str], parts: bytes) -> None:
    import httpx2 as httpx

    told = {"content-type": "multipart/mixed; boundary=b", "x-experience-api-version": "2.0.0"}
    answer = httpx.post(f"http://127.0.0.1:{port}/xapi/statements", content=parts, headers=told, auth=key)
    assert answer.status_code == 200, answer.text


def test_a_setting_opens_the_published_file_to_a_group_and_nothing_else(tmp_path: Path) -> None:
    home = tmp_path / "home"
    home.mkdir(mode=0o700)
    group = grp.getgrgid(os.getgid()).gr_name
    shared = {"XUEQING_PUBLISHED_GROUP": group}
    xueqing(home, "import", "ndjson", "-", stdin=samples.encode(GOOD), **shared)
    xueqing(home, "sink", **shared)
    built = xueqing(home, "build", **shared)
    assert built.returncode == 0, built.stderr
    wanted = {".": 0o010, "warehouse": 0o010, "warehouse/xueqing.duckdb": 0o040}
    assert open_ones(home) == wanted
    # The next one, too, and from the moment that it is there.
    assert xueqing(home, "build", "--full", **shared).returncode == 0
    assert open_ones(home) == wanted
    # Without the setting it is closed again.
    assert xueqing(home, "status").returncode == 0
    assert open_ones(home) == {}
    nobody = xueqing(home, "status", XUEQING_PUBLISHED_GROUP="no-such-group")
    assert nobody.returncode == 1
    assert "XUEQING_PUBLISHED_GROUP" in nobody.stderr
    assert "Traceback" not in nobody.stderr


def test_only_the_programs_own_files_are_closed(tmp_path: Path) -> None:
    home = tmp_path / "home"
    (home / "site").mkdir(parents=True)
    (home / "mine").mkdir()
    elsewhere = tmp_path / "elsewhere"
    elsewhere.write_text("x")
    (home / "log.sqlite").symlink_to(elsewhere)
    (home / "site" / "index.html").write_text("x")
    for path in (home, elsewhere, home / "mine", home / "site", home / "site" / "index.html"):
        path.chmod(0o755)
    tighten(Settings.from_environment({"XUEQING_HOME": str(home)}))
    assert [path.stat().st_mode & 0o777 for path in (home, elsewhere, home / "mine")] == [0o755] * 3
    assert [path.stat().st_mode & 0o777 for path in (home / "site", home / "site" / "index.html")] == [0o700] * 2


# -- what is public


def test_a_site_gives_what_its_list_names_as_it_was_named(tmp_path: Path) -> None:
    folder = tmp_path / "site"
    site = PublicSite(folder)
    assert (site.is_there, site.find("")) == (False, None)
    (folder / "bulletins").mkdir(parents=True)
    for name in ("index.html", "bulletins/all.public.en.html", "bulletins/all.restricted.en.html"):
        (folder / name).write_text(name)
    # Without a list nothing is public, whoever may read the files.
    assert (site.is_there, site.find("index.html")) == (False, None)
    list_public(folder)
    found = site.find("")
    assert found is not None
    assert found.content == b"index.html"
    assert site.find("bulletins/all.public.en.html") is not None
    for path in (
        "bulletins/all.restricted.en.html",
        "bulletins",
        "bulletins/",
        PUBLIC,
        "../site/index.html",
        "bulletins/../index.html",
        "/index.html/",
        "nothing",
        "index.html\0",
    ):
        assert site.find(path) is None, path
    # A file that is another than listed: put there later, exchanged, a link.
    (folder / "bulletins" / "late.html").write_text("late")
    (folder / "index.html").write_text("changed")
    (folder / "bulletins" / "all.public.en.html").unlink()
    (folder / "bulletins" / "all.public.en.html").symlink_to(folder / "bulletins" / "all.restricted.en.html")
    for path in ("bulletins/late.html", "", "bulletins/all.public.en.html"):
        assert site.find(path) is None, path
    # Another site in the place of this one is what is given then.
    fresh = tmp_path / "fresh"
    fresh.mkdir()
    (fresh / "index.html").write_text("fresh")
    list_public(fresh)
    folder.rename(tmp_path / "old")
    fresh.rename(folder)
    found = site.find("")
    assert found is not None
    assert found.content == b"fresh"
    # A list that says so makes nothing restricted public.
    secret = folder / "all.restricted.en.html"
    secret.write_text("x")
    (folder / PUBLIC).write_text(json.dumps({"files_sha256": {secret.name: sha256(b"x").hexdigest()}}))
    assert site.find(secret.name) is None
    for broken in ("", "[]", "{}", '{"files_sha256": []}', '{"files_sha256": {"index.html": 7}}'):
        (folder / PUBLIC).write_text(broken)
        assert site.find("") is None


# -- how a server begins


def begun(home: Path, *options: str, **settings: str) -> subprocess.CompletedProcess[str]:
    """A server that does not."""
    return subprocess.run(
        [sys.executable, "-m", "pipelines.cli", "serve", *options], capture_output=True, text=True, timeout=60, check=False,
        env={**os.environ, "XUEQING_HOME": str(home), "COLUMNS": "300", **settings},
    )  # fmt: skip


def one_line(done: subprocess.CompletedProcess[str]) -> str:
    """What it said, and nothing besides."""
    assert done.returncode == 1, done.stderr
    (line,) = done.stderr.strip().splitlines()
    assert line.startswith("Error: ")
    assert done.stdout == ""
    return line


def test_what_keeps_a_server_from_beginning_is_one_line(tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        for processes in ("1", "2"):
            done = begun(tmp_path / "home", "--port", str(taken.getsockname()[1]), "--processes", processes)
            assert "give another --port" in one_line(done)
    assert "--tls-certificate" in one_line(
        begun(
            tmp_path / "home", "--tls-certificate", str(tmp_path / "none.pem"), "--tls-key", str(tmp_path / "none.pem")
        )
    )
    assert "--host" in one_line(begun(tmp_path / "home", "--host", "no-such-host.invalid", "--behind-proxy"))
    blocked = tmp_path / "file"
    blocked.write_text("x")
    assert "XUEQING_HOME" in one_line(begun(blocked / "home", "--port", str(free_port())))


def test_who_may_not_listen_there_is_told_what_gives_the_right(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    class Forbidden(socket.socket):
        def bind(self, address: object) -> None:
            raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(listening.socket, "socket", Forbidden)
    with pytest.raises(BadConfiguration, match=r"port from 1024"):
        listening.bound(listening.Listening("127.0.0.1", 443, "x"), shared=False)


def test_a_certificate_is_looked_at_before_anybody_is_told_of_an_address(tmp_path: Path) -> None:
    good, key, other, locked = (tmp_path / name for name in ("good.pem", "key.pem", "other.pem", "locked.pem"))
    for certificate, private in ((good, key), (tmp_path / "unused.pem", other)):
        subprocess.run(
            ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=localhost", "-keyout", str(private), "-out", str(certificate)],
            check=True, capture_output=True,
        )  # fmt: skip
    subprocess.run(
        ["openssl", "rsa", "-in", str(key), "-aes256", "-passout", "pass:secret", "-out", str(locked)],
        check=True,
        capture_output=True,
    )
    check_certificate({})
    check_certificate({"ssl_certfile": good, "ssl_keyfile": key})
    folder = tmp_path / "folder"
    folder.mkdir()
    for tls in (
        {"ssl_certfile": good}, {"ssl_keyfile": key}, {"ssl_certfile": good, "ssl_keyfile": other}, {"ssl_certfile": key, "ssl_keyfile": good},
        {"ssl_certfile": good, "ssl_keyfile": locked}, {"ssl_certfile": folder, "ssl_keyfile": key}, {"ssl_certfile": good, "ssl_keyfile": tmp_path / "none"},
    ):  # fmt: skip
        with pytest.raises(BadConfiguration):
            check_certificate(tls)
    port = free_port()
    with subprocess.Popen(
        [sys.executable, "-m", "pipelines.cli", "serve", "--port", str(port), "--tls-certificate", str(good), "--tls-key", str(key)],
        env={**os.environ, "XUEQING_HOME": str(tmp_path / "home")}, stderr=subprocess.PIPE, text=True,
    ) as server:  # fmt: skip
        try:
            assert server.stderr is not None
            assert f"Serving at https://127.0.0.1:{port}/" in server.stderr.readline()
            # It is true: the first try is answered.
            context = ssl.create_default_context(cafile=str(good))
            with (
                socket.create_connection(("127.0.0.1", port), timeout=30) as plain,
                context.wrap_socket(plain, server_hostname="localhost") as secure,
            ):
                secure.sendall(b"GET /health HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
                assert secure.recv(100).startswith(b"HTTP/1.1 200")
        finally:
            server.terminate()


@pytest.mark.parametrize("processes", ["1", "2"])
def test_it_says_that_it_serves_when_it_does(tmp_path: Path, processes: str) -> None:
    port = free_port()
    with subprocess.Popen(
        [sys.executable, "-m", "pipelines.cli", "serve", "--port", str(port), "--processes", processes],
        env={**os.environ, "XUEQING_HOME": str(tmp_path)}, stderr=subprocess.PIPE, text=True,
    ) as server:  # fmt: skip
        try:
            assert server.stderr is not None
            assert f"Serving at http://127.0.0.1:{port}/" in server.stderr.readline()
            for _ in range(5):
                with socket.create_connection(("127.0.0.1", port), timeout=30) as plain:
                    plain.sendall(b"GET /ready HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
                    assert plain.recv(100).startswith(b"HTTP/1.1 200")
        finally:
            server.terminate()


def test_a_home_that_cannot_be_written_is_told_of(tmp_path: Path) -> None:
    check_writable(tmp_path / "new")
    (tmp_path / "file").write_text("x")
    with pytest.raises(BadConfiguration, match="XUEQING_HOME"):
        check_writable(tmp_path / "file")
