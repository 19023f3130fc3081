"""Serves a stored picture to the account it belongs to, and to nobody else."""

from __future__ import annotations

import mimetypes

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response

from engine.errors import NotFound, PictureGone
from engine.studio import Studio
from engine.texts import Texts
from web.languages import choice

CACHING = "private, no-cache"  # a browser asks again each time: a picture may have been removed


def media_router(studio: Studio) -> APIRouter:
    router = APIRouter()

    @router.get("/media/{picture_id}")
    async def picture(
        request: Request, picture_id: str, download: bool = False, small: bool = False
    ) -> Response:
        language = choice(request)
        account = await studio.account("web", request.state.visitor, language)
        try:
            file = await (studio.thumbnail if small else studio.picture)(picture_id, account)
        except (NotFound, PictureGone) as error:
            text = Texts(language).error(error)
            return PlainTextResponse(text, status_code=404, headers={"cache-control": "no-store"})
        tag = f'"{file.record.sha256}{"-small" if small else ""}"'
        headers = {"cache-control": CACHING, "etag": tag}
        if request.headers.get("if-none-match") == tag:
            return Response(status_code=304, headers=headers)
        if download:
            ending = mimetypes.guess_extension(file.media_type) or ""
            name = f"kandinsky-{file.record.id}{ending}"
            headers["content-disposition"] = f'attachment; filename="{name}"'
        return Response(file.content, media_type=file.media_type, headers=headers)

    return router
