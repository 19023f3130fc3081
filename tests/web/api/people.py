"""Who calls the APIs in tests: the front end without its pages, programs with keys, browsers."""

from __future__ import annotations

import asyncio
import base64
import io
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import httpx
import uvicorn
from fastapi import FastAPI
from itsdangerous import URLSafeSerializer
from PIL import Image
from starlette.types import ASGIApp

from engine.settings import Settings
from engine.studio import Studio
from web.__main__ import listen
from web.api.app import APIs
from web.bounds import Bounds
from web.guards import OwnOrigin
from web.visitors import VISITOR, Visitors

SITE = "http://studio.test"


def front_end(settings: Settings, studio: Studio) -> FastAPI:
    """As web.app builds it, without the pages, which take a second."""
    app = FastAPI(openapi_url=None)
    app.router.routes.append(APIs(settings, studio))
    app.add_middleware(Bounds)
    app.add_middleware(OwnOrigin, public_url=settings.public_url)
    app.add_middleware(Visitors, studio=studio, key=settings.signing_key(), secure=False)
    return app


async def key_of(studio: Studio, name: str) -> str:
    """A new key of that visitor."""
    return await studio.access.make_key(await studio.account("web", name, "en"), "tests")


def program(app: ASGIApp, key: str | None = None, **headers: str) -> httpx.AsyncClient:
    """A client in this process; what it streams comes in one piece."""
    if key is not None:
        headers["authorization"] = f"Bearer {key}"
    transport = httpx.ASGITransport(app, raise_app_exceptions=False)
    return httpx.AsyncClient(transport=transport, base_url=SITE, headers=headers)


def browser(app: ASGIApp, settings: Settings, visitor: str) -> httpx.AsyncClient:
    """With the cookie that the page gave to the visitor."""
    cookie = URLSafeSerializer(settings.signing_key(), salt="visitor").dumps(visitor)
    return program(app, cookie=f"{VISITOR}={cookie}")


@asynccontextmanager
async def served(app: ASGIApp) -> AsyncIterator[str]:
    """The address of a real server of the app, for clients that cannot do without."""
    with listen("127.0.0.1", 0) as listener:
        config = uvicorn.Config(app, log_level="error", lifespan="off", ws="none")
        server = uvicorn.Server(config)
        serving = asyncio.create_task(server.serve([listener]))
        try:
            yield f"http://127.0.0.1:{listener.getsockname()[1]}"
        finally:
            server.should_exit = True
            await serving


def png(colour: str = "red", size: tuple[int, int] = (64, 64), mode: str = "RGB") -> bytes:
    file = io.BytesIO()
    Image.new(mode, size, colour).save(file, "PNG")
    return file.getvalue()


def mask(size: tuple[int, int] = (64, 64)) -> bytes:
    """As OpenAI's clients send it: its left half is see-through."""
    picture = Image.new("RGBA", size, (0, 0, 0, 255))
    picture.paste((0, 0, 0, 0), (0, 0, size[0] // 2, size[1]))
    file = io.BytesIO()
    picture.save(file, "PNG")
    return file.getvalue()


def coded(file: bytes) -> str:
    return base64.b64encode(file).decode()


def opened(file: bytes | str) -> Image.Image:
    """A picture, of its file or of that in base64."""
    content = base64.b64decode(file) if isinstance(file, str) else file
    return Image.open(io.BytesIO(content))


async def ended(client: httpx.AsyncClient, job: str) -> dict[str, Any]:
    """The job, once it has ended."""
    while True:
        told: dict[str, Any] = (await client.get(f"/api/jobs/{job}")).json()
        if told["state"] not in ("queued", "running"):
            return told
        await asyncio.sleep(0.01)


async def made(client: httpx.AsyncClient, **asked: Any) -> dict[str, Any]:
    """A job that has ended, of the given request or of some words."""
    body = asked or {"mode": "text_to_image", "prompt": "a fox", "seed": 7}
    answer = await client.post("/api/jobs", json=body)
    assert answer.status_code == 201, answer.text
    return await ended(client, answer.json()["id"])
