"""Two guards around every answer: writes come from our own pages, and headers say what is allowed.

The Content-Security-Policy lets the page reach nothing but this server; Gradio needs inline
scripts and `eval` for its own code.
"""

from __future__ import annotations

from urllib.parse import urlsplit

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from web.paths import is_api

READS = {"GET", "HEAD", "OPTIONS"}
NOBODY = "nobody"  # who is at an origin that names no host

HEADERS = {
    "x-content-type-options": "nosniff",
    "referrer-policy": "same-origin",
    "content-security-policy": "; ".join(
        (
            "default-src 'self'",
            "script-src 'self' 'unsafe-inline' 'unsafe-eval'",
            "style-src 'self' 'unsafe-inline'",
            "img-src 'self' data: blob:",
            "font-src 'self' data:",
            "object-src 'none'",
            "base-uri 'self'",
            "form-action 'self'",
            "frame-ancestors 'self'",
        )
    ),
}


class OwnOrigin:
    """Refuses a write that a page of another site sends with our visitor's cookie.

    A call of an API that carries a key is not asked where it comes from: its cookies count for
    nothing there.
    """

    def __init__(self, app: ASGIApp, *, public_url: str) -> None:
        self.app = app
        self.public_host = urlsplit(public_url).netloc

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and scope["method"] not in READS:
            headers = Headers(scope=scope)
            origin = headers.get("origin")
            ours = {headers.get("host"), self.public_host or None}
            foreign = origin is not None and _host(origin) not in ours
            if foreign and not ("authorization" in headers and is_api(scope)):
                refusal = PlainTextResponse("This page may not write here.", status_code=403)
                await refusal(scope, receive, send)
                return
        await self.app(scope, receive, send)


def _host(origin: str) -> str:
    try:
        return urlsplit(origin).netloc or NOBODY
    except ValueError:
        return NOBODY


class SafeHeaders:
    """Adds the headers above to every answer."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in HEADERS.items():
                    headers.setdefault(name, value)  # a plain page has a stricter policy
                if scope["path"].startswith("/static/"):
                    headers["cache-control"] = "no-cache"  # asked for again: a new version shows
            await send(message)

        await self.app(scope, receive, send_with_headers)
