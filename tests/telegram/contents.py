"""Turns what a call carries into what a message shows, or refuses it."""

from __future__ import annotations

from aiogram.client.default import Default
from aiogram.types import (
    InputMediaDocument,
    InputMediaPhoto,
    MessageEntity,
)

from tests.telegram import html
from tests.telegram.files import FileStore
from tests.telegram.html import Unreadable
from tests.telegram.messages import Content
from tests.telegram.refusals import bad, misused, not_simulated
from tests.telegram.schema import Upload, given, wire_of
from tests.telegram.words import Entity, tidy

TEXT_LIMIT = 4096  # characters
CAPTION_LIMIT = 1024

Uploads = dict[str, Upload]


def text(
    words: str, parse_mode: str | Default | None, entities: list[MessageEntity] | None
) -> Content:
    """Raises Refused."""
    if not words:
        raise bad("message text is empty")
    content = _words(words, parse_mode, entities)
    if not content.words:
        raise bad("text must be non-empty")
    if len(content.words) > TEXT_LIMIT:
        raise bad("message is too long")
    return content


def caption(
    words: str | None, parse_mode: str | Default | None, entities: list[MessageEntity] | None
) -> Content:
    """Raises Refused."""
    content = _words(words or "", parse_mode, entities)
    if len(content.words) > CAPTION_LIMIT:
        raise bad("message caption is too long")
    return content


async def media(item: object, files: FileStore, uploads: Uploads) -> Content:
    """What an InputMedia shows. Raises Refused."""
    if not isinstance(item, InputMediaPhoto | InputMediaDocument):
        raise not_simulated(type(item).__name__)
    words = caption(item.caption, item.parse_mode, item.caption_entities)
    if isinstance(item, InputMediaDocument):
        document = files.sent_document(str(item.media), uploads)
        return Content(words.words, words.entities, document=document)
    return Content(
        words.words,
        words.entities,
        photo=await files.sent_photo(str(item.media), uploads),
        spoiler=bool(item.has_spoiler),
        above=bool(given(item.show_caption_above_media)),
    )


def _words(
    words: str, parse_mode: str | Default | None, entities: list[MessageEntity] | None
) -> Content:
    mode = given(parse_mode)
    if mode not in (None, "", "HTML"):
        raise misused(f"unsupported parse_mode {mode}: it is HTML or none here")
    if not mode:
        plain = [wire_of(entity) for entity in entities or ()]
        return _content(*tidy(words, plain))
    try:
        return _content(*html.parse(words))
    except Unreadable as error:
        raise bad(f"can't parse entities: {error}") from None


def _content(words: str, entities: list[Entity]) -> Content:
    return Content(words, tuple(entities))
