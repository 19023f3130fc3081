"""What came of a job, as messages: an album and its buttons, or why there is nothing."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Any

from aiogram import Bot
from aiogram.exceptions import TelegramBadRequest, TelegramForbiddenError
from aiogram.types import (
    InlineKeyboardMarkup,
    InputMediaDocument,
    InputMediaPhoto,
    MediaUnion,
    Message,
)

from bot import pictures, wording
from bot.asked import Asked
from bot.keyboards import ResultButtons
from bot.status import Statuses
from engine.errors import FileTooHeavy, NotFound, PictureGone
from engine.studio import PictureFile, Studio
from engine.texts import Texts
from storage.database import DatabaseAway
from storage.messages import Messages
from storage.records import Account, JobRecord, JobState, MessageKind, SentMessage

RETRY_LIMIT = 5.0  # seconds between attempts to reach a database that is away, at most

log = logging.getLogger(__name__)


class Results:
    """Sends them. Every method raises what a call of Telegram does, and WentWrong."""

    def __init__(self, bot: Bot, studio: Studio, messages: Messages, statuses: Statuses) -> None:
        self._bot = bot
        self._studio = studio
        self._messages = messages
        self._statuses = statuses

    async def send(self, job: JobRecord, account: Account, asked: Asked) -> str:
        """What came of the job, but what is known to be sent already. Returns what Telegram calls
        the messages."""
        await self._statuses.ended(job.id)
        shown = await self._messages.of_job(job.id, MessageKind.PICTURE)
        carries = bool(await self._messages.of_job(job.id, MessageKind.ACTIONS))
        result = _Result(self._bot, self._studio, self._messages, job, account, asked)
        if job.state is JobState.DONE:
            numbers = [one.message_id for one in shown] or await result.pictures()
            if len(numbers) > 1 and not carries:
                await result.buttons()
        else:
            numbers = [] if carries else [await result.ending()]
        await self._clear(job)
        return ",".join(map(str, numbers))

    async def again(self, job: JobRecord, account: Account, asked: Asked) -> None:
        """The pictures of a finished job with their buttons once more."""
        result = _Result(self._bot, self._studio, self._messages, job, account, asked)
        if len(await result.pictures()) > 1:
            await result.buttons()

    async def originals(self, job: JobRecord, account: Account, asked: Asked) -> None:
        """The files themselves. Raises FileTooHeavy or PictureGone."""
        await _Result(self._bot, self._studio, self._messages, job, account, asked).originals()

    async def _clear(self, job: JobRecord) -> None:
        """The result stands for itself now."""
        for status in await self._messages.of_job(job.id, MessageKind.STATUS):
            with suppress(TelegramBadRequest, TelegramForbiddenError):  # it is too old, or gone
                await self._bot.delete_message(status.chat_id, status.message_id)
            await self._messages.gone(status.chat_id, status.message_id)


class _Result:
    """That of one job, in answer to what asked for it."""

    def __init__(
        self,
        bot: Bot,
        studio: Studio,
        messages: Messages,
        job: JobRecord,
        account: Account,
        asked: Asked,
    ) -> None:
        self._bot = bot
        self._studio = studio
        self._messages = messages
        self._job = job
        self._account = account
        self._chat = asked.chat
        self._where: dict[str, Any] = {
            "message_thread_id": asked.thread,
            "reply_parameters": asked.reply,
        }
        self._texts = Texts(account.language)
        owner = int(account.external_id)
        self._buttons = ResultButtons(job, owner, studio.models(), self._texts)

    async def pictures(self) -> list[int]:
        """The numbers of their messages; a single picture carries the buttons itself."""
        files = await self._files()
        if not files:
            return []
        caption = wording.caption(self._job, self._studio.models(), self._texts)
        if len(files) == 1:
            sent = [await self._photo(files[0], caption)]
        else:
            sent = await self._album(files, caption)
        noted = [self._noted(file, message) for file, message in zip(files, sent, strict=True)]
        await _surely(lambda: self._messages.sent_all(noted))
        return [message.message_id for message in sent]

    async def buttons(self) -> int:
        """A message that carries those of an album, which has none."""
        said = self._texts.say("What next? The numbers are those of the pictures.")
        return await self._words(said, self._buttons.result())

    async def ending(self) -> int:
        """Why there is nothing."""
        return await self._words(wording.ended(self._job, self._texts), self._buttons.again())

    async def originals(self) -> None:
        files = await self._files()
        if not files:
            raise PictureGone()
        if any(len(file.content) > pictures.FILE_LIMIT for file in files):
            raise FileTooHeavy(limit=pictures.FILE_LIMIT // pictures.MB)
        for file in files:
            document = pictures.original(file.content, file.record)
            await self._bot.send_document(self._chat, document, **self._where)

    async def _files(self) -> list[PictureFile]:
        """Without those that were deleted, or lost, meanwhile."""
        found = []
        for record in self._job.pictures:
            with suppress(NotFound, PictureGone):
                found.append(await self._studio.picture(record.id, self._account))
        return found

    async def _photo(self, file: PictureFile, caption: str) -> Message:
        rest: dict[str, Any] = {
            **self._where,
            "caption": caption,
            "reply_markup": self._buttons.result(),
        }
        if not pictures.showable(file.record):
            document = pictures.original(file.content, file.record)
            return await self._bot.send_document(self._chat, document, **rest)
        photo = await pictures.photo(file.content, file.record, pictures.PHOTO_LIMIT)
        return await self._bot.send_photo(self._chat, photo, **rest)

    async def _album(self, files: list[PictureFile], caption: str) -> list[Message]:
        limit = min(pictures.PHOTO_LIMIT, pictures.FILE_LIMIT // len(files))
        media: list[MediaUnion] = []
        for file in files:
            said = None if media else caption  # the first one's is shown as the album's
            if pictures.showable(file.record):
                photo = await pictures.photo(file.content, file.record, limit)
                media.append(InputMediaPhoto(media=photo, caption=said))
            else:
                document = pictures.original(file.content, file.record)
                media.append(InputMediaDocument(media=document, caption=said))
        return await self._bot.send_media_group(self._chat, media, **self._where)

    async def _words(self, said: str, buttons: InlineKeyboardMarkup) -> int:
        message = await self._bot.send_message(
            self._chat, said, reply_markup=buttons, **self._where
        )
        number, job = message.message_id, self._job.id
        await _surely(lambda: self._messages.sent(self._chat, number, job, MessageKind.ACTIONS))
        return number

    def _noted(self, file: PictureFile, message: Message) -> SentMessage:
        photo = message.photo[-1].file_id if message.photo else None
        return SentMessage(
            self._chat,
            message.message_id,
            self._job.id,
            MessageKind.PICTURE,
            file.record.id,
            photo,
        )


async def _surely(note: Callable[[], Awaitable[None]]) -> None:
    """Notes what Telegram has taken: if that failed, it would be sent again."""
    pause = 0.1
    while True:
        try:
            return await note()
        except DatabaseAway as error:
            log.warning("the database is away, trying again: %s", error)
        await asyncio.sleep(pause)
        pause = min(2 * pause, RETRY_LIMIT)
