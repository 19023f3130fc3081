"""What is kept about people, for how long and who sees it: told to them, in their language."""

from __future__ import annotations

from fastapi import APIRouter
from starlette.responses import Response

from engine.access import SIGNED_IN
from engine.settings import Settings
from storage.retention import REFUSALS_KEPT, REMOVED_KEPT, STATES_KEPT, UPDATES_KEPT, UPLOADS_KEPT
from web.plain import Plains


def privacy_router(settings: Settings, plains: Plains, language: str) -> APIRouter:
    router = APIRouter()

    @router.get(f"/{language}/privacy")
    async def privacy() -> Response:
        return plains[language].page(
            "privacy",
            bot=bool(settings.bot_token),
            upload_hours=24 * UPLOADS_KEPT,
            update_days=UPDATES_KEPT,
            refusal_days=REFUSALS_KEPT,
            removed_days=REMOVED_KEPT,
            state_days=STATES_KEPT,
            session_days=SIGNED_IN.days,
        )

    return router
