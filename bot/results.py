"""What came of a job, as messages: an album, what stands below it, or why there is nothing.

A picture that waits for a moderator is not sent, and what stands below says so. Once it may be
seen, the job is sent again, which sends what was not sent yet.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import suppress
from typing import Any
from weakref import WeakValueDictionary

from aiogram import Bot
from aiogram.exceptions import TelegramBadRequest, TelegramForbiddenError
from aiogram.types import (
    InlineKeyboardMarkup,
    InputMediaDocument,
    InputMediaPhoto,
    MediaUnion,
    Message,
)

from bot import pictures, withdrawal, wording
from bot.asked import Asked
from bot.keyboards import ResultButtons
from bot.status import Statuses
from engine.errors import FileTooHeavy, NotFound, PictureGone
from engine.studio import PictureFile, Studio
from engine.texts import Texts
from engine.tidings import named
from storage.database import DatabaseAway
from storage.messages import Messages
from storage.records import (
    Account,
    JobRecord,
    JobState,
    MessageKind,
    PictureRecord,
    SentMessage,
)

RETRY_LIMIT = 5.0  # seconds between attempts to reach a database that is away, at most

log = logging.getLogger(__name__)


class Results:
    """Sends them. Every method raises what a call of Telegram does, and WentWrong."""

    def __init__(self, bot: Bot, studio: Studio, messages: Messages, statuses: Statuses) -> None:
        self._bot = bot
        self._studio = studio
        self._messages = messages
        self._statuses = statuses
        self._sending: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()  # by job

    async def send(self, job: JobRecord, account: Account, asked: Asked) -> str:
        """What came of the job, but what is known to be sent already. Returns what Telegram calls
        the messages."""
        await self._statuses.ended(job.id)
        async with self._sending.setdefault(job.id, asyncio.Lock()):
            return await self._send(job, account, asked)

    async def again(self, job: JobRecord, account: Account, asked: Asked) -> None:
        """The pictures of a finished job with their buttons once more."""
        result = await self._result(job, account, asked)
        if await result.pictures(await result.files(job.pictures)) and result.says:
            await result.below()
        await self._recall(job, account)

    async def originals(self, job: JobRecord, account: Account, asked: Asked) -> None:
        """The files themselves. Raises FileTooHeavy or PictureGone."""
        await (await self._result(job, account, asked)).originals()
        await self._recall(job, account)

    async def removed(self, picture_id: str, account: Account) -> None:
        """Takes the picture out of the chats, and mends what stands below the others."""
        texts = Texts(account.language)
        shown = await self._messages.of_picture(picture_id)
        for one in shown:
            await withdrawal.hide(self._bot, one, texts)
            await self._messages.gone(one.chat_id, one.message_id)
        for job_id in {one.job_id for one in shown}:
            await self.mend(job_id, account, shown)

    async def mend(self, job_id: str, account: Account, hidden: Sequence[SentMessage] = ()) -> None:
        """Says what is true by now: below the pictures of the job, and under the first of them
        that is left, where one with the caption was hidden."""
        with suppress(NotFound):
            job = await self._studio.job(job_id, account)
            left = await self._messages.of_job(job_id, MessageKind.PICTURE)
            said = wording.caption(job, self._studio.models(), Texts(account.language))
            await withdrawal.caption(self._bot, hidden, left, said)
            result = await self._result(job, account, None)
            for one in await self._below(job_id):
                if job.state is JobState.DONE and not result.says:
                    await self._take_away(one)
                else:
                    await result.rewrite(one)

    async def _send(self, job: JobRecord, account: Account, asked: Asked) -> str:
        result = await self._result(job, account, asked)
        if job.state is JobState.DONE:
            numbers = await self._missing(job, result)
        else:
            numbers = [] if await self._below(job.id) else [await result.below()]
        await self._clear(job)
        await self._recall(job, account)
        return ",".join(map(str, numbers))

    async def _missing(self, job: JobRecord, result: _Result) -> list[int]:
        """Sends those of the pictures that were not sent yet; the numbers of all that are there."""
        sent = await self._messages.of_job(job.id, MessageKind.PICTURE)
        known = {one.picture_id for one in sent}
        files = await result.files([one for one in job.pictures if one.id not in known])
        if files:
            for one in await self._below(job.id):  # it comes again, below the new ones
                await self._take_away(one)
        numbers = [*(one.message_id for one in sent), *await result.pictures(files)]
        if result.says and not await self._below(job.id):
            await result.below()
        return numbers

    async def _recall(self, job: JobRecord, account: Account) -> None:
        """Hides what was removed while it was being sent."""
        with suppress(NotFound):
            now = await self._studio.job(job.id, account)
            for one in {sent.id for sent in job.pictures} & {gone.id for gone in now.withheld}:
                await self.removed(one, account)

    async def _below(self, job_id: str) -> list[SentMessage]:
        return await self._messages.of_job(job_id, MessageKind.ACTIONS)

    async def _clear(self, job: JobRecord) -> None:
        """The result stands for itself now."""
        for status in await self._messages.of_job(job.id, MessageKind.STATUS):
            await self._take_away(status)

    async def _take_away(self, message: SentMessage) -> None:
        with suppress(TelegramBadRequest, TelegramForbiddenError):  # it is too old, or gone
            await self._bot.delete_message(message.chat_id, message.message_id)
        await self._messages.gone(message.chat_id, message.message_id)

    async def _result(self, job: JobRecord, account: Account, asked: Asked | None) -> _Result:
        policies = named(await self._studio.moderation.policies(), account.language)
        return _Result(self._bot, self._studio, self._messages, job, account, asked, policies)


class _Result:
    """That of one job, in answer to what asked for it. `policies` are their names, by key."""

    def __init__(
        self,
        bot: Bot,
        studio: Studio,
        messages: Messages,
        job: JobRecord,
        account: Account,
        asked: Asked | None,
        policies: Mapping[str, str],
    ) -> None:
        self._bot = bot
        self._studio = studio
        self._messages = messages
        self._job = job
        self._account = account
        self._chat = asked.chat if asked else 0
        self._where: dict[str, Any] = {}
        if asked:
            self._where = {"message_thread_id": asked.thread, "reply_parameters": asked.reply}
        self._policies = policies
        self._texts = Texts(account.language)
        owner = int(account.external_id)
        self._buttons = ResultButtons(job, owner, studio.models(), self._texts)

    @property
    def says(self) -> str:
        """What is to be said below the pictures; nothing where there is a single one, which then
        carries the buttons itself. HTML."""
        if self._job.state is not JobState.DONE:
            return wording.ended(self._job, self._texts)
        return wording.below(self._job, self._policies, self._texts)

    async def files(self, records: Sequence[PictureRecord]) -> list[PictureFile]:
        """Without those that were deleted, removed or lost meanwhile."""
        found = []
        for record in records:
            with suppress(NotFound, PictureGone):
                found.append(await self._studio.picture(record.id, self._account))
        return found

    async def pictures(self, files: list[PictureFile]) -> list[int]:
        """Sends them; the numbers of their messages."""
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

    async def below(self) -> int:
        """The message with what is to be said, and the buttons of an album, which has none."""
        message = await self._bot.send_message(
            self._chat, self.says, reply_markup=self._buttons_below(), **self._where
        )
        number, job = message.message_id, self._job.id
        await _surely(lambda: self._messages.sent(self._chat, number, job, MessageKind.ACTIONS))
        return number

    async def rewrite(self, message: SentMessage) -> None:
        """What was said below, as it should be by now."""
        with suppress(TelegramBadRequest, TelegramForbiddenError):  # it is too old, or gone
            await self._bot.edit_message_text(
                self.says,
                chat_id=message.chat_id,
                message_id=message.message_id,
                reply_markup=self._buttons_below(),
            )

    async def originals(self) -> None:
        files = await self.files(self._job.pictures)
        if not files:
            raise PictureGone()
        if any(len(file.content) > pictures.FILE_LIMIT for file in files):
            raise FileTooHeavy(limit=pictures.FILE_LIMIT // pictures.MB)
        for file in files:
            document = pictures.original(file.content, file.record)
            message = await self._bot.send_document(self._chat, document, **self._where)
            noted = [self._noted(file, message)]
            await _surely(lambda noted=noted: self._messages.sent_all(noted))  # type: ignore[misc]

    def _buttons_below(self) -> InlineKeyboardMarkup | None:
        if self._job.state is not JobState.DONE:
            return self._buttons.again()
        return self._buttons.below()

    async def _photo(self, file: PictureFile, caption: str) -> Message:
        rest: dict[str, Any] = {
            **self._where,
            "caption": caption,
            "reply_markup": None if self.says else self._buttons.result(),
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
