"""Jobs as they are shown large on the stage, and the sample pictures of the styles."""

from __future__ import annotations

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response

from engine import styles
from engine.errors import NotFound, UserError
from engine.studio import Studio
from engine.texts import LANGUAGES, Texts
from storage.records import JobRecord
from web.fragments import Fragments
from web.people import person
from web.plain import status
from web.told import policies

MANY = 10  # jobs side by side, at most
DAY = "public, max-age=86400"
FRESH = {"cache-control": "no-store"}


def stage_router(studio: Studio) -> APIRouter:
    router = APIRouter()
    shows = {language: Fragments(Texts(language), studio.models()) for language in LANGUAGES}

    @router.get("/{language}/job/{job_ids}")
    async def jobs(request: Request, language: str, job_ids: str) -> Response:
        """The fragment of one's jobs, whose ids stand between commas; those that are not are
        left out."""
        if language not in shows:
            return Response(status_code=404)
        try:
            account = await person(request, studio)
        except UserError as error:
            return Response(status_code=status(error))
        found: list[JobRecord] = []
        for job_id in job_ids.split(",")[:MANY]:
            try:
                found.append(await studio.job(job_id, account))
            except NotFound:
                continue
        code = 200 if found else 404
        names = await policies(studio, language)
        return HTMLResponse(shows[language].stage(found, names), status_code=code, headers=FRESH)

    @router.get("/styles/{name}.webp")
    async def sample(name: str) -> Response:
        file = styles.sample(name)
        if file is None:
            return Response(status_code=404)
        return Response(file, media_type="image/webp", headers={"cache-control": DAY})

    return router
