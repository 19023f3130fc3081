"""What callers are told about their pictures, reports and account."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Path

from web.api import answers
from web.api.answers import Notices, Seen
from web.api.call import Called
from web.api.refusals import refusals
from web.told import policies

ID_LIMIT = 2**31 - 1  # what every database has room for

router = APIRouter(
    prefix="/api/notices", tags=["Notices"], responses=refusals(400, 401, 422, 429, 503)
)


@router.get("")
async def unseen(call: Called) -> Notices:
    """What the caller has not seen yet, the oldest first."""
    found = await call.studio.notices.all(call.account)
    names = await policies(call.studio, call.texts.language)
    return Notices(notices=[answers.notice(one, names, call) for one in found])


@router.post("/{notice_id}/seen")
async def seen(notice_id: Annotated[int, Path(ge=1, le=ID_LIMIT)], call: Called) -> Seen:
    """The caller has seen it, and is not told again."""
    await call.studio.notices.seen(notice_id, call.account)
    return Seen(seen=True)
