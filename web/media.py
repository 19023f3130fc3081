"""Serves pictures to the account they belong to, and to nobody else: those made here, and those
that were sent to be worked on."""

from __future__ import annotations

import mimetypes

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response

from engine.errors import NotFound, PictureGone, Unauthorised, UserError
from engine.studio import Studio
from engine.texts import Texts
from storage.records import Account
from web.languages import choice
from web.people import person

CACHING = "private, no-cache"  # a browser asks again each time: a picture may have been removed
MISSING = (NotFound, PictureGone)


def media_router(studio: Studio) -> APIRouter:
    router = APIRouter()

    @router.get("/media/source/{sha256}")
    async def source(request: Request, sha256: str, small: bool = False) -> Response:
        try:
            account = await _owner(request, studio)
            if small:
                content = await studio.uploads.thumbnail(sha256, account)
            else:
                content = (await studio.uploads.kept(sha256, account)).file
        except UserError as error:
            return _refusal(request, error)
        tag = f'"{sha256}{"-small" if small else ""}"'
        if known := _known(request, tag):
            return known
        kind = "image/webp" if small else "image/png"
        return Response(content, media_type=kind, headers=_headers(tag))

    @router.get("/media/{picture_id}")
    async def picture(
        request: Request, picture_id: str, download: bool = False, small: bool = False
    ) -> Response:
        try:
            account = await _owner(request, studio)
            file = await (studio.thumbnail if small else studio.picture)(picture_id, account)
        except UserError as error:
            return _refusal(request, error)
        tag = f'"{file.record.sha256}{"-small" if small else ""}"'
        if known := _known(request, tag):
            return known
        headers = _headers(tag)
        if download:
            ending = mimetypes.guess_extension(file.media_type) or ""
            name = f"kandinsky-{file.record.id}{ending}"
            headers["content-disposition"] = f'attachment; filename="{name}"'
        return Response(file.content, media_type=file.media_type, headers=headers)

    return router


async def _owner(request: Request, studio: Studio) -> Account:
    """Whose key or cookie came. Raises Unauthorised for a wrong key, else NotFound for nobody's."""
    try:
        return await person(request, studio)
    except Unauthorised:
        if "authorization" in request.headers:
            raise
        raise NotFound() from None


def _refusal(request: Request, error: UserError) -> Response:
    code = 404 if isinstance(error, MISSING) else 401 if isinstance(error, Unauthorised) else 503
    text = Texts(choice(request)).error(error)
    return PlainTextResponse(text, status_code=code, headers={"cache-control": "no-store"})


def _known(request: Request, tag: str) -> Response | None:
    """The answer for a browser that has this very file."""
    if request.headers.get("if-none-match") != tag:
        return None
    return Response(status_code=304, headers=_headers(tag))


def _headers(tag: str) -> dict[str, str]:
    return {"cache-control": CACHING, "etag": tag, "vary": "cookie, authorization"}
