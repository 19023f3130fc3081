"""Sends what has ended to who asked for it, from the outbox: once, in order, whatever happens.

A message is written down as sent right after Telegram has taken it, so only a crash or a lost
answer between the two sends it twice.
"""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Sequence
from contextlib import suppress

from aiogram.exceptions import (
    TelegramAPIError,
    TelegramForbiddenError,
    TelegramNetworkError,
    TelegramRetryAfter,
    TelegramServerError,
)

from bot.asked import Asked
from bot.lanes import RETRY_LIMIT
from bot.metrics import Metrics
from bot.results import Results
from engine.errors import NotFound, WentWrong
from engine.feed import happens
from engine.studio import Studio
from storage.database import DatabaseAway
from storage.outbox import Outbox
from storage.records import Delivery

LOOK_AGAIN = 0.5  # seconds until the outbox is looked at again
TAKEN = 200  # deliveries in hand, at most
FAULTS = 5  # of ours in sending one result, after which it is given up
AWAY = (
    TelegramNetworkError,
    TelegramServerError,
    TelegramRetryAfter,
    DatabaseAway,
    WentWrong,  # how Studio says that the database is away
)

log = logging.getLogger(__name__)


class Deliveries:
    """Works from `start` to `drain`. Nobody waits for others; each gets theirs in order.

    A delivery that is in hand for longer than `lease` seconds is taken again, by this very program
    as long as it lives: so it knows a delivery by its job, and marks it by its newest attempt.
    """

    def __init__(
        self, studio: Studio, outbox: Outbox, results: Results, metrics: Metrics, lease: float
    ) -> None:
        self._studio = studio
        self._outbox = outbox
        self._results = results
        self._metrics = metrics
        self._lease = lease
        self._in_hand: dict[str, Delivery] = {}  # by job
        self._queues: dict[int, deque[str]] = {}  # the jobs of each account
        self._tasks: set[asyncio.Task[None]] = set()
        self._closing = asyncio.Event()

    def start(self) -> None:
        self._working = asyncio.create_task(self._work(), name="deliveries")

    async def drain(self, seconds: float) -> None:
        """Lets what is being sent be sent; the rest waits in the outbox."""
        self._closing.set()
        tasks = [self._working, *self._tasks]
        await asyncio.wait(tasks, timeout=seconds)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        with suppress(DatabaseAway):  # then the next start waits until the lease ends
            for delivery in self._in_hand.values():
                await self._outbox.later(delivery, 0, "the bot was stopped")

    async def _work(self) -> None:
        while not self._closing.is_set():
            taken = await self._taken()
            for delivery in taken:
                self._line_up(delivery)
            if not taken:
                await happens(self._closing, LOOK_AGAIN)

    async def _taken(self) -> Sequence[Delivery]:
        room = TAKEN - len(self._in_hand)
        try:
            return await self._outbox.take(room, self._lease) if room > 0 else []
        except DatabaseAway as error:
            log.warning("the outbox cannot be read: %s", error)
        except Exception:
            log.exception("the outbox cannot be read")
        return []

    def _line_up(self, delivery: Delivery) -> None:
        known = delivery.job_id in self._in_hand
        self._in_hand[delivery.job_id] = delivery
        if known:
            return
        queue = self._queues.setdefault(delivery.account_id, deque())
        queue.append(delivery.job_id)
        if len(queue) == 1:
            task = asyncio.create_task(self._in_order(delivery.account_id, queue))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    async def _in_order(self, account_id: int, queue: deque[str]) -> None:
        try:
            while queue and await self._until_sent(queue[0]):
                del self._in_hand[queue.popleft()]
        finally:
            del self._queues[account_id]

    async def _until_sent(self, job_id: str) -> bool:
        """Tries for as long as Telegram or the database is away; False if the end came before."""
        pause = 1.0
        while not self._closing.is_set():
            try:
                reference = await self._send(self._in_hand[job_id])
                await self._outbox.sent(self._in_hand[job_id], reference)
            except AWAY as error:
                self._metrics.delivery("later")
                log.warning("job %s is sent later: %s", job_id, error)
            except TelegramAPIError as error:
                await self._refused(self._in_hand[job_id], error)
                return True
            except Exception as error:
                log.exception("job %s cannot be sent", job_id)
                await self._put_off(self._in_hand[job_id], error)
                return True
            else:
                self._metrics.delivery("sent")
                return True
            await happens(self._closing, pause)
            pause = min(2 * pause, RETRY_LIMIT)
        return False

    async def _send(self, delivery: Delivery) -> str:
        """What Telegram calls the message; nothing for what nobody waits for any more."""
        try:
            account = await self._studio.owner(delivery.account_id)
            job = await self._studio.job(delivery.job_id, account)
        except NotFound:
            return ""
        asked = Asked.read(job.key)
        if asked is None:
            return ""
        return await self._results.send(job, account, asked)

    async def _refused(self, delivery: Delivery, error: TelegramAPIError) -> None:
        """The person has blocked the bot, or the chat is gone: the result stays in the history."""
        expected = isinstance(error, TelegramForbiddenError)
        log.log(logging.INFO if expected else logging.ERROR, "job %s: %s", delivery.job_id, error)
        await self._give_up(delivery, error)

    async def _put_off(self, delivery: Delivery, error: Exception) -> None:
        """A fault of ours holds up no other result."""
        if delivery.attempt >= FAULTS:
            await self._give_up(delivery, error)
            return
        self._metrics.delivery("later")
        with suppress(DatabaseAway):
            await self._outbox.later(delivery, self._lease, repr(error))

    async def _give_up(self, delivery: Delivery, error: Exception) -> None:
        self._metrics.delivery("given up")
        with suppress(DatabaseAway):  # then it is tried again when its lease ends
            await self._outbox.give_up(delivery, str(error))
