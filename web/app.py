"""Wires the web front end: middleware, routes, and one Gradio page a language."""

from __future__ import annotations

import os
from collections.abc import Awaitable, Callable
from pathlib import Path

import gradio as gr
from fastapi import FastAPI
from starlette.middleware import Middleware
from starlette.middleware.cors import CORSMiddleware
from starlette.requests import Request
from starlette.responses import FileResponse, Response
from starlette.staticfiles import StaticFiles

from engine.settings import Settings
from engine.studio import Studio
from engine.texts import LANGUAGES, Texts
from web import health, languages, media
from web.account import account_router
from web.api.app import APIs
from web.appeals import appeals_router
from web.bounds import Bounds
from web.gate import Gate
from web.guards import OwnOrigin, SafeHeaders
from web.history import history_router
from web.live import live_router
from web.lost import Lost
from web.moderation import Console
from web.page import STATIC, Page, head
from web.plain import Plains
from web.privacy import privacy_router
from web.shared import shared_router
from web.stage import stage_router
from web.telegram import Telegram
from web.theme import theme
from web.visitors import Visitors

ASKED_AT_ROOT = {"/favicon.ico": "favicon.svg", "/manifest.json": "manifest.json"}
FORM_LIMIT = "1mb"  # of a file sent to Gradio; this page sends none


def build(settings: Settings, studio: Studio) -> FastAPI:
    """The whole web front end over an open Studio."""
    app = FastAPI(title="Kandinsky Studio", docs_url=None, redoc_url=None, openapi_url=None)
    app.include_router(languages.router)
    app.include_router(health.health_router(studio))
    app.include_router(media.media_router(studio))
    app.include_router(live_router(studio))
    app.include_router(stage_router(studio))
    plains = Plains(studio)
    _add_plain_pages(app, settings, studio, plains)
    app.router.routes.append(APIs(settings, studio))
    app.router.routes.append(Console(settings, studio))
    app.mount("/static", StaticFiles(directory=STATIC), name="static")
    for path, file in ASKED_AT_ROOT.items():
        app.add_route(path, _file(STATIC / file))
    _mount_pages(app, settings, studio)
    app.add_middleware(Lost, plains=plains)
    app.add_middleware(CORSMiddleware, allow_origins=[])  # none; else Gradio allows every one
    app.add_middleware(Bounds)
    app.add_middleware(OwnOrigin, public_url=settings.public_url)
    secure = settings.public_url.startswith("https:")
    app.add_middleware(Visitors, studio=studio, key=settings.signing_key(), secure=secure)
    app.add_middleware(SafeHeaders)
    return app


def _add_plain_pages(app: FastAPI, settings: Settings, studio: Studio, plains: Plains) -> None:
    """What is in our own HTML alone, and the history."""
    app.include_router(shared_router(studio, settings, plains))
    telegram = Telegram.of(settings)
    for language in LANGUAGES:
        app.include_router(history_router(studio, plains, language))
        app.include_router(appeals_router(studio, plains, language))
        app.include_router(account_router(studio, settings, plains, telegram, language))
        app.include_router(privacy_router(settings, plains, language))


def visitor(request: Request) -> str | None:
    """Who Gradio takes the request to be from: the visitor's id."""
    found = getattr(request.state, "visitor", None)
    return found if isinstance(found, str) else None


def _mount_pages(app: FastAPI, settings: Settings, studio: Studio) -> None:
    os.environ["GRADIO_TEMP_DIR"] = str((settings.data / "gradio").resolve())
    for language in LANGUAGES:
        texts = Texts(language)
        page = Page(studio, studio.models(), texts)
        gr.mount_gradio_app(
            app,
            page.build(),
            path=f"/{language}",
            app_kwargs={"middleware": [Middleware(Gate)]},
            auth_dependency=visitor,
            allowed_paths=[],
            max_file_size=FORM_LIMIT,
            show_error=False,
            run_history=False,
            enable_monitoring=False,
            ssr_mode=False,
            mcp_server=False,
            pwa=False,
            footer_links=[],
            theme=theme(),
            head=head(texts),
        )


def _file(path: Path) -> Callable[[Request], Awaitable[Response]]:
    async def answer(request: Request) -> Response:
        return FileResponse(path)

    return answer
