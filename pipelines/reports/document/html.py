"""A document as one self-contained HTML file: no network, readable on a phone, dark mode, print."""

from __future__ import annotations

from base64 import b64encode
from functools import cache
from hashlib import sha256
from itertools import groupby

from jinja2 import Environment, PackageLoader, StrictUndefined, select_autoescape

from pipelines.reports.document.blocks import Column, Document
from pipelines.words import words_of

__all__ = ["page_policy", "render_html", "render_template"]


def column_groups(columns: list[Column]) -> list[tuple[str, int]]:
    """(label, span) of the header's upper line; empty where no column is in a group."""
    if not any(c.group for c in columns):
        return []
    return [(group, len(list(members))) for group, members in groupby(columns, lambda c: c.group)]


def render_html(document: Document, *, links: list[tuple[str, str]] | None = None) -> str:
    """The page; ``links`` are (label, relative address) of its neighbours."""
    return render_template(
        "document.html.j2",
        d=document,
        language=document.language,
        title=document.title,
        links=links or [],
        other_versions=words_of("page", document.language)["other_versions"],
    )


def render_template(name: str, **values: object) -> str:
    """One of the reports' templates, what is put in escaped."""
    env = Environment(
        loader=PackageLoader("pipelines.reports"), autoescape=select_autoescape(["html", "j2"]), undefined=StrictUndefined,
        trim_blocks=True, lstrip_blocks=True,
    )  # fmt: skip
    env.globals |= {"column_groups": column_groups}
    env.tests |= {"block": lambda block, name: type(block).__name__ == name}
    return env.get_template(name).render(**values)


@cache
def page_policy(script: str, *, may_ask: bool = False) -> str:
    """The Content-Security-Policy of a page that runs one script, and loads nothing.

    The policy names the script by the hash of the template that it is, whatever a page may hold.

    Args:
        script: the template, such as ``site.js``; what a page tells it stands elsewhere in the page.
        may_ask: it asks the server that the page is from.
    """
    digest = b64encode(sha256(render_template(script).encode()).digest()).decode()
    return (
        f"default-src 'none'; script-src 'sha256-{digest}'; style-src 'unsafe-inline'; img-src 'self' data:; base-uri 'none';"
        f" form-action 'none'; frame-ancestors 'none'" + ("; connect-src 'self'" if may_ask else "")
    )
