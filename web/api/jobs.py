"""The jobs API: submit, watch, list, cancel."""

from __future__ import annotations

import secrets
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing
from datetime import datetime
from typing import Annotated, Any

from fastapi import APIRouter, Body, Depends, Header, Query
from fastapi.openapi.models import Example
from starlette.responses import Response

from engine.events import Queued, Step
from engine.pace import Pace
from engine.requests import Mode
from engine.studio import Finished
from storage.gallery import Filter
from storage.records import JobRecord
from web.api import answers
from web.api.answers import Job, Jobs
from web.api.asked import AnyMode, request_of
from web.api.call import Call, Called, Id
from web.api.examples import MODES
from web.api.keys import submitted
from web.api.refusals import refusals
from web.api.stream import EventStream, encoded, event
from web.moments import moment

PAGE_LIMIT = 100

router = APIRouter(
    prefix="/api/jobs",
    tags=["Jobs"],
    responses=refusals(400, 401, 404, 422, 429, 503),
)

Key = Annotated[
    str | None,
    Header(
        alias="Idempotency-Key",
        description="The same key again is the same job, not another one.",
        min_length=1,
        max_length=64,
    ),
]
EXAMPLES = {
    name: Example(summary=one["summary"], value=one["value"]) for name, one in MODES.items()
}


@router.post("", status_code=201, responses=refusals(403, 409, 413) | {200: {"model": Job}})
async def submit(
    asked: Annotated[AnyMode, Body(openapi_examples=EXAMPLES)],
    call: Called,
    response: Response,
    key: Key = None,
) -> Job:
    """Accept a request. It is kept from then on, whatever happens to the caller or the studio."""
    request = await request_of(asked, call)
    record, new = await submitted(request, call, call.key("api", key or secrets.token_hex(16)))
    if not new:
        response.status_code = 200
    return answers.job(record, call)


@router.get("")
async def history(
    call: Called,
    limit: Annotated[int, Query(ge=1, le=PAGE_LIMIT)] = 24,
    before: Annotated[str | None, Query(description="The last id of the page before.")] = None,
    search: Annotated[str, Query(max_length=200, description="Words of the prompt.")] = "",
    mode: Mode | None = None,
    model: str | None = None,
    favourites: bool = False,
    since: datetime | None = None,
    until: datetime | None = None,
) -> Jobs:
    """The caller's jobs, the newest first, of every front end."""
    filter = Filter(
        search=_plain(search),
        mode=mode,
        model=_plain(model) if model else None,
        favourites=favourites,
        since=moment("since", since),
        until=moment("until", until),
    )
    last = _plain(before) if before else None
    found = await call.studio.history(call.account, limit + 1, last, filter)
    page = found[:limit]
    return Jobs(
        jobs=[answers.job(one, call) for one in page],
        next=page[-1].id if len(found) > limit else None,
    )


@router.get("/{job_id}")
async def job(job_id: Id, call: Called) -> Job:
    """One job as it is now."""
    return answers.job(await call.studio.job(job_id, call.account), call)


@router.delete("/{job_id}")
async def cancel(job_id: Id, call: Called) -> Job:
    """Stop a job, at its next step; one that has ended stays as it is."""
    await call.studio.cancel(job_id, call.account)
    return answers.job(await call.studio.job(job_id, call.account), call)


async def own(job_id: Id, call: Called) -> JobRecord:
    return await call.studio.job(job_id, call.account)


async def counted(call: Called) -> AsyncIterator[None]:
    """Until the answer has ended, it is one of the caller's streams. Raises TooManyAtOnce."""
    with call.streams.taken(call.account.id):
        yield


STREAM: dict[int | str, dict[str, Any]] = {
    200: {
        "description": "`queued` with a position, `step` with step, steps, seconds left and, if"
        " asked for, a preview; at last `finished` with the job. Leaving stops nothing; whoever"
        " comes back is told at once how things are.",
        "content": {"text/event-stream": {"schema": {"type": "string"}}},
    }
}


@router.get("/{job_id}/events", responses=STREAM, dependencies=[Depends(counted)])
async def events(
    record: Annotated[JobRecord, Depends(own)], call: Called, previews: bool = False
) -> EventStream:
    """Watch a job, by server-sent events."""
    return EventStream(_events(record, call, previews))


async def _events(record: JobRecord, call: Call, previews: bool) -> AsyncGenerator[bytes]:
    pace = Pace()
    async with aclosing(call.studio.watch(record.id, call.account)) as happened:
        async for one in happened:
            match one:
                case Queued(position):
                    yield event("queued", {"position": position})
                case Step(index, total, preview):
                    told: dict[str, Any] = {"step": index, "steps": total}
                    told["seconds_left"] = pace.seconds_left(one)
                    if previews and preview is not None:
                        told["preview"] = "data:image/webp;base64," + encoded(preview, "WEBP")
                    yield event("step", told)
                case Finished(ended):
                    yield event("finished", answers.job(ended, call).model_dump(mode="json"))


def _plain(text: str) -> str:
    """Without what no database can look for."""
    return text.replace("\0", "")
