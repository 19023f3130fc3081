"""The methods that make new messages."""

from __future__ import annotations

import asyncio
import dataclasses
from typing import Any

from aiogram.enums import ChatAction
from aiogram.methods import (
    CopyMessage,
    ForwardMessage,
    SendChatAction,
    SendDocument,
    SendMediaGroup,
    SendMessage,
    SendPhoto,
)
from aiogram.types import InputMediaDocument, ReplyMarkupUnion, ReplyParameters

from tests.telegram import contents, keyboards
from tests.telegram.chats import Chat
from tests.telegram.contents import Uploads
from tests.telegram.messages import Content, Message, Wire
from tests.telegram.refusals import bad, misused
from tests.telegram.schema import given
from tests.telegram.world import World

ALBUM = range(2, 11)  # items
ACTION_SECONDS = 5.0  # Telegram's seconds for which an action is shown
ACTIONS = {action.value for action in ChatAction}

Sending = SendMessage | SendPhoto | SendDocument | CopyMessage


async def send_message(world: World, call: SendMessage, uploads: Uploads) -> Wire:
    chat, about = _where(world, call)
    content = contents.text(call.text, call.parse_mode, call.entities)
    return _posted(world, chat, content, call.reply_markup, about)


async def send_photo(world: World, call: SendPhoto, uploads: Uploads) -> Wire:
    chat, about = _where(world, call)
    words = contents.caption(call.caption, call.parse_mode, call.caption_entities)
    content = dataclasses.replace(
        words,
        photo=await world.files.sent_photo(str(call.photo), uploads),
        spoiler=bool(call.has_spoiler),
        above=bool(given(call.show_caption_above_media)),
    )
    return _posted(world, chat, content, call.reply_markup, about)


async def send_document(world: World, call: SendDocument, uploads: Uploads) -> Wire:
    chat, about = _where(world, call)
    words = contents.caption(call.caption, call.parse_mode, call.caption_entities)
    document = world.files.sent_document(str(call.document), uploads)
    content = dataclasses.replace(words, document=document)
    return _posted(world, chat, content, call.reply_markup, about)


async def send_media_group(world: World, call: SendMediaGroup, uploads: Uploads) -> list[Wire]:
    chat, about = _where(world, call)
    if len(call.media) > ALBUM[-1]:
        raise bad("too many messages to send as an album")
    if len(call.media) < ALBUM[0]:
        raise misused("media group must include 2-10 items")
    if len({isinstance(item, InputMediaDocument) for item in call.media}) > 1:
        raise bad("document can't be mixed with other media types")
    items = [contents.media(item, world.files, uploads) for item in call.media]
    about["album"] = str(world.random.randrange(10**16, 10**17))
    return [
        world.post(chat, world.bot, content, **about).wire()
        for content in await asyncio.gather(*items)
    ]


async def copy_message(world: World, call: CopyMessage, uploads: Uploads) -> Wire:
    chat, about = _where(world, call)
    original = world.chat(call.from_chat_id).there(call.message_id)
    if original is None:
        raise bad("message to copy not found")
    content = original.content
    if content.media and call.caption is not None:
        words = contents.caption(call.caption, call.parse_mode, call.caption_entities)
        content = dataclasses.replace(content, words=words.words, entities=words.entities)
    return {"message_id": _posted(world, chat, content, call.reply_markup, about)["message_id"]}


async def forward_message(world: World, call: ForwardMessage, uploads: Uploads) -> Wire:
    chat = world.chat(call.chat_id)
    original = world.chat(call.from_chat_id).there(call.message_id)
    if original is None:
        raise bad("message to forward not found")
    thread = _thread(chat, call.message_thread_id)
    origin = original.forwarded or {
        "type": "user",
        "date": original.date,
        "sender_user": original.sender.wire(),
    }
    return world.post(chat, world.bot, original.content, thread=thread, forwarded=origin).wire()


async def send_chat_action(world: World, call: SendChatAction, uploads: Uploads) -> bool:
    chat = world.chat(call.chat_id)
    if call.action not in ACTIONS:
        raise bad("wrong parameter action in request")
    chat.action = call.action, world.now() + ACTION_SECONDS
    world.show(chat)
    return True


def _where(world: World, call: Sending | SendMediaGroup) -> tuple[Chat, dict[str, Any]]:
    """The chat to send to, and the thread and the message that it is about. Raises Refused."""
    chat = world.chat(call.chat_id)
    reply_to = _replied(chat, call)
    thread = _thread(chat, call.message_thread_id)
    if thread is None and reply_to is not None:
        thread = reply_to.thread
    return chat, {"reply_to": reply_to, "thread": thread}


def _replied(chat: Chat, call: Sending | SendMediaGroup) -> Message | None:
    parameters = call.reply_parameters
    if parameters is None and call.reply_to_message_id is not None:
        parameters = ReplyParameters(
            message_id=call.reply_to_message_id,
            allow_sending_without_reply=call.allow_sending_without_reply,
        )
    if parameters is None:
        return None
    if parameters.chat_id not in (None, chat.id):
        raise bad("message to be replied not found")
    message = chat.there(parameters.message_id)
    if message is None and not given(parameters.allow_sending_without_reply):
        raise bad("message to be replied not found")
    return message


def _thread(chat: Chat, thread: int | None) -> int | None:
    if thread is None:
        return None
    if not chat.forum or thread not in chat.threads:
        raise bad("message thread not found")
    return thread


def _posted(
    world: World,
    chat: Chat,
    content: Content,
    markup: ReplyMarkupUnion | None,
    about: dict[str, Any],
) -> Wire:
    keyboard = keyboards.under_message(markup)
    answers = keyboards.under_input(markup)
    if answers is not None:
        chat.answers = None if answers.get("remove_keyboard") else answers
    return world.post(
        chat, world.bot, content, keyboard=keyboard, fixed=answers is not None, **about
    ).wire()
