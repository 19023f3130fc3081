"""Handles stored updates: those of one conversation in order, many conversations at a time.

An update counts as handled when its handler has ended. One that could not be handled because the
database or Telegram was away is handled again; one that a crash interrupted, at the next start.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections import deque
from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import contextmanager

from aiogram.exceptions import TelegramNetworkError, TelegramRetryAfter, TelegramServerError

from bot.metrics import Metrics
from engine.feed import happens
from storage.database import DatabaseAway
from storage.inbox import Inbox
from storage.records import Received

CONVERSATIONS = 64  # handled at a time
ALBUM_PAUSE = 0.8  # seconds without another picture, after which an album is whole
COURTESY = 0.2  # seconds that the next handler waits, at most, while others arrive
RETRY_LIMIT = 30.0  # seconds between attempts, at most
AWAY = (DatabaseAway, TelegramNetworkError, TelegramServerError, TelegramRetryAfter)

log = logging.getLogger(__name__)

Handle = Callable[[list[Received]], Awaitable[None]]


class Lanes:
    """`handle` is given one update, or all those of an album. Runs from `start` to `drain`."""

    def __init__(self, inbox: Inbox, handle: Handle, metrics: Metrics) -> None:
        self._inbox = inbox
        self._handle = handle
        self._metrics = metrics
        self._queues: dict[str, deque[Received]] = {}
        self._tasks: dict[str, asyncio.Task[None]] = {}
        self._places = asyncio.Semaphore(CONVERSATIONS)
        self._door = asyncio.Lock()
        self._arriving = 0  # calls of `take`
        self._calm = asyncio.Event()  # while there are none
        self._calm.set()
        self._in_hand: set[int] = set()  # ids
        self._in_doubt = False  # whether something may be stored that is not in hand
        self._ended: list[set[int]] = []  # what was handled while somebody looked for that
        self._closing = asyncio.Event()

    async def start(self) -> None:
        """Goes on with what was stored before."""
        self._line_up(await self._not_in_hand())

    async def take(self, updates: Sequence[Received]) -> None:
        """Returns once they are stored. Raises DatabaseAway."""
        started = time.monotonic()
        with self._arrival():
            new = await self._stored(updates)
        self._metrics.stored.observe(time.monotonic() - started)
        self._line_up(new)

    @contextmanager
    def _arrival(self) -> Iterator[None]:
        self._arriving += 1
        self._calm.clear()
        try:
            yield
        finally:
            self._arriving -= 1
            if not self._arriving:
                self._calm.set()

    async def _stored(self, updates: Sequence[Received]) -> list[Received]:
        """Those that are new. Raises DatabaseAway."""
        try:
            new = await self._inbox.put(updates)
            if self._in_doubt:
                self._in_doubt = False
                new = await self._not_in_hand()
        except DatabaseAway:
            self._in_doubt = True
            raise
        return new

    async def drain(self, seconds: float) -> None:
        """Lets handlers under way end, and leaves the rest for the next start."""
        self._closing.set()
        tasks = list(self._tasks.values())
        if tasks:
            await asyncio.wait(tasks, timeout=seconds)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _not_in_hand(self) -> list[Received]:
        """What is stored, but for what was handled while it was read."""
        ended: set[int] = set()
        self._ended.append(ended)
        try:
            return [one for one in await self._inbox.waiting() if one.id not in ended]
        finally:
            self._ended.remove(ended)

    def _line_up(self, updates: Sequence[Received]) -> None:
        for one in updates:
            if one.id in self._in_hand:
                continue
            self._in_hand.add(one.id)
            self._metrics.waiting.inc()
            self._queues.setdefault(one.lane, deque()).append(one)
            if one.lane not in self._tasks and not self._closing.is_set():
                self._tasks[one.lane] = asyncio.create_task(self._run(one.lane))

    async def _run(self, lane: str) -> None:
        queue = self._queues[lane]
        try:
            while queue and not self._closing.is_set():
                together = await self._head(queue)
                if await self._until_handled(together):
                    self._done(queue, together)
        finally:
            del self._queues[lane], self._tasks[lane]

    def _done(self, queue: deque[Received], together: list[Received]) -> None:
        for one in together:
            queue.remove(one)
            self._in_hand.discard(one.id)
            self._metrics.waiting.dec()
            for ended in self._ended:
                ended.add(one.id)

    async def _head(self, queue: deque[Received]) -> list[Received]:
        """The oldest update of the queue, or its whole album."""
        album = queue[0].album
        if album is None:
            return [queue[0]]
        known = 0
        while known < len(together := [one for one in queue if one.album == album]):
            known = len(together)
            await asyncio.sleep(ALBUM_PAUSE)
        return together

    async def _until_handled(self, together: list[Received]) -> bool:
        """False if the end came before. Nobody else waits while this one does."""
        pause, handled = 1.0, False
        while not self._closing.is_set():
            try:
                async with self._places:
                    await self._courtesy()
                    if not handled:  # else it is only to be written down
                        await self._handled(together)
                        handled = True
                    await self._inbox.handled([one.id for one in together])
            except AWAY as error:
                self._metrics.update("again")
                log.warning("update %s is handled again later: %s", together[0].id, error)
                await happens(self._closing, pause)
                pause = min(2 * pause, RETRY_LIMIT)
            else:
                return True
        return False

    async def _courtesy(self) -> None:
        """Storing goes before handling: as long as updates arrive, few handlers begin."""
        if self._arriving:
            async with self._door:
                await happens(self._calm, COURTESY)

    async def _handled(self, together: list[Received]) -> None:
        """A fault of ours ends the handling of this update, and of no other."""
        try:
            await self._handle(together)
        except AWAY:
            raise
        except Exception:
            self._metrics.update("failed")
            log.exception("update %s", together[0].id)
        else:
            self._metrics.update("handled")
