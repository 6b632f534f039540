"""The application: its routes, and what a server says of itself."""

from __future__ import annotations

from collections.abc import Sequence

from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Route
from starlette.types import ASGIApp

from ingest.lrs.attachments import Attachments
from ingest.lrs.http.access import Access
from ingest.lrs.http.answering import METHODS
from ingest.lrs.http.bodies import Bodies
from ingest.lrs.http.caliper import CountingOf, as_shipped
from ingest.lrs.http.documents import RESOURCES
from ingest.lrs.http.guarding import guarded
from ingest.lrs.http.limits import Limits
from ingest.lrs.http.observing import Observer
from ingest.lrs.http.openapi import description
from ingest.lrs.http.server import Server
from ingest.lrs.http.turns import Turns
from ingest.lrs.writing.store import Store
from warehouse.errors import LogUnavailable

__all__ = ["make_app", "resource_of"]

#: Large bodies of one programme that wait to be read, at most; and, after a second of reading one, seconds for other work.
_LARGE_WAITING, _REST_SHARE = 64, 0.5


def make_app(
    store: Store, access: Access, attachments: Attachments, *, base_url: str, prefix: str = "/xapi", limits: Limits | None = None,
    observer: Observer | None = None, pages: Sequence[BaseRoute] = (), counting_of: CountingOf = as_shipped,
) -> ASGIApp:  # fmt: skip
    """The xAPI resources under ``prefix``, ``/events``, ``/caliper``, ``/live``, ``/health``, ``/ready``, ``/metrics`` and ``/openapi.json``.

    Args:
        base_url: where clients find the server; the authority of their statements is an account there.
        observer: counts and logs requests; a new one by default.
        pages: further routes.
        counting_of: what a programme's Caliper events count as; by default what ships.
    """
    limits = limits or Limits()
    observer = observer or Observer(resource_of)
    turns = Turns(_LARGE_WAITING, _REST_SHARE)
    bodies = Bodies(limits.body_bytes, limits.held_bytes, limits.patience_s, turns)
    observer.gauge("waiting_requests", "Requests that wait to be written.", store.waiting)
    observer.gauge(
        "records_set_aside", "Records of the log that the index could not take in.", store.set_aside, every_s=1.0,
        mode="livemax",  # all processes share the index
    )  # fmt: skip
    observer.gauge("held_bytes", "Bytes of bodies of requests under way.", lambda: bodies.held)
    server = Server(store, access, attachments, bodies, turns, observer, base_url, prefix, limits, counting_of)
    openapi = description(base_url, prefix, limits.body_bytes)

    async def health(request: Request) -> Response:
        return JSONResponse({"status": "ok"})

    async def ready(request: Request) -> Response:
        try:
            behind = await run_in_threadpool(store.behind)
        except LogUnavailable as error:
            return JSONResponse({"status": "the log cannot be reached", "why": str(error)}, 503)
        aside = await run_in_threadpool(store.set_aside)
        return JSONResponse({"status": "ready", "records_behind": behind, "records_set_aside": aside})

    async def metrics(request: Request) -> Response:
        return Response(
            await run_in_threadpool(observer.metrics), media_type="text/plain; version=0.0.4; charset=utf-8"
        )

    async def openapi_document(request: Request) -> Response:
        return JSONResponse(openapi)

    app = Starlette(
        routes=[
            # Starlette tries them in this order: frequent ones come first.
            Route(f"{prefix}/about", server.about, methods=METHODS),
            Route(f"{prefix}/about/", server.about, methods=METHODS),
            Route(f"{prefix}/{{resource:path}}", server.answer, methods=METHODS),
            Route("/events", server.events, methods=METHODS),
            Route("/caliper", server.caliper, methods=METHODS),
            Route("/health", health),
            Route("/ready", ready),
            Route("/metrics", metrics),
            Route("/openapi.json", openapi_document),
            Route("/live", server.live),
            *pages,
        ]
    )
    return observer.around(guarded(app))


def resource_of(path: str, prefix: str = "/xapi") -> str:
    """The resource of a path: one of a few names, for metrics and logs."""
    resource = path.removeprefix(f"{prefix}/")
    if resource != path:
        known = ("statements", "about", "agents", "activities", *RESOURCES)
        resource = resource.removesuffix("/")
        return resource if resource in known else "unknown"
    known = ("/events", "/caliper", "/live", "/health", "/ready", "/metrics", "/openapi.json")
    return path[1:] if path in known else "page"
