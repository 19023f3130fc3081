"""What the bot sends stays within Telegram's limits, and is sent again where that is of use."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable
from contextlib import asynccontextmanager

import pytest
from aiogram import Bot
from aiogram.client.telegram import TelegramAPIServer
from aiogram.exceptions import (
    TelegramBadRequest,
    TelegramNetworkError,
    TelegramRetryAfter,
    TelegramServerError,
)
from aiogram.types import BufferedInputFile, InputMediaPhoto, MediaUnion
from aiohttp import web

from bot.limits import PATIENCE, Limits, NoRoom, Rates, optional
from bot.metrics import Metrics
from bot.session import Session
from tests.bot.scene import free_port, png
from tests.telegram import Emulator, Person

pytestmark = pytest.mark.slow

SPEED = 20.0


@asynccontextmanager
async def limited(
    url: str, token: str, metrics: Metrics, rates: Rates | None = None
) -> AsyncIterator[Bot]:
    session = Session(api=TelegramAPIServer.from_base(url), timeout=5)
    session.middleware(Limits(metrics, rates or Rates().faster(SPEED)))
    async with Bot(token, session) as bot:
        yield bot


@pytest.fixture
async def telegram() -> AsyncIterator[Emulator]:
    """At the end the bot must not have been too fast."""
    async with Emulator.open(speed=SPEED) as telegram:
        yield telegram
        telegram.check()


@pytest.fixture
def metrics() -> Metrics:
    return Metrics()


@pytest.fixture
async def bot(telegram: Emulator, metrics: Metrics) -> AsyncIterator[Bot]:
    async with limited(telegram.url, telegram.token, metrics) as bot:
        yield bot


@pytest.fixture
async def anna(telegram: Emulator) -> Person:
    return await somebody(telegram, "Anna")


async def somebody(telegram: Emulator, name: str) -> Person:
    person = telegram.person(name)
    await person.says("hello")
    return person


def sent(telegram: Emulator, method: str = "sendMessage") -> int:
    return sum(call.method == method and call.status == 200 for call in telegram.calls)


async def took(*calls: Awaitable[object]) -> float:
    """Telegram's seconds."""
    started = time.monotonic()
    await asyncio.gather(*calls)
    return (time.monotonic() - started) * SPEED


def an_album(count: int) -> list[MediaUnion]:
    return [InputMediaPhoto(media=BufferedInputFile(png("red"), "a.png")) for _ in range(count)]


async def test_one_chat_gets_a_message_a_second_and_short_bursts(bot: Bot, anna: Person) -> None:
    assert await took(*(bot.send_message(anna.id, str(n)) for n in range(3))) < 3
    assert await took(*(bot.send_message(anna.id, str(n)) for n in range(12))) > 11


async def test_messages_of_a_chat_keep_their_order(bot: Bot, anna: Person) -> None:
    for n in range(8):
        await bot.send_message(anna.id, str(n))
    assert [seen.text for seen in anna.chat.messages[1:]] == [str(n) for n in range(8)]


async def test_in_a_group_each_picture_of_an_album_counts(
    telegram: Emulator, bot: Bot, anna: Person
) -> None:
    """Three albums at once, none of which gets only a part of the places that it needs."""
    group = telegram.group("Painters", [anna])
    first = await took(*(bot.send_media_group(group.id, an_album(10)) for _ in range(2)))
    assert first < 30
    more = [bot.send_media_group(group.id, an_album(7)) for _ in range(3)]
    assert await took(*more, bot.send_message(group.id, "after")) > 50


async def test_all_chats_together_get_no_more_than_telegram_allows(
    telegram: Emulator, bot: Bot
) -> None:
    people = [await somebody(telegram, str(n)) for n in range(60)]
    calls = [bot.send_message(one.id, "a") for one in people for _ in range(2)]
    assert await took(*calls) > 3
    assert sent(telegram) == 120


async def test_a_late_call_does_not_come_together_with_the_next(
    telegram: Emulator, bot: Bot, anna: Person
) -> None:
    telegram.faults.slow(0.2, times=3, chat=anna)
    for n in range(8):
        await bot.send_message(anna.id, str(n))


async def test_a_wait_holds_that_chat_alone(telegram: Emulator, bot: Bot, anna: Person) -> None:
    boris = await somebody(telegram, "Boris")
    telegram.faults.flood(1, chat=anna)
    held = asyncio.gather(*(bot.send_message(anna.id, str(n)) for n in range(3)))
    await asyncio.sleep(0.1)
    assert await took(bot.send_message(boris.id, "a")) < 10
    assert not held.done()
    await held
    assert sent(telegram) == 4


async def test_what_waits_for_its_turn_is_held_too(
    telegram: Emulator, bot: Bot, anna: Person
) -> None:
    """It had its place in the chat already when Telegram said wait."""
    people = [await somebody(telegram, str(n)) for n in range(40)]
    telegram.faults.flood(1, chat=anna)
    await asyncio.gather(
        *(bot.send_message(one.id, "a") for one in people),
        *(bot.send_message(anna.id, str(n)) for n in range(3)),
    )


async def test_a_call_that_is_not_counted_waits_as_told(
    telegram: Emulator, bot: Bot, anna: Person
) -> None:
    telegram.faults.flood(1, method="sendChatAction", times=2)
    started = time.monotonic()
    await bot.send_chat_action(anna.id, "typing")
    assert time.monotonic() - started > 2
    assert len([call for call in telegram.calls if call.method == "sendChatAction"]) == 3


async def test_waits_are_no_failures(telegram: Emulator, bot: Bot, anna: Person) -> None:
    """However often it is told to wait, what fails afterwards has all its attempts."""
    flood = telegram.faults.flood(1, chat=anna, times=PATIENCE)
    broken = telegram.faults.broken(chat=anna, times=PATIENCE - 1)
    await bot.send_message(anna.id, "a")
    assert (flood.hits, broken.hits, sent(telegram)) == (PATIENCE, PATIENCE - 1, 1)


@pytest.mark.parametrize("failure", ["broken", "reset"])
async def test_what_failed_is_tried_again(
    telegram: Emulator, bot: Bot, anna: Person, failure: str
) -> None:
    fail = getattr(telegram.faults, failure)
    fail(chat=anna, times=PATIENCE - 1)
    await bot.send_message(anna.id, "a")
    assert sent(telegram) == 1


async def test_its_caller_hears_what_keeps_failing(
    telegram: Emulator, bot: Bot, anna: Person, metrics: Metrics
) -> None:
    fault = telegram.faults.broken(chat=anna, times=99)
    with pytest.raises(TelegramServerError):
        await bot.send_message(anna.id, "a")
    assert fault.hits == PATIENCE
    assert f'method="sendMessage",outcome="away"}} {PATIENCE}.0' in metrics.text().decode()


async def test_what_is_refused_is_not_tried_again(
    telegram: Emulator, bot: Bot, anna: Person, metrics: Metrics
) -> None:
    with pytest.raises(TelegramBadRequest):
        await bot.send_message(anna.id + 99, "a")
    assert len(telegram.refused) == 1
    assert 'outcome="refused"} 1.0' in metrics.text().decode()


async def test_asking_for_updates_is_left_alone(telegram: Emulator, bot: Bot) -> None:
    telegram.faults.broken(method="getUpdates", times=1)
    with pytest.raises(TelegramServerError):
        await bot.get_updates()
    telegram.faults.flood(1, method="getUpdates")
    with pytest.raises(TelegramRetryAfter):
        await bot.get_updates()


async def test_what_only_informs_is_left_out_when_there_is_no_room(
    telegram: Emulator, bot: Bot, anna: Person
) -> None:
    with optional():
        await bot.send_message(anna.id, "10 %")
        await bot.send_message(anna.id, "20 %")
        with pytest.raises(NoRoom):
            await bot.send_message(anna.id, "30 %")
    assert await took(bot.send_message(anna.id, "the result")) < 3


async def test_in_a_group_an_album_and_its_buttons_find_room_at_once(
    telegram: Emulator, bot: Bot, anna: Person
) -> None:
    group = telegram.group("Painters", [anna])
    with optional():
        for n in range(9):
            await bot.send_message(group.id, f"{n} %")
        with pytest.raises(NoRoom):
            await bot.send_message(group.id, "100 %")
    album = bot.send_media_group(group.id, an_album(10))
    assert await took(album, bot.send_message(group.id, "buttons")) < 30


async def test_what_only_informs_is_tried_once(telegram: Emulator, bot: Bot, anna: Person) -> None:
    flood = telegram.faults.flood(1, chat=anna)
    with optional(), pytest.raises(NoRoom):
        await bot.send_message(anna.id, "10 %")
    boris = await somebody(telegram, "Boris")
    broken = telegram.faults.broken(times=9)
    with optional(), pytest.raises(TelegramServerError):
        await bot.send_message(boris.id, "10 %")
    assert (flood.hits, broken.hits) == (1, 1)


async def test_progress_of_many_takes_half_of_what_there_is(telegram: Emulator, bot: Bot) -> None:
    people = [await somebody(telegram, str(n)) for n in range(40)]
    telegram.faults.slow(0.2, method="sendMessage", times=40)
    with optional():
        told = await asyncio.gather(
            *(bot.send_message(one.id, "10 %") for one in people), return_exceptions=True
        )
    left_out = sum(isinstance(one, NoRoom) for one in told)
    assert 40 - left_out == Rates().everyone[0] // 2


async def test_a_page_in_place_of_an_answer_is_a_failure_like_others(metrics: Metrics) -> None:
    """nginx before a Bot API server that is away."""
    asked = 0

    async def page(_: web.Request) -> web.Response:
        nonlocal asked
        asked += 1
        return web.Response(status=502, text="<html>Bad Gateway", content_type="text/html")

    app = web.Application()
    app.router.add_route("*", "/{path:.*}", page)
    runner = web.AppRunner(app)
    await runner.setup()
    port = free_port()
    await web.TCPSite(runner, "127.0.0.1", port).start()
    async with limited(f"http://127.0.0.1:{port}", "1:a", metrics) as bot:
        with pytest.raises(TelegramServerError, match="Bad Gateway"):
            await bot.get_me()
        assert asked == PATIENCE
        with pytest.raises(TelegramServerError):
            await bot.get_updates()
        with pytest.raises(TelegramServerError):
            await bot.download_file("photos/1.jpg")
    await runner.cleanup()


async def test_a_download_fails_in_the_words_of_a_call(metrics: Metrics) -> None:
    async with Emulator.open() as telegram:
        url, token = telegram.url, telegram.token
        async with limited(url, token, metrics) as bot:
            with pytest.raises(TelegramBadRequest):
                await bot.download_file("photos/none.jpg")
    async with limited(url, token, metrics) as bot:
        with pytest.raises(TelegramNetworkError):
            await bot.download_file("photos/none.jpg")
