"""Recognises who comes: a signed cookie names an anonymous visitor, another one a session.

What they are is put into `request.state`: `visitor`, such as "web:..." or "telegram:...", None
where the database cannot say; `anonymous`, who they are without the session; `known`, whether a
cookie came that says who they are.
"""

from __future__ import annotations

import secrets

from itsdangerous import BadSignature, URLSafeSerializer
from starlette.datastructures import MutableHeaders
from starlette.requests import HTTPConnection
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from engine.errors import WentWrong
from engine.studio import Studio

VISITOR = "studio"  # the cookie of an anonymous visitor
SESSION = "studio-session"  # the cookie of somebody who has signed in
YEAR = 365 * 24 * 3600  # seconds; browsers keep a cookie for 400 days at most
# No visitor is met there.
REPORT = "/report"
WITHOUT_COOKIES = ("/static/", "/s/", "/api/", "/v1/", "/sdapi/", "/healthz", "/moderation")


class Visitors:
    """Middleware that recognises whoever asks.

    A missing or forged cookie is replaced by a new one, so a page always has an account.
    """

    def __init__(self, app: ASGIApp, *, studio: Studio, key: str, secure: bool) -> None:
        self.app = app
        self.studio = studio
        self.signer = URLSafeSerializer(key, salt="visitor")
        self.secure = secure

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] not in ("http", "websocket"):
            await self.app(scope, receive, send)
            return
        cookies = HTTPConnection(scope).cookies
        known = self._read(cookies.get(VISITOR))
        visitor = known or secrets.token_urlsafe(18)
        session = cookies.get(SESSION)
        person = await self._person(session) if session else ""
        state = scope.setdefault("state", {})
        state["anonymous"] = f"web:{visitor}"
        state["visitor"] = state["anonymous"] if person == "" else person
        state["known"] = known is not None or person != ""
        give = known is None and _has_cookies(scope["path"])

        async def send_with_cookie(message: Message) -> None:
            if message["type"] == "http.response.start" and give:
                secure = self.secure or scope["scheme"] == "https"
                cookie = written(VISITOR, str(self.signer.dumps(visitor)), YEAR, secure=secure)
                MutableHeaders(scope=message).append("set-cookie", cookie)
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

    async def _person(self, session: str) -> str | None:
        """Whose session it is: empty for one that has ended, None while nobody can say."""
        try:
            account = await self.studio.access.signed_in(session)
        except WentWrong:
            return None
        return f"{account.channel}:{account.external_id}" if account is not None else ""


def _has_cookies(path: str) -> bool:
    """Who reports a shared picture needs one, so that it counts once."""
    reporting = path.startswith("/s/") and path.endswith(REPORT)
    return reporting or not path.startswith(WITHOUT_COOKIES)


def written(name: str, value: str, seconds: int, *, secure: bool) -> str:
    """The Set-Cookie header of a cookie that scripts cannot read; 0 seconds removes it."""
    response = Response()
    response.set_cookie(name, value, max_age=seconds, secure=secure, httponly=True, samesite="lax")
    return response.headers["set-cookie"]
