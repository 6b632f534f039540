"""One setting of the language holds on the terminal and on the server's page."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pytest
from starlette.applications import Starlette
from starlette.testclient import TestClient
from typer.testing import CliRunner

from pipelines.cli import app
from pipelines.reports.public import PublicSite
from pipelines.server.pages import pages
from pipelines.settings import Settings, default_language
from warehouse.errors import BadConfiguration


@pytest.mark.parametrize(
    ("environ", "language"),
    [
        ({"LANG": "zh_CN.UTF-8"}, "zh"),
        ({"LANG": "en_GB.UTF-8"}, "en"),
        ({"LC_ALL": "C", "LANG": "zh_CN.UTF-8"}, "en"),
        ({"LANG": "en_GB.UTF-8", "XUEQING_LANGUAGE": "zh"}, "zh"),
        ({"LANG": "zh_CN.UTF-8", "XUEQING_LANGUAGE": "en"}, "en"),
    ],
)
def test_the_setting_goes_before_the_locale(environ: Mapping[str, str], language: str) -> None:
    assert default_language(environ) == language
    assert Settings.from_environment(environ).language == environ.get("XUEQING_LANGUAGE", "")


def test_an_unknown_language_is_refused(tmp_path: Path) -> None:
    for read in (default_language, Settings.from_environment):
        with pytest.raises(BadConfiguration, match="XUEQING_LANGUAGE is zh or en, not 'fr'"):
            read({"XUEQING_LANGUAGE": "fr"})
    refused = CliRunner().invoke(app, ["indicators", "--lang", "fr"], env={"XUEQING_HOME": str(tmp_path)})
    assert refused.exit_code == 2
    assert "expected zh or en" in refused.output


@pytest.mark.parametrize(
    ("setting", "query", "browser", "language"),
    [
        ("", "", "zh-CN,zh;q=0.9", "zh-CN"),
        ("", "", "de", "en"),
        ("en", "", "zh-CN", "en"),
        ("zh", "", "en-GB", "zh-CN"),
        ("zh", "?lang=en", "zh-CN", "en"),
    ],
)
def test_the_servers_page_takes_the_setting_before_the_browser(
    tmp_path: Path, setting: str, query: str, browser: str, language: str
) -> None:
    client = TestClient(Starlette(routes=pages(PublicSite(tmp_path), setting)))
    page = client.get(f"/{query}", headers={"accept-language": browser}).text
    assert f'<html lang="{language}"' in page
