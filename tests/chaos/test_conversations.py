"""The bot is killed in the midst of fifty conversations: all that was said comes to something.

What was on its way to Telegram at a kill, and could not be written down any more, may be there
twice; nothing else is. CHAOS_PEOPLE, CHAOS_BOT_KILLS and CHAOS_SEED are for longer runs.
"""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from sqlalchemy import func, select

from engine.settings import Settings
from storage.database import Database
from storage.records import DeliveryState, JobState
from storage.tables import DeliveryRow, JobRow
from tests.bot.scene import SPEED, settings_for
from tests.chaos.bot_program import at_work
from tests.chaos.desk import LOOK, checked, dice, number, report
from tests.chaos.letters import Place, letters, not_noted, updates, wrong
from tests.chaos.talking import LIMIT, Attention, Talker
from tests.telegram import Emulator

pytestmark = pytest.mark.slow

LIFE = 200  # calls of the bot until it is killed, at most
DUST = 0.3  # seconds after a kill until all that was on its way has arrived


@dataclass(slots=True)
class Town:
    """The people and the bot that they talk with; `settings` are the bot's.

    `in_flight` are the messages that were sent and not noted when the bot was killed.
    """

    telegram: Emulator
    database: Database
    settings: Settings
    attention: Attention
    talkers: list[Talker]
    in_flight: set[Place] = field(default_factory=set)

    async def live(self, kills: int, chance: random.Random) -> None:
        """All talk until the bot was killed so often; the next one answers them to the end."""
        enough = asyncio.Event()
        async with asyncio.TaskGroup() as tasks:
            watching = tasks.create_task(self.attention.watch())
            talking = [tasks.create_task(talker.talk(enough)) for talker in self.talkers]
            for _ in range(kills):
                await self._die(chance)
            enough.set()
            async with at_work(self.settings) as bot:
                await asyncio.wait(talking)
                await asyncio.gather(*map(self.attention.given, self.telegram.people))
                await delivered(self.database)
                assert await bot.stop() == 0
            watching.cancel()

    async def _die(self, chance: random.Random) -> None:
        """The bot lives until it has called Telegram so often, and a moment longer."""
        async with at_work(self.settings) as bot:
            until = len(self.telegram.calls) + chance.randint(1, LIFE)
            async with asyncio.timeout(LIMIT):
                while len(self.telegram.calls) < until:  # noqa: ASYNC110 - nothing tells it
                    await asyncio.sleep(chance.uniform(0, 0.01))
            assert bot.process.is_alive(), "it ended by itself"
        await self.telegram.settled(DUST)
        self.in_flight |= await not_noted(self.telegram, self.database)

    async def wrong(self) -> list[str]:
        """What is not as it should be at the end, in words."""
        people = zip(self.telegram.people, self.talkers, strict=True)
        asked = {person.id: talker.jobs for person, talker in people}
        return await wrong(self.telegram, self.database, self.in_flight, asked)


@asynccontextmanager
async def town(
    people: int, folder: Path, database_url: str, chance: random.Random
) -> AsyncIterator[Town]:
    async with Emulator.open(speed=SPEED, keep_files=False) as telegram:
        settings = settings_for(telegram, folder, database_url=database_url, lease=2)
        settings.data.mkdir()
        async with Database.open(settings.database) as database:
            attention = Attention(telegram, database)
            persons = [telegram.person(f"Person {one}") for one in range(people)]
            talkers = [Talker(one, attention, random.Random(chance.random())) for one in persons]
            yield Town(telegram, database, settings, attention, talkers)


async def delivered(database: Database) -> None:
    """Waits until all is made and sent. Raises TimeoutError."""
    active = select(func.count()).where(JobRow.state.in_([JobState.QUEUED, JobState.RUNNING]))
    unsent = select(func.count()).where(DeliveryRow.state != DeliveryState.SENT)
    async with asyncio.timeout(LIMIT):
        while True:
            async with database.read() as session:
                left = [await session.scalar(one) for one in (active, unsent)]
            if not any(left):
                return
            await asyncio.sleep(LOOK)


async def test_all_that_was_said_comes_to_something(database_url: str, tmp_path: Path) -> None:
    people, kills, chance = number("PEOPLE", 50), number("BOT_KILLS", 6), dice()
    started = time.monotonic()
    async with town(people, tmp_path, database_url, chance) as place:
        await place.live(kills, chance)
        heard, wishes = await updates(place.database), sum(one.jobs for one in place.talkers)
        twice = await not_noted(place.telegram, place.database)
        print(
            f"{people} people on {place.database.engine.dialect.name}: {kills} kills,"
            f" {heard} updates, {wishes} wishes; {len(place.in_flight)} messages in flight at a"
            f" kill, {len(twice)} there twice; {await report(place.database)};"
            f" {len(place.telegram.calls)} calls, {time.monotonic() - started:.1f} s"
        )
        assert await place.wrong() == []
        assert heard == sum(talker.updates for talker in place.talkers)
        place.telegram.check()
        seen = letters(place.telegram)
    assert await checked(place.settings, sorted(seen.jobs)) == []
