"""An engine in memory: the real engine's interface, pictures of one colour, no models.

A test lets it run by itself, or sets `paused` and steps each job by hand.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence

from PIL import Image

from engine.cards import ModelCard
from engine.errors import Busy
from engine.events import Cancelled, Done, Event, Failed, Picture, Queued, Step
from engine.requests import Request

CARD = ModelCard(
    name="twin",
    title="Twin",
    modes=("text_to_image", "variations"),
    sizes=((64, 64),),
    side_limit=(64, 512),
    count_limit=4,
    steps=3,
    guidance=4.0,
    prior_steps=5,
    prior_guidance=4.0,
    samplers=("ddpm",),
)


class TwinJob:
    """One request in the twin; a test may call `step`, `done`, `fail` and `tell`."""

    def __init__(self, request: Request, owner: str) -> None:
        self.request = request
        self.owner = owner
        self.stopped = asyncio.Event()
        self.cancelled = False
        self.previews = True
        self._events: asyncio.Queue[Event | Exception] = asyncio.Queue()

    async def __aiter__(self) -> AsyncIterator[Event]:
        while True:
            event = await self._events.get()
            if isinstance(event, Exception):
                raise event
            yield event
            if isinstance(event, Done | Failed | Cancelled):
                return

    def cancel(self) -> None:
        if not self.cancelled:
            self.cancelled = True
            self.stopped.set()
            self.tell(Cancelled())

    def tell(self, event: Event | Exception) -> None:
        """The next event; an exception breaks the job as a fault in the engine would."""
        self._events.put_nowait(event)

    def step(self, index: int) -> None:
        self.tell(Step(index, self.request.steps or 0))

    def done(self) -> None:
        """Ends with pictures whose colour is their seed."""
        size = (self.request.width or 0, self.request.height or 0)
        seeds = [(self.request.seed or 0) + i for i in range(self.request.count)]
        self.tell(
            Done(tuple(Picture(Image.new("RGB", size, seed % 2**24), seed) for seed in seeds))
        )


class Twin:
    """Takes requests while `room_for` is not 0."""

    def __init__(
        self, *, paused: bool = False, room_for: int = 100, cards: Sequence[ModelCard] = (CARD,)
    ) -> None:
        self.jobs: list[TwinJob] = []
        self.cards = list(cards)
        self.paused = paused
        self.room_for = room_for
        self._taken = asyncio.Event()
        self.full = False  # refuses although `room` says that there is some

    async def job(self, number: int) -> TwinJob:
        """The `number`-th job that it took, from 1; waits for it."""
        while len(self.jobs) < number:
            self._taken.clear()
            await self._taken.wait()
        return self.jobs[number - 1]

    def models(self) -> list[ModelCard]:
        return self.cards

    def room(self) -> int:
        return self.room_for

    def submit(self, request: Request, owner: str) -> TwinJob:
        if self.full or not self.room_for:
            raise Busy()
        job = TwinJob(request, owner)
        self.jobs.append(job)
        self._taken.set()
        job.tell(Queued(0))
        if not self.paused:
            job.step(1)
            job.done()
        return job
