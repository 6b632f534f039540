"""A page as a real browser lays it out, with no network to reach."""

from __future__ import annotations

import html
import json
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

_NAMES = ("chromium", "chromium-browser", "google-chrome", "chrome")


def find_browser() -> str | None:
    """The path of a Chromium, or None."""
    return next((path for name in _NAMES if (path := shutil.which(name))), None)


def measure(browser: str, page: Path, folder: Path, width: int, script: str) -> dict[str, Any]:
    """What the JavaScript expression ``script`` gives in ``page``, laid out ``width`` pixels wide.

    In it, ``d`` is the page's document and ``w`` its window.
    """
    # A frame of that width: a window of a headless browser has a least one.
    outer = folder / f"frame-{width}.html"
    outer.write_text(
        f'<!doctype html><meta charset="utf-8"><iframe width="{width}" height="900" style="border:0"'
        f' srcdoc="{html.escape(page.read_text(encoding="utf-8"))}"></iframe><pre id="found"></pre><script>'
        "document.querySelector('iframe').onload = e => { const w = e.target.contentWindow, d = w.document;"
        f" document.getElementById('found').textContent = JSON.stringify({script}); }}</script>",
        encoding="utf-8",
    )
    command = [
        browser, "--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", f"--user-data-dir={folder / 'profile'}",
        "--host-resolver-rules=MAP * ~NOTFOUND", "--virtual-time-budget=10000", "--dump-dom", outer.as_uri(),
    ]  # fmt: skip
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=True)
    found = re.search(r'<pre id="found">(.*?)</pre>', done.stdout, re.DOTALL)
    assert found, done.stdout[-2000:]
    answer: dict[str, Any] = json.loads(html.unescape(found.group(1)))
    return answer
