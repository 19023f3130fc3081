"""Inline mode, on the side of the people: what the bot offers, and what becomes of it."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from aiohttp import ClientError, ClientSession

from tests.telegram import contents
from tests.telegram.files import Photo
from tests.telegram.messages import Content, Wire
from tests.telegram.refusals import bad
from tests.telegram.world import World

HERE = ("127.0.0.1", "localhost")


@dataclass(frozen=True, slots=True)
class Result:
    """One offer of the bot; `wire` is all that it says of it."""

    query: str
    wire: Wire

    @property
    def id(self) -> str:
        return str(self.wire["id"])

    @property
    def kind(self) -> str:
        return str(self.wire["type"])

    @property
    def title(self) -> str:
        return str(self.wire.get("title") or "")

    @property
    def description(self) -> str:
        return str(self.wire.get("description") or "")


class Results(list[Result]):
    """The offers, the offset at which more of them begin, and the button above them."""

    def __init__(self, query: str, answer: Wire) -> None:
        super().__init__(Result(query, wire) for wire in answer["results"])
        self.next_offset: str = answer["next_offset"]
        self.button: Wire | None = answer["button"]
        self.personal: bool = answer["is_personal"]


async def shown(world: World, result: Wire) -> tuple[Content, Wire | None]:
    """The message that the result stands for, and its keyboard. Raises Refused."""
    keyboard = result.get("reply_markup")
    sent = result.get("input_message_content")
    if sent is not None:
        words = contents.text(sent["message_text"], sent.get("parse_mode"), None)
        return words, keyboard
    words = contents.caption(result.get("caption"), result.get("parse_mode"), None)
    if "document_file_id" in result:
        document = world.files.sent_document(result["document_file_id"], {})
        return dataclasses.replace(words, document=document), keyboard
    if result["type"] != "photo":
        raise NotImplementedError(f"inline results of type {result['type']}")
    return dataclasses.replace(words, photo=await _photo(world, result)), keyboard


async def _photo(world: World, result: dict[str, Any]) -> Photo:
    if "photo_file_id" in result:
        return await world.files.sent_photo(result["photo_file_id"], {})
    url = result["photo_url"]
    if urlsplit(url).hostname not in HERE:
        raise bad("failed to get HTTP URL content")
    try:
        async with ClientSession() as session, session.get(url) as answer:
            answer.raise_for_status()
            return await world.files.photo(await answer.read())
    except ClientError:
        raise bad("failed to get HTTP URL content") from None
