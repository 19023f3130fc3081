"""A picture that its owner shares: a small page for anybody who has the link, and its file.

Nothing here says whose it is. Once the link is taken back, or the picture is gone, nothing is here.
"""

from __future__ import annotations

import asyncio

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from engine.errors import UserError
from engine.recall import recall
from engine.requests import Mix
from engine.settings import Settings
from engine.studio import PictureFile, Studio
from web.plain import Plains, telling

HEADERS = {"x-robots-tag": "noindex, nofollow", "cache-control": "no-cache"}


def shared_router(studio: Studio, settings: Settings, plains: Plains) -> APIRouter:
    router = APIRouter(prefix="/s", route_class=telling(plains))

    @router.get("/{token}.png")
    async def file(request: Request, token: str, download: bool = False) -> Response:
        picture = await studio.links.shared(token)
        headers = HEADERS | {"etag": f'"{picture.record.sha256}"'}
        if request.headers.get("if-none-match") == headers["etag"]:
            return Response(status_code=304, headers=headers)
        if download:
            headers["content-disposition"] = 'attachment; filename="kandinsky.png"'
        return Response(picture.content, media_type=picture.media_type, headers=headers)

    @router.get("/{token}")
    async def page(request: Request, token: str) -> Response:
        picture = await studio.links.shared(token)
        words = await asyncio.to_thread(words_of, picture)
        host = settings.public_url.rstrip("/") or str(request.base_url).rstrip("/")
        answer = plains.of(request).page(
            "shared", address=f"{host}/s/{token}", token=token, one=picture.record, words=words
        )
        answer.headers.update(HEADERS)
        return answer

    return router


def words_of(picture: PictureFile) -> str:
    """What the picture was asked for with, as its own file tells; empty if it does not."""
    try:
        request = recall(picture.content).request
    except UserError:
        return ""
    parts = [part.words for part in request.parts] if isinstance(request, Mix) else []
    return request.prompt or ", ".join(filter(None, parts))
