"""The console as one app of its own under /moderation: who asks is known, or led to the door."""

from __future__ import annotations

from fastapi import FastAPI
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.routing import BaseRoute, Match
from starlette.types import Receive, Scope, Send

from engine.errors import UserError
from engine.settings import Settings
from engine.studio import Studio
from web.moderation import (
    acts,
    door,
    media,
    people,
    policies,
    queue,
    records,
    searching,
    statistics,
    stories,
)
from web.moderation.refusals import on_error
from web.moderation.session import PLACE
from web.paths import path_of
from web.plain import Plains

ROUTERS = (
    door.router,
    queue.router,
    acts.router,
    media.router,
    stories.router,
    people.router,
    searching.router,
    records.router,
    statistics.router,
    policies.router,
)
KINDS = (UserError, HTTPException, RequestValidationError)


def build(settings: Settings, studio: Studio) -> FastAPI:
    """The console over an open Studio."""
    app = FastAPI(
        title="Review",
        docs_url=None,
        redoc_url=None,
        openapi_url=None,
        redirect_slashes=False,
        exception_handlers=dict.fromkeys(KINDS, on_error),
    )
    app.state.studio = studio
    app.state.plains = Plains(studio)
    app.state.thresholds = settings.nsfw
    app.state.folder = settings.data
    app.state.secure = settings.public_url.startswith("https:")
    for router in ROUTERS:
        app.include_router(router)
    return app


class Console(BaseRoute):
    """The route that leads to it, with the whole path as it is: `app.router.routes.append`."""

    def __init__(self, settings: Settings, studio: Studio) -> None:
        self.app = build(settings, studio)

    def matches(self, scope: Scope) -> tuple[Match, Scope]:
        ours = scope["type"] == "http" and f"{path_of(scope)}/".startswith(f"{PLACE}/")
        return (Match.FULL if ours else Match.NONE), {}

    async def handle(self, scope: Scope, receive: Receive, send: Send) -> None:
        await self.app(scope, receive, send)
