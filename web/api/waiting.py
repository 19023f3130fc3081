"""Calls that last until a job has ended, and what happens when their client goes away."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from contextlib import aclosing
from typing import TypeVar

from starlette.types import Receive

from engine import errors
from engine.errors import (
    Closing,
    HeldForReview,
    PictureRefused,
    Stopped,
    UserError,
    WentWrong,
)
from engine.studio import Finished
from storage.records import JobRecord, JobState, Review
from web.api.call import Call

Result = TypeVar("Result")


class ClientLeft(Exception):
    """Nobody waits for the answer any more."""


async def unless_left(receive: Receive, work: Coroutine[None, None, Result]) -> Result:
    """What the work returns. Raises ClientLeft when the client leaves first; the work is ended."""
    working = asyncio.ensure_future(work)
    leaving = asyncio.ensure_future(_left(receive))
    try:
        await asyncio.wait((working, leaving), return_when=asyncio.FIRST_COMPLETED)
        if not working.done():
            raise ClientLeft
        return working.result()
    finally:
        for task in (working, leaving):
            task.cancel()
        await asyncio.gather(working, leaving, return_exceptions=True)


async def drawn(job: JobRecord, call: Call, receive: Receive, *, keep: bool = False) -> JobRecord:
    """The job with its pictures, once it is done. If the client leaves, the job is stopped, but
    for one to `keep`, which the same idempotency key brings again.

    Raises what the job failed with, Stopped for one that was stopped, and Closing.
    """
    try:
        return await unless_left(receive, _ended(job, call))
    except ClientLeft:
        if not keep:
            await call.studio.cancel(job.id, call.account)
        raise Stopped() from None


def outcome(job: JobRecord) -> JobRecord:
    """A job that is done. Raises what another one ended with, HeldForReview where none of its
    pictures may be seen yet, and PictureRefused where they were removed."""
    if job.state is JobState.DONE:
        if job.withheld and not job.pictures:
            held = any(one.review is Review.HELD for one in job.withheld)
            raise HeldForReview() if held else PictureRefused(policy=job.withheld[0].policy)
        return job
    if job.state is JobState.CANCELLED:
        raise Stopped()
    kind = getattr(errors, job.error_key or "", None)
    if isinstance(kind, type) and issubclass(kind, UserError):
        raise kind(**job.error_values)
    raise WentWrong()


async def _ended(job: JobRecord, call: Call) -> JobRecord:
    async with aclosing(call.studio.watch(job.id, call.account)) as events:
        async for event in events:
            if isinstance(event, Finished):
                return outcome(event.job)
    raise Closing()


async def _left(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass
