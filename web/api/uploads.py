"""Pictures that callers send: to work on them, or for what their files say."""

from __future__ import annotations

import asyncio
from typing import Annotated, Any

from fastapi import APIRouter, Query
from pydantic import BaseModel, ConfigDict, ValidationError
from starlette.requests import Request

from engine.errors import BadCall
from web.api.answers import Upload
from web.api.call import Called
from web.api.files import FILE, file_of, is_json
from web.api.refusals import refusals

router = APIRouter(
    prefix="/api",
    tags=["Uploads"],
    responses=refusals(400, 401, 413, 422, 429, 503),
)


class Again(BaseModel):
    """A picture that was made here, to be worked on."""

    model_config = ConfigDict(extra="forbid")

    picture: str


BODY: dict[str, Any] = {
    "requestBody": {
        "required": True,
        "content": FILE
        | {
            "application/json": {
                "schema": Again.model_json_schema(),
                "example": {"picture": "3f2b8f0e-6c1d-4f64-9d53-0f2b8a7c5e11"},
            }
        },
    }
}


@router.post("/uploads", status_code=201, responses=refusals(404), openapi_extra=BODY)
async def upload(
    request: Request,
    call: Called,
    mask: Annotated[bool, Query(description="It says what is to be painted anew.")] = False,
) -> Upload:
    """Keep a picture for 24 hours, to be worked on: PNG, JPEG or WebP, 20 MB at most.

    Of a mask, what is see-through is painted anew or, if nothing is, what is white.
    """
    if is_json(request):
        kept = await call.studio.source(await _again(request), call.account)
    else:
        file = await file_of(request)
        kept = await (call.take_mask if mask else call.take)(file)
    await call.studio.uploads.keep(kept, call.account)
    width, height = await asyncio.to_thread(lambda: kept.size)
    url = f"{call.root}/media/source/{kept.sha256}"
    return Upload(sha256=kept.sha256, width=width, height=height, url=url)


@router.post("/recall", openapi_extra={"requestBody": {"required": True, "content": FILE}})
async def recall(request: Request, call: Called) -> dict[str, Any]:
    """The request that made a picture, from its file: ours exactly, that of other tools as far
    as it goes. It can be submitted again."""
    recalled = await call.recall(await file_of(request))
    return recalled.request.model_dump(mode="json", exclude_none=True)


async def _again(request: Request) -> str:
    try:
        return Again.model_validate_json(await request.body()).picture
    except ValidationError as error:
        raise BadCall() from error
