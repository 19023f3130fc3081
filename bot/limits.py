"""Keeps what the bot sends within Telegram's limits, and tries again what Telegram could not take.

One middleware of the session that all calls go through: per chat, per group, and in all. What only
informs (progress) is given up where there is no room at once, so results never wait for it.
"""

from __future__ import annotations

import asyncio
import logging
import math
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any

from aiogram import Bot
from aiogram.client.session.middlewares.base import (
    BaseRequestMiddleware,
    NextRequestMiddlewareType,
)
from aiogram.exceptions import (
    ClientDecodeError,
    TelegramNetworkError,
    TelegramRetryAfter,
    TelegramServerError,
)
from aiogram.methods import (
    CopyMessage,
    EditMessageCaption,
    EditMessageMedia,
    EditMessageReplyMarkup,
    EditMessageText,
    ForwardMessage,
    GetUpdates,
    Response,
    SendDocument,
    SendMediaGroup,
    SendMessage,
    SendPhoto,
    TelegramMethod,
)
from aiogram.methods.base import TelegramType

from bot.metrics import Metrics

COUNTED = (
    CopyMessage,
    EditMessageCaption,
    EditMessageMedia,
    EditMessageReplyMarkup,
    EditMessageText,
    ForwardMessage,
    SendDocument,
    SendMediaGroup,
    SendMessage,
    SendPhoto,
)
PATIENCE = 3  # attempts at what the network or Telegram failed; its caller may try later again
TOLD_TO_WAIT = 20  # attempts at what Telegram asked to send later
CHATS_LIMIT = 10_000  # remembered at a time

log = logging.getLogger(__name__)

_optional: ContextVar[bool] = ContextVar("optional", default=False)


@contextmanager
def optional() -> Iterator[None]:
    """Calls inside are made now or not at all: they raise NoRoom."""
    token = _optional.set(True)
    try:
        yield
    finally:
        _optional.reset(token)


class NoRoom(Exception):
    """A call that only informs was left out."""


@dataclass(frozen=True, slots=True)
class Rates:
    """At most so many messages in any so many seconds.

    Telegram names about 30 a second in all, 1 a second in a chat with short bursts, and 20 a minute
    in a group (core.telegram.org/bots/faq).
    """

    chat: tuple[int, float] = (3, 3)
    group: tuple[int, float] = (20, 60)
    everyone: tuple[int, float] = (28, 1)

    def faster(self, times: float) -> Rates:
        """The same in a time that passes so many times as fast."""
        chat, group, everyone = (
            (most, period / times) for most, period in (self.chat, self.group, self.everyone)
        )
        return Rates(chat, group, everyone)


class _Window:
    """Places for messages; each is free again so many seconds after the call has ended.

    So none of them can be late on its way and reach Telegram together with those that follow.
    """

    def __init__(self, most: int, period: float) -> None:
        self._period = period
        self._places = asyncio.Semaphore(most)
        self._turn = asyncio.Lock()  # who needs several gets them all before the next gets one
        self.free = most

    @asynccontextmanager
    async def places(self, count: int) -> AsyncIterator[None]:
        """Waits for them, in line."""
        taken = 0
        try:
            async with self._turn:
                while taken < count:
                    await self._places.acquire()
                    self.free -= 1
                    taken += 1
            yield
        finally:
            asyncio.get_running_loop().call_later(self._period, self._give_back, taken)

    def _give_back(self, count: int) -> None:
        self.free += count
        for _ in range(count):
            self._places.release()


@dataclass(slots=True)
class _Chat:
    """What a chat may still take; `kept` places are for results alone."""

    window: _Window
    kept: int
    held_until: float = -math.inf  # by Telegram's own word

    @property
    def held(self) -> float:
        """For so many seconds more."""
        return max(0.0, self.held_until - time.monotonic())


class Limits(BaseRequestMiddleware):
    """Every call of a bot goes through here."""

    def __init__(self, metrics: Metrics, rates: Rates = Rates()) -> None:
        self._metrics = metrics
        self._rates = rates
        self._everyone = _Window(*rates.everyone)
        self._chats: dict[int, _Chat] = {}

    async def __call__(
        self,
        make_request: NextRequestMiddlewareType[TelegramType],
        bot: Bot,
        method: TelegramMethod[TelegramType],
    ) -> Response[TelegramType]:
        """Raises what the call does once trying again is no use, and NoRoom."""
        if method.__api_method__ == GetUpdates.__api_method__:  # has a pace of its own
            return await _asked(make_request, bot, method)
        name, away, told = method.__api_method__, 0, 0
        while True:
            try:
                async with self._room(method):
                    answer = await _asked(make_request, bot, method)
            except NoRoom:
                raise
            except TelegramRetryAfter as error:
                told += 1
                self._hold(method, error.retry_after)
                if _optional.get():
                    raise NoRoom from error
                if told >= TOLD_TO_WAIT:
                    raise
                if not isinstance(method, COUNTED):
                    await asyncio.sleep(error.retry_after)
            except (TelegramNetworkError, TelegramServerError) as error:
                away += 1
                self._metrics.call(name, "away")
                if _optional.get() or away >= PATIENCE:
                    raise
                log.info("%s: %s, trying again", name, error)
                await asyncio.sleep(2 ** (away - 1))
            except Exception:
                self._metrics.call(name, "refused")
                raise
            else:
                self._metrics.call(name, "sent")
                return answer

    @asynccontextmanager
    async def _room(self, method: TelegramMethod[Any]) -> AsyncIterator[None]:
        """Waits until the call may be made. Raises NoRoom for one that is optional."""
        if not isinstance(method, COUNTED):
            yield
            return
        chat, count = self._chat(method), _messages(method)
        if _optional.get():
            self._now_or_never(chat, count)
        async with chat.window.places(count):
            while True:
                if (held := chat.held) > 0:
                    await asyncio.sleep(held)
                async with self._everyone.places(1):
                    if chat.held <= 0:  # nor has Telegram said so while this one waited
                        yield
                        return

    def _now_or_never(self, chat: _Chat, count: int) -> None:
        half = self._rates.everyone[0] // 2
        if chat.held > 0 or chat.window.free < count + chat.kept or self._everyone.free <= half:
            raise NoRoom

    def _hold(self, method: TelegramMethod[Any], seconds: float) -> None:
        self._metrics.call(method.__api_method__, "told to wait")
        log.warning("%s: told to wait for %s s", method.__api_method__, seconds)
        if isinstance(method, COUNTED):
            chat = self._chat(method)
            chat.held_until = max(chat.held_until, time.monotonic() + seconds)

    def _chat(self, method: TelegramMethod[Any]) -> _Chat:
        number = _number(method)
        chat = self._chats.pop(number, None) or self._new(group=number < 0)
        self._chats[number] = chat  # the last used at the end
        while len(self._chats) > CHATS_LIMIT:
            del self._chats[next(iter(self._chats))]
        return chat

    def _new(self, *, group: bool) -> _Chat:
        """In a group, an album and its buttons always find room beside what only informs."""
        if group:
            return _Chat(_Window(*self._rates.group), kept=self._rates.group[0] // 2 + 1)
        return _Chat(_Window(*self._rates.chat), kept=1)


async def _asked(
    make_request: NextRequestMiddlewareType[TelegramType],
    bot: Bot,
    method: TelegramMethod[TelegramType],
) -> Response[TelegramType]:
    """What stands before Telegram answers in HTML when it cannot be reached."""
    try:
        return await make_request(bot, method)
    except ClientDecodeError as error:
        if not isinstance(error.data, str):  # it is JSON, and Telegram's own
            raise
        raise TelegramServerError(method=method, message=error.data[:100]) from error


def _number(method: TelegramMethod[Any]) -> int:
    """The chat of a call; 0 for one that concerns none."""
    number = getattr(method, "chat_id", None)
    return number if isinstance(number, int) else 0


def _messages(method: TelegramMethod[Any]) -> int:
    """An album counts as its pictures in a group."""
    if isinstance(method, SendMediaGroup) and _number(method) < 0:
        return len(method.media)
    return 1
