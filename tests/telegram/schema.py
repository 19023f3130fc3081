"""What can be asked of Telegram: aiogram's methods are the schema.

Reads a request's body in each of the forms that Telegram takes. It does nothing itself.
"""

from __future__ import annotations

import inspect
import json
import types
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeVar, Union, get_args, get_origin
from urllib.parse import parse_qsl

from aiogram import methods
from aiogram.client.default import Default
from aiogram.methods import TelegramMethod
from aiohttp import BodyPartReader, MultipartReader, web
from pydantic import BaseModel, ValidationError

from tests.telegram.refusals import Refused, bad, misused

Method = TelegramMethod[Any]
Value = TypeVar("Value")

METHODS: dict[str, type[Method]] = {
    method.__api_method__.lower(): method
    for _, method in inspect.getmembers(methods, inspect.isclass)
    if issubclass(method, TelegramMethod) and method is not TelegramMethod
}
FILE_LIMIT = 50 * 1024 * 1024  # bytes of an upload
MISSING = {
    "chat_id": "chat_id is empty",
    "text": "message text is empty",
    "photo": "there is no photo in the request",
    "document": "there is no document in the request",
    "message_id": "message identifier is not specified",
    "callback_query_id": "query is too old and response timeout expired or query ID is invalid",
    "media": "there are no messages to send",
}


@dataclass(frozen=True, slots=True)
class Upload:
    """A file that came with a call."""

    name: str
    content: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class Form:
    """A call's fields, as they came until `call` decodes them, and its files."""

    fields: dict[str, Any]
    uploads: dict[str, Upload]


def given(value: Value | Default | None) -> Value | None:
    """A field's value; None where the call leaves it to the default."""
    return None if isinstance(value, Default) else value


def wire_of(part: BaseModel) -> dict[str, Any]:
    """A part of a call as it was sent."""
    return part.model_dump(exclude_unset=True, exclude_none=True, by_alias=True)


async def read(request: web.Request) -> Form:
    """The form of a call. Raises Refused for files that are too large."""
    form = Form(dict(request.query), {})
    match request.content_type:
        case "application/json":
            content = await request.json()
            form.fields.update(content if isinstance(content, dict) else {})
        case "multipart/form-data":
            await take(await request.multipart(), form)
        case _:
            form.fields.update(parse_qsl(await request.text(), keep_blank_values=True))
    return form


async def take(parts: MultipartReader, form: Form) -> None:
    """Reads all parts into the form. Raises Refused for files that are too large."""
    too_large = False
    while (part := await parts.next()) is not None:
        assert isinstance(part, BodyPartReader)
        too_large = await take_part(part, form) > FILE_LIMIT or too_large
    if too_large:
        raise Refused(413, "Request Entity Too Large")


async def take_part(part: BodyPartReader, form: Form) -> int:
    """Reads one part into the form. Returns the bytes of its file."""
    name, content = part.name or "", bytes(await part.read(decode=False))
    if part.filename is None:
        form.fields[name] = content.decode()
        return 0
    form.uploads[name] = Upload(part.filename, content)
    return len(content)


def method(name: str) -> type[Method] | None:
    return METHODS.get(name.lower())


def call(method: type[Method], form: Form) -> Method:
    """The call that the form makes; the form's values are decoded.

    Raises Refused; Misused for fields that there are not.
    """
    for name in form.uploads.keys() & method.model_fields.keys():
        form.fields.setdefault(name, f"attach://{name}")
    strange = form.fields.keys() - method.model_fields.keys() - {"method"}
    if strange:
        raise misused(f"{method.__api_method__} has no field {', '.join(sorted(strange))}")
    fields = {
        name: decoded(name, value, method.model_fields[name].annotation)
        for name, value in form.fields.items()
        if name != "method"
    }
    form.fields.update(fields)
    try:
        read = method.model_validate(fields)
    except ValidationError as error:
        raise _refusal(method, error) from None
    unknown = next(_strangers(read), None)
    if unknown:
        raise misused(f"{method.__api_method__} has no field {unknown}")
    return read


def decoded(name: str, value: Any, annotation: Any) -> Any:
    """A form's text as what it stands for: words, a number, or JSON."""
    if not isinstance(value, str):
        return value
    types = _types(annotation)
    if str in types and int in types:
        return int(value) if value.removeprefix("-").isdigit() else value
    if str in types:
        return value
    try:
        return json.loads(value)
    except ValueError:
        if types <= {int, float, bool}:
            return value
        raise bad(f"can't parse {name} JSON object") from None


_KNOWN: dict[int, frozenset[Any]] = {}


def _types(annotation: Any) -> frozenset[Any]:
    """The plain types and origins that a field may be, None left out."""
    known = _KNOWN.get(id(annotation))
    if known is None:
        known = _KNOWN[id(annotation)] = frozenset(_parts(annotation))
    return known


def _parts(annotation: Any) -> Iterator[Any]:
    if get_origin(annotation) in (Union, types.UnionType):
        for part in get_args(annotation):
            yield from _parts(part)
    elif annotation not in (type(None), Default):
        yield get_origin(annotation) or annotation


def _refusal(method: type[Method], error: ValidationError) -> Refused:
    first = error.errors(include_url=False, include_input=False)[0]
    name = str(first["loc"][0]) if first["loc"] else ""
    if first["type"] == "missing" and len(first["loc"]) == 1 and name in MISSING:
        return bad(MISSING[name])
    place = ".".join(map(str, first["loc"]))
    return misused(f"{method.__api_method__}, {place}: {first['msg']}")


def _strangers(part: object, place: str = "") -> Iterator[str]:
    """The names of fields that the types do not have, at any depth."""
    if isinstance(part, BaseModel):
        if place and part.model_extra:
            yield from (f"{place}.{name}" for name in part.model_extra)
        for name in part.model_fields_set & type(part).model_fields.keys():
            yield from _strangers(getattr(part, name), f"{place}.{name}".lstrip("."))
    elif isinstance(part, list | tuple):
        for item in part:
            yield from _strangers(item, place)
    elif isinstance(part, Mapping):
        for item in part.values():
            yield from _strangers(item, place)
