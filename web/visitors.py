"""Gives each browser its own account: a random id in a signed cookie, nothing more."""

from __future__ import annotations

import secrets

from itsdangerous import BadSignature, URLSafeSerializer
from starlette.datastructures import MutableHeaders
from starlette.requests import HTTPConnection
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

COOKIE = "studio"
YEAR = 365 * 24 * 3600  # seconds; browsers keep a cookie for 400 days at most


class Visitors:
    """Middleware that puts the visitor's id into `request.state.visitor`.

    A missing or forged cookie is replaced by a new one, so a page always has an account.
    """

    def __init__(self, app: ASGIApp, *, key: str, secure: bool) -> None:
        self.app = app
        self.signer = URLSafeSerializer(key, salt="visitor")
        self.secure = secure

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] not in ("http", "websocket"):
            await self.app(scope, receive, send)
            return
        connection = HTTPConnection(scope)
        known = self._read(connection.cookies.get(COOKIE))
        visitor = known or secrets.token_urlsafe(18)
        scope.setdefault("state", {})["visitor"] = visitor

        async def send_with_cookie(message: Message) -> None:
            if message["type"] == "http.response.start" and known is None:
                secure = self.secure or scope["scheme"] == "https"
                MutableHeaders(scope=message).append("set-cookie", self._write(visitor, secure))
            await send(message)

        await self.app(scope, receive, send_with_cookie)

    def _read(self, cookie: str | None) -> str | None:
        if cookie is None:
            return None
        try:
            visitor = self.signer.loads(cookie)
        except BadSignature:
            return None
        return visitor if isinstance(visitor, str) else None

    def _write(self, visitor: str, secure: bool) -> str:
        response = Response()
        response.set_cookie(
            COOKIE,
            str(self.signer.dumps(visitor)),
            max_age=YEAR,
            secure=secure,
            httponly=True,
            samesite="lax",
        )
        return response.headers["set-cookie"]
