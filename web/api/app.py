"""The APIs as one app of their own: who calls is known, and every refusal has its API's form.

It stands inside the web front end's app, which knows by its cookies who visits.
"""

from __future__ import annotations

from fastapi import FastAPI
from starlette.routing import BaseRoute, Match
from starlette.types import Receive, Scope, Send

from engine.settings import Settings
from engine.studio import Studio
from storage.png import VERSION
from web.api import document, jobs, models, notices, pictures, uploads
from web.api.callers import Callers
from web.api.images import calls
from web.api.refusals import HANDLERS
from web.api.sdapi import drawing, options, progress
from web.api.turns import Places, Turns
from web.paths import is_api

STREAMS = 20  # of an account at once
ZIPS = 2  # the same; each lasts until its reader has it
ROUTERS = (
    jobs.router,
    uploads.router,
    pictures.router,
    notices.router,
    models.router,
    calls.router,
    drawing.router,
    progress.router,
    options.router,
    document.router,
)


def build(settings: Settings, studio: Studio) -> FastAPI:
    """The APIs over an open Studio."""
    app = FastAPI(
        title="Kandinsky Studio",
        version=VERSION,
        description=document.ABOUT,
        docs_url=None,
        redoc_url=None,
        openapi_url=None,
        redirect_slashes=False,
        exception_handlers=HANDLERS,
    )
    app.state.studio = studio
    app.state.public_url = settings.public_url
    app.state.turns = Turns()
    app.state.streams, app.state.zips = Places(STREAMS), Places(ZIPS)
    for router in ROUTERS:
        app.include_router(router)
    app.add_middleware(Callers, studio=studio)
    return app


class APIs(BaseRoute):
    """The route that leads to them, with the whole path as it is: `app.router.routes.append`."""

    def __init__(self, settings: Settings, studio: Studio) -> None:
        self.app = build(settings, studio)

    def matches(self, scope: Scope) -> tuple[Match, Scope]:
        ours = scope["type"] == "http" and is_api(scope)
        return (Match.FULL if ours else Match.NONE), {}

    async def handle(self, scope: Scope, receive: Receive, send: Send) -> None:
        await self.app(scope, receive, send)
