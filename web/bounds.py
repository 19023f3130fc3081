"""How large the body of a call may be, before anything is made of it."""

from __future__ import annotations

from starlette.datastructures import Headers
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from engine.intake import FILE_LIMIT, MB
from engine.requests import PARTS_LIMIT
from web.api.refusals import on_error
from web.paths import path_of

LIMITS = {
    "/api/jobs": 64 * MB,  # pictures in base64
    "/api/uploads": FILE_LIMIT + MB,  # a file, and the form around it
    "/api/recall": FILE_LIMIT + MB,
    "/moderation/same": FILE_LIMIT + MB,
    "/v1/images/": PARTS_LIMIT * FILE_LIMIT + MB,
    "/sdapi/v1/": 64 * MB,
}  # bytes, by the beginning of the path
LIMIT = MB  # of all others, those of the page too


class TooHeavy(HTTPException):
    """The body goes on beyond the limit of so many bytes."""

    def __init__(self, limit: int) -> None:
        super().__init__(413)
        self.limit = limit


class Bounds:
    """Middleware that ends calls with a body too large, by its announced or its real length."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        path = path_of(scope)
        limit = next((most for place, most in LIMITS.items() if path.startswith(place)), LIMIT)
        announced = Headers(scope=scope).get("content-length", "")
        if announced.isdecimal() and int(announced) > limit:
            refusal = await on_error(Request(scope), TooHeavy(limit))
            await refusal(scope, receive, send)
            return
        read = 0

        async def receive_some() -> Message:
            nonlocal read
            message = await receive()
            read += len(message.get("body", b""))
            if read > limit:
                raise TooHeavy(limit)
            return message

        await self.app(scope, receive_some, send)
