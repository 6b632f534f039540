"""docs/architecture.md names the rooms that there are."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("room", sorted(p.parent.name for p in (ROOT / "pipelines").glob("*/__init__.py")))
def test_every_room_of_pipelines_is_named(room: str) -> None:
    assert f"`{room}/`" in PAGE


@pytest.mark.parametrize("module", sorted(p.name for p in (ROOT / "pipelines").glob("*.py") if p.name != "__init__.py"))
def test_so_is_every_module_beside_them(module: str) -> None:
    assert f"`{module}`" in PAGE


def test_its_links_lead_somewhere() -> None:
    links = re.findall(r"\]\(([^)]+)\)", PAGE)
    assert links
    assert [link for link in links if not (ROOT / "docs" / link).exists()] == []
