"""What callers do with the pictures that were made for them."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Annotated, Any

from fastapi import APIRouter, Depends
from fastapi.exceptions import RequestValidationError
from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError
from starlette.requests import Request
from starlette.responses import FileResponse

from engine.errors import UnreadableText
from engine.notices import TEXT_LIMIT
from engine.studio import DELETE_LIMIT, REASON_LIMIT
from web.api import answers
from web.api.answers import Appealed, Deleted, Picture, Reported, Shared
from web.api.call import ID, Call, Called, Id
from web.api.files import is_json
from web.api.refusals import refusals

router = APIRouter(
    prefix="/api/pictures", tags=["Pictures"], responses=refusals(400, 401, 404, 422, 429, 503)
)


def _readable(value: str) -> str:
    if "\0" in value:
        raise UnreadableText()
    return value


Words = Annotated[str, AfterValidator(_readable)]


class Several(BaseModel):
    """Pictures by their ids."""

    model_config = ConfigDict(extra="forbid")

    ids: list[str] = Field(min_length=1, max_length=DELETE_LIMIT)

    @property
    def known(self) -> list[str]:
        """Without what cannot be an id, which a database might choke on."""
        return [one for one in self.ids if ID.fullmatch(one)]


class Report(BaseModel):
    """Why a picture should not be."""

    model_config = ConfigDict(extra="forbid")

    reason: Words = Field(min_length=1, max_length=REASON_LIMIT)


class Appeal(BaseModel):
    """Why a picture should not have been removed."""

    model_config = ConfigDict(extra="forbid")

    text: Words = Field(min_length=1, max_length=TEXT_LIMIT)


@router.post("/delete")
async def delete_several(several: Several, call: Called) -> Deleted:
    """Delete pictures for good; those that are not the caller's are left alone."""
    return Deleted(deleted=await call.studio.delete(several.known, call.account))


async def folder(call: Called) -> AsyncIterator[Path]:
    """There until the answer has been sent, to however slow a reader. Raises TooManyAtOnce."""
    with call.zips.taken(call.account.id), TemporaryDirectory(prefix="kandinsky-") as name:
        yield Path(name)


ZIP: dict[int | str, dict[str, Any]] = {
    200: {"content": {"application/zip": {"schema": {"type": "string", "format": "binary"}}}}
}
IDS: dict[str, Any] = {
    "requestBody": {
        "required": True,
        "content": {
            kind: {"schema": Several.model_json_schema()}
            for kind in ("application/json", "application/x-www-form-urlencoded")
        },
    }
}


@router.post("/zip", responses=ZIP, openapi_extra=IDS)
async def pack(
    request: Request, call: Called, folder: Annotated[Path, Depends(folder)]
) -> FileResponse:
    """The originals in one zip file. A form works too, so that a browser downloads it."""
    file = folder / "pictures.zip"
    await call.studio.pack(await _ids(request), call.account, file)
    return FileResponse(file, media_type="application/zip", filename="kandinsky-pictures.zip")


@router.get("/{picture_id}")
async def picture(picture_id: Id, call: Called) -> Picture:
    """What is known of a picture."""
    return await _picture(picture_id, call)


@router.delete("/{picture_id}")
async def delete(picture_id: Id, call: Called) -> Deleted:
    """Delete a picture for good."""
    return Deleted(deleted=await call.studio.delete([picture_id], call.account))


@router.put("/{picture_id}/favourite")
async def favour(picture_id: Id, call: Called) -> Picture:
    """Mark a picture."""
    await call.studio.favour(picture_id, call.account)
    return await _picture(picture_id, call)


@router.delete("/{picture_id}/favourite")
async def unfavour(picture_id: Id, call: Called) -> Picture:
    """Take the mark off."""
    await call.studio.favour(picture_id, call.account, favourite=False)
    return await _picture(picture_id, call)


@router.put("/{picture_id}/share")
async def share(picture_id: Id, call: Called) -> Shared:
    """Let anybody who has the link see a picture."""
    token = await call.studio.links.share(picture_id, call.account)
    return Shared(url=call.shared(token))


@router.delete("/{picture_id}/share")
async def unshare(picture_id: Id, call: Called) -> Shared:
    """Take the link back: nobody else can see the picture any more."""
    await call.studio.links.unshare(picture_id, call.account)
    return Shared(url=None)


@router.post("/{picture_id}/report", status_code=201)
async def report(picture_id: Id, report: Report, call: Called) -> Reported:
    """Tell the moderators what is wrong with a picture."""
    await call.studio.report(picture_id, call.account, report.reason)
    return Reported(reported=True)


@router.post("/{picture_id}/appeal", status_code=201, responses=refusals(409))
async def appeal(picture_id: Id, appeal: Appeal, call: Called) -> Appealed:
    """Say why a picture should not have been removed; somebody else decides about it."""
    await call.studio.notices.appeal(picture_id, call.account, appeal.text)
    return Appealed(appealed=True)


async def _picture(picture_id: str, call: Call) -> Picture:
    file = await call.studio.thumbnail(picture_id, call.account)
    return answers.picture(file.record, call)


async def _ids(request: Request) -> list[str]:
    """Of JSON or of a form."""
    try:
        if is_json(request):
            return Several.model_validate_json(await request.body()).known
        async with request.form() as form:
            return Several.model_validate({"ids": form.getlist("ids")}).known
    except ValidationError as error:
        raise RequestValidationError(error.errors()) from error
