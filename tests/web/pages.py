"""The pages that are no Gradio, which takes long to build, and browsers that look at them."""

from __future__ import annotations

import httpx
from fastapi import FastAPI
from itsdangerous import URLSafeSerializer

from engine.requests import Request, TextToImage
from engine.settings import Settings
from engine.studio import Finished, Studio
from engine.texts import LANGUAGES
from storage.records import Account, JobRecord
from web import languages
from web.account import account_router
from web.appeals import appeals_router
from web.guards import OwnOrigin, SafeHeaders
from web.history import history_router
from web.lost import Lost
from web.media import media_router
from web.plain import Plains
from web.privacy import privacy_router
from web.shared import shared_router
from web.telegram import Telegram
from web.visitors import VISITOR, Visitors

ADDRESS = "http://studio.test"
PERSON = {"accept": "text/html", "accept-language": "en"}  # what a browser's window asks for


def pages(settings: Settings, studio: Studio, telegram: Telegram | None = None) -> FastAPI:
    app = FastAPI()
    plains = Plains(studio)
    app.include_router(languages.router)
    app.include_router(media_router(studio))
    app.include_router(shared_router(studio, settings, plains))
    for language in LANGUAGES:
        app.include_router(history_router(studio, plains, language))
        app.include_router(appeals_router(studio, plains, language))
        app.include_router(account_router(studio, settings, plains, telegram, language))
        app.include_router(privacy_router(settings, plains, language))

    @app.get("/broken")
    async def broken() -> None:
        raise RuntimeError("a fault of the studio")

    app.add_middleware(Lost, plains=plains)
    app.add_middleware(OwnOrigin, public_url=settings.public_url)
    app.add_middleware(Visitors, studio=studio, key=settings.signing_key(), secure=False)
    app.add_middleware(SafeHeaders)
    return app


def browser(app: FastAPI, settings: Settings, name: str | None = None) -> httpx.AsyncClient:
    """That of the visitor of that name, or of somebody who comes for the first time."""
    cookies = {}
    if name is not None:
        signer = URLSafeSerializer(settings.signing_key(), salt="visitor")
        cookies[VISITOR] = str(signer.dumps(name))
    transport = httpx.ASGITransport(app, raise_app_exceptions=False)
    return httpx.AsyncClient(transport=transport, base_url=ADDRESS, headers=PERSON, cookies=cookies)


async def ann(studio: Studio) -> Account:
    """The account of the visitor “ann”."""
    return await studio.account("web", "ann", "en")


async def drawn(
    studio: Studio, account: Account, request: Request | None = None, key: str = "k"
) -> JobRecord:
    """A job of the account, once it has ended."""
    asked = request or TextToImage(prompt="a fox", seed=7)
    job = await studio.submit(asked, account, key)
    *_, last = [event async for event in studio.watch(job.id, account)]
    assert isinstance(last, Finished)
    return last.job
