"""Somebody whose pictures are looked at: who they are here, and all that they made."""

from __future__ import annotations

from fastapi import APIRouter
from starlette.responses import Response

from web.moderation.call import Called, Number
from web.moderation.cases import ban, tally
from web.moderation.searching import PAGE, Tile, older
from web.moderation.session import PLACE

router = APIRouter(prefix=PLACE)


@router.get("/person/{account_id}")
async def page(call: Called, account_id: Number, before: str | None = None) -> Response:
    person = await call.moderation.person(call.by, account_id)
    await call.moderation.opened(call.by, "person", account_id, before)
    pictures = await call.moderation.pictures_of(call.by, account_id, before, PAGE + 1)
    tiles = [Tile(one, "", call.plain.when.day(one.created_at)) for one in pictures[:PAGE]]
    last = pictures[PAGE - 1].id if len(pictures) > PAGE else ""
    return await call.page(
        "person",
        "person",
        account=person.account,
        tally=tally(person, call),
        banned=ban(person.account, call.plain.texts),
        decisions=person.decisions,
        reports=person.reports,
        found=tiles,
        older=older(f"/moderation/person/{account_id}", {}, last),
    )
