"""Messages: what is in them, and how the Bot API writes them."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from tests.telegram import html
from tests.telegram.files import File, Photo
from tests.telegram.words import Entity

if TYPE_CHECKING:
    from tests.telegram.chats import Chat, User

Wire = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Content:
    """What a message shows. Words are its text, or the caption of what is in it.

    `other` is anything that the emulator only hands on, as it is on the wire.
    """

    words: str = ""
    entities: tuple[Entity, ...] = ()
    photo: Photo = ()
    document: File | None = None
    spoiler: bool = False
    above: bool = False
    other: Wire = field(default_factory=dict)

    @property
    def media(self) -> bool:
        return bool(self.photo or self.document or self.other)

    def wire(self) -> Wire:
        wire = dict(self.other)
        prefix = "caption_" if self.media else ""
        if self.words:
            wire["caption" if self.media else "text"] = self.words
        if self.entities:
            wire[f"{prefix}entities"] = list(self.entities)
        if self.photo:
            wire["photo"] = [size.wire() for size in self.photo]
        if self.document:
            wire["document"] = self.document.wire()
        if self.spoiler:
            wire["has_media_spoiler"] = True
        if self.above:
            wire["show_caption_above_media"] = True
        return wire


@dataclass(eq=False, slots=True, kw_only=True)
class Message:
    """A message in a chat, as it is now.

    `change` orders all changes of all messages; `inline` is what may be done with it by its
    inline_message_id; `fixed` messages carry another keyboard than an inline one.
    """

    id: int
    chat: Chat
    sender: User
    date: int
    content: Content
    change: int
    keyboard: Wire | None = None
    reply_to: Message | None = None
    thread: int | None = None
    album: str | None = None
    forwarded: Wire | None = None
    via: User | None = None
    inline: str | None = None
    fixed: bool = False
    edited: int | None = None
    edits: int = 0
    deleted: bool = False
    reactions: tuple[str, ...] = ()

    @property
    def html(self) -> str:
        return html.write(self.content.words, self.content.entities)

    def wire(self, replies: int = 1) -> Wire:
        """As Message of the Bot API; the message it replies to is written once, not further."""
        wire: Wire = {
            "message_id": self.id,
            "from": self.sender.wire(),
            "chat": self.chat.wire(),
            "date": self.date,
        }
        if self.edited is not None:
            wire["edit_date"] = self.edited
        if self.thread is not None:
            wire |= {"message_thread_id": self.thread, "is_topic_message": True}
        if self.reply_to is not None and replies and not self.reply_to.deleted:
            wire["reply_to_message"] = self.reply_to.wire(replies - 1)
        if self.album is not None:
            wire["media_group_id"] = self.album
        if self.forwarded is not None:
            wire["forward_origin"] = self.forwarded
        if self.via is not None:
            wire["via_bot"] = self.via.wire()
        if self.keyboard is not None:
            wire["reply_markup"] = self.keyboard
        return wire | self.content.wire()
