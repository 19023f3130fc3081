"""Pictures that people point at: one they sent, or one the bot made. Kept by name alone.

Telegram keeps what was sent and Studio what was made: a conversation's state holds few letters.
"""

from __future__ import annotations

from typing import Any

from aiogram import Bot
from aiogram.exceptions import TelegramBadRequest
from aiogram.types import Message
from pydantic import BaseModel, ConfigDict

from engine.errors import NotAPicture, PictureTooHeavy, SourceMissing

MB = 2**20
DOWNLOAD_LIMIT = 20 * MB  # bytes; more, Telegram does not give to bots


class Piece(BaseModel):
    """`picture` is the id of one of Studio's, `file` Telegram's name of one that was sent."""

    model_config = ConfigDict(frozen=True)

    picture: str = ""
    file: str = ""

    def kept(self) -> dict[str, Any]:
        """For the state of a conversation."""
        return self.model_dump(exclude_defaults=True)


def sent_in(message: Message) -> Piece | None:
    """The picture that a message carries, whoever sent it."""
    if message.photo:
        return Piece(file=message.photo[-1].file_id)
    if message.document:
        return Piece(file=message.document.file_id)
    sticker = message.sticker
    if sticker and not (sticker.is_animated or sticker.is_video):
        return Piece(file=sticker.file_id)
    return None


async def download(bot: Bot, file_id: str) -> bytes:
    """A file that a person sent. Raises PictureTooHeavy, NotAPicture or SourceMissing."""
    try:
        file = await bot.get_file(file_id)
    except TelegramBadRequest as error:
        if "too big" in error.message:
            raise PictureTooHeavy(limit=DOWNLOAD_LIMIT // MB) from error
        raise SourceMissing() from error
    if not file.file_path:
        raise NotAPicture()
    content = await bot.download_file(file.file_path)
    return content.read() if content else b""
