"""Where nothing is, and where the studio fails, a browser gets a page of ours, not bare text."""

from __future__ import annotations

from starlette.datastructures import Headers
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from web.plain import Plains

FOR_PROGRAMS = ("/api/", "/v1/", "/sdapi/", "/static/")


class Lost:
    """Middleware that puts our page in place of another 404 or 500 that a person would see."""

    def __init__(self, app: ASGIApp, *, plains: Plains) -> None:
        self.app = app
        self.plains = plains

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or not _for_a_person(scope):
            await self.app(scope, receive, send)
            return
        begun = False
        page: Response | None = None

        async def send_ours(message: Message) -> None:
            nonlocal begun, page
            if message["type"] == "http.response.start":
                begun, page = True, self._instead(message, scope)
                if page is not None:
                    message = {**message, "headers": page.raw_headers}
            elif page is not None:
                if message.get("more_body", False):
                    return
                message = {"type": "http.response.body", "body": page.body}
            await send(message)

        try:
            await self.app(scope, receive, send_ours)
        except Exception:
            if not begun:
                await self.plains.of(Request(scope)).broken()(scope, receive, send)
            raise  # whoever runs the studio reads of it in the log

    def _instead(self, start: Message, scope: Scope) -> Response | None:
        kind = Headers(raw=start["headers"]).get("content-type", "")
        if start["status"] not in (404, 500) or kind.startswith("text/html"):
            return None
        plain = self.plains.of(Request(scope))
        return plain.lost() if start["status"] == 404 else plain.broken()


def _for_a_person(scope: Scope) -> bool:
    """Whether the answer is to be looked at in a window of its own."""
    wanted = Headers(scope=scope).get("accept", "")
    return "text/html" in wanted and not scope["path"].startswith(FOR_PROGRAMS)
