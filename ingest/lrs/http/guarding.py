"""Headers that keep a browser from showing what clients have sent as a page of this server."""

from __future__ import annotations

from starlette.types import ASGIApp, Message, Receive, Scope, Send

__all__ = ["DOCUMENT", "guarded"]

#: The policy of an answer that is no page: should a browser show it, it runs, loads and frames nothing and has no origin.
_NO_PAGE = b"default-src 'none'; frame-ancestors 'none'; sandbox"
#: A browser saves a document that a client has stored as a file.
DOCUMENT = {"content-disposition": "attachment"}


def guarded(app: ASGIApp) -> ASGIApp:
    """The application, each of whose answers has ``nosniff`` and a Content-Security-Policy; pages set their own."""

    async def guarding(scope: Scope, receive: Receive, send: Send) -> None:
        async def told(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = [*message.get("headers", ()), (b"x-content-type-options", b"nosniff")]
                if b"content-security-policy" not in dict(headers):
                    headers.append((b"content-security-policy", _NO_PAGE))
                message["headers"] = headers
            await send(message)

        await app(scope, receive, told)

    return guarding
