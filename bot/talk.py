"""What a handler works with while it answers one update."""

from __future__ import annotations

import re
from contextlib import suppress
from dataclasses import dataclass

from aiogram import Bot
from aiogram.fsm.context import FSMContext
from aiogram.types import MaybeInaccessibleMessageUnion, Message

from bot.asked import Asked
from bot.drawing import draw
from bot.pieces import Piece, download, sent_in
from bot.results import Results
from bot.status import Statuses
from bot.wording import unsigned
from engine.errors import NotFound
from engine.preferences import Aspect
from engine.requests import Request
from engine.sources import Source
from engine.studio import Studio
from engine.texts import Texts
from storage.messages import Messages
from storage.records import Account, JobRecord


def without_mention(said: str, username: str) -> str:
    """What was said, without the bot's own name."""
    return re.sub(rf"@{re.escape(username)}\b\s*", "", said, flags=re.IGNORECASE).strip()


@dataclass(frozen=True, slots=True)
class Talk:
    """`update` is the number of the update; `state` is where the conversation is."""

    bot: Bot
    studio: Studio
    statuses: Statuses
    results: Results
    messages: Messages
    account: Account
    texts: Texts
    state: FSMContext
    update: int

    @property
    def person(self) -> int:
        """Telegram's number of who speaks, for whom buttons are made."""
        return int(self.account.external_id)

    async def draw(
        self,
        request: Request,
        where: MaybeInaccessibleMessageUnion,
        aspect: Aspect | None = None,
    ) -> JobRecord:
        """Asks for it; the pictures will answer the message `where`. Raises what `draw` does."""
        asked = Asked.by(where, self.update)
        return await draw(request, self.account, asked, self.studio, self.statuses, aspect)

    async def source(self, piece: Piece) -> Source:
        """The picture itself. Raises what Studio.source and Studio.take do."""
        if piece.picture:
            return await self.studio.source(piece.picture, self.account)
        return await self.studio.take(await self.file(piece))

    async def file(self, piece: Piece) -> bytes:
        """The file that a person sent. Raises what `download` does."""
        return await download(self.bot, piece.file)

    async def pointed_at(self, message: Message) -> Piece | None:
        """The picture of the message that this one answers; of another person's result, what all in
        the chat see of it."""
        answered = message.reply_to_message
        if answered is None:
            return None
        noted = await self.messages.at(answered.chat.id, answered.message_id)
        if noted is not None and noted.picture_id:
            with suppress(NotFound):
                await self.studio.job(noted.job_id, self.account)
                return Piece(picture=noted.picture_id)
        return sent_in(answered)

    async def words(self, message: Message) -> str:
        """What was said in a message, without the bot's own name."""
        me = await self.bot.me()
        said = message.text or message.caption or ""
        return unsigned(without_mention(said, me.username or ""))
