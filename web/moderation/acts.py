"""What moderators do: decisions and their undoing, bans and their end."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Annotated, Literal

from fastapi import APIRouter
from pydantic import AfterValidator, BaseModel, ConfigDict, Field
from starlette.responses import Response

from engine.errors import NotFound
from storage.records import Case, Review
from web.moderation.call import Called
from web.moderation.cases import shown
from web.moderation.queue import Id, Ids, Place, answer, counted
from web.moderation.session import PLACE
from web.printable import readable

Text = Annotated[str, AfterValidator(readable)]
Reason = Annotated[Text, Field(max_length=2000)]

router = APIRouter(prefix=f"{PLACE}/api")


class Deciding(BaseModel):
    """About cases, or about pictures that may have none."""

    model_config = ConfigDict(extra="forbid")

    decision: Literal[Review.APPROVED, Review.REMOVED]
    policy: Text = ""
    reason: Reason = ""
    cases: Ids = []
    pictures: Annotated[list[Annotated[Text, Field(max_length=64)]], Field(max_length=500)] = []


class Undoing(Place):
    """Which decisions; none named is the moderator's last one."""

    decisions: Ids = Field(default_factory=list)


class Banning(BaseModel):
    """0 days are for good."""

    model_config = ConfigDict(extra="forbid")

    account: Id
    days: Annotated[int, Field(ge=0, le=3650)]
    reason: Reason


class Unbanning(BaseModel):
    model_config = ConfigDict(extra="forbid")

    account: Id
    reason: Reason = ""


@router.post("/decide")
async def decide(call: Called, asked: Deciding) -> Response:
    """The numbers of the decisions, by which they can be undone."""
    made = await call.moderation.decide(
        call.by,
        asked.decision,
        cases=asked.cases,
        pictures=asked.pictures,
        policy=asked.policy,
        reason=asked.reason,
    )
    return answer(decisions=[one.id for one in made], counts=await counted(call))


@router.post("/undo")
async def undo(call: Called, asked: Undoing) -> Response:
    """The cases that are open again."""
    decisions = asked.decisions
    if not decisions:
        last = await call.moderation.last(call.by)
        if last is None:
            raise NotFound()
        decisions = [last.id]
    cases: list[Case] = []
    for number in reversed(decisions):
        undone = await call.moderation.undo(call.by, number)
        story = await call.moderation.story(call.by, undone.picture_id)
        if story.case is not None:
            cases.insert(0, await call.moderation.case(call.by, story.case.id))
    pieces = await shown(call, cases, asked.view)
    told = [{"id": one.id, "html": one.html, "tile": one.tile} for one in pieces]
    return answer(cases=told, counts=await counted(call))


@router.post("/ban")
async def ban(call: Called, asked: Banning) -> Response:
    until = datetime.now(UTC) + timedelta(days=asked.days) if asked.days else None
    await call.moderation.ban(call.by, asked.account, until, asked.reason)
    return answer()


@router.post("/unban")
async def unban(call: Called, asked: Unbanning) -> Response:
    await call.moderation.unban(call.by, asked.account, asked.reason)
    return answer()
