"""Telegram as it is now: who is there, what was said, and what the bot is to hear of it."""

from __future__ import annotations

import random
import re
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from aiogram.types import ChatMemberAdministrator

from tests.telegram.chats import Chat, ChatKind, Standing, User
from tests.telegram.faults import Faults
from tests.telegram.files import FileStore
from tests.telegram.messages import Content, Message, Wire
from tests.telegram.profile import Profile
from tests.telegram.queries import Pressed, Queries
from tests.telegram.refusals import bad
from tests.telegram.updates import Updates
from tests.telegram.webhook import Webhook

FIRST_PERSON = 7001
FIRST_GROUP = 4001
SUPERGROUP = -1_000_000_000_000
RIGHTS = [
    name
    for name, field in ChatMemberAdministrator.model_fields.items()
    if field.is_required() and field.annotation is bool
]


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """`speed`: how many of Telegram's seconds pass in a real one, for rates, backoffs and ages.
    `keep_files`: False forgets the bytes of what the bot sends.
    `privacy`: in groups the bot gets only what is meant for it.
    `query_age`: Telegram's seconds in which a pressed button must be answered.
    `feedback`: the bot hears which inline result was chosen.
    """

    speed: float = 1.0
    keep_files: bool = True
    privacy: bool = True
    query_age: float = 15.0
    feedback: bool = True
    seed: int = 0


class World:
    """One bot and the people around it."""

    def __init__(self, bot: User, settings: Settings) -> None:
        self.settings = settings
        self.bot = bot
        self.random = random.Random(settings.seed)
        self.chats: dict[int, Chat] = {}
        self.files = FileStore(settings.keep_files, self.random)
        self.faults = Faults(random.Random(settings.seed))
        self.updates = Updates(self.random.randrange(10**8, 10**9))
        self.webhook = Webhook(self.updates, self.faults, settings.speed)
        self.presses: Queries[Pressed] = Queries(self.now, settings.query_age)
        self.inline_queries: Queries[Wire] = Queries(self.now, settings.query_age)
        self.inline: dict[str, Message] = {}  # messages by inline_message_id
        self._results: dict[tuple[str, str, int], tuple[float, Wire]] = {}
        self.profile = Profile()
        self.violations: list[str] = []
        self.watchers: set[Callable[[Chat], None]] = set()
        self._last_message = 0
        self._last_change = 0

    def now(self) -> float:
        """Telegram's seconds, for rates and ages."""
        return time.monotonic() * self.settings.speed

    def violation(self, what: str) -> None:
        """Something that a correct bot does not do."""
        self.violations.append(what)

    def new_person(self, name: str, language: str, username: str) -> Chat:
        """The private chat of somebody new, who has not written yet."""
        number = FIRST_PERSON + sum(chat.id > 0 for chat in self.chats.values())
        person = User(number, name, username, language)
        chat = Chat(number, ChatKind.PRIVATE, "", {number: person}, self.bot)
        self.chats[chat.id] = chat
        return chat

    def new_group(self, title: str, people: list[User], kind: ChatKind, forum: bool) -> Chat:
        number = -FIRST_GROUP - sum(chat.id < 0 for chat in self.chats.values())
        if kind is ChatKind.SUPERGROUP:
            number += SUPERGROUP
        members = {person.id: person for person in people}
        chat = Chat(number, kind, title, members, self.bot, forum=forum, started=True)
        self.chats[chat.id] = chat
        return chat

    def chat(self, chat_id: int | str) -> Chat:
        """Where the bot may write. Raises Refused."""
        chat = self.chats.get(chat_id) if isinstance(chat_id, int) else None
        if chat is None or not chat.started:
            raise bad("chat not found")
        chat.admit()
        return chat

    def post(self, chat: Chat, sender: User, content: Content, **more: Any) -> Message:
        """A new message, seen by all in the chat; the bot is not told here."""
        self._last_message += 1
        message = Message(
            id=self._last_message,
            chat=chat,
            sender=sender,
            date=int(time.time()),
            content=content,
            change=self._changed(),
            **more,
        )
        chat.log[message.id] = message
        if sender.is_bot:
            chat.action = None
        self.show(chat)
        return message

    def edit(self, message: Message, content: Content, keyboard: Wire | None) -> None:
        """Shows it otherwise. Only another content counts as edited, as in Telegram."""
        if content != message.content:
            message.edited = int(time.time())
        message.content, message.keyboard = content, keyboard
        message.edits += 1
        self.touch(message)

    def delete(self, message: Message) -> None:
        message.deleted = True
        self.touch(message)

    def touch(self, message: Message) -> None:
        """Something about the message is not as it was."""
        message.change = self._changed()
        self.show(message.chat)

    def tell(self, kind: str, what: Wire, chat: Chat | None = None, person: int = 0) -> None:
        self.updates.put(kind, what, chat.id if chat else person)

    def tell_message(self, message: Message, kind: str = "message") -> None:
        """The bot hears of it, if it is meant for it."""
        if self._heard(message):
            self.tell(kind, message.wire(), message.chat)

    def keep_results(self, query: str, offset: str, person: int, answer: Wire) -> None:
        """Of an inline query, for as long as the bot said; for all, unless they are personal."""
        key = query, offset, person if answer["is_personal"] else 0
        self._results.setdefault(key, (self.now() + answer["cache_time"], answer))

    def kept_results(self, query: str, offset: str, person: int) -> Wire | None:
        for whose in (person, 0):
            until, answer = self._results.get((query, offset, whose), (0.0, None))
            if answer is not None and until > self.now():
                return answer
            self._results.pop((query, offset, whose), None)
        return None

    def stand(self, chat: Chat, standing: Standing, by: User) -> None:
        """The bot is now that in the chat, and hears of it."""
        old, chat.standing = chat.standing, standing
        self.tell(
            "my_chat_member",
            {
                "chat": chat.wire(),
                "from": by.wire(),
                "date": int(time.time()),
                "old_chat_member": self.member(old),
                "new_chat_member": self.member(standing),
            },
            chat,
        )

    def member(self, standing: Standing) -> Wire:
        """The bot as ChatMember."""
        wire: Wire = {"status": standing.value, "user": self.bot.wire()}
        if standing is Standing.KICKED:
            wire["until_date"] = 0
        if standing is Standing.ADMINISTRATOR:
            wire |= dict.fromkeys(RIGHTS, True) | {"is_anonymous": False}
        return wire

    def _heard(self, message: Message) -> bool:
        chat = message.chat
        if chat.standing not in (Standing.MEMBER, Standing.ADMINISTRATOR):
            return False
        if chat.kind is ChatKind.PRIVATE or not self.settings.privacy:
            return True
        if chat.standing is Standing.ADMINISTRATOR or message.via is self.bot:
            return True
        if message.reply_to and message.reply_to.sender is self.bot:
            return True
        return _meant_for(self.bot.username, message.content.words)

    def _changed(self) -> int:
        self._last_change += 1
        return self._last_change

    def show(self, chat: Chat) -> None:
        """Something about the chat is not as it was."""
        chat.pulse.beat()
        for watcher in self.watchers:
            watcher(chat)


def _meant_for(username: str, words: str) -> bool:
    """A command without a name or with this one, or a mention."""
    if re.match(rf"/\w+(?:@{username})?(?:\s|$)", words, re.IGNORECASE):
        return True
    return bool(re.search(rf"@{username}\b", words, re.IGNORECASE))
