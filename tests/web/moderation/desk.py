"""The console without the rest of the page, which takes long to build, and who sits before it."""

from __future__ import annotations

import httpx
from fastapi import FastAPI

from engine.settings import Settings
from engine.studio import Studio
from web.bounds import Bounds
from web.guards import OwnOrigin, SafeHeaders
from web.lost import Lost
from web.media import media_router
from web.moderation import Console
from web.moderation.session import COOKIE
from web.plain import Plains
from web.shared import shared_router
from web.visitors import Visitors

SITE = "http://studio.test"


def console(settings: Settings, studio: Studio) -> FastAPI:
    """As web.app builds it."""
    app = FastAPI(openapi_url=None)
    plains = Plains(studio)
    app.include_router(media_router(studio))
    app.include_router(shared_router(studio, settings, plains))
    app.router.routes.append(Console(settings, studio))
    app.add_middleware(Lost, plains=plains)
    app.add_middleware(Bounds)
    app.add_middleware(OwnOrigin, public_url=settings.public_url)
    app.add_middleware(Visitors, studio=studio, key=settings.signing_key(), secure=False)
    app.add_middleware(SafeHeaders)
    return app


def sitting(app: FastAPI, token: str | None = None, **headers: str) -> httpx.AsyncClient:
    """A browser's window with that session's cookie, or with none."""
    named = {"accept": "text/html", "accept-language": "en"} | headers
    cookies = {COOKIE: token} if token is not None else {}
    transport = httpx.ASGITransport(app, raise_app_exceptions=False)
    return httpx.AsyncClient(transport=transport, base_url=SITE, headers=named, cookies=cookies)
