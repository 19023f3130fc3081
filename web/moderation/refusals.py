"""How the console says no: to scripts as JSON, to people on a page, and to pictures as nothing."""

from __future__ import annotations

from urllib.parse import quote

from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, RedirectResponse, Response

from engine import errors
from engine.errors import UserError
from engine.texts import Texts
from web.api.refusals import code
from web.languages import choice
from web.paths import path_of
from web.plain import Plains
from web.printable import printable

FRESH = {"cache-control": "no-store"}
DOOR = "/moderation/sign-in"
STATUSES: dict[type[UserError], int] = {
    errors.BadCall: 400,
    errors.WrongPassword: 401,
    errors.SignedOut: 401,
    errors.NotAllowed: 403,
    errors.NotFound: 404,
    errors.PictureGone: 404,
    errors.Taken: 409,
    errors.PictureTooHeavy: 413,
    errors.TooManyTries: 429,
    errors.TooManyAtOnce: 429,
    errors.Busy: 503,
    errors.WentWrong: 503,
}  # those derived from them too; any other is 422


def status_of(error: UserError) -> int:
    return next((status for kind, status in STATUSES.items() if isinstance(error, kind)), 422)


def refuse(request: Request, error: UserError) -> Response:
    """What the asker is told, in the form of the address."""
    path = path_of(request.scope)
    if path.startswith(("/moderation/media/", "/moderation/source/")):
        return PlainTextResponse("", 404 if status_of(error) < 500 else 503, FRESH)
    if path.startswith("/moderation/api/"):
        return _as_json(request, error)
    if isinstance(error, errors.SignedOut):
        return _to_the_door(request)
    plains: Plains = request.app.state.plains
    answer = plains.of(request).refusal(error)
    answer.status_code = status_of(error)
    return answer


async def on_error(request: Request, error: Exception) -> Response:
    """What FastAPI does with an exception that is nobody's fault here."""
    return refuse(request, _as_user_error(error))


def _as_user_error(error: Exception) -> UserError:
    if isinstance(error, UserError):
        return error
    if isinstance(error, RequestValidationError):
        return errors.BadCall()
    if isinstance(error, HTTPException) and error.status_code == 404:
        return errors.NotFound()
    return errors.BadCall()


def _as_json(request: Request, error: UserError) -> Response:
    said = printable(Texts(choice(request)).error(error))
    told = {"error": {"code": code(type(error).__name__), "message": said}}
    return JSONResponse(told, status_of(error), FRESH)


def _to_the_door(request: Request) -> Response:
    """Signing in leads back, to a page; what was sent is not sent again."""
    path = path_of(request.scope)
    wanted = f"{path}?{request.url.query}" if request.url.query else path
    back = f"?next={quote(wanted, safe='')}" if request.method == "GET" else ""
    return RedirectResponse(DOOR + back, 303, FRESH)
