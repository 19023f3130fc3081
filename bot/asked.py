"""Where a request came from, and so where its pictures go: written in the key of its job.

The key is stored in the transaction that accepts the job, so no crash falls between the two, and
the same update handled twice is the same job.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from aiogram.types import MaybeInaccessibleMessageUnion, Message, ReplyParameters

CHANNEL = "telegram"  # what accounts of people in chats have, and keys of their jobs begin with
KEY = re.compile(rf"{CHANNEL}:(-?\d+):(\d+):(\d+):(\d+)", re.ASCII)


@dataclass(frozen=True, slots=True)
class Asked:
    """`message` of `chat` (in the forum topic `thread`) asked for it, by the update `update`."""

    chat: int
    message: int
    update: int
    thread: int | None = None

    @classmethod
    def by(cls, message: MaybeInaccessibleMessageUnion, update: int) -> Asked:
        thread = None
        if isinstance(message, Message) and message.is_topic_message:
            thread = message.message_thread_id
        return cls(message.chat.id, message.message_id, update, thread)

    @classmethod
    def read(cls, key: str) -> Asked | None:
        """None for a job that was not asked for in a chat."""
        found = KEY.fullmatch(key)
        if found is None:
            return None
        chat, thread, message, update = map(int, found.groups())
        return cls(chat, message, update, thread or None)

    @property
    def key(self) -> str:
        return f"{CHANNEL}:{self.chat}:{self.thread or 0}:{self.message}:{self.update}"

    @property
    def reply(self) -> ReplyParameters:
        """An answer to the message that asked, which may be gone by now."""
        return ReplyParameters(message_id=self.message, allow_sending_without_reply=True)
