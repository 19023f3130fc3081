from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

from aiogram import Bot, Dispatcher
from aiogram.types import Message
from aiogram.webhook.aiohttp_server import SimpleRequestHandler
from aiohttp import web

from tests.telegram import Emulator, Seen
from tests.telegram.bots import bot_of, echo

Hook = Callable[[web.Request], Awaitable[web.StreamResponse]]
SECRET = "a-secret-of-the-webhook"


@asynccontextmanager
async def serving(hook: Hook) -> AsyncIterator[str]:
    """The address at which the function is asked."""
    app = web.Application()
    app.router.add_post("/hook", hook)
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    try:
        yield f"http://127.0.0.1:{runner.addresses[0][1]}/hook"
    finally:
        await runner.cleanup()


def anything(seen: Seen) -> bool:
    return True


class Hearing:
    """A hook that answers with the statuses given, then with 200, and keeps what it heard."""

    def __init__(self, *statuses: int) -> None:
        self.heard: list[str] = []
        self.tried: list[str] = []
        self.together = 0
        self._busy = 0
        self._statuses = list(statuses)

    async def hear(self, request: web.Request) -> web.StreamResponse:
        self._busy += 1
        self.together = max(self.together, self._busy)
        await asyncio.sleep(0.01)
        self._busy -= 1
        text = (await request.json())["message"]["text"]
        self.tried.append(text)
        if self._statuses:
            return web.Response(status=self._statuses.pop(0))
        self.heard.append(text)
        return web.Response()

    async def all(self, count: int) -> list[str]:
        async with asyncio.timeout(5):
            while len(self.heard) < count:  # noqa: ASYNC110
                await asyncio.sleep(0.01)
        return self.heard


async def test_aiogram_s_webhook_is_reached_with_its_secret(telegram: Emulator, bot: Bot) -> None:
    anna = telegram.person("Anna")
    await anna.says("before")
    handler = SimpleRequestHandler(echo(), bot, secret_token=SECRET)
    async with serving(handler.handle) as url:
        await bot.set_webhook(url, secret_token=SECRET)
        await anna.sees(lambda seen: "before" in seen.text)
        said = await anna.says("after")
        await anna.sees(lambda seen: "after" in seen.text, after=said)
        await bot.delete_webhook()
    telegram.check()


async def test_a_call_in_the_answer_is_done(telegram: Emulator, bot: Bot) -> None:
    dispatcher = Dispatcher()

    @dispatcher.message()
    async def answer(message: Message) -> object:
        return message.answer("in the answer")

    handler = SimpleRequestHandler(dispatcher, bot, handle_in_background=False)
    async with serving(handler.handle) as url:
        await bot.set_webhook(url)
        anna = telegram.person("Anna")
        await anna.says("a")
        assert (await anna.sees(anything)).text == "in the answer"
        await bot.delete_webhook()


async def test_a_wrong_secret_is_an_error_that_is_told(telegram: Emulator, bot: Bot) -> None:
    handler = SimpleRequestHandler(echo(), bot, secret_token=SECRET)
    async with serving(handler.handle) as url:
        await bot.set_webhook(url, secret_token="another", allowed_updates=["message"])
        await telegram.person("Anna").says("a")
        async with asyncio.timeout(5):
            while (info := await bot.get_webhook_info()).last_error_message is None:  # noqa: ASYNC110
                await asyncio.sleep(0.01)
    assert info.last_error_message == "Wrong response from the webhook: 401 Unauthorized"
    assert (info.pending_update_count, info.allowed_updates) == (1, ["message"])


async def test_updates_of_a_chat_keep_their_order_through_errors() -> None:
    async with Emulator.open(speed=100) as telegram, bot_of(telegram) as bot:
        hook = Hearing(500, 503, 404)
        anna, boris = telegram.person("Anna"), telegram.person("Boris")
        async with serving(hook.hear) as url:
            await bot.set_webhook(url)
            for text in "abcd":
                await anna.says(text)
            await boris.says("x")
            heard = await hook.all(5)
            await bot.delete_webhook()
    assert [text for text in heard if text != "x"] == list("abcd")
    assert len(hook.tried) == 8


async def test_an_address_that_is_away_is_tried_again() -> None:
    async with Emulator.open(speed=100) as telegram, bot_of(telegram) as bot:
        async with serving(Hearing().hear) as url:
            pass
        await bot.set_webhook(url)
        await telegram.person("Anna").says("a")
        async with asyncio.timeout(5):
            while telegram.world.webhook.tries < 3:  # noqa: ASYNC110
                await asyncio.sleep(0.01)
        info = await bot.get_webhook_info()
    assert info.last_error_message == "Connection refused"
    assert info.pending_update_count == 1


async def test_no_more_connections_than_wanted(telegram: Emulator, bot: Bot) -> None:
    hook = Hearing()
    async with serving(hook.hear) as url:
        await bot.set_webhook(url, max_connections=2)
        for number in range(10):
            await telegram.person(f"Anna {number}").says("a")
        await hook.all(10)
        await bot.delete_webhook()
    assert hook.together == 2
