from __future__ import annotations

import pytest
from aiogram import Bot
from aiogram.exceptions import TelegramRetryAfter

from tests.telegram import Emulator
from tests.telegram.bots import album_of, picture
from tests.telegram.meter import Limits, Meter

GROUP = -4001


def fits(meter: Meter, chat: int, *times: float) -> list[bool]:
    return [meter.count(chat, 1, time) is None for time in times]


def test_a_private_chat_takes_three_at_once_then_one_a_second() -> None:
    meter = Meter(Limits())
    assert fits(meter, 1, 0, 0, 0, 0.5) == [True, True, True, False]
    assert fits(Meter(Limits()), 1, 0, 0, 0, 1, 2, 3) == [True] * 6


def test_a_group_takes_twenty_in_any_minute() -> None:
    meter = Meter(Limits())
    assert fits(meter, GROUP, *range(21)) == [True] * 20 + [False]
    assert fits(meter, GROUP, 81) == [True]


def test_all_chats_take_thirty_in_any_second() -> None:
    meter = Meter(Limits())
    assert [meter.count(chat, 1, 0) is None for chat in range(1, 32)] == [True] * 30 + [False]


def test_an_album_is_as_many_as_its_items_for_a_group_only() -> None:
    meter = Meter(Limits())
    assert meter.count(GROUP, 10, 0) is None
    assert meter.count(GROUP, 10, 0) is None
    assert meter.count(GROUP, 1, 0) is not None
    assert [meter.count(1, 10, 0) is None for _ in range(3)] == [True] * 3


def test_what_is_refused_is_not_counted() -> None:
    meter = Meter(Limits(enforce=True))
    assert fits(meter, 1, 0, 0, 0, 0.1, 0.2, 1.0) == [True, True, True, False, False, True]


def test_the_wait_is_long_enough() -> None:
    meter = Meter(Limits(enforce=True))
    for number in range(20):
        meter.count(GROUP, 1, number * 0.1)
    breach = meter.count(GROUP, 1, 5)
    assert breach is not None
    assert breach.wait == pytest.approx(55)
    assert fits(meter, GROUP, 5 + breach.wait) == [True]


async def test_a_breach_is_a_violation(telegram: Emulator, bot: Bot) -> None:
    anna = telegram.person("Anna")
    await anna.says("hi")
    for number in range(4):
        await bot.send_message(anna.id, str(number))
    assert telegram.violations == [
        f"too fast: sendMessage to {anna.id}: more than 1/s with a burst of 3"
    ]
    with pytest.raises(AssertionError, match="too fast"):
        telegram.check()


async def test_enforced_limits_answer_429(telegram: Emulator, bot: Bot) -> None:
    telegram.limits.enforce = True
    anna = telegram.person("Anna")
    await anna.says("hi")
    album = album_of(*[picture()] * 3)
    for _ in range(3):
        await bot.send_media_group(anna.id, album)
    with pytest.raises(TelegramRetryAfter) as refused:
        await bot.send_message(anna.id, "one more")
    assert refused.value.retry_after == 1
    assert "Too Many Requests: retry after 1" in str(refused.value)
    assert len(anna.chat.messages) == 10


async def test_what_shows_nothing_new_is_free(telegram: Emulator, bot: Bot) -> None:
    anna = telegram.person("Anna")
    said = await anna.says("hi")
    for _ in range(9):
        await bot.send_chat_action(anna.id, "typing")
    await bot.delete_message(anna.id, said.id)
    telegram.check()


async def test_whoever_does_not_heed_retry_after_is_noted(telegram: Emulator, bot: Bot) -> None:
    anna = telegram.person("Anna")
    await anna.says("hi")
    telegram.faults.flood(1, method="sendMessage", chat=anna)
    with pytest.raises(TelegramRetryAfter):
        await bot.send_message(anna.id, "a")
    await telegram.settled(0.2)
    await bot.send_message(anna.id, "a")
    (violation,) = telegram.violations
    assert "before the end of retry_after" in violation


async def test_compressed_time_has_higher_rates() -> None:
    now, meter = 0.0, Meter(Limits())
    for _ in range(30):  # ten a real second, at ten times the speed
        assert meter.count(1, 1, now) is None
        now += 0.1 * 10
