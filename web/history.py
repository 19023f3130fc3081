"""What a person has made on any front end, as pieces of HTML: pages of the history, and one job."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Annotated

from fastapi import APIRouter, Query
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response

from engine.errors import UserError
from engine.studio import Studio
from storage.gallery import Filter
from storage.records import JobRecord, JobState
from web.moments import moment
from web.people import person
from web.plain import Plain, Plains, status
from web.told import policies

PAGE = 24  # jobs
SHOWN = tuple(state for state in JobState if state is not JobState.CANCELLED)
FRESH = {"cache-control": "no-store"}

Words = Annotated[str, Query(max_length=1000)]
Name = Annotated[str, Query(max_length=200)]


def history_router(studio: Studio, plains: Plains, language: str) -> APIRouter:
    """For the page's script; what is wrong is a piece of HTML, too."""
    router = APIRouter(prefix=f"/{language}/history")
    show = plains[language]

    @router.get("")
    async def page(
        request: Request,
        search: Words = "",
        mode: Name = "",
        model: Name = "",
        favourites: bool = False,
        since: datetime | None = None,
        until: datetime | None = None,
        before: Name = "",
    ) -> Response:
        try:
            filter = Filter(
                search=search,
                mode=mode or None,
                model=model or None,
                states=SHOWN,
                favourites=favourites,
                since=moment("since", since),
                until=moment("until", until),
            )
            account = await person(request, studio)
            jobs = await studio.history(account, PAGE + 1, before or None, filter)
            names = await policies(studio, language)
        except UserError as error:
            return _problem(show, error)
        all_of_them = filter == Filter(states=SHOWN) and not before
        more = len(jobs) > PAGE
        return _answer(show, jobs[:PAGE], names, more=more, all_of_them=all_of_them)

    @router.get("/{job_id}")
    async def one(request: Request, job_id: str) -> Response:
        try:
            job = await studio.job(job_id, await person(request, studio))
            names = await policies(studio, language)
        except UserError as error:
            return _problem(show, error)
        return _answer(show, [job], names)

    return router


def visible(job: JobRecord) -> bool:
    """Whether there is anything to see of it: its pictures, how it goes, or why there are none."""
    there = job.pictures or job.withheld
    return bool(there) or job.state not in (JobState.DONE, JobState.CANCELLED)


def _answer(
    show: Plain,
    jobs: list[JobRecord],
    policies: Mapping[str, str],
    *,
    more: bool = False,
    all_of_them: bool = False,
) -> Response:
    html = show.render(
        "history_page",
        jobs=[job for job in jobs if visible(job)],
        last=jobs[-1].id if more else None,
        empty=all_of_them and not jobs,
        when=show.when,
        policies=policies,
    )
    return HTMLResponse(html, headers=FRESH)


def _problem(show: Plain, error: UserError) -> Response:
    return HTMLResponse(show.problem(error), status_code=status(error), headers=FRESH)
