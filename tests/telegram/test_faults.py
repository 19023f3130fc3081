from __future__ import annotations

import asyncio
import time

import pytest
from aiogram import Bot
from aiogram.exceptions import (
    TelegramAPIError,
    TelegramNetworkError,
    TelegramRetryAfter,
    TelegramServerError,
)

from tests.telegram import Emulator, Person
from tests.telegram.bots import bot_of


@pytest.fixture
async def anna(telegram: Emulator) -> Person:
    telegram.limits.burst = telegram.limits.total = 99
    anna = telegram.person("Anna")
    await anna.says("hello")
    return anna


async def test_a_flood_wait_has_its_seconds_and_no_effect(
    telegram: Emulator, bot: Bot, anna: Person
) -> None:
    fault = telegram.faults.flood(7, method="sendMessage")
    await bot.send_chat_action(anna.id, "typing")
    with pytest.raises(TelegramRetryAfter) as refused:
        await bot.send_message(anna.id, "a")
    assert refused.value.retry_after == 7
    assert (len(anna.chat.messages), fault.hits) == (1, 1)
    await bot.send_message(anna.id, "a")
    assert len(anna.chat.messages) == 2
    assert telegram.refused == []


@pytest.mark.parametrize(
    ("status", "words"), [(500, "Internal Server Error"), (502, "Bad Gateway")]
)
async def test_a_broken_server_has_no_effect(
    telegram: Emulator, bot: Bot, anna: Person, status: int, words: str
) -> None:
    telegram.faults.broken(status, times=2)
    for _ in range(2):
        with pytest.raises(TelegramServerError, match=words):
            await bot.send_message(anna.id, "a")
    await bot.send_message(anna.id, "a")
    assert len(anna.chat.messages) == 2


@pytest.mark.parametrize(("after", "there"), [(False, 1), (True, 2)])
async def test_a_cut_connection_comes_before_or_after_the_effect(
    telegram: Emulator, bot: Bot, anna: Person, after: bool, there: int
) -> None:
    telegram.faults.reset(after=after, method="sendMessage", chat=anna)
    with pytest.raises(TelegramNetworkError):
        await bot.send_message(anna.id, "a")
    assert len(anna.chat.messages) == there


@pytest.mark.slow
@pytest.mark.parametrize(("after", "there"), [(False, 1), (True, 2)])
async def test_an_answer_never_comes(
    telegram: Emulator, bot: Bot, anna: Person, after: bool, there: int
) -> None:
    telegram.faults.hang(after=after)
    with pytest.raises(TelegramNetworkError, match="timeout"):
        await bot.send_message(anna.id, "a", request_timeout=1)
    assert len(anna.chat.messages) == there


async def test_an_answer_comes_late(telegram: Emulator, bot: Bot, anna: Person) -> None:
    telegram.faults.slow(0.2)
    began = time.monotonic()
    await bot.send_message(anna.id, "a")
    assert time.monotonic() - began >= 0.2


async def test_one_chat_fails_and_others_do_not(telegram: Emulator, bot: Bot, anna: Person) -> None:
    boris = telegram.person("Boris")
    await boris.says("hello")
    fault = telegram.faults.broken(chat=boris, times=9)
    await bot.send_message(anna.id, "a")
    with pytest.raises(TelegramServerError):
        await bot.send_message(boris.id, "a")
    fault.end()
    await bot.send_message(boris.id, "a")


async def test_chance_is_the_same_each_time(anna: Person) -> None:
    async def failures() -> list[bool]:
        async with Emulator.open(seed=5) as telegram, bot_of(telegram) as bot:
            telegram.faults.broken(probability=0.5)
            return [await fails(bot) for _ in range(20)]

    async def fails(bot: Bot) -> bool:
        try:
            await bot.get_me()
        except TelegramAPIError:
            return True
        return False

    first = await failures()
    assert first == await failures()
    assert 4 < sum(first) < 16


async def test_failures_end_with_their_time(telegram: Emulator, bot: Bot, anna: Person) -> None:
    telegram.faults.broken(seconds=0.1)
    with pytest.raises(TelegramServerError):
        await bot.get_me()
    await asyncio.sleep(0.1)
    await bot.get_me()


async def test_polls_fail_only_by_name(telegram: Emulator, bot: Bot, anna: Person) -> None:
    telegram.faults.broken(times=1)
    await bot.get_updates()
    telegram.faults.clear()
    telegram.faults.broken(method="getUpdates")
    with pytest.raises(TelegramServerError):
        await bot.get_updates()


@pytest.mark.slow
async def test_silence_is_for_everything(telegram: Emulator, bot: Bot, anna: Person) -> None:
    poll = asyncio.create_task(bot.get_updates(offset=-1, timeout=1, request_timeout=1))
    telegram.faults.silence(1.2)
    with pytest.raises(TelegramNetworkError):
        await bot.send_message(anna.id, "a", request_timeout=1)
    with pytest.raises(TelegramNetworkError):
        await poll
    assert len(anna.chat.messages) == 1
    await asyncio.sleep(telegram.faults.silence_left)
    await bot.send_message(anna.id, "a")
    assert len(anna.chat.messages) == 2
