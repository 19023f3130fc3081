"""The studio's service in a process of its own, to be killed, frozen and stopped.

`python -m tests.chaos.program --data FOLDER` works on the ledger until SIGTERM. Its engine has no
models; the words of a request steer it: "poison" kills the process at its second step, "slow" takes
its time at each.
"""

from __future__ import annotations

import argparse
import asyncio
import logging
import os
import random
import signal
import sys
from collections.abc import AsyncIterator, Callable
from dataclasses import replace
from pathlib import Path

from PIL import Image

from engine.cards import ModelCard
from engine.errors import Busy
from engine.events import Cancelled, Done, Event, Picture, Queued, Step
from engine.requests import Request
from engine.settings import Settings
from engine.studio import Studio
from storage.database import DatabaseAway
from tests.twin import CARD

STOPPING = (signal.SIGINT, signal.SIGTERM)
STEP, SLOW_STEP = 0.003, 0.1  # seconds
SIDE = 64  # pixels


class Painting:
    """One request in the painter."""

    def __init__(self, request: Request, painter: Painter) -> None:
        self.previews = False
        self._request = request
        self._painter = painter
        self._cancelled = False

    async def __aiter__(self) -> AsyncIterator[Event]:
        yield Queued(0)
        total = self._request.steps or 1
        pause = SLOW_STEP if "slow" in self._request.prompt else STEP
        for index in range(1, total + 1):
            await asyncio.sleep(pause)
            if self._cancelled:
                yield Cancelled()
                return
            if index == 2 and "poison" in self._request.prompt:
                os.kill(os.getpid(), signal.SIGKILL)
            yield Step(index, total)
        pictures = await asyncio.to_thread(self._pictures)
        self._painter.painting.discard(self)
        yield Done(pictures)

    def cancel(self) -> None:
        self._cancelled = True
        self._painter.painting.discard(self)

    def _pictures(self) -> tuple[Picture, ...]:
        first = self._request.seed or 0
        return tuple(Picture(_image(seed), seed) for seed in range(first, first + self.count))

    @property
    def count(self) -> int:
        return self._request.count


def _image(seed: int) -> Image.Image:
    """The same at each attempt for an even seed, and never the same for an odd one."""
    if seed % 2 == 0:
        return Image.new("RGB", (SIDE, SIDE), seed % 2**24)
    return Image.frombytes("RGB", (SIDE, SIDE), random.SystemRandom().randbytes(3 * SIDE * SIDE))


class Painter:
    """An engine that works on `places` requests at a time; with none, others do the work."""

    def __init__(self, places: int) -> None:
        self.painting: set[Painting] = set()
        self._places = places

    def models(self) -> list[ModelCard]:
        return [replace(CARD, steps=4)]

    def room(self) -> int:
        return self._places - len(self.painting)

    def submit(self, request: Request, owner: str) -> Painting:
        if self.room() <= 0:
            raise Busy()
        painting = Painting(request, self)
        self.painting.add(painting)
        return painting


async def serve(settings: Settings, places: int, ready: Callable[[], None]) -> None:
    """Works until told to stop. Raises DatabaseAway if it cannot start."""
    stop = asyncio.Event()
    for number in STOPPING:
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    async with Studio.open(settings, Painter(places)):
        ready()
        await stop.wait()


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.chaos.program", description=__doc__)
    parser.add_argument("--data", type=Path, required=True, help="the folder that holds everything")
    parser.add_argument("--database", default="", help="its URL; SQLite in the folder without")
    parser.add_argument("--lease", type=float, default=1, help="in seconds (default: 1)")
    parser.add_argument("--places", type=int, default=4, help="requests at a time (default: 4)")
    given = parser.parse_args()
    logging.basicConfig(level=logging.WARNING, format="%(levelname)s %(name)s: %(message)s")
    settings = Settings(data=given.data, database_url=given.database, lease=given.lease)
    try:
        asyncio.run(serve(settings, given.places, lambda: print("READY", flush=True)))
    except DatabaseAway as error:
        sys.exit(f"The database cannot be reached: {error}")


if __name__ == "__main__":
    main()
