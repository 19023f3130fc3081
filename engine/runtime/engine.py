"""The public async engine: takes requests, gives events. A worker thread owns the device."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Callable, Generator
from contextlib import asynccontextmanager
from functools import partial

from engine import weights
from engine.cards import ModelCard, resolve
from engine.events import Cancelled, Done, Event, Failed, Picture, Queued, Step
from engine.requests import Request
from engine.runtime import models
from engine.runtime.worker import Stats, Worker
from engine.settings import Settings


class Job:
    """One accepted request. Iterate it for its events, await it for its pictures.

    Events that were not read in time are merged: of several positions or steps only the newest
    is kept, so a job nobody reads takes no room. One reader at a time.
    """

    def __init__(self, request: Request, owner: str, drop: Callable[[Job], None]) -> None:
        self.request = request  # resolved: the seed and every default are filled in
        self.owner = owner
        self.previews = True  # whether steps carry previews for the one who reads
        self.reading = False
        self.cancelled = False
        self._drop = drop  # takes the job out of the queue when it has not begun
        self._loop = asyncio.get_running_loop()
        self._unread: deque[Event] = deque()
        self._news = asyncio.Event()
        self._last: Done | Failed | Cancelled | None = None

    @property
    def watched(self) -> bool:
        """Whether previews are of use."""
        return self.reading and self.previews

    def cancel(self) -> None:
        """Stop at the next step boundary; nothing happens when the job has ended."""
        self.cancelled = True
        self._drop(self)

    def tell(self, event: Event) -> None:
        """Add an event; may be called from any thread."""
        self._loop.call_soon_threadsafe(self._add, event)

    def _add(self, event: Event) -> None:
        if self._last is not None:
            return
        if isinstance(event, Done | Failed | Cancelled):
            self._last = event
        elif self._unread and isinstance(self._unread[-1], Queued | Step):
            self._unread.pop()
        self._unread.append(event)
        self._news.set()

    async def __aiter__(self) -> AsyncIterator[Event]:
        self.reading = True
        try:
            while True:
                while self._unread:
                    event = self._unread.popleft()
                    yield event
                    if event is self._last:
                        return
                if self._last is not None:  # read to its end before
                    yield self._last
                    return
                self._news.clear()
                await self._news.wait()
        finally:
            self.reading = False

    def __await__(self) -> Generator[object, None, list[Picture]]:
        return self._pictures().__await__()

    async def _pictures(self) -> list[Picture]:
        while self._last is None:
            self._news.clear()
            await self._news.wait()
        if isinstance(self._last, Failed):
            raise self._last.error
        if isinstance(self._last, Cancelled):
            raise asyncio.CancelledError
        return list(self._last.pictures)


class Engine:
    """Runs the models of one machine; open it with `async with Engine.open(settings)`."""

    def __init__(self, worker: Worker, cards: list[ModelCard]) -> None:
        self._worker = worker
        self._cards = cards

    @classmethod
    @asynccontextmanager
    async def open(cls, settings: Settings) -> AsyncIterator[Engine]:
        """Check the weights and start the worker thread; on leaving, running jobs are cancelled.

        Raises UnknownModel, WeightsMissing or WeightsBroken.
        """
        found = weights.find(settings)
        worker = Worker(settings, partial(models.opened, settings, found))
        worker.start()
        try:
            yield cls(worker, [one.card for one in found])
        finally:
            await asyncio.to_thread(worker.stop)

    def models(self) -> list[ModelCard]:
        return list(self._cards)

    def room(self) -> int:
        """How many more pictures would be taken now."""
        return self._worker.room()

    def stats(self) -> Stats:
        """What the worker has done since the start."""
        return self._worker.stats()

    def submit(self, request: Request, owner: str) -> Job:
        """Take the request. Raises Busy when full, and what `resolve` raises."""
        job = Job(resolve(request, self._cards), owner, self._worker.drop)
        self._worker.put(job)
        return job
