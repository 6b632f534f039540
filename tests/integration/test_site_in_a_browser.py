"""The site in a real browser: nothing fails or is fetched from elsewhere, keys reach everything, axe finds nothing, it fits."""

from __future__ import annotations

import functools
import shutil
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page, sync_playwright

from pipelines.collect.simulation import run_simulation
from pipelines.collect.sink import run_sink
from pipelines.settings import Settings
from pipelines.steps.build import build
from pipelines.steps.bulletins import issue_bulletin
from pipelines.steps.reports import write_briefings, write_evaluation, write_pages_of_site
from pipelines.workspace import Workspace
from tests.command_line import xueqing
from tests.integration.test_lrs_server import free_port, serving
from warehouse.build import BuildOptions

P = "tianshui-2017"
ON = "2017-12-25"
#: A class of four, by id and by name; groups of so few are shown here.
CLASS, NAMES, SMALLEST = "class-018", {"zh": "秦州9班", "en": "Qinzhou class 9"}, 4
#: One page of each kind; {0} is the language.
PAGES = {
    "index": "index.{0}.html",
    "status": f"status-{P}.{{0}}.html",
    "bulletin": f"bulletins/{P}/004/all.public.{{0}}.html",
    "county's bulletin": f"bulletins/{P}/004/qinzhou.public.{{0}}.html",
    "restricted bulletin": f"bulletins/{P}/004/all.restricted.{{0}}.html",
    "class": f"briefings/{P}/{ON}/class.{CLASS}.restricted.{{0}}.html",
    "subject": f"briefings/{P}/{ON}/subject.chinese.public.{{0}}.html",
    "county": f"briefings/{P}/{ON}/county.qinzhou.restricted.{{0}}.html",
    "staff": f"briefings/{P}/{ON}/staff.restricted.{{0}}.html",
    "evaluation": f"briefings/{P}/{ON}/evaluation.public.{{0}}.html",
}


@pytest.fixture(scope="module")
def workspace(tmp_path_factory: pytest.TempPathFactory) -> Workspace:
    """A home in which reports were issued."""
    workspace = Workspace(Settings.from_environment({"XUEQING_HOME": str(tmp_path_factory.mktemp("site"))}))
    run_simulation(workspace, P, seed=1, scale=1, faults=True, fraction=0.02)
    run_sink(workspace)
    build(workspace, BuildOptions())
    issue_bulletin(workspace, P, 4, SMALLEST)
    for kind, ids in (("class", [CLASS]), ("subject", ["chinese"]), ("county", ["qinzhou"]), ("staff", [])):
        write_briefings(workspace, P, None, kinds=[kind], ids=ids, formats=["html", "md"], smallest=SMALLEST)
    write_evaluation(workspace, P, None, formats=["html"])
    return workspace


@pytest.fixture(scope="module")
def site(workspace: Workspace) -> Iterator[str]:
    """The address of the site, restricted editions and all, as `xueqing site --open` serves it."""
    start = write_pages_of_site(workspace, "en", restricted=True)

    class Quiet(SimpleHTTPRequestHandler):
        def log_message(self, format: str, *args: object) -> None:
            pass

    handler = functools.partial(Quiet, directory=str(start.parent))
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


@pytest.fixture(scope="module")
def chromium(browser: str) -> Iterator[Browser]:
    with sync_playwright() as p:
        running = p.chromium.launch(executable_path=browser, args=["--no-sandbox", "--disable-dev-shm-usage"])
        yield running
        running.close()


@dataclass
class Visit:
    """A page, and what it said and asked for."""

    page: Page
    errors: list[str] = field(default_factory=list)
    asked: list[str] = field(default_factory=list)

    def go(self, address: str) -> None:
        self.errors.clear()
        self.asked.clear()
        answer = self.page.goto(address)
        assert answer is not None
        assert answer.ok, address

    @property
    def overflow(self) -> int:
        return int(self.page.evaluate("document.documentElement.scrollWidth - window.innerWidth"))


@pytest.fixture
def visit(chromium: Browser) -> Iterator[Visit]:
    page = chromium.new_page()
    made = Visit(page)
    page.on("console", lambda m: made.errors.append(m.text) if m.type in ("error", "warning") else None)
    page.on("pageerror", lambda e: made.errors.append(str(e)))
    page.on("request", lambda r: made.asked.append(r.url))
    yield made
    page.close()


@pytest.mark.parametrize("language", ["zh", "en"])
@pytest.mark.parametrize("kind", list(PAGES))
def test_a_page_is_sound(site: str, visit: Visit, kind: str, language: str) -> None:
    address = f"{site}/{PAGES[kind].format(language)}"
    visit.page.emulate_media(color_scheme="dark" if language == "zh" else "light")
    for width in (1280, 360):
        visit.page.set_viewport_size({"width": width, "height": 800})
        visit.go(address)
        assert visit.errors == []
        # The page itself, and the icon that a browser asks every site for.
        assert [a for a in visit.asked if not a.endswith("/favicon.ico")] == [address]
        assert visit.overflow <= 0, width
        found: dict[str, Any] = Axe().run(visit.page).response
        assert [(v["id"], [n["html"][:200] for n in v["nodes"][:3]]) for v in found["violations"]] == []
        visit.page.emulate_media(color_scheme="light" if language == "zh" else "dark")
    # On paper, A4 within its margins, nothing is cut and nothing scrolls.
    visit.page.emulate_media(media="print")
    visit.page.set_viewport_size({"width": 718, "height": 1000})
    if kind != "county":  # twenty columns: its PDF turns the sheet, and the workbook is what it is for
        wide = "[...document.querySelectorAll('.scroll')].filter(e => e.scrollWidth > e.clientWidth + 1).length"
        assert (visit.overflow, visit.page.evaluate(wide)) == (0, 0)
    assert len(visit.page.pdf(format="A4")) > 10_000


@pytest.mark.parametrize("language", ["zh", "en"])
def test_keys_reach_everything_and_the_search_finds_a_class(site: str, visit: Visit, language: str) -> None:
    visit.go(f"{site}/index.{language}.html")
    page = visit.page
    page.evaluate("document.querySelectorAll('details').forEach(d => d.open = true)")
    wanted = int(page.evaluate("document.querySelectorAll('a[href], input, summary, [tabindex]').length"))
    assert wanted > 60
    reached = set()
    for _ in range(wanted):
        page.keyboard.press("Tab")
        reached.add(page.evaluate("[...document.querySelectorAll('*')].indexOf(document.activeElement)"))
        outlined = page.evaluate(
            "(e => getComputedStyle(e).outlineStyle !== 'none' || e.tagName === 'INPUT')(document.activeElement)"
        )
        assert outlined, "where the keyboard is must be seen"
    assert len(reached) == wanted
    page.focus("#find")
    page.keyboard.type(NAMES[language])
    shown = page.locator("#rows tr:not([hidden])")
    assert shown.count() == 1
    page.keyboard.press("Tab")
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    page.wait_for_url("**/*.html")
    assert NAMES[language] in page.inner_text("h1, main")


def test_every_link_of_the_site_leads_somewhere(site: str, visit: Visit) -> None:
    for language in ("zh", "en"):
        visit.go(f"{site}/index.{language}.html")
        links = visit.page.eval_on_selector_all("a[href]", "found => found.map(a => a.href)")
        assert len(links) > 50
        for link in dict.fromkeys(links):
            answer = visit.page.request.head(link)
            assert answer.ok, link


def test_a_figures_trace_is_a_link_away(site: str, visit: Visit) -> None:
    visit.go(f"{site}/{PAGES['evaluation'].format('en')}")
    visit.page.get_by_role("link", name="T1", exact=True).first.click()
    assert visit.page.url.endswith("#trace-1")
    assert "xueqing" in visit.page.inner_text("#trace-1")


def test_a_server_carries_what_is_public_and_nothing_else(workspace: Workspace, visit: Visit) -> None:
    home, port = workspace.settings.home, free_port()
    restricted = [PAGES[kind].format("en") for kind in ("restricted bulletin", "class", "county", "staff")]
    public = [
        PAGES[kind].format("en")
        for kind in ("index", "status", "bulletin", "county's bulletin", "subject", "evaluation")
    ]

    def answers(pages: list[str]) -> set[int]:
        return {visit.page.request.get(f"http://127.0.0.1:{port}/site/{page}").status for page in pages}

    def write(*options: str) -> None:
        done = xueqing(home, "site", *options)
        assert done.returncode == 0, done.stderr

    with serving(home, port):
        assert answers([*public, *restricted]) == {404}
        # Restricted editions are never carried, whenever they are written, nor do they take the public ones away.
        write("--restricted")
        assert answers([*public, *restricted]) == {404}
        write()
        assert (answers(public), answers(restricted)) == ({200}, {404})
        write("--restricted")
        assert (answers(public), answers(restricted)) == ({200}, {404})
        # Within their policy, pages do what they do elsewhere.
        visit.go(f"http://127.0.0.1:{port}/site/")
        visit.page.focus("#find")
        visit.page.keyboard.type(NAMES[visit.page.evaluate("document.documentElement.lang.slice(0, 2)")])
        assert visit.page.locator("#rows tr:not([hidden])").count() == 1
        assert visit.page.inner_text("#found").startswith("1 ")
        assert visit.page.locator("body").evaluate("e => getComputedStyle(e).maxWidth") != "none"
        for page in public:
            visit.go(f"http://127.0.0.1:{port}/site/{page}")
            assert visit.errors == []
        # As an earlier version wrote it, where the public site is.
        shutil.rmtree(home / "site")
        shutil.copytree(home / "site-restricted", home / "site")
        (home / "site").chmod(0o755)
        assert answers([*public, *restricted]) == {404}
        write()
        assert (answers(public), answers(restricted)) == ({200}, {404})
