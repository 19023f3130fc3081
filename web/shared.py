"""A picture that its owner shares: a small page for anybody who has the link, its file, and a way
to report it.

Nothing here says whose it is. Once the link is taken back, or the picture is gone, nothing is here.
"""

from __future__ import annotations

import asyncio

from aiolimiter import AsyncLimiter
from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from engine.errors import OutOfRange, TooManyCalls, UserError
from engine.links import REASON_LIMIT
from engine.reasons import REASONS, sentence
from engine.recall import recall
from engine.requests import Mix
from engine.settings import Settings
from engine.studio import PictureFile, Studio
from engine.texts import Texts
from web.languages import choice
from web.people import account_of
from web.plain import Plain, Plains, filled, status, telling

REPORTS = 10  # of a picture in a minute
LONGEST = 50  # characters of what a reason is called, at most
REMEMBERED = 10_000  # pictures whose reports are counted; then those left alone are forgotten

HEADERS = {"x-robots-tag": "noindex, nofollow", "cache-control": "no-cache"}


def shared_router(studio: Studio, settings: Settings, plains: Plains) -> APIRouter:
    router = APIRouter(prefix="/s", route_class=telling(plains))
    crowd = Crowd()

    @router.get("/{token}.png")
    async def file(request: Request, token: str, download: bool = False) -> Response:
        picture = await studio.links.shared(token)
        headers = HEADERS | {"etag": f'"{picture.record.sha256}"'}
        if request.headers.get("if-none-match") == headers["etag"]:
            return Response(status_code=304, headers=headers)
        if download:
            headers["content-disposition"] = 'attachment; filename="kandinsky.png"'
        return Response(picture.content, media_type=picture.media_type, headers=headers)

    @router.get("/{token}/report")
    async def ask(request: Request, token: str) -> Response:
        """Where a stranger says what is wrong with the picture."""
        await studio.links.shared(token)
        return page_of(plains.of(request), token)

    @router.post("/{token}/report")
    async def report(request: Request, token: str) -> Response:
        """Raises NotFound, and TooManyCalls for a picture that is reported too often at once.

        Only who has the cookie that came with the form counts: nobody is made an account before.
        """
        show = plains.of(request)
        await studio.links.check(token)
        if not request.state.known:
            said = show.texts.say(
                "Your browser did not keep this site’s cookie. Allow it, then send this again."
            )
            return page_of(show, token, 403, problem=said)
        reason = _reason(await filled(request))
        if not reason:
            said = show.texts.say("Say in a few words what is wrong with it.")
            return page_of(show, token, 422, problem=said)
        await crowd.enter(token)
        account = await account_of(request.state.visitor, studio, choice(request))
        try:
            await studio.links.report(token, account, reason)
        except OutOfRange as error:
            return page_of(show, token, status(error), problem=show.texts.error(error))
        return page_of(show, token, done=True)

    @router.get("/{token}")
    async def page(request: Request, token: str) -> Response:
        picture = await studio.links.shared(token)
        words = await asyncio.to_thread(words_of, picture)
        host = settings.public_url.rstrip("/") or str(request.base_url).rstrip("/")
        answer = plains.of(request).page(
            "shared", address=f"{host}/s/{token}", token=token, one=picture.record, words=words
        )
        answer.headers.update(HEADERS)
        return answer

    def page_of(show: Plain, token: str, code: int = 200, **values: object) -> Response:
        reasons = [(one, sentence(one, show.texts)) for one in REASONS]
        shown = {"token": token, "reasons": reasons, "limit": REASON_LIMIT - LONGEST}
        answer = show.page("report", code, **shown, **values)
        answer.headers.update(HEADERS)
        return answer

    return router


class Crowd:
    """How often each picture is reported by strangers, whom nothing but a cookie tells apart."""

    def __init__(self) -> None:
        self._limiters: dict[str, AsyncLimiter] = {}

    async def enter(self, token: str) -> None:
        """Raises TooManyCalls."""
        if len(self._limiters) > REMEMBERED:
            self._limiters = {
                one: limiter
                for one, limiter in self._limiters.items()
                if not limiter.has_capacity(REPORTS)
            }
        limiter = self._limiters.setdefault(token, AsyncLimiter(REPORTS, 60))
        if not limiter.has_capacity():
            raise TooManyCalls(limit=REPORTS)
        await limiter.acquire()


def _reason(form: dict[str, str]) -> str:
    """What was chosen and what was written, as moderators read it."""
    chosen = form.get("reason", "")
    named = sentence(chosen, Texts("en")) if chosen in REASONS else ""
    return ". ".join(filter(None, [named, form.get("words", "").strip()]))


def words_of(picture: PictureFile) -> str:
    """What the picture was asked for with, as its own file tells; empty if it does not."""
    try:
        request = recall(picture.content).request
    except UserError:
        return ""
    parts = [part.words for part in request.parts] if isinstance(request, Mix) else []
    return request.prompt or ", ".join(filter(None, parts))
