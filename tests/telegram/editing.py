"""The methods that change messages or take them away."""

from __future__ import annotations

import dataclasses
import time

from aiogram.methods import (
    DeleteMessage,
    DeleteMessages,
    EditMessageCaption,
    EditMessageMedia,
    EditMessageReplyMarkup,
    EditMessageText,
    SetMessageReaction,
)
from aiogram.types import InlineKeyboardMarkup

from tests.telegram import contents, keyboards
from tests.telegram.chats import Chat, ChatKind, Standing
from tests.telegram.contents import Uploads
from tests.telegram.messages import Content, Message, Wire
from tests.telegram.refusals import bad
from tests.telegram.schema import given, wire_of
from tests.telegram.world import World

DELETABLE = 48 * 3600  # seconds for which a message may be deleted

NOT_MODIFIED = (
    "message is not modified: specified new message content and reply markup are exactly the same "
    "as a current content and reply markup of the message"
)

Editing = EditMessageText | EditMessageCaption | EditMessageMedia | EditMessageReplyMarkup


async def edit_message_text(world: World, call: EditMessageText, uploads: Uploads) -> Wire | bool:
    message = _editable(world, call)
    content = contents.text(call.text or "", call.parse_mode, call.entities)
    if message.content.media:
        raise bad("there is no text in the message to edit")
    return _edited(world, message, content, call.reply_markup)


async def edit_message_caption(
    world: World, call: EditMessageCaption, uploads: Uploads
) -> Wire | bool:
    message = _editable(world, call)
    if not message.content.media:
        raise bad("there is no caption in the message to edit")
    words = contents.caption(call.caption, call.parse_mode, call.caption_entities)
    content = dataclasses.replace(
        message.content,
        words=words.words,
        entities=words.entities,
        above=bool(given(call.show_caption_above_media)),
    )
    return _edited(world, message, content, call.reply_markup)


async def edit_message_media(world: World, call: EditMessageMedia, uploads: Uploads) -> Wire | bool:
    message = _editable(world, call)
    if message.inline and uploads:
        raise bad("can't upload new files by editing of inline messages")
    content = await contents.media(call.media, world.files, uploads)
    if message.album and bool(content.photo) != bool(message.content.photo):
        raise bad("can't change media type in the album")
    return _edited(world, message, content, call.reply_markup)


async def edit_message_reply_markup(
    world: World, call: EditMessageReplyMarkup, uploads: Uploads
) -> Wire | bool:
    message = _editable(world, call)
    return _edited(world, message, message.content, call.reply_markup)


async def delete_message(world: World, call: DeleteMessage, uploads: Uploads) -> bool:
    chat = world.chat(call.chat_id)
    message = chat.there(call.message_id)
    if message is None:
        raise bad("message to delete not found")
    if not _deletable(world, chat, message):
        raise bad("message can't be deleted")
    world.delete(message)
    return True


async def delete_messages(world: World, call: DeleteMessages, uploads: Uploads) -> bool:
    """Those that are not there, or may not be deleted, are skipped, as Telegram does."""
    chat = world.chat(call.chat_id)
    if not 1 <= len(call.message_ids) <= 100:
        raise bad("message identifiers are not specified")
    for message_id in call.message_ids:
        message = chat.there(message_id)
        if message is not None and _deletable(world, chat, message):
            world.delete(message)
    return True


async def set_message_reaction(world: World, call: SetMessageReaction, uploads: Uploads) -> bool:
    message = world.chat(call.chat_id).there(call.message_id)
    if message is None:
        raise bad("message to react not found")
    reactions = [wire_of(reaction) for reaction in call.reaction or ()]
    if len(reactions) > 1:
        raise bad("REACTIONS_TOO_MANY")
    message.reactions = tuple(reaction.get("emoji", "") for reaction in reactions)
    world.touch(message)
    return True


def _editable(world: World, call: Editing) -> Message:
    """The message that the call names. Raises Refused."""
    if call.inline_message_id is not None:
        inline = world.inline.get(call.inline_message_id)
        if inline is None or inline.deleted:
            raise bad("MESSAGE_ID_INVALID")
        return inline
    if call.chat_id is None or call.message_id is None:
        raise bad("message identifier is not specified")
    message = world.chat(call.chat_id).there(call.message_id)
    if message is None:
        raise bad("message to edit not found")
    if message.sender is not world.bot or message.fixed or message.forwarded:
        raise bad("message can't be edited")
    return message


def _edited(
    world: World, message: Message, content: Content, markup: InlineKeyboardMarkup | None
) -> Wire | bool:
    keyboard = keyboards.inline(markup)
    if content == message.content and keyboard == message.keyboard:
        raise bad(NOT_MODIFIED)
    world.edit(message, content, keyboard)
    return True if message.inline else message.wire()


def _deletable(world: World, chat: Chat, message: Message) -> bool:
    if time.time() - message.date > DELETABLE:
        return False
    if message.sender is world.bot or chat.kind is ChatKind.PRIVATE:
        return True
    return chat.standing is Standing.ADMINISTRATOR
