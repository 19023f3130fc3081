"""One picture's whole story, to decide about it again."""

from __future__ import annotations

from fastapi import APIRouter
from starlette.responses import Response

from engine.errors import NotFound
from web.moderation import marks
from web.moderation.call import Called
from web.moderation.media import ID
from web.moderation.session import PLACE

router = APIRouter(prefix=PLACE)


@router.get("/picture/{picture_id}")
async def page(call: Called, picture_id: str) -> Response:
    if not ID.fullmatch(picture_id):
        raise NotFound()
    story = await call.moderation.story(call.by, picture_id)
    await call.moderation.opened(call.by, "picture", picture_id)
    job, case = story.job, story.case
    return await call.page(
        "picture",
        "picture",
        picture=story.picture,
        account=story.account,
        job=job,
        plain=marks.plain(job.request),
        words=marks.asked(job.request, job.findings, call.plain.texts),
        kind=call.words.kinds().get(job.mode, job.mode),
        sources=marks.sources(job.request),
        suggested=case.policy if case else story.picture.policy,
        open=call.words.whys()[case.why] if case else "",
        reports=story.reports,
        appeal=story.appeal,
        decisions=story.decisions,
    )
