from __future__ import annotations

import asyncio
import time

import pytest
from aiogram import Bot
from aiogram.exceptions import TelegramBadRequest, TelegramConflictError
from aiogram.types import Update

from tests.telegram import Emulator
from tests.telegram.bots import bot_of


def texts(updates: list[Update]) -> list[str | None]:
    return [update.message.text for update in updates if update.message]


async def test_updates_come_again_until_they_are_confirmed(telegram: Emulator, bot: Bot) -> None:
    anna = telegram.person("Anna")
    for text in "abc":
        await anna.says(text)
    first = await bot.get_updates()
    assert texts(first) == texts(await bot.get_updates()) == ["a", "b", "c"]
    assert [update.update_id - first[0].update_id for update in first] == [0, 1, 2]
    assert texts(await bot.get_updates(offset=first[1].update_id, limit=1)) == ["b"]
    assert texts(await bot.get_updates(offset=-1)) == ["c"]
    assert await bot.get_updates(offset=first[2].update_id + 1) == []


async def test_a_poll_waits_for_an_update_and_not_longer(telegram: Emulator, bot: Bot) -> None:
    anna = telegram.person("Anna")
    poll = asyncio.create_task(bot.get_updates(timeout=5))
    await asyncio.sleep(0.05)
    began = time.monotonic()
    await anna.says("a")
    (update,) = await poll
    assert time.monotonic() - began < 1
    assert update.message
    assert (update.message.text, update.message.chat.id) == ("a", anna.id)


async def test_a_second_poll_ends_the_first(telegram: Emulator, bot: Bot) -> None:
    async with bot_of(telegram) as other:
        first = asyncio.create_task(bot.get_updates(timeout=5))
        await asyncio.sleep(0.05)
        second = asyncio.create_task(other.get_updates(timeout=5))
        with pytest.raises(TelegramConflictError, match="terminated by other getUpdates request"):
            await first
        await telegram.person("Anna").says("a")
        assert texts(await second) == ["a"]


async def test_there_is_no_polling_beside_a_webhook(telegram: Emulator, bot: Bot) -> None:
    poll = asyncio.create_task(bot.get_updates(timeout=5))
    await asyncio.sleep(0.05)
    await bot.set_webhook("http://127.0.0.1:1/hook")
    with pytest.raises(TelegramConflictError, match="terminated by setWebhook request"):
        await poll
    with pytest.raises(TelegramConflictError, match="while webhook is active"):
        await bot.get_updates()
    await bot.delete_webhook()
    assert await bot.get_updates() == []


async def test_only_wanted_kinds_are_kept(telegram: Emulator, bot: Bot) -> None:
    anna = telegram.person("Anna")
    said = await anna.says("a")
    await bot.get_updates(allowed_updates=["edited_message"])
    await anna.says("b")
    await anna.edits(said, "c")
    _, edited = await bot.get_updates()
    assert edited.edited_message
    assert (edited.edited_message.text, bool(edited.edited_message.edit_date)) == ("c", True)
    await bot.get_updates(offset=edited.update_id + 1, allowed_updates=[])
    await anna.says("d")
    assert texts(await bot.get_updates()) == ["d"]


async def test_pending_updates_can_be_dropped(telegram: Emulator, bot: Bot) -> None:
    await telegram.person("Anna").says("a")
    assert (await bot.get_webhook_info()).pending_update_count == 1
    await bot.delete_webhook(drop_pending_updates=True)
    assert await bot.get_updates() == []


@pytest.mark.parametrize(
    ("url", "secret", "error"),
    [
        ("ftp://example.org", None, "An HTTPS URL must be provided"),
        ("https://example.org", "no spaces", "secret token contains unallowed characters"),
    ],
)
async def test_wrong_webhooks_are_refused(
    bot: Bot, url: str, secret: str | None, error: str
) -> None:
    with pytest.raises(TelegramBadRequest, match=error):
        await bot.set_webhook(url, secret_token=secret)
