"""Sends what lies in a box to the people it is for: once, in order, whatever happens.

What is sent is written down as sent right after Telegram has taken it, so only a crash or a lost
answer between the two sends it twice.
"""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from typing import Generic, Protocol, TypeVar

from aiogram.exceptions import (
    TelegramAPIError,
    TelegramForbiddenError,
    TelegramNetworkError,
    TelegramRetryAfter,
    TelegramServerError,
)

from bot.lanes import RETRY_LIMIT
from bot.metrics import Metrics
from engine.errors import WentWrong
from engine.feed import happens
from storage.database import DatabaseAway

LOOK_AGAIN = 0.5  # seconds until the box is looked at again
TAKEN = 200  # letters in hand, at most
FAULTS = 5  # of ours in sending one, after which it is given up
AWAY = (
    TelegramNetworkError,
    TelegramServerError,
    TelegramRetryAfter,
    DatabaseAway,
    WentWrong,  # how Studio says that the database is away
)

log = logging.getLogger(__name__)


class Letter(Protocol):
    """Something to be sent to an account; `attempt` counts how often it was taken."""

    @property
    def account_id(self) -> int: ...

    @property
    def attempt(self) -> int: ...


One = TypeVar("One", bound=Letter)


class Box(Protocol[One]):
    """Where letters wait, such as storage.outbox.Outbox. Every method may raise DatabaseAway."""

    async def take(self, limit: int, lease: float) -> Sequence[One]: ...

    async def sent(self, letter: One, reference: str, /) -> bool: ...

    async def later(self, letter: One, seconds: float, error: str, /) -> bool: ...

    async def give_up(self, letter: One, error: str, /) -> bool: ...


class Post(Generic[One]):
    """Works from `start` to `drain`. Nobody waits for others; each gets theirs in order.

    A letter that is in hand for longer than `lease` seconds is taken again, by this very program
    as long as it lives: so it is known by its `name`, and marked by its newest attempt. `send`
    returns what Telegram calls the message.
    """

    def __init__(
        self,
        box: Box[One],
        name: Callable[[One], str],
        send: Callable[[One], Awaitable[str]],
        metrics: Metrics,
        lease: float,
    ) -> None:
        self._box = box
        self._name = name
        self._send = send
        self._metrics = metrics
        self._lease = lease
        self._in_hand: dict[str, One] = {}  # by name
        self._queues: dict[int, deque[str]] = {}  # the names of each account's
        self._tasks: set[asyncio.Task[None]] = set()
        self._closing = asyncio.Event()

    def start(self) -> None:
        self._working = asyncio.create_task(self._work(), name="post")

    async def drain(self, seconds: float) -> None:
        """Lets what is being sent be sent; the rest waits in the box."""
        self._closing.set()
        tasks = [self._working, *self._tasks]
        await asyncio.wait(tasks, timeout=seconds)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        with suppress(DatabaseAway):  # then the next start waits until the lease ends
            for letter in self._in_hand.values():
                await self._box.later(letter, 0, "the bot was stopped")

    def newest(self, letter: One) -> One:
        """The letter as it was taken the last time."""
        return self._in_hand.get(self._name(letter), letter)

    async def _work(self) -> None:
        while not self._closing.is_set():
            taken = await self._taken()
            for letter in taken:
                self._line_up(letter)
            if not taken:
                await happens(self._closing, LOOK_AGAIN)

    async def _taken(self) -> Sequence[One]:
        room = TAKEN - len(self._in_hand)
        try:
            return await self._box.take(room, self._lease) if room > 0 else []
        except DatabaseAway as error:
            log.warning("what is to be sent cannot be read: %s", error)
        except Exception:
            log.exception("what is to be sent cannot be read")
        return []

    def _line_up(self, letter: One) -> None:
        name = self._name(letter)
        known = name in self._in_hand
        self._in_hand[name] = letter
        if known:
            return
        queue = self._queues.setdefault(letter.account_id, deque())
        queue.append(name)
        if len(queue) == 1:
            task = asyncio.create_task(self._in_order(letter.account_id, queue))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    async def _in_order(self, account_id: int, queue: deque[str]) -> None:
        try:
            while queue and await self._until_sent(queue[0]):
                del self._in_hand[queue.popleft()]
        finally:
            del self._queues[account_id]

    async def _until_sent(self, name: str) -> bool:
        """Tries for as long as Telegram or the database is away; False if the end came before."""
        pause = 1.0
        while not self._closing.is_set():
            try:
                reference = await self._send(self._in_hand[name])
                await self._box.sent(self._in_hand[name], reference)
            except AWAY as error:
                self._metrics.delivery("later")
                log.warning("%s is sent later: %s", name, error)
            except TelegramAPIError as error:
                await self._refused(name, error)
                return True
            except Exception as error:
                log.exception("%s cannot be sent", name)
                await self._put_off(self._in_hand[name], error)
                return True
            else:
                self._metrics.delivery("sent")
                return True
            await happens(self._closing, pause)
            pause = min(2 * pause, RETRY_LIMIT)
        return False

    async def _refused(self, name: str, error: TelegramAPIError) -> None:
        """The person has blocked the bot, or the chat is gone: what it tells stays in the studio,
        for them to see there."""
        expected = isinstance(error, TelegramForbiddenError)
        log.log(logging.INFO if expected else logging.ERROR, "%s: %s", name, error)
        await self._give_up(self._in_hand[name], error)

    async def _put_off(self, letter: One, error: Exception) -> None:
        """A fault of ours holds up nothing else."""
        if letter.attempt >= FAULTS:
            await self._give_up(letter, error)
            return
        self._metrics.delivery("later")
        with suppress(DatabaseAway):
            await self._box.later(letter, self._lease, repr(error))

    async def _give_up(self, letter: One, error: Exception) -> None:
        self._metrics.delivery("given up")
        with suppress(DatabaseAway):  # then it is tried again when its lease ends
            await self._box.give_up(letter, str(error))
