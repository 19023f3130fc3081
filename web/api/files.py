"""The picture's file of a call: its whole body, or the `file` of a form; read piece by piece."""

from __future__ import annotations

from typing import Any

from starlette.datastructures import FormData, UploadFile
from starlette.requests import Request

from engine.errors import BadField, PictureTooHeavy
from engine.intake import FILE_LIMIT, MB

FORM = "multipart/form-data"

FILE: dict[str, Any] = {
    FORM: {
        "schema": {
            "type": "object",
            "properties": {"file": {"type": "string", "format": "binary"}},
            "required": ["file"],
        }
    },
    **{
        kind: {"schema": {"type": "string", "format": "binary"}}
        for kind in ("image/png", "image/jpeg", "image/webp", "application/octet-stream")
    },
}  # of the body, in the OpenAPI document


async def file_of(request: Request) -> bytes:
    """Raises PictureTooHeavy or BadField."""
    if _kind(request) != FORM:
        return await _body(request)
    async with request.form(max_files=1) as form:
        files = uploads(form, "file")
        if not files:
            raise BadField(field="file", reason="it is missing")
        return await content(files[0])


def is_json(request: Request) -> bool:
    return _kind(request) == "application/json"


def uploads(form: FormData, *names: str) -> list[UploadFile]:
    """The files of a form under any of the names, in this order."""
    return [one for name in names for one in form.getlist(name) if isinstance(one, UploadFile)]


async def content(file: UploadFile) -> bytes:
    """Raises PictureTooHeavy."""
    read = await file.read(FILE_LIMIT + 1)
    if len(read) > FILE_LIMIT:
        raise PictureTooHeavy(limit=FILE_LIMIT // MB)
    return read


async def _body(request: Request) -> bytes:
    read = bytearray()
    async for piece in request.stream():
        read += piece
        if len(read) > FILE_LIMIT:
            raise PictureTooHeavy(limit=FILE_LIMIT // MB)
    return bytes(read)


def _kind(request: Request) -> str:
    return request.headers.get("content-type", "").partition(";")[0].strip().lower()
