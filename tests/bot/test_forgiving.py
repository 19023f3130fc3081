"""What Telegram refuses because it is so already is no error; everything else is one."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
from aiogram import Bot
from aiogram.client.telegram import TelegramAPIServer
from aiogram.exceptions import (
    TelegramAPIError,
    TelegramBadRequest,
    TelegramForbiddenError,
    TelegramMigrateToChat,
    TelegramServerError,
)
from aiogram.methods import GetMe

from bot.forgiving import Forgiving, nobody_there
from bot.session import Session
from tests.telegram import Emulator, Person


@pytest.fixture
async def telegram() -> AsyncIterator[Emulator]:
    async with Emulator.open() as telegram:
        telegram.limits.burst = 99
        yield telegram


@pytest.fixture
async def bot(telegram: Emulator) -> AsyncIterator[Bot]:
    session = Session(api=TelegramAPIServer.from_base(telegram.url))
    session.middleware(Forgiving())
    async with Bot(telegram.token, session) as bot:
        yield bot


@pytest.fixture
async def anna(telegram: Emulator) -> Person:
    anna = telegram.person("Anna")
    await anna.says("hello")
    return anna


async def test_a_change_to_what_it_is_already(bot: Bot, anna: Person) -> None:
    sent = await bot.send_message(anna.id, "a")
    assert await bot.edit_message_text("a", chat_id=anna.id, message_id=sent.message_id) is True
    changed = await bot.edit_message_text("b", chat_id=anna.id, message_id=sent.message_id)
    assert changed is not True


async def test_taking_away_what_is_gone(bot: Bot, anna: Person) -> None:
    sent = await bot.send_message(anna.id, "a")
    assert await bot.delete_message(anna.id, sent.message_id)
    assert await bot.delete_message(anna.id, sent.message_id)


async def test_a_sign_of_work_that_nobody_sees(bot: Bot, anna: Person) -> None:
    assert await bot.send_chat_action(12345, "typing")
    anna.blocks_bot()
    assert await bot.send_chat_action(anna.id, "typing")


async def test_an_answer_that_comes_too_late(bot: Bot) -> None:
    assert await bot.answer_callback_query("123")
    assert await bot.answer_inline_query("123", [])


async def test_nothing_else(bot: Bot, anna: Person) -> None:
    with pytest.raises(TelegramBadRequest, match="message to edit not found"):
        await bot.edit_message_text("a", chat_id=anna.id, message_id=99)
    with pytest.raises(TelegramBadRequest, match="chat not found"):
        await bot.send_message(99, "a")


@pytest.mark.parametrize(
    ("error", "gone"),
    [
        (TelegramBadRequest(GetMe(), "Bad Request: chat not found"), True),
        (TelegramBadRequest(GetMe(), "Bad Request: message to be replied not found"), True),
        (TelegramForbiddenError(GetMe(), "Forbidden: bot was blocked by the user"), True),
        (TelegramMigrateToChat(GetMe(), "upgraded", -100), True),
        (TelegramBadRequest(GetMe(), "Bad Request: can't parse entities"), False),
        (TelegramServerError(GetMe(), "Internal Server Error"), False),
    ],
)
def test_where_there_is_nobody_to_say_it_to(error: TelegramAPIError, gone: bool) -> None:
    assert nobody_there(error) is gone
