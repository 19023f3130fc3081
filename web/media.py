"""Serves a stored picture to the account it belongs to, and to nobody else."""

from __future__ import annotations

import mimetypes

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import FileResponse, PlainTextResponse, Response

from engine.errors import NotFound
from engine.studio import Studio
from engine.texts import Texts
from web.languages import choice

CACHING = "private, max-age=31536000, immutable"  # a picture's id never gets another picture


def media_router(studio: Studio) -> APIRouter:
    router = APIRouter()

    @router.get("/media/{picture_id}")
    async def picture(request: Request, picture_id: str, download: bool = False) -> Response:
        language = choice(request)
        account = await studio.account("web", request.state.visitor, language)
        try:
            file = await studio.picture(picture_id, account)
        except NotFound as error:
            text = Texts(language).error(error)
            return PlainTextResponse(text, status_code=404, headers={"cache-control": "no-store"})
        ending = mimetypes.guess_extension(file.media_type) or ""
        return FileResponse(
            file.path,
            media_type=file.media_type,
            filename=f"kandinsky-{picture_id}{ending}" if download else None,
            headers={"cache-control": CACHING},
        )

    return router
