"""How the caller's own drawing goes, of the jobs asked for by this API, and how it is stopped."""

from __future__ import annotations

import asyncio
from contextlib import aclosing, suppress
from datetime import UTC, datetime

from fastapi import APIRouter
from pydantic import BaseModel

from engine.events import Queued, Step
from engine.studio import Finished
from storage.gallery import Filter
from storage.ledger import ACTIVE
from storage.records import JobRecord
from web.api.call import Call, Called
from web.api.refusals import SDRefused, refusals
from web.api.sdapi.drawing import API
from web.api.stream import encoded

LOOK = 0.2  # seconds; a job that says nothing within them has not begun
JOBS = 100  # of the caller, at most

router = APIRouter(
    prefix="/sdapi/v1",
    tags=["Automatic1111"],
    responses=refusals(401, 422, 429, 503, model=SDRefused),
)


class State(BaseModel):
    """Of the oldest job that has not ended."""

    skipped: bool = False
    interrupted: bool = False
    job: str = ""
    job_count: int = 0
    job_no: int = 0
    job_timestamp: str = "0"
    sampling_step: int = 0
    sampling_steps: int = 0


class Progress(BaseModel):
    """`progress` is from 0 to 1, `eta_relative` in seconds."""

    progress: float = 0.0
    eta_relative: float = 0.0
    state: State
    current_image: str | None = None
    textinfo: str | None = None


@router.get("/progress")
async def progress(call: Called, skip_current_image: bool = False) -> Progress:
    """How far the oldest of the caller's drawings is."""
    jobs = await _unfinished(call)
    if not jobs:
        return Progress(state=State())
    job = jobs[-1]
    latest = await _latest(job, call)
    step = latest if isinstance(latest, Step) else Step(job.step, job.steps)
    preview = None if skip_current_image else step.preview
    return Progress(
        progress=step.index / step.total if step.total else 0.0,
        eta_relative=_left(job, step),
        state=_state(job, step, len(jobs)),
        current_image=encoded(preview, "PNG") if preview is not None else None,
    )


@router.post("/interrupt")
@router.post("/skip")
async def interrupt(call: Called) -> dict[str, str]:
    """Stop all that the caller has being drawn by this API. Its calls end without pictures."""
    for job in await _unfinished(call):
        await call.studio.cancel(job.id, call.account)
    return {}


async def _unfinished(call: Call) -> list[JobRecord]:
    """The newest first."""
    jobs = await call.studio.history(call.account, JOBS, filter=Filter(states=ACTIVE))
    return [job for job in jobs if job.key.startswith(call.key(API, ""))]


async def _latest(job: JobRecord, call: Call) -> Queued | Step | Finished | None:
    with suppress(TimeoutError):
        async with asyncio.timeout(LOOK), aclosing(call.studio.watch(job.id, call.account)) as all:
            return await anext(all, None)
    return None


def _left(job: JobRecord, step: Step) -> float:
    if not step.index or job.started_at is None:
        return 0.0
    gone = (datetime.now(UTC) - job.started_at).total_seconds()
    return gone / step.index * (step.total - step.index)


def _state(job: JobRecord, step: Step, count: int) -> State:
    return State(
        job=job.id,
        job_count=count,
        job_timestamp=f"{job.created_at:%Y%m%d%H%M%S}",
        sampling_step=step.index,
        sampling_steps=step.total,
    )
