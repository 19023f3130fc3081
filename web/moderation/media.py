"""Pictures for moderators, in any state. Small ones are blurred unless they are asked for clear;
that one was asked for in which something can be made out is written down."""

from __future__ import annotations

import re

from fastapi import APIRouter
from starlette.responses import Response

from engine.errors import NotFound
from web.moderation.call import Called
from web.moderation.refusals import FRESH
from web.moderation.session import PLACE

ID = re.compile(r"[0-9a-f-]{36}")
SHA256 = re.compile(r"[0-9a-f]{64}")

router = APIRouter(prefix=PLACE)


@router.get("/media/{picture_id}")
async def picture(
    call: Called, picture_id: str, small: bool = False, clear: bool = False
) -> Response:
    if not ID.fullmatch(picture_id):
        raise NotFound()
    moderation = call.moderation
    if small:
        file = await moderation.thumbnail(call.by, picture_id, clear=clear)
    else:
        file = await moderation.picture(call.by, picture_id)
    return Response(file.content, media_type=file.media_type, headers=FRESH)


@router.get("/source/{picture_id}/{sha256}")
async def source(
    call: Called, picture_id: str, sha256: str, small: bool = False, clear: bool = False
) -> Response:
    """One that the picture was made from."""
    if not (ID.fullmatch(picture_id) and SHA256.fullmatch(sha256)):
        raise NotFound()
    content = await call.moderation.source(call.by, picture_id, sha256, small=small, clear=clear)
    kind = "image/webp" if small else "image/png"
    return Response(content, media_type=kind, headers=FRESH)
