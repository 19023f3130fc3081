"""How the APIs say no: a status, and a sentence in the shape that each API's clients read."""

from __future__ import annotations

import re
from collections.abc import Callable, Coroutine, Sequence
from http import HTTPStatus
from typing import Any, get_args

from fastapi.exceptions import RequestValidationError
from pydantic import BaseModel
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from engine import errors
from engine.errors import UserError
from engine.requests import Mode
from engine.texts import Texts
from web.languages import choice
from web.paths import path_of
from web.printable import printable

MB = 2**20
PLACES = ("body", "query", "path", "header", *get_args(Mode))  # which are no names of fields

STATUSES: dict[type[UserError], int] = {
    errors.BadCall: 400,
    errors.Unauthorised: 401,
    errors.AccountGone: 401,
    errors.AccountBanned: 403,
    errors.HeldForReview: 403,
    errors.NotAllowed: 403,
    errors.NotFound: 404,
    errors.PictureGone: 404,
    errors.NoSuchCall: 404,
    errors.WrongMethod: 405,
    errors.AlreadyAppealed: 409,
    errors.KeyReused: 409,
    errors.Stopped: 409,
    errors.PictureTooHeavy: 413,
    errors.CallTooHeavy: 413,
    errors.TooManyWaiting: 429,
    errors.TooManyToday: 429,
    errors.TooManyCalls: 429,
    errors.TooManyAtOnce: 429,
    errors.Busy: 503,
    errors.Closing: 503,
    errors.WentWrong: 503,
}  # any other is 422: the request itself must change

PATIENCE: dict[type[UserError], int] = {
    errors.TooManyWaiting: 5,
    errors.TooManyToday: 3600,
    errors.TooManyCalls: 1,
    errors.TooManyAtOnce: 5,
    errors.Busy: 60,
    errors.Closing: 10,
    errors.WentWrong: 5,
}  # seconds after which it may be otherwise


PROMPT_ERRORS = (
    errors.EmptyPrompt,
    errors.PromptTooLong,
    errors.PromptRefused,
    errors.UnreadableText,
)

OPENAI_CODES: dict[type[UserError], str] = {
    errors.Unauthorised: "invalid_api_key",
    errors.UnknownModel: "model_not_found",
    errors.PromptRefused: "content_policy_violation",
    errors.PictureRefused: "content_policy_violation",
    errors.UploadRefused: "content_policy_violation",
}  # where OpenAI has a name of its own


class Refusal(BaseModel):
    """What was wrong: `code` for programs, `message` for people, in the language they ask for."""

    code: str
    message: str


class Refused(BaseModel):
    """The answer to a call that was not carried out."""

    error: Refusal


class OpenAIRefusal(BaseModel):
    """As OpenAI's clients expect it."""

    message: str
    type: str
    param: str | None
    code: str | None


class OpenAIRefused(BaseModel):
    """The answer to a call that was not carried out, in OpenAI's form."""

    error: OpenAIRefusal


class SDRefused(BaseModel):
    """The answer to a call that was not carried out, in Automatic1111's form."""

    error: str
    detail: str


def refusals(*statuses: int, model: type[BaseModel] = Refused) -> dict[int | str, dict[str, Any]]:
    """The statuses of refusals, for the OpenAPI document."""
    return {
        status: {"model": model, "description": HTTPStatus(status).phrase} for status in statuses
    }


def refuse(request: Request, error: UserError) -> Response:
    """The answer that says so, in the form of the API that was called."""
    headers = {"cache-control": "no-store"}
    if type(error) in PATIENCE:
        headers["retry-after"] = str(PATIENCE[type(error)])
    if isinstance(error, errors.Unauthorised):
        headers["www-authenticate"] = "Bearer"
    status = status_of(error)
    said = printable(Texts(choice(request)).error(error))
    path = path_of(request.scope)
    if path.startswith("/v1/"):
        return JSONResponse(openai_form(error, said), openai_status(error), headers)
    if path.startswith("/sdapi/"):
        refused = SDRefused(error=type(error).__name__, detail=said)
        return JSONResponse(refused.model_dump(), status, headers)
    refusal = Refusal(code=code(type(error).__name__), message=said)
    return JSONResponse(Refused(error=refusal).model_dump(), status, headers)


def openai_form(error: UserError, said: str) -> dict[str, Any]:
    """What OpenAI's clients are told of an error."""
    status = openai_status(error)
    kind = {401: "authentication_error", 403: "permission_error", 429: "rate_limit_error"}
    refusal = OpenAIRefusal(
        message=said,
        type=kind.get(status, "server_error" if status >= 500 else "invalid_request_error"),
        param=_param(error),
        code=OPENAI_CODES.get(type(error), code(type(error).__name__)),
    )
    return OpenAIRefused(error=refusal).model_dump()


def status_of(error: UserError) -> int:
    return STATUSES.get(type(error), 422)


def openai_status(error: UserError) -> int:
    """OpenAI has no 422, and a model that is not there is 404."""
    if isinstance(error, errors.UnknownModel):
        return 404
    status = status_of(error)
    return 400 if status == 422 else status


def code(name: str) -> str:
    """The name of a class of engine/errors.py, in snake case."""
    return re.sub(r"(?<!^)(?=[A-Z])", "_", name).lower()


async def on_error(request: Request, error: Exception) -> Response:
    """What FastAPI does with any exception of a call; one of ours is also written to the log."""
    known = _as_user_error(request, error)
    response = refuse(request, known or errors.WentWrong())
    if known is None:
        response.status_code = 500
    return response


KINDS = (UserError, HTTPException, RequestValidationError, Exception)
HANDLERS: dict[int | type[Exception], Callable[[Request, Any], Coroutine[Any, Any, Response]]] = (
    dict.fromkeys(KINDS, on_error)
)


def _as_user_error(request: Request, error: Exception) -> UserError | None:
    """None for a fault of the studio's own."""
    if isinstance(error, UserError):
        return error
    if isinstance(error, RequestValidationError):
        return bad_field(error.errors())
    if not isinstance(error, HTTPException):
        return None
    match error.status_code:
        case 404:
            return errors.NoSuchCall()
        case 405:
            return errors.WrongMethod(method=request.method)
        case 413:
            return errors.CallTooHeavy(limit=getattr(error, "limit", 0) // MB)
        case _:
            return errors.BadCall()


def bad_field(found: Sequence[Any]) -> UserError:
    """What the first error of pydantic says, by the name of the field that it is about."""
    first = found[0]
    place = [str(one) for one in first["loc"] if one not in PLACES]
    if first["type"].startswith("union_tag"):
        place = ["mode"]
    if first["type"] == "json_invalid" or not place:
        return errors.BadCall()
    return errors.BadField(field=".".join(place), reason=first["msg"].removeprefix("Value error, "))


def _param(error: UserError) -> str | None:
    """The field of OpenAI's that an error is about, if it is about one."""
    name = str(error.values.get("field") or error.values.get("name") or "")
    if isinstance(error, errors.UnknownModel | errors.NotOffered):
        return "model"
    if isinstance(error, errors.UnknownStyle):
        return "style"
    if isinstance(error, PROMPT_ERRORS):
        return "prompt"
    return {"count": "n", "width": "size", "height": "size"}.get(name, name) or None
