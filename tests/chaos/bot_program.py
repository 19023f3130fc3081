"""The Telegram bot in a process of its own, to be killed. Its engine is the painter of program.py.

Like the processes of crew.py, it is forked from one that has imported everything already.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import replace
from multiprocessing.connection import Connection

from bot import program
from bot.limits import Rates
from engine.cards import ModelCard
from engine.settings import Settings
from engine.studio import Studio
from tests.bot.scene import EVERYTHING, SPEED
from tests.chaos.crew import FORKED, Worker
from tests.chaos.program import STOPPING, Painter

FORKED.set_forkserver_preload(
    ["tests.chaos.program", "tests.chaos.bot_program", "tests.chaos.points", "pytest"]
)

PLACES = 8  # requests at a time


class EveryMode(Painter):
    """A painter that can be asked for anything."""

    def models(self) -> list[ModelCard]:
        return [replace(EVERYTHING, steps=4)]


class BotProcess(Worker):
    """One process of the bot, over a studio of its own."""

    def __init__(self, settings: Settings) -> None:
        self._answers, answer = FORKED.Pipe(duplex=False)
        self.process = FORKED.Process(target=_work, args=(settings, answer))
        self.process.start()
        answer.close()


@asynccontextmanager
async def at_work(settings: Settings) -> AsyncIterator[BotProcess]:
    """The bot in a process, which is killed at the end unless it has ended before."""
    bot = await asyncio.to_thread(BotProcess, settings)
    try:
        yield bot
    finally:
        bot.bury()


async def serve(settings: Settings, ready: Callable[[], None]) -> None:
    """Works until told to stop, in time that passes as fast as the emulator's at SPEED."""
    async with Studio.open(settings, EveryMode(PLACES)) as studio:
        running = asyncio.create_task(program.run(settings, studio, Rates().faster(SPEED)))
        for number in STOPPING:
            asyncio.get_running_loop().add_signal_handler(number, running.cancel)
        ready()
        with suppress(asyncio.CancelledError):
            await running


def _work(settings: Settings, answer: Connection) -> None:
    logging.disable(logging.WARNING)
    asyncio.run(serve(settings, lambda: answer.send("READY")))
