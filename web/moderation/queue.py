"""The queue: the page that shows it, and the leases of what a moderator has before them."""

from __future__ import annotations

from dataclasses import asdict
from typing import Annotated, Any

from fastapi import APIRouter
from pydantic import BaseModel, ConfigDict, Field
from starlette.responses import JSONResponse, Response

from engine.errors import AppealForSeniors
from engine.moderation import LEASE, TAKE_LIMIT
from storage.records import View
from web.moderation.call import NUMBER_LIMIT, Call, Called
from web.moderation.cases import shown
from web.moderation.refusals import FRESH
from web.moderation.session import PLACE

Id = Annotated[int, Field(ge=1, le=NUMBER_LIMIT)]
Ids = Annotated[list[Id], Field(max_length=500)]

router = APIRouter(prefix=PLACE)


class Place(BaseModel):
    """Where in the queue somebody is; `person` is the account whose cases alone are wanted."""

    model_config = ConfigDict(extra="forbid")

    view: View = View.HELD
    person: Id | None = None


class Taking(Place):
    """`without` are cases that were skipped, `known` those that the page has already."""

    count: Annotated[int, Field(ge=1, le=TAKE_LIMIT)] = 1
    without: Ids = []
    known: Ids = []


class One(Place):
    case: Id


class Some(Place):
    cases: Ids


@router.get("")
async def page(call: Called, view: View | None = None, person: Id | None = None) -> Response:
    """The first view in which something waits, unless one is named."""
    counts = await call.moderation.counts(call.by)
    views = call.words.views()
    if not call.senior:
        del views[View.APPEALS]
        if view is View.APPEALS:
            raise AppealForSeniors()
    wanted = view or next((one for one in map(View, views) if counts[one].open), View.HELD)
    account = None
    if person is not None:
        account = (await call.moderation.person(call.by, person)).account
    return await call.page(
        "queue",
        "",
        view=wanted,
        shown_views=views,
        counts=counts,
        person=account,
        lease=int(LEASE),
    )


@router.post("/api/take")
async def take(call: Called, asked: Taking) -> Response:
    """The next cases, each as HTML that is not known yet."""
    cases = await call.moderation.take(
        call.by, asked.view, asked.count, asked.person, asked.without
    )
    pieces = await shown(call, [one for one in cases if one.id not in asked.known], asked.view)
    return answer(cases=list(map(asdict, pieces)), counts=await counted(call))


@router.post("/api/case")
async def case(call: Called, asked: One) -> Response:
    """One case anew."""
    found = await call.moderation.case(call.by, asked.case)
    (piece,) = await shown(call, [found], asked.view)
    return answer(**asdict(piece))


@router.post("/api/keep")
async def keep(call: Called, asked: Some) -> Response:
    """Which of them the moderator still holds."""
    kept = await call.moderation.keep(call.by, asked.cases) if asked.cases else set()
    return answer(kept=sorted(kept), counts=await counted(call))


@router.post("/api/release")
async def release(call: Called, asked: Some) -> Response:
    await call.moderation.release(call.by, asked.cases)
    return answer()


async def counted(call: Call) -> dict[str, int]:
    counts = await call.moderation.counts(call.by)
    return {view: line.open for view, line in counts.items()}


def answer(**told: Any) -> Response:
    return JSONResponse(told, headers=FRESH)
