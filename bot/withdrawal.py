"""Takes pictures that were removed out of chats, as far as Telegram lets a bot."""

from __future__ import annotations

import io
from collections.abc import Sequence
from contextlib import suppress
from functools import cache

from aiogram import Bot
from aiogram.exceptions import TelegramBadRequest, TelegramForbiddenError
from aiogram.types import BufferedInputFile, InputMediaPhoto
from PIL import Image, ImageDraw

from engine.texts import Texts
from storage.records import SentMessage

SIDE = 256  # pixels of the picture that stands where one was removed
GROUND, MARK = "#3d3a36", "#a09b92"


async def hide(bot: Bot, message: SentMessage, texts: Texts) -> None:
    """Deletes the message; puts a grey picture in the place of one that Telegram keeps, as it does
    after two days."""
    try:
        await bot.delete_message(message.chat_id, message.message_id)
    except TelegramForbiddenError:  # the bot is not in that chat any more
        return
    except TelegramBadRequest:
        said = texts.say("This picture was removed by the moderators.")
        grey = InputMediaPhoto(media=BufferedInputFile(_grey(), "removed.png"), caption=said)
        with suppress(TelegramBadRequest, TelegramForbiddenError):  # then it cannot be helped
            await bot.edit_message_media(
                grey, chat_id=message.chat_id, message_id=message.message_id
            )


async def caption(
    bot: Bot, hidden: Sequence[SentMessage], left: Sequence[SentMessage], said: str
) -> None:
    """Gives the caption of an album, which its first picture had, to the first that is left.

    `said` is HTML.
    """
    for chat in {one.chat_id for one in hidden}:
        first = min(one.message_id for one in hidden if one.chat_id == chat)
        rest = [one.message_id for one in left if one.chat_id == chat]
        if rest and first < min(rest):
            with suppress(TelegramBadRequest, TelegramForbiddenError):  # it is too old, or gone
                await bot.edit_message_caption(chat_id=chat, message_id=min(rest), caption=said)


@cache
def _grey() -> bytes:
    picture = Image.new("RGB", (SIDE, SIDE), GROUND)
    draw = ImageDraw.Draw(picture)
    near, far, width = SIDE * 3 // 8, SIDE * 5 // 8, SIDE // 24
    draw.line((near, near, far, far), MARK, width)
    draw.line((near, far, far, near), MARK, width)
    file = io.BytesIO()
    picture.save(file, "PNG")
    return file.getvalue()
