"""The calls of the Images API. Each lasts until its pictures are there.

A client that goes away before stops its job, as nobody would get the pictures; but not where it
gave an idempotency key, with which it can come back for them.
"""

from __future__ import annotations

import secrets
from typing import Annotated, Any, TypeVar

from fastapi import APIRouter, Body, Header
from fastapi.exceptions import RequestValidationError
from pydantic import BaseModel, ValidationError
from starlette.datastructures import FormData
from starlette.requests import Request

from engine import requests
from engine.cards import choose
from engine.errors import BadField
from web.api.call import Call, Called
from web.api.files import FORM, content, uploads
from web.api.images import answers, bodies
from web.api.images.answers import Images, Model, Models
from web.api.images.bodies import Edit, Generation, Variation
from web.api.images.streaming import Kind, streamed
from web.api.keys import submitted
from web.api.refusals import OpenAIRefused, refusals
from web.api.stream import EventStream
from web.api.waiting import drawn

FILES = requests.PARTS_LIMIT  # of a call
PICTURES = ("image", "image[]")  # what clients call the files of an edit


Asked = TypeVar("Asked", bound=BaseModel)

router = APIRouter(
    prefix="/v1",
    tags=["OpenAI Images"],
    responses=refusals(400, 401, 429, 503, model=OpenAIRefused),
)
DRAWING: dict[str, Any] = {
    "responses": refusals(403, 404, 409, 413, model=OpenAIRefused),
    "response_model": Images,
    "response_model_exclude_none": True,
}
STREAM: dict[int | str, dict[str, Any]] = {
    200: {
        "description": "The pictures or, with `stream`, events: `….partial_image` and"
        " `….completed`.",
        "content": {"text/event-stream": {"schema": {"type": "string"}}},
    }
}
Key = Annotated[str | None, Header(alias="Idempotency-Key", min_length=1, max_length=64)]
FOX = {"prompt": "a fox on a blue background", "n": 2, "seed": 7, "style": "khokhloma"}


@router.post("/images/generations", **DRAWING | {"responses": DRAWING["responses"] | STREAM})
async def generations(
    asked: Annotated[Generation, Body(examples=[FOX])],
    request: Request,
    call: Called,
    key: Key = None,
) -> Images | EventStream:
    """Words to pictures."""
    wanted = bodies.generation(asked, call.studio.models())
    return await _answer(wanted, asked, request, call, "image_generation", key)


def _form(model: type[BaseModel], *files: str, several: bool = False) -> dict[str, Any]:
    """The body of a call that takes files, for the OpenAPI document."""
    schema = model.model_json_schema()
    file = {"type": "string", "format": "binary"}
    image = {"type": "array", "items": file, "minItems": 1} if several else file
    schema["properties"] |= {"image": image} | dict.fromkeys(files, file)
    schema["required"] = ["image", *schema.get("required", ())]
    return {"requestBody": {"required": True, "content": {FORM: {"schema": schema}}}}


@router.post(
    "/images/edits",
    **DRAWING | {"responses": DRAWING["responses"] | STREAM},
    openapi_extra=_form(Edit, "mask", several=True),
)
async def edits(request: Request, call: Called, key: Key = None) -> Images | EventStream:
    """A picture changed after words; with a mask, only where it is see-through (or, if nothing
    is, white), and several pictures are mixed with the words."""
    async with request.form(max_files=FILES) as form:
        asked = _asked(Edit, form)
        pictures = [await call.take(await content(one)) for one in _pictures(form)]
        masks = [await content(one) for one in uploads(form, "mask")[:1]]
    mask = await call.take_mask(masks[0]) if masks else None
    wanted = bodies.edit(asked, pictures, mask, call.studio.models())
    return await _answer(wanted, asked, request, call, "image_edit", key)


@router.post("/images/variations", **DRAWING, openapi_extra=_form(Variation))
async def variations(request: Request, call: Called, key: Key = None) -> Images | EventStream:
    """Pictures like this one."""
    async with request.form(max_files=FILES) as form:
        asked = _asked(Variation, form)
        picture = await call.take(await content(_pictures(form)[0]))
    wanted = bodies.variation(asked, picture, call.studio.models())
    return await _answer(wanted, asked, request, call, "image_edit", key)


@router.get("/models")
async def models(call: Called) -> Models:
    """The models that are served; the first is the default one."""
    return Models(data=[answers.model(card) for card in call.studio.models()])


@router.get("/models/{model}", responses=refusals(404, model=OpenAIRefused))
async def model(model: str, call: Called) -> Model:
    """One of them; the names of OpenAI's models lead to the default one."""
    cards = call.studio.models()
    return answers.model(choose(bodies.ours(model, cards), cards))


async def _answer(
    wanted: requests.Request,
    asked: Variation,
    request: Request,
    call: Call,
    kind: Kind,
    key: str | None,
) -> Images | EventStream:
    job, _ = await submitted(wanted, call, call.key("openai", key or secrets.token_hex(16)))
    if isinstance(asked, Generation) and asked.stream:

        async def left() -> None:
            if key is None:
                await call.studio.cancel(job.id, call.account)

        return EventStream(streamed(job, call, kind, asked.partial_images or 0), left)
    done = await drawn(job, call, request.receive, keep=key is not None)
    return await answers.images(done, asked, call)


def _asked(model: type[Asked], form: FormData) -> Asked:
    """The fields of a form that are not files; those that are empty are as if not there."""
    fields = {name: value for name, value in form.multi_items() if isinstance(value, str) and value}
    try:
        return model.model_validate(fields)
    except ValidationError as error:
        raise RequestValidationError(error.errors()) from error


def _pictures(form: FormData) -> list[Any]:
    files = uploads(form, *PICTURES)
    if not files:
        raise BadField(field="image", reason="it is missing")
    return files
