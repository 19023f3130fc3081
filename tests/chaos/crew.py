"""Processes of tests/chaos/program.py, each begun again at once when it dies.

They are forked from a process that has imported everything already: a restart takes a moment.
"""

from __future__ import annotations

import asyncio
import logging
import multiprocessing
import os
import random
import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from multiprocessing.connection import Connection

from engine.settings import Settings
from tests.chaos import program

FORKED = multiprocessing.get_context("forkserver")
FORKED.set_forkserver_preload(["tests.chaos.program", "tests.chaos.points", "pytest"])

START_LIMIT, STOP_LIMIT = 20.0, 30.0  # seconds
LOOK = 0.02  # seconds until the crew is looked at again


class Worker:
    """One process of the program."""

    def __init__(self, settings: Settings, places: int) -> None:
        self._answers, answer = FORKED.Pipe(duplex=False)
        self.process = FORKED.Process(target=_work, args=(settings, places, answer))
        self.process.start()
        answer.close()

    @property
    def pid(self) -> int:
        return self.process.pid or 0

    async def ready(self) -> None:
        """Raises TimeoutError or EOFError if it does not start."""
        if not await asyncio.to_thread(self._answers.poll, START_LIMIT):
            raise TimeoutError("the program does not start")
        self._answers.recv()

    def kill(self) -> None:
        self.process.kill()

    def freeze(self) -> None:
        os.kill(self.pid, signal.SIGSTOP)

    def thaw(self) -> None:
        os.kill(self.pid, signal.SIGCONT)

    async def stop(self) -> int | None:
        """SIGTERM; its exit code, None if it does not end."""
        self.process.terminate()
        await asyncio.to_thread(self.process.join, STOP_LIMIT)
        return self.process.exitcode

    def bury(self) -> None:
        """Leaves nothing of it, whatever it is at."""
        self.process.kill()
        self.process.join()
        self.process.close()
        self._answers.close()


class Crew:
    """`workers` of them; `deaths` counts those that had to be replaced."""

    def __init__(self, settings: Settings, size: int, places: int) -> None:
        self._settings = settings
        self._places = places
        self.deaths = 0
        self.workers = [Worker(settings, places) for _ in range(size)]

    async def keep(self) -> None:
        """Replaces who dies, at once."""
        while True:
            for index, worker in enumerate(self.workers):
                if not worker.process.is_alive():
                    worker.bury()
                    self.workers[index] = Worker(self._settings, self._places)
                    self.deaths += 1
            await asyncio.sleep(LOOK)

    def kill_one(self, dice: random.Random) -> None:
        dice.choice(self.workers).kill()


@asynccontextmanager
async def crew(settings: Settings, size: int, places: int = 4) -> AsyncIterator[Crew]:
    """Running processes, which at the end are told to stop, and must do so with exit code 0."""
    hands = Crew(settings, size, places)
    keeping = asyncio.create_task(hands.keep(), name="keeper")
    try:
        yield hands
        keeping.cancel()
        for worker in hands.workers:
            with suppress(EOFError):  # it was killed, and nobody replaces it any more
                await worker.ready()
        codes = await asyncio.gather(*(worker.stop() for worker in hands.workers))
        assert all(code in (0, -signal.SIGKILL) for code in codes), codes
    finally:
        keeping.cancel()
        for worker in hands.workers:
            worker.bury()


def _work(settings: Settings, places: int, answer: Connection) -> None:
    logging.disable(logging.WARNING)
    asyncio.run(program.serve(settings, places, lambda: answer.send("READY")))
