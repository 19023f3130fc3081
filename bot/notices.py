"""Tells people what the moderators have decided, and takes what was removed out of the chats."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress

from aiogram import Bot, html
from aiogram.types import InlineKeyboardMarkup

from bot.asked import Asked
from bot.keyboards import appeal
from bot.metrics import Metrics
from bot.posting import Post
from bot.results import Results
from engine.errors import NotFound
from engine.studio import Studio
from engine.texts import Texts
from engine.tidings import Tidings, named, tidings
from storage.notices import Notices
from storage.records import Account, Notice, NoticeKind


class Waiting:
    """The notices that wait to be sent, as Post takes them."""

    def __init__(self, notices: Notices) -> None:
        self._notices = notices

    async def take(self, limit: int, lease: float) -> Sequence[Notice]:
        return await self._notices.take(limit, lease)

    async def sent(self, notice: Notice, reference: str) -> bool:
        """What Telegram calls the message is not kept: nothing is done with it later."""
        return await self._notices.sent(notice)

    async def later(self, notice: Notice, seconds: float, error: str) -> bool:
        return await self._notices.later(notice, seconds, error)

    async def give_up(self, notice: Notice, error: str) -> bool:
        return await self._notices.give_up(notice, error)


class Telling(Post[Notice]):
    """Each notice goes to its person's private chat. A removal is done in the chats before it is
    told; what was restored is sent anew."""

    def __init__(
        self,
        bot: Bot,
        studio: Studio,
        notices: Notices,
        results: Results,
        metrics: Metrics,
        lease: float,
    ) -> None:
        super().__init__(Waiting(notices), _name, self._tell, metrics, lease)
        self._bot = bot
        self._studio = studio
        self._results = results

    async def _tell(self, notice: Notice) -> str:
        """What Telegram calls the message; nothing where nothing is to be said."""
        try:
            account = await self._studio.owner(notice.account_id)
        except NotFound:
            return ""
        if notice.kind is NoticeKind.REMOVED and notice.picture_id:
            await self._results.removed(notice.picture_id, account)
        if notice.kind is NoticeKind.RESTORED and notice.job_id:
            await self._send_again(notice.job_id, account)
        if notice.job_id:
            await self._results.mend(notice.job_id, account)
        if notice.kind is NoticeKind.RELEASED or notice.seen_at is not None:
            return ""  # the picture itself says so, or the person has read it on the web
        return await self._say(notice, account)

    async def _send_again(self, job_id: str, account: Account) -> None:
        with suppress(NotFound):
            job = await self._studio.job(job_id, account)
            asked = Asked.read(job.key)
            if asked is not None:
                await self._results.send(job, account, asked)

    async def _say(self, notice: Notice, account: Account) -> str:
        texts = Texts(account.language)
        policies = named(await self._studio.moderation.policies(), account.language)
        told = tidings(notice, policies, texts)
        buttons = None
        if told.appealable and notice.picture_id:
            button = appeal(notice.picture_id, int(account.external_id), texts)
            buttons = InlineKeyboardMarkup(inline_keyboard=[[button]])
        message = await self._bot.send_message(
            int(account.external_id), words(told, texts), reply_markup=buttons
        )
        return str(message.message_id)


def words(told: Tidings, texts: Texts) -> str:
    """HTML."""
    lines = [html.bold(html.quote(told.said))]
    if told.reason:
        lines.append(html.quote(texts.say("A moderator writes:")))
        lines.append(html.blockquote(html.quote(told.reason)))
    if told.advice:
        lines.append(html.quote(told.advice))
    return "\n".join(lines)


def _name(notice: Notice) -> str:
    return f"notice {notice.id}"
