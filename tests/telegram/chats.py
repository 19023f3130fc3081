"""Chats and who is in them."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from tests.telegram.messages import Message, Wire
from tests.telegram.refusals import Refused, forbidden
from tests.telegram.seen import Seen, look


class ChatKind(StrEnum):
    PRIVATE = "private"
    GROUP = "group"
    SUPERGROUP = "supergroup"


class Standing(StrEnum):
    """What the bot is in a chat; the values are those of ChatMember.status."""

    MEMBER = "member"
    ADMINISTRATOR = "administrator"
    LEFT = "left"
    KICKED = "kicked"  # in a private chat: blocked


@dataclass(frozen=True, slots=True)
class User:
    """A person or the bot, as the Bot API tells it."""

    id: int
    name: str
    username: str = ""
    language: str = ""
    is_bot: bool = False

    def wire(self) -> Wire:
        wire: Wire = {"id": self.id, "is_bot": self.is_bot, "first_name": self.name}
        if self.username:
            wire["username"] = self.username
        if self.language:
            wire["language_code"] = self.language
        return wire


class Pulse:
    """Tells all who wait that something has changed."""

    def __init__(self) -> None:
        self._next: asyncio.Future[None] | None = None

    def beat(self) -> None:
        if self._next is not None and not self._next.done():
            self._next.set_result(None)
        self._next = None

    async def next(self) -> None:
        if self._next is None:
            self._next = asyncio.get_running_loop().create_future()
        await asyncio.shield(self._next)


@dataclass(eq=False, slots=True)
class Chat:
    """A chat and all that was said in it. `started`: somebody wrote, so the bot may."""

    id: int
    kind: ChatKind
    title: str
    members: dict[int, User]
    bot: User
    forum: bool = False
    threads: dict[int, str] = field(default_factory=dict)  # the topics of a forum
    started: bool = False
    standing: Standing = Standing.MEMBER
    log: dict[int, Message] = field(default_factory=dict)
    pulse: Pulse = field(default_factory=Pulse)
    action: tuple[str, float] | None = None  # what the bot does, and until when
    answers: dict[str, Any] | None = None  # the reply keyboard under the input

    @property
    def messages(self) -> list[Seen]:
        """What is there now, the oldest first."""
        return [look(message) for message in self.log.values() if not message.deleted]

    @property
    def history(self) -> list[Seen]:
        """All that ever was there; some of it is deleted."""
        return [look(message) for message in self.log.values()]

    def there(self, message_id: int | None) -> Message | None:
        """The message, unless it is gone."""
        message = self.log.get(message_id or 0)
        return None if message is None or message.deleted else message

    def wire(self) -> Wire:
        if self.kind is ChatKind.PRIVATE:
            (person,) = self.members.values()
            wire = {"id": self.id, "type": self.kind.value, "first_name": person.name}
            return wire | ({"username": person.username} if person.username else {})
        wire = {"id": self.id, "type": self.kind.value, "title": self.title}
        return wire | ({"is_forum": True} if self.forum else {})

    def admit(self) -> None:
        """Raises Refused if the bot can do nothing here."""
        refusal = self._refusal()
        if refusal:
            raise refusal

    def _refusal(self) -> Refused | None:
        if self.standing in (Standing.MEMBER, Standing.ADMINISTRATOR):
            return None
        if self.kind is ChatKind.PRIVATE:
            return forbidden("bot was blocked by the user")
        if self.standing is Standing.KICKED:
            return forbidden(f"bot was kicked from the {self.kind} chat")
        return forbidden(f"bot is not a member of the {self.kind} chat")
