"""Who is speaking: each update's account and language; and whether they may press that button.

Rights are Studio's. What is refused here is only what was not said to the bot at all.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

from aiogram import BaseMiddleware
from aiogram.enums import ChatType
from aiogram.types import CallbackQuery, Message, TelegramObject, Update, User

from bot.asked import CHANNEL
from bot.presses import owner
from bot.results import Results
from bot.status import Statuses
from bot.talk import Talk, without_mention
from bot.wording import unsigned
from engine.errors import WentWrong
from engine.studio import Studio
from engine.texts import LANGUAGES, Texts
from storage.messages import Messages
from storage.records import Account

Next = Callable[[TelegramObject, dict[str, Any]], Awaitable[Any]]


def language_of(person: User) -> str:
    """The one of ours that is nearest to what their Telegram speaks."""
    spoken = (person.language_code or "").partition("-")[0]
    return spoken if spoken in LANGUAGES else LANGUAGES[0]


class People(BaseMiddleware):
    """Gives handlers `talk`, and of it `account` and `texts`. Bots' updates go no further."""

    def __init__(
        self, studio: Studio, statuses: Statuses, results: Results, messages: Messages
    ) -> None:
        self._studio = studio
        self._statuses = statuses
        self._results = results
        self._messages = messages

    async def __call__(self, handler: Next, event: TelegramObject, data: dict[str, Any]) -> Any:
        person = data.get("event_from_user")
        if person is None or person.is_bot or not isinstance(event, Update):
            return None
        account = await self._account(person)
        talk = Talk(
            data["bot"],
            self._studio,
            self._statuses,
            self._results,
            self._messages,
            account,
            Texts(account.language),
            data["state"],
            event.update_id,
        )
        data |= {"talk": talk, "account": account, "texts": talk.texts}
        return await handler(event, data)

    async def _account(self, person: User) -> Account:
        """Raises DatabaseAway: there is nobody yet to whom it could be said."""
        try:
            return await self._studio.account(CHANNEL, str(person.id), language_of(person))
        except WentWrong as error:
            raise error.__cause__ or error from error


class Addressed(BaseMiddleware):
    """In groups only what is said to the bot is heard: commands, mentions, and answers to it.

    Gives handlers `words`: what was said, without the mention.
    """

    def __init__(self, username: str, bot_id: int) -> None:
        self._username = username
        self._id = bot_id

    async def __call__(self, handler: Next, event: TelegramObject, data: dict[str, Any]) -> Any:
        assert isinstance(event, Message)  # noqa: S101 - it is for messages only
        said = event.text or event.caption or ""
        if event.chat.type != ChatType.PRIVATE and not self._meant(event, said):
            return None
        words = unsigned(without_mention(said, self._username))
        return await handler(event, data | {"words": words})

    def _meant(self, message: Message, said: str) -> bool:
        answered = message.reply_to_message
        to_me = answered and answered.from_user and answered.from_user.id == self._id
        mentioned = without_mention(said, self._username) != said.strip()
        return bool(to_me or mentioned or said.startswith("/"))


class Owned(BaseMiddleware):
    """A button is for the person that it was made for."""

    async def __call__(self, handler: Next, event: TelegramObject, data: dict[str, Any]) -> Any:
        assert isinstance(event, CallbackQuery)  # noqa: S101 - it is for presses only
        if owner(event.data or "") != event.from_user.id:
            texts: Texts = data["texts"]
            return await event.answer(
                texts.say("These buttons are for the person who asked."), show_alert=True
            )
        return await handler(event, data)
