"""Inline mode: one's own pictures, to send in any chat."""

from __future__ import annotations

from aiogram import Router
from aiogram.types import (
    InlineQuery,
    InlineQueryResultCachedPhoto,
    InlineQueryResultsButton,
)

from bot.talk import Talk

PAGE = 50  # pictures; Telegram takes no more at a time


def router() -> Router:
    router = Router(name="inline")
    router.inline_query.register(offer)
    return router


async def offer(query: InlineQuery, talk: Talk) -> None:
    """Those that were asked for with the words of the query. Raises DatabaseAway."""
    offset = int(query.offset) if query.offset.isdecimal() and len(query.offset) < 10 else 0
    found = await talk.messages.shown(talk.account.id, query.query, PAGE, offset)
    results = [
        InlineQueryResultCachedPhoto(
            id=one.picture_id, photo_file_id=one.file_id, caption=talk.texts.say("Made by AI")
        )
        for one in found
        if one.picture_id and one.file_id
    ]
    await query.answer(
        list(results),
        cache_time=0,  # a removed picture is not offered again
        is_personal=True,
        next_offset=str(offset + PAGE) if len(found) == PAGE else "",
        button=None if found or offset else _more(talk),
    )


def _more(talk: Talk) -> InlineQueryResultsButton:
    """The way to the chat, where there is nothing to offer."""
    said = talk.texts.say("Make pictures in the chat")
    return InlineQueryResultsButton(text=said, start_parameter="inline")
