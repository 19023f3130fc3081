"""The one message that tells how a job goes: its place, its progress, a preview, and a way to stop.

It only informs: where Telegram or its limits leave no room, it is left out. Results do not depend
on it; bot/delivery.py takes it away when it sends them.
"""

from __future__ import annotations

import asyncio
import logging
from asyncio import FIRST_COMPLETED
from contextlib import aclosing, suppress
from typing import Any

from aiogram import Bot
from aiogram.exceptions import TelegramAPIError, TelegramBadRequest
from aiogram.types import InputMediaPhoto
from PIL import Image

from bot.asked import CHANNEL, Asked
from bot.keyboards import ResultButtons
from bot.limits import NoRoom, optional
from bot.pictures import preview
from bot.wording import waiting
from engine.errors import UserError, WentWrong
from engine.events import Queued, Step
from engine.feed import happens
from engine.pace import Pace
from engine.studio import Finished, Studio
from engine.texts import Texts
from storage.database import DatabaseAway
from storage.messages import Messages
from storage.records import Account, JobRecord, MessageKind

FOLLOWED = 64  # jobs at a time; more messages than that, Telegram does not take
PATIENCE = 1.0  # seconds: a job that ends sooner needs no status
PAUSE = 3.0  # seconds between changes of the message
FAR = 8  # requests before one that will not begin in the next moment

log = logging.getLogger(__name__)


class Statuses:
    """The status messages of all jobs that were asked for in chats."""

    def __init__(self, bot: Bot, studio: Studio, messages: Messages) -> None:
        self._bot = bot
        self._studio = studio
        self._messages = messages
        self._places = asyncio.Semaphore(FOLLOWED)
        self._followed: dict[str, _Status] = {}
        self._closing = False

    async def start(self) -> None:
        """Goes on with the jobs that were under way before."""
        for job in await self._studio.unfinished(CHANNEL):
            self.follow(job)

    def follow(self, job: JobRecord) -> None:
        """Tells how the job goes, from now to its end."""
        asked = Asked.read(job.key)
        if asked is None or job.id in self._followed or job.state.final or self._closing:
            return
        status = _Status(self._bot, self._studio, self._messages, job, asked)
        self._followed[job.id] = status
        status.task = asyncio.create_task(self._follow(status))
        status.task.add_done_callback(lambda _: self._followed.pop(job.id, None))

    async def ended(self, job_id: str) -> None:
        """Returns once nothing more will be sent or changed about how the job goes."""
        if job_id in self._followed:
            await self._followed[job_id].end()

    async def drain(self, seconds: float) -> None:
        """Stops following; what was sent stays, and is found again at the next start."""
        self._closing = True
        ends = [asyncio.create_task(status.end()) for status in self._followed.values()]
        tasks = [*ends, *(status.task for status in self._followed.values())]
        if tasks:
            await asyncio.wait(tasks, timeout=seconds)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _follow(self, status: _Status) -> None:
        async with self._places:
            try:
                while not await status.show():
                    log.warning("the database is away: nobody is told how a job goes")
            except UserError as error:
                log.warning("no more is told about a job: %s", error)
            except Exception:
                log.exception("no more is told about a job")


class _Status:
    """The message of one job."""

    task: asyncio.Task[None]

    def __init__(
        self, bot: Bot, studio: Studio, messages: Messages, job: JobRecord, asked: Asked
    ) -> None:
        self._bot = bot
        self._studio = studio
        self._messages = messages
        self._job = job
        self._asked = asked
        self._begun = False
        self._over = asyncio.Event()
        self._number: int | None = None  # of the message, once it is sent
        self._noted = True  # or is still to be written down
        self._unwanted = False  # the person took the message away
        self._has_picture = False  # Telegram changes such a message in another way
        self._shown = ""
        self._event: Queued | Step | None = None
        self._preview: Image.Image | None = None
        self._left: int | None = None

    async def show(self) -> bool:
        """Until the job ends, or `end` says so; False if it is to be tried again."""
        self._begun = True
        try:
            await self._show()
        except (WentWrong, DatabaseAway):
            await happens(self._over, PAUSE)
            return self._over.is_set()
        return True

    async def _show(self) -> None:
        account = await self._studio.owner(self._job.account_id)
        texts = Texts(account.language)
        owner = int(account.external_id)
        self._stop = ResultButtons(self._job, owner, self._studio.models(), texts).stop()
        for sent in await self._messages.of_job(self._job.id, MessageKind.STATUS):
            self._number = sent.message_id
        ends = [asyncio.create_task(self._watch(account)), asyncio.create_task(self._over.wait())]
        try:
            await self._until(ends, texts)
        finally:
            for task in ends:
                task.cancel()
            await asyncio.gather(*ends, return_exceptions=True)

    async def end(self) -> None:
        """Lets a call under way come to its end: what it sends must be known."""
        self._over.set()
        if not self._begun:
            self.task.cancel()
        await asyncio.wait([self.task])

    async def _until(self, ends: list[asyncio.Task[Any]], texts: Texts) -> None:
        pause = PATIENCE
        while True:
            done, _ = await asyncio.wait(ends, timeout=pause, return_when=FIRST_COMPLETED)
            if done:
                for task in done:
                    task.result()
                return
            with suppress(NoRoom, DatabaseAway, TelegramAPIError), optional():
                await self._tell(waiting(self._job, self._event, self._left, texts))
            if self._unwanted:
                return
            pause = PAUSE

    async def _watch(self, account: Account) -> None:
        pace = Pace()
        async with aclosing(self._studio.watch(self._job.id, account)) as events:
            async for event in events:
                if isinstance(event, Finished):
                    return
                self._event = event
                if isinstance(event, Step):
                    self._left = pace.seconds_left(event)
                    self._preview = event.preview or self._preview
                elif event.position > FAR:  # each look at the queue costs the database
                    await happens(self._over, PAUSE)

    async def _tell(self, text: str) -> None:
        if not self._noted:
            await self._note()
        if text == self._shown:
            return
        if self._number is None:
            self._number, self._noted, self._shown = await self._send(text), False, text
            await self._note()
        else:
            await self._change(self._number, text)
            self._shown = text

    async def _note(self) -> None:
        assert self._number is not None  # noqa: S101 - it was sent
        await self._messages.sent(self._asked.chat, self._number, self._job.id, MessageKind.STATUS)
        self._noted = True

    async def _send(self, text: str) -> int:
        asked = self._asked
        sent = await self._bot.send_message(
            asked.chat,
            text,
            message_thread_id=asked.thread,
            reply_parameters=asked.reply,
            reply_markup=self._stop,
            disable_notification=True,
        )
        return sent.message_id

    async def _change(self, number: int, text: str) -> None:
        where: dict[str, Any] = {"chat_id": self._asked.chat, "message_id": number}
        try:
            if self._preview is not None:
                await self._picture(self._preview, text, where)
            elif self._has_picture:
                await self._bot.edit_message_caption(caption=text, reply_markup=self._stop, **where)
            else:
                await self._bot.edit_message_text(text, reply_markup=self._stop, **where)
        except TelegramBadRequest as error:
            self._unwanted = "message to edit not found" in error.message
            if "no text in the message" in error.message:  # it was sent before a restart
                self._has_picture = True
            raise

    async def _picture(self, picture: Image.Image, text: str, where: dict[str, Any]) -> None:
        media = InputMediaPhoto(media=await preview(picture), caption=text)
        await self._bot.edit_message_media(media, reply_markup=self._stop, **where)
        self._has_picture = True
        if self._preview is picture:  # else there is a newer one
            self._preview = None
