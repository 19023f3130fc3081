"""The cookie of a moderator who has signed in, and who that is at this moment."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import Response

from engine.desk import SIGNED_IN
from engine.errors import SignedOut
from engine.moderation import Moderation
from storage.records import Account

COOKIE = "studio-moderator"
PLACE = "/moderation"  # the only part of the site that is sent the cookie
LASTS = int(SIGNED_IN.total_seconds())


async def moderator(request: Request, moderation: Moderation) -> Account:
    """Who asks; their rights are read anew. Raises SignedOut."""
    token = request.cookies.get(COOKIE)
    account = await moderation.moderator(token) if token else None
    if account is None:
        raise SignedOut()
    return account


def give(answer: Response, token: str, *, secure: bool) -> None:
    _write(answer, token, LASTS, secure=secure)


def take_away(answer: Response, *, secure: bool) -> None:
    _write(answer, "", 0, secure=secure)


def _write(answer: Response, token: str, seconds: int, *, secure: bool) -> None:
    answer.set_cookie(
        COOKIE,
        token,
        max_age=seconds,
        path=PLACE,
        secure=secure,
        httponly=True,
        samesite="strict",
    )
