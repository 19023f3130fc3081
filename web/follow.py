"""What the stage shows over time: the visitor's running jobs one after another, then the last."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import aclosing
from dataclasses import dataclass

from engine.errors import NotFound
from engine.events import Queued, Step
from engine.pace import Pace
from engine.studio import Finished, Studio
from storage.records import Account, JobRecord
from web.fragments import Fragments, inline

ACTIVE_LIMIT = 50  # of the newest jobs, those still running are followed


@dataclass(frozen=True, slots=True)
class View:
    """The stage at one moment. `ended`: a job has just ended, so the history has changed."""

    job_id: str | None
    stage: str
    busy: bool
    ended: bool = False


async def follow(
    studio: Studio, account: Account, last: str | None, show: Fragments
) -> AsyncGenerator[View]:
    """Each view until all of the account's jobs have ended, then that of `last` where none ran.

    Jobs run side by side, so a newer one may end while an older one is shown: the newest is
    what the stage rests on. Only watches: ending the iteration changes nothing for the jobs.
    """
    view = None
    jobs = await _newest(studio, account)
    while active := [job for job in jobs if not job.state.final]:
        job = active.pop()
        async with aclosing(_one(studio, account, job, len(active), show)) as views:
            async for view in views:
                yield view
        if view is None or not view.ended:  # the studio is closing
            return
        jobs = await _newest(studio, account)
    if view is None:
        yield await _resting(studio, account, last, show)
    elif jobs and jobs[0].id != view.job_id:
        yield View(jobs[0].id, show.ended(jobs[0]), busy=False, ended=True)


async def _one(
    studio: Studio, account: Account, job: JobRecord, waiting: int, show: Fragments
) -> AsyncGenerator[View]:
    pace, preview = Pace(), None
    yield View(job.id, show.queued(job, 0, waiting), busy=True)
    async with aclosing(studio.watch(job.id, account)) as events:
        async for event in events:
            match event:
                case Queued(position):
                    yield View(job.id, show.queued(job, position, waiting), busy=True)
                case Step():
                    preview = inline(event.preview) if event.preview else preview
                    left = pace.seconds_left(event)
                    yield View(job.id, show.drawing(job, event, left, waiting, preview), busy=True)
                case Finished(ended):
                    yield View(job.id, show.ended(ended), busy=waiting > 0, ended=True)


async def _newest(studio: Studio, account: Account) -> list[JobRecord]:
    """The account's jobs, the newest first."""
    return await studio.history(account, ACTIVE_LIMIT)


async def _resting(studio: Studio, account: Account, last: str | None, show: Fragments) -> View:
    """What the visitor saw last, if it is still there."""
    if last is not None:
        try:
            return View(last, show.ended(await studio.job(last, account)), busy=False)
        except NotFound:
            pass
    return View(None, show.empty(), busy=False)
