"""The pages of the server: the start page, and the public reports."""

from __future__ import annotations

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import HTMLResponse, PlainTextResponse, RedirectResponse, Response
from starlette.routing import Route

from pipelines.reports.live import live_policy, render_live
from pipelines.reports.public import PublicSite

__all__ = ["pages"]


def pages(site: PublicSite, language: str = "") -> list[Route]:
    """The start page, and of the reports what is public when it is asked for.

    Args:
        language: of the start page, where its address asks for none; by default the browser's.
    """
    policy = {"content-security-policy": live_policy(), "referrer-policy": "no-referrer"}

    async def start(request: Request) -> Response:
        asked = request.query_params.get("lang") or language or request.headers.get("accept-language", "")
        has_site = await run_in_threadpool(lambda: site.is_there)
        page = render_live("zh" if asked.lower().startswith("zh") else "en", has_site=has_site)
        return HTMLResponse(page, headers=policy)

    async def to_site(request: Request) -> Response:
        return RedirectResponse("/site/")

    async def report(request: Request) -> Response:
        found = await run_in_threadpool(site.find, request.path_params["path"])
        if found is None:
            return PlainTextResponse("There is no such report here.", 404)
        headers = {**found.headers, "etag": f'"{found.sha256}"', "cache-control": "no-cache"}
        if found.sha256 in request.headers.get("if-none-match", ""):
            return Response(status_code=304, headers=headers)
        return Response(found.content, headers=headers)

    return [Route("/", start), Route("/site", to_site), Route("/site/{path:path}", report)]
