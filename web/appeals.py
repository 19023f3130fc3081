"""A page on which a person says why a picture of theirs should not have been removed.

The studio's page asks in a dialog instead; this one is for links, and needs no script.
"""

from __future__ import annotations

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from engine.errors import OutOfRange
from engine.notices import TEXT_LIMIT
from engine.studio import Studio
from web.people import account_of
from web.plain import Plains, filled, status, telling


def appeals_router(studio: Studio, plains: Plains, language: str) -> APIRouter:
    router = APIRouter(prefix=f"/{language}/appeal", route_class=telling(plains))
    show = plains[language]

    @router.get("/{picture_id}")
    async def ask(picture_id: str) -> Response:
        return show.page("appeal", limit=TEXT_LIMIT)

    @router.post("/{picture_id}")
    async def appeal(request: Request, picture_id: str) -> Response:
        """Raises what Notices.appeal does, but for words that can be mended here."""
        text = (await filled(request)).get("text", "").replace("\0", "")
        account = await account_of(request.state.visitor, studio, language)
        try:
            await studio.notices.appeal(picture_id, account, text)
        except OutOfRange as error:
            said = show.texts.error(error)
            return show.page("appeal", status(error), limit=TEXT_LIMIT, text=text, problem=said)
        return show.page("appeal", done=True)

    return router
