"""What people see: a message as it stands on their screens at one moment."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from tests.telegram.messages import Message


@dataclass(frozen=True, slots=True)
class Seen:
    """A message as it was when somebody looked; it does not change afterwards.

    `text` is empty for pictures and files, `caption` for all others; `html` is either, with its
    marks. `photo` is the JPEG that Telegram made, `document` the file as it was sent. `buttons` are
    the texts of the inline keyboard. `change` says how late in the conversation it came to be so.
    """

    id: int
    chat_id: int
    sender: str
    from_bot: bool
    text: str
    caption: str
    html: str
    photo: bytes | None = field(repr=False)
    document: bytes | None = field(repr=False)
    name: str | None
    buttons: tuple[tuple[str, ...], ...]
    reply_to: int | None
    album: str | None
    thread: int | None
    edits: int
    deleted: bool
    date: int
    change: int
    reactions: tuple[str, ...]
    other: dict[str, Any] = field(repr=False)

    @property
    def words(self) -> str:
        """The text or the caption."""
        return self.text or self.caption


def look(message: Message) -> Seen:
    content = message.content
    rows = (message.keyboard or {}).get("inline_keyboard", [])
    return Seen(
        id=message.id,
        chat_id=message.chat.id,
        sender=message.sender.name,
        from_bot=message.sender.is_bot,
        text="" if content.media else content.words,
        caption=content.words if content.media else "",
        html=message.html,
        photo=content.photo[-1].content if content.photo else None,
        document=content.document.content if content.document else None,
        name=content.document.name if content.document else None,
        buttons=tuple(tuple(button["text"] for button in row) for row in rows),
        reply_to=message.reply_to.id if message.reply_to else None,
        album=message.album,
        thread=message.thread,
        edits=message.edits,
        deleted=message.deleted,
        date=message.date,
        change=message.change,
        reactions=message.reactions,
        other=content.other,
    )
