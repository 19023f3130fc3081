"""The one place where callers of the APIs are recognised, and those with a key are counted."""

from __future__ import annotations

from aiolimiter import AsyncLimiter
from starlette.requests import Request
from starlette.types import ASGIApp, Receive, Scope, Send

from engine.errors import TooManyCalls, UserError
from engine.studio import Studio
from web.api.refusals import refuse
from web.people import person

CALLS = 120  # a minute for the keys of one account; as many may come at once
REMEMBERED = 10_000  # accounts whose calls are counted; then those that are quiet are forgotten
PUBLIC = ("/api/docs", "/api/openapi.json")


class Callers:
    """Middleware that puts the account into `request.state.caller`, or refuses before any body
    is read. Only the documentation is for everybody."""

    def __init__(self, app: ASGIApp, *, studio: Studio) -> None:
        self.app = app
        self.studio = studio
        self.limiters: dict[int, AsyncLimiter] = {}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        request = Request(scope, receive)
        if not request.url.path.endswith(PUBLIC):
            try:
                request.state.caller = await person(request, self.studio)
                if "authorization" in request.headers:
                    await self._count(request.state.caller.id)
            except UserError as error:
                await refuse(request, error)(scope, receive, send)
                return
        await self.app(scope, receive, send)

    async def _count(self, account_id: int) -> None:
        """Raises TooManyCalls."""
        if len(self.limiters) > REMEMBERED:
            self.limiters = {
                one: limiter
                for one, limiter in self.limiters.items()
                if not limiter.has_capacity(CALLS)
            }
        limiter = self.limiters.setdefault(account_id, AsyncLimiter(CALLS, 60))
        if not limiter.has_capacity():
            raise TooManyCalls(limit=CALLS)
        await limiter.acquire()
