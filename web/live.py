"""What an open page hears: how its person's jobs go, as server-sent events.

Only the latest of each kind is kept for a page that is slow. Leaving changes nothing for the jobs;
a page that comes back hears at once how all of them are.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncGenerator
from contextlib import aclosing, suppress

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse

from engine.errors import UserError
from engine.events import Queued, Step
from engine.pace import Pace
from engine.studio import Finished, Studio
from engine.texts import LANGUAGES, Texts
from storage.records import Account, JobRecord
from web.fragments import Fragments, inline
from web.people import person
from web.plain import status
from web.told import told

LOOKED_AT = 50  # of the newest jobs, those still running are followed
WATCHED = 8  # of them, those that come first are watched step by step
STREAMS = 6  # of an account; with one more, the oldest is ended
SHOWN = 12  # tiles of jobs that have ended
BEAT = 15.0  # seconds between signs of life
AGAIN = 2000  # milliseconds until a page that was cut off comes back
HEADERS = {"cache-control": "no-store", "x-accel-buffering": "no"}


def live_router(studio: Studio) -> APIRouter:
    router = APIRouter()
    streams = Streams()
    shows = {language: Fragments(Texts(language), studio.models()) for language in LANGUAGES}

    @router.get("/{language}/live")
    async def live(request: Request, language: str) -> Response:
        if language not in shows:
            return Response(status_code=404)
        try:
            account = await person(request, studio)
        except UserError as error:
            return Response(status_code=status(error))
        page = Live(studio, account, shows[language])
        return StreamingResponse(
            streams.events(page), media_type="text/event-stream", headers=HEADERS
        )

    return router


class Streams:
    """The open pages of each account, the oldest first."""

    def __init__(self) -> None:
        self._open: dict[int, list[Live]] = {}

    async def events(self, page: Live) -> AsyncGenerator[str]:
        """The page's. Beyond STREAMS of the account, the oldest page hears no more."""
        pages = self._open.setdefault(page.account.id, [])
        pages.append(page)
        for surplus in pages[:-STREAMS]:
            surplus.end()
        try:
            async with aclosing(page.events()) as events:
                async for event in events:
                    yield event
        finally:
            pages.remove(page)
            if not pages:
                self._open.pop(page.account.id, None)


class Live:
    """One open page."""

    def __init__(self, studio: Studio, account: Account, show: Fragments) -> None:
        self._studio = studio
        self.account = account
        self._show = show
        self._waiting: dict[tuple[str, str], object] = {}  # by kind and job, what to say next
        self._something = asyncio.Event()
        self._watching: dict[str, asyncio.Task[None]] = {}
        self._told: dict[str, str] = {}  # by job, its tile; by nothing, the notices
        self._ended = False

    async def events(self) -> AsyncGenerator[str]:
        """Each as text, until the page leaves or the studio closes."""
        listening = asyncio.create_task(self._listen())
        yield f"retry: {AGAIN}\n\n"
        try:
            while not self._ended:
                with suppress(TimeoutError):
                    await asyncio.wait_for(self._something.wait(), BEAT)
                said, self._waiting = self._waiting, {}
                self._something.clear()
                for (kind, _), data in said.items():
                    yield f"event: {kind}\ndata: {json.dumps(data, ensure_ascii=False)}\n\n"
                if not said:
                    if listening.done():
                        return
                    yield ": \n\n"
        finally:
            listening.cancel()
            self.end()

    def end(self) -> None:
        """Nothing more is heard, and nothing is listened to."""
        self._ended = True
        for task in self._watching.values():
            task.cancel()
        self._something.set()

    def _tell(self, kind: str, job_id: str, data: object) -> None:
        self._waiting[kind, job_id] = data
        self._something.set()

    async def _listen(self) -> None:
        with suppress(UserError):  # the page asks again in a moment
            async with aclosing(self._studio.news(self.account)) as news:
                async for _ in news:
                    if self._ended:
                        return
                    await self._look()
        self._something.set()

    async def _look(self) -> None:
        jobs = await self._studio.history(self.account, LOOKED_AT)
        active = [job for job in jobs if not job.state.final]
        shown = [*active, *[job for job in jobs if job.state.final][:SHOWN]]
        for job in shown:
            self._tile(job)
        self._tell("strip", "", [job.id for job in shown])
        await self._notices()
        for job in active[-WATCHED:]:  # the newest are before
            if job.id not in self._watching:
                self._watching[job.id] = asyncio.create_task(self._watch(job))

    def _tile(self, job: JobRecord) -> None:
        tile = self._show.tile(job)
        known = tile + _shows(job)
        if self._told.get(job.id) != known:
            self._told[job.id] = known
            data = {"id": job.id, "state": job.state, "shows": _shows(job), "tile": tile}
            self._tell("job", job.id, data)

    async def _notices(self) -> None:
        html = self._show.notices(await told(self._studio, self.account, self._show.texts))
        if self._told.get("") != html:
            self._told[""] = html
            self._tell("told", "", html)

    async def _watch(self, job: JobRecord) -> None:
        pace = Pace()
        with suppress(UserError):
            async with aclosing(self._studio.watch(job.id, self.account)) as events:
                async for event in events:
                    match event:
                        case Queued(position):
                            line = self._show.place(position)
                            self._tell("place", job.id, {"id": job.id, "line": line, "left": ""})
                        case Step():
                            self._step(job.id, event, pace.seconds_left(event))
                        case Finished(ended):
                            self._tile(ended)
        del self._watching[job.id]

    def _step(self, job_id: str, step: Step, seconds: int | None) -> None:
        before = self._waiting.get(("step", job_id), {})
        preview = inline(step.preview) if step.preview else None
        if preview is None and isinstance(before, dict):  # one that was not sent yet
            preview = before.get("preview")
        line, left = self._show.step(step, seconds)
        share = round(100 * step.index / step.total, 1)
        data = {"id": job_id, "share": share, "line": line, "left": left, "preview": preview}
        self._tell("step", job_id, data)


def _shows(job: JobRecord) -> str:
    """What is to be seen of a job besides its state; a page that shows another looks again."""
    withheld = (f"{one.id} {one.review}" for one in job.withheld)
    return ", ".join([*(one.id for one in job.pictures), *withheld])
