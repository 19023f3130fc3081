"""The methods that answer people's apps, or tell about files and chats."""

from __future__ import annotations

from typing import Any

from aiogram.methods import (
    AnswerCallbackQuery,
    AnswerInlineQuery,
    GetChat,
    GetChatMember,
    GetFile,
    LeaveChat,
)

from tests.telegram import keyboards
from tests.telegram.chats import ChatKind, Standing
from tests.telegram.contents import Uploads, caption, text
from tests.telegram.messages import Wire
from tests.telegram.queries import Pressed
from tests.telegram.refusals import bad
from tests.telegram.schema import given, wire_of
from tests.telegram.world import World

ANSWER_LIMIT = 200  # characters of what a pressed button shows
RESULTS_LIMIT = 50
ID_LIMIT = 64  # bytes of a result's id, and of an offset


async def answer_callback_query(world: World, call: AnswerCallbackQuery, uploads: Uploads) -> bool:
    if len(call.text or "") > ANSWER_LIMIT:
        raise bad("MESSAGE_TOO_LONG")
    answer = Pressed(call.text or "", bool(call.show_alert), call.url)
    world.presses.answer(call.callback_query_id, answer)
    return True


async def answer_inline_query(world: World, call: AnswerInlineQuery, uploads: Uploads) -> bool:
    results = [wire_of(result) for result in call.results]
    if len(results) > RESULTS_LIMIT:
        raise bad("RESULTS_TOO_MUCH")
    ids = [result["id"] for result in results]
    if len(set(ids)) < len(ids):
        raise bad("RESULT_ID_DUPLICATE")
    if not all(1 <= len(one.encode()) <= ID_LIMIT for one in ids):
        raise bad("RESULT_ID_INVALID")
    if len((call.next_offset or "").encode()) > ID_LIMIT:
        raise bad("NEXT_OFFSET_INVALID")
    for result in call.results:
        _check(world, result)
    answer = {
        "results": results,
        "next_offset": call.next_offset or "",
        "button": wire_of(call.button) if call.button else None,
        "is_personal": bool(call.is_personal),
        "cache_time": 300 if call.cache_time is None else call.cache_time,
    }
    world.inline_queries.answer(call.inline_query_id, answer)
    return True


async def get_file(world: World, call: GetFile, uploads: Uploads) -> Wire:
    file = world.files.downloadable(call.file_id)
    return {
        "file_id": file.id,
        "file_unique_id": file.unique,
        "file_size": file.size,
        "file_path": file.path,
    }


async def get_chat(world: World, call: GetChat, uploads: Uploads) -> Wire:
    chat = world.chat(call.chat_id)
    gifts = dict.fromkeys(
        (
            "unlimited_gifts",
            "limited_gifts",
            "unique_gifts",
            "premium_subscription",
            "gifts_from_channels",
        ),
        True,
    )
    return chat.wire() | {
        "accent_color_id": 0,
        "max_reaction_count": 11,
        "accepted_gift_types": gifts,
    }


async def get_chat_member(world: World, call: GetChatMember, uploads: Uploads) -> Wire:
    chat = world.chat(call.chat_id)
    if call.user_id == world.bot.id:
        return world.member(chat.standing)
    member = chat.members.get(call.user_id)
    if member is None:
        raise bad("PARTICIPANT_ID_INVALID")
    return {"status": "member", "user": member.wire()}


async def leave_chat(world: World, call: LeaveChat, uploads: Uploads) -> bool:
    chat = world.chat(call.chat_id)
    if chat.kind is ChatKind.PRIVATE:
        raise bad("chat member status can't be changed in private chats")
    world.stand(chat, Standing.LEFT, world.bot)
    return True


def _check(world: World, result: Any) -> None:
    """What Telegram refuses when it is answered, not when it is chosen. Raises Refused."""
    keyboards.inline(getattr(result, "reply_markup", None))
    sent = getattr(result, "input_message_content", None)
    if sent is not None and getattr(sent, "message_text", None) is not None:
        text(sent.message_text, given(sent.parse_mode), sent.entities)
    elif getattr(result, "caption", None) is not None:
        caption(result.caption, given(result.parse_mode), result.caption_entities)
    if (photo := getattr(result, "photo_file_id", None)) is not None:
        world.files.downloadable(photo)
