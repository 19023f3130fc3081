"""Signing in and out, a moderator's own password, and the language of the console."""

from __future__ import annotations

import re
from urllib.parse import quote, urlsplit

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response

from engine.errors import SignedOut, TooManyTries, UserError
from engine.moderation import Moderation
from engine.texts import LANGUAGES
from storage.signin import PASSWORD_LENGTH
from web import languages
from web.moderation import session
from web.moderation.call import Called
from web.moderation.refusals import DOOR, FRESH, status_of
from web.plain import HEADERS, Plains, filled

HOME = session.PLACE
INSIDE = re.compile(r"/moderation(?:[/?][^\\\s]*)?", re.ASCII)

router = APIRouter(prefix=session.PLACE)


@router.get("/sign-in")
async def show(request: Request, next: str = HOME, again: bool = False) -> Response:
    """For somebody who comes by a link of another site, the browser asks once more by itself:
    only then does it send the cookie."""
    if request.headers.get("sec-fetch-site") == "cross-site" and not again:
        anew = f"0; url={DOOR}?again=1&next={quote(_inside(next), safe='')}"
        return HTMLResponse("", headers={**HEADERS, "refresh": anew})
    try:
        await session.moderator(request, _moderation(request))
    except SignedOut:
        return _form(request, _inside(next))
    return RedirectResponse(_inside(next), 303, FRESH)


@router.post("/sign-in")
async def sign_in(request: Request) -> Response:
    form = await filled(request)
    name, wanted = form.get("name", "").strip(), _inside(form.get("next", ""))
    address = request.client.host if request.client else ""
    try:
        token = await _moderation(request).sign_in(name, form.get("password", ""), address)
    except UserError as error:
        return _form(request, wanted, name, error)
    answer = RedirectResponse(wanted, 303, FRESH)
    session.give(answer, token, secure=_secure(request))
    return answer


@router.post("/sign-out")
async def sign_out(request: Request) -> Response:
    if token := request.cookies.get(session.COOKIE):
        await _moderation(request).sign_out(token)
    answer = RedirectResponse(DOOR, 303, FRESH)
    session.take_away(answer, secure=_secure(request))
    return answer


@router.get("/account")
async def account(call: Called, done: bool = False) -> Response:
    return await _account(call, done=done)


@router.post("/account")
async def set_password(request: Request, call: Called) -> Response:
    """All sessions end with the old password, and here a new one begins."""
    form = await filled(request)
    new = form.get("new", "")
    try:
        token = await call.moderation.set_password(call.by, form.get("old", ""), new)
    except UserError as error:
        return await _account(call, error)
    answer = RedirectResponse(f"{HOME}/account?done=1", 303, FRESH)
    session.give(answer, token, secure=_secure(request))
    return answer


@router.get("/language/{language}")
async def choose(request: Request, language: str) -> Response:
    """Remembers the language, and leads back to the page that the switch was on."""
    came_from = urlsplit(request.headers.get("referer", ""))
    back = came_from.path + (f"?{came_from.query}" if came_from.query else "")
    answer = RedirectResponse(_inside(back), 303, FRESH)
    if language in LANGUAGES:
        languages.remember(answer, language)
    return answer


async def _account(call: Called, error: UserError | None = None, *, done: bool = False) -> Response:
    problem = call.plain.texts.error(error) if error else ""
    code = 422 if error else 200
    values = {"problem": problem, "done": done, "least": PASSWORD_LENGTH}
    return await call.page("account", "account", code, **values)


def _form(
    request: Request, wanted: str, name: str = "", error: UserError | None = None
) -> Response:
    plains: Plains = request.app.state.plains
    plain = plains.of(request)
    wait = error.values.get("seconds") if isinstance(error, TooManyTries) else None
    problem = plain.texts.error(error) if error else ""
    status = status_of(error) if error else 200
    return plain.page(
        "moderation/sign_in", status, next=wanted, who=name, problem=problem, wait=wait
    )


def _inside(address: str) -> str:
    """An address of the console, which leads to no other site; else the queue's."""
    leads_back = INSIDE.fullmatch(address) and not address.startswith(DOOR)
    return address if leads_back else HOME


def _moderation(request: Request) -> Moderation:
    moderation: Moderation = request.app.state.studio.moderation
    return moderation


def _secure(request: Request) -> bool:
    return bool(request.app.state.secure) or request.url.scheme == "https"
