"""From a request that somebody made in a chat to a job of the studio."""

from __future__ import annotations

from bot.asked import Asked
from bot.status import Statuses
from engine.preferences import Aspect
from engine.requests import Request
from engine.studio import Studio
from storage.records import Account, JobRecord


async def draw(
    request: Request,
    account: Account,
    asked: Asked,
    studio: Studio,
    statuses: Statuses,
    aspect: Aspect | None = None,
) -> JobRecord:
    """Fills the request with the person's preferences and asks Studio for it.

    `aspect` is one for this request alone. The same update again is the same job. Raises what
    Studio.submit does.
    """
    preferences = await studio.preferences(account)
    if aspect is not None:
        preferences = preferences.model_copy(update={"aspect": aspect})
    whole = preferences.apply(request, studio.models())
    job = await studio.submit(whole, account, asked.key)
    statuses.follow(job)
    return job
