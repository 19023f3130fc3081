"""How updates arrive: asked for (polling) or pushed (webhook). Both store before they acknowledge.

aiogram's own polling hands updates on one by one and takes an exception for handled; here what
Telegram sent at once is stored in one transaction, as Telegram sent it, and confirmed only when
that is done.
"""

from __future__ import annotations

import asyncio
import hmac
import json
import logging
import math
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from aiogram import Bot
from aiogram.exceptions import AiogramError, TelegramRetryAfter
from aiogram.methods import TelegramMethod
from aiogram.utils.backoff import Backoff, BackoffConfig
from aiohttp import web

from bot.lanes import Lanes
from storage.database import DatabaseAway
from storage.records import Received

KINDS = ("message", "callback_query", "inline_query", "my_chat_member")
WAIT = 25.0  # seconds that Telegram keeps a request for updates open
LOST = 1.4  # times that, after which nothing comes of it any more
BACKOFF = BackoffConfig(min_delay=1, max_delay=15, factor=1.5, jitter=0.1)
SECRET_HEADER = "X-Telegram-Bot-Api-Secret-Token"  # noqa: S105 - its name

log = logging.getLogger(__name__)


class Ask(TelegramMethod[list[dict[str, Any]]]):
    """aiogram's GetUpdates without its models: one update that does not fit them stops no other."""

    __returning__ = list[dict[str, Any]]
    __api_method__ = "getUpdates"

    offset: int | None = None
    timeout: int = int(WAIT)
    allowed_updates: tuple[str, ...] = KINDS


def received(update: Mapping[str, Any]) -> Received:
    """An update as it is stored. Raises ValueError for what is none."""
    number = update.get("update_id")
    if not isinstance(number, int) or isinstance(number, bool) or not 0 <= number < 2**63:
        raise ValueError("an update has a number")
    kind = next((kind for kind in KINDS if isinstance(update.get(kind), Mapping)), "")
    event = update.get(kind, {})
    message = event.get("message") if kind == "callback_query" else event
    album = event.get("media_group_id") if kind == "message" else None
    person = _number(event, "from")
    return Received(
        id=number,
        lane=f"{_number(message, 'chat') or kind}:{person}"[:255],
        album=None if album is None else str(album)[:255],
        person=person,
        body=dict(update),
        received_at=datetime.now(UTC),
    )


def _number(event: object, name: str) -> str | None:
    """The id of the person or chat that an event names."""
    named = event.get(name) if isinstance(event, Mapping) else None
    number = named.get("id") if isinstance(named, Mapping) else None
    return None if number is None else str(number)[:255]


async def poll(bot: Bot, lanes: Lanes, wait: float = WAIT) -> None:
    """Asks for updates until it is cancelled."""
    ask = Ask(timeout=math.ceil(wait))
    backoff = Backoff(config=BACKOFF)
    while True:
        try:
            updates = await bot(ask, request_timeout=math.ceil(LOST * wait))
        except AiogramError as error:
            log.warning("no updates: %s", error)
            pause = error.retry_after if isinstance(error, TelegramRetryAfter) else next(backoff)
            await asyncio.sleep(pause)
            continue
        backoff.reset()
        if updates:
            await _store(lanes, [received(update) for update in updates])
            ask = ask.model_copy(update={"offset": updates[-1]["update_id"] + 1})


async def _store(lanes: Lanes, updates: Sequence[Received]) -> None:
    """Until it is done: what is not stored must not be confirmed."""
    backoff = Backoff(config=BACKOFF)
    while True:
        try:
            return await lanes.take(updates)
        except DatabaseAway as error:
            log.warning("updates wait for the database: %s", error)
            await asyncio.sleep(next(backoff))
        except Exception:
            if len(updates) == 1:
                return _dropped(updates[0])
            for update in updates:
                await _store(lanes, [update])
            return None


def _dropped(update: Received) -> None:
    """It cannot be stored at all, however often it comes: the others behind it go on."""
    log.exception("update %s cannot be stored", update.id)


def webhook(lanes: Lanes, secret: str) -> web.Application:
    """Where Telegram pushes updates to; 200 means stored, 503 makes Telegram send it again."""

    async def push(request: web.Request) -> web.Response:
        given = request.headers.get(SECRET_HEADER, "")
        if not hmac.compare_digest(given.encode(errors="surrogateescape"), secret.encode()):
            return web.Response(status=401)
        try:
            update = received(json.loads(await request.read()))
        except (ValueError, AttributeError, RecursionError):
            return web.Response(status=400)
        try:
            await lanes.take([update])
        except DatabaseAway:
            return web.Response(status=503)
        except Exception:
            _dropped(update)
        return web.Response()

    app = web.Application()
    app.router.add_post("/webhook", push)
    return app
