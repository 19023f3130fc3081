"""What a load balancer or a start script asks: is the studio up, and what does it serve?"""

from __future__ import annotations

from fastapi import APIRouter
from starlette.responses import JSONResponse, Response

from engine.studio import Studio


def health_router(studio: Studio) -> APIRouter:
    router = APIRouter()

    @router.get("/healthz")
    async def healthz() -> Response:
        reachable = await studio.reachable()
        answer = {
            "status": "ok" if reachable else "unavailable",
            "database": "reachable" if reachable else "away",
            "models": [card.name for card in studio.models()],
        }
        return JSONResponse(
            answer, status_code=200 if reachable else 503, headers={"cache-control": "no-store"}
        )

    return router
