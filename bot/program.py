"""The bot as a whole: wires its parts over an open studio, and runs them until it is cancelled."""

from __future__ import annotations

import asyncio
import gc
import logging
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass

from aiogram import Bot, Dispatcher
from aiogram.client.default import DefaultBotProperties
from aiogram.client.telegram import TelegramAPIServer
from aiogram.enums import ParseMode
from aiogram.exceptions import (
    TelegramAPIError,
    TelegramBadRequest,
    TelegramNotFound,
    TelegramUnauthorizedError,
)
from aiogram.methods import SetWebhook
from aiogram.types import Update
from aiogram.utils.backoff import Backoff
from aiogram.utils.token import TokenValidationError
from aiohttp import web

from bot import menu, receiving, routers
from bot.delivery import Deliveries
from bot.forgiving import Forgiving, nobody_there
from bot.lanes import Lanes
from bot.limits import Limits, Rates
from bot.metrics import Metrics
from bot.notices import Telling
from bot.people import Addressed, Owned, People
from bot.results import Results
from bot.server import application
from bot.session import Session
from bot.states import SqlStorage
from bot.status import Statuses
from bot.watch import Watch
from engine.settings import Settings
from engine.start import CannotStart
from engine.studio import Studio
from storage.inbox import Inbox
from storage.messages import Messages
from storage.notices import Notices
from storage.outbox import Outbox
from storage.records import Received
from storage.states import States

DRAIN, LAST_WORDS = 8.0, 2.0  # seconds at the end: for handlers and results, and for statuses
TIMEOUT = 60.0  # seconds that Telegram gets for an answer
WRONG_TOKEN = (TelegramUnauthorizedError, TelegramNotFound, TokenValidationError)

log = logging.getLogger(__name__)


async def run(
    settings: Settings,
    studio: Studio,
    rates: Rates = Rates(),  # noqa: B008
    timeout: float = TIMEOUT,  # noqa: ASYNC109 - of each call
) -> None:
    """Until it is cancelled. Raises CannotStart."""
    metrics = Metrics()
    async with _speaking(settings, Limits(metrics, rates), timeout) as bot:
        await _reached(lambda: _introduced(bot))
        parts = await build(bot, studio, metrics, settings)
        async with _serving(settings, studio, parts):
            try:
                await parts.start()
                gc.freeze()  # what is loaded by now stays: looking through it would hold up updates
                await _receive(settings, bot, parts.lanes, min(timeout, receiving.WAIT))
            finally:
                await parts.drain()


@dataclass(frozen=True, slots=True)
class Parts:
    """What works while the bot runs."""

    lanes: Lanes
    statuses: Statuses
    deliveries: Deliveries
    telling: Telling
    watch: Watch | None
    metrics: Metrics

    async def start(self) -> None:
        """Goes on where the last run ended."""
        self.deliveries.start()
        self.telling.start()
        if self.watch is not None:
            self.watch.start()
        await self.statuses.start()
        await self.lanes.start()

    async def drain(self) -> None:
        """What came in and was not handled, and what was not sent, waits for the next start."""
        if self.watch is not None:
            await self.watch.drain()
        await asyncio.gather(
            self.lanes.drain(DRAIN), self.deliveries.drain(DRAIN), self.telling.drain(DRAIN)
        )
        await self.statuses.drain(LAST_WORDS)


async def build(bot: Bot, studio: Studio, metrics: Metrics, settings: Settings) -> Parts:
    """The parts, not running yet. Asks Telegram for the bot's own name."""
    me = await bot.me()
    messages = Messages(studio.database, bot.id)
    statuses = Statuses(bot, studio, messages)
    results = Results(bot, studio, messages, statuses)
    dispatcher = Dispatcher(storage=SqlStorage(States(studio.database)))
    dispatcher.update.outer_middleware(People(studio, statuses, results, messages))
    dispatcher.message.outer_middleware(Addressed(me.username or "", bot.id))
    dispatcher.callback_query.outer_middleware(Owned())
    dispatcher.include_routers(*routers.all_of_them())
    dispatcher.workflow_data.update(
        studio=studio, messages=messages, statuses=statuses, results=results
    )

    async def handle(together: list[Received]) -> None:
        await _handle(dispatcher, bot, together)

    return Parts(
        Lanes(Inbox(studio.database, bot.id), handle, metrics),
        statuses,
        Deliveries(studio, Outbox(studio.database), results, metrics, settings.lease),
        Telling(bot, studio, Notices(studio.database), results, metrics, settings.lease),
        _watch(bot, studio, settings),
        metrics,
    )


def _watch(bot: Bot, studio: Studio, settings: Settings) -> Watch | None:
    if not settings.moderators_chat:
        return None
    address = settings.public_url.rstrip("/")
    console = f"{address}/moderation" if address else ""
    states = States(studio.database)
    return Watch(bot, studio.moderation.waiting, states, settings.moderators_chat, console)


async def _handle(dispatcher: Dispatcher, bot: Bot, together: list[Received]) -> None:
    """Raises only what is worth another try later."""
    updates = [Update.model_validate(one.body, context={"bot": bot}) for one in together]
    album = [update.message for update in updates if update.message]
    try:
        await dispatcher.feed_update(bot, updates[0], album=album if len(album) > 1 else [])
    except TelegramAPIError as error:
        if not nobody_there(error):
            raise
        log.info("update %s: %s", together[0].id, error)


@asynccontextmanager
async def _speaking(
    settings: Settings,
    limits: Limits,
    timeout: float,  # noqa: ASYNC109
) -> AsyncIterator[Bot]:
    """Raises CannotStart for a token that is none."""
    session = Session(api=TelegramAPIServer.from_base(settings.telegram_api), timeout=timeout)
    session.middleware(Forgiving())
    session.middleware(limits)
    try:
        bot = Bot(
            settings.bot_token,
            session=session,
            default=DefaultBotProperties(parse_mode=ParseMode.HTML, link_preview_is_disabled=True),
        )
    except TokenValidationError as error:
        raise CannotStart("KANDINSKY_BOT_TOKEN is not a token of a bot.") from error
    try:
        yield bot
    finally:
        await session.close()


async def _introduced(bot: Bot) -> None:
    """Tells Telegram the commands."""
    await bot.me()
    await menu.introduce(bot)


async def _reached(call: Callable[[], Awaitable[object]]) -> None:
    """Calls Telegram, once it can be reached. Raises CannotStart."""
    backoff = Backoff(config=receiving.BACKOFF)
    while True:
        try:
            await call()
        except WRONG_TOKEN as error:
            raise CannotStart(f"Telegram does not know KANDINSKY_BOT_TOKEN ({error}).") from error
        except TelegramBadRequest as error:
            raise CannotStart(f"Telegram does not take a setting of the bot ({error}).") from error
        except TelegramAPIError as error:
            log.warning("Telegram cannot be reached: %s", error)
            await asyncio.sleep(next(backoff))
        else:
            return


@asynccontextmanager
async def _serving(settings: Settings, studio: Studio, parts: Parts) -> AsyncIterator[None]:
    """Answers at `bot_port`. Raises CannotStart where that is taken."""
    app = application(studio, parts.metrics)
    if settings.bot_webhook:
        app.add_subapp("/telegram/", receiving.webhook(parts.lanes, settings.bot_secret))
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    try:
        await web.TCPSite(runner, settings.bot_host, settings.bot_port).start()
    except OSError as error:
        await runner.cleanup()
        raise CannotStart(
            f"{settings.bot_host}:{settings.bot_port} cannot be used ({error.strerror})."
            " Set KANDINSKY_BOT_PORT to another port."
        ) from error
    try:
        yield
    finally:
        await runner.cleanup()


async def _receive(settings: Settings, bot: Bot, lanes: Lanes, wait: float) -> None:
    if not settings.bot_webhook:
        await _reached(bot.delete_webhook)
        await receiving.poll(bot, lanes, wait)
        return
    hook = SetWebhook(
        url=settings.bot_webhook,
        secret_token=settings.bot_secret,
        allowed_updates=list(receiving.KINDS),
        max_connections=100,
    )
    await _reached(lambda: bot(hook))
    await asyncio.Event().wait()
