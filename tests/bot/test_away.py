"""Telegram is away, and fails before and after: all results come, in order, and none too often.

Half an hour of silence passes in nine seconds. CHAOS_SILENCE is another number of minutes,
CHAOS_ROUNDS how often it all happens, CHAOS_SEED repeats a run.
"""

from __future__ import annotations

import asyncio
import random
import time
from collections import Counter
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from enum import StrEnum
from itertools import groupby
from pathlib import Path

import pytest
from sqlalchemy import func, select

from bot import program
from bot.asked import Asked
from bot.limits import Rates
from engine.settings import Settings
from engine.studio import Studio
from storage.database import Database
from storage.records import DeliveryState, JobState
from storage.tables import DeliveryRow, JobRow, UpdateRow
from tests.bot.scene import EVERYTHING, labels, png, settings_for
from tests.bot.waiting import until
from tests.chaos.desk import dice, number
from tests.telegram import Call, Emulator, Fault, Person, Seen
from tests.telegram.faults import Faults
from tests.twin import Twin

pytestmark = pytest.mark.slow

SPEED = 200.0  # Telegram's seconds in one of ours
TIMEOUT = 5.0  # seconds that Telegram gets for an answer; more than a busy machine takes
STORM = 30  # failures before the silence, and after it
PEOPLE = 8
LIMIT = 120.0  # seconds until all is well again, at most; a busy machine is slow


class Kind(StrEnum):
    """What is sent about a job."""

    PICTURES = "pictures"
    BUTTONS = "buttons"
    STATUS = "status"


@dataclass(frozen=True, slots=True)
class Sent:
    """Something that reached the chat, about the job that the message `asked` has asked for."""

    chat: int
    asked: int
    kind: Kind


@dataclass(slots=True)
class Talks:
    """What people have asked for: the messages that jobs answer, as (chat, message)."""

    chance: random.Random
    asked: set[tuple[int, int]] = field(default_factory=set)
    over: bool = False

    async def words(self, person: Person) -> None:
        """A few wishes at once, and the next when all have come."""
        while not self.over:
            for said in [await self._wish(person) for _ in range(self.chance.randint(1, 3))]:
                await _result(person, said)
            await asyncio.sleep(self.chance.uniform(0, 1))

    async def photo(self, person: Person) -> None:
        """A photo, and a button under what the bot asks about it."""
        while not self.over:
            photo = await person.sends_photo(png("red"))
            question = await _answer(person, photo)
            self.asked.add((person.id, question.id))
            await person.presses(question, "Vary")
            await _result(person, question)

    async def _wish(self, person: Person) -> Seen:
        said = await person.says(f"a fox --count {self.chance.randint(1, 3)}")
        self.asked.add((person.id, said.id))
        return said


async def _answer(person: Person, said: Seen) -> Seen:
    return await person.sees(lambda seen: seen.reply_to == said.id, timeout=LIMIT)


async def _result(person: Person, asked: Seen) -> None:
    await person.sees(lambda seen: seen.reply_to == asked.id and seen.photo, timeout=LIMIT)


@asynccontextmanager
async def at_work(settings: Settings, studio: Studio) -> AsyncIterator[None]:
    """The bot, in time that passes as fast as Telegram's."""
    bot = asyncio.create_task(program.run(settings, studio, Rates().faster(SPEED), TIMEOUT))
    try:
        yield
    finally:
        bot.cancel()
        with suppress(asyncio.CancelledError):
            await bot


async def paint(twin: Twin, chance: random.Random) -> None:
    """Ends what the twin was asked for, in any order and after any time."""
    seen = 0
    waiting = []
    while True:
        await asyncio.sleep(chance.uniform(0.02, 0.1))
        waiting += twin.jobs[seen:]
        seen = len(twin.jobs)
        if waiting:
            job = waiting.pop(chance.randrange(len(waiting)))
            job.step(1)
            job.done()


def storm(faults: Faults) -> list[Fault]:
    """Every fifth call fails; every sixteenth has its effect, and nobody hears of it."""
    return [
        fault
        for method in (None, "getUpdates")
        for fault in (
            faults.flood(1, method=method, probability=0.04),
            faults.broken(500, method=method, probability=0.04),
            faults.broken(502, method=method, probability=0.04),
            faults.reset(method=method, probability=0.04),
            faults.reset(after=True, method=method, probability=0.05),
            faults.hang(after=True, method=method, probability=0.01),
        )
    ]


async def weather(faults: Faults, silence: float) -> None:
    """Storm, silence, storm, and then nothing goes wrong any more."""
    planted = storm(faults)
    await until(lambda: sum(one.hits for one in planted) >= STORM, LIMIT)
    faults.silence(silence)
    await asyncio.sleep(silence)
    await until(lambda: sum(one.hits for one in planted) >= 2 * STORM, LIMIT)
    faults.clear()


async def delivered(database: Database, telegram: Emulator) -> None:
    """Waits until nothing is left to be heard, made or sent. Raises TimeoutError."""
    active = select(func.count()).where(JobRow.state.in_([JobState.QUEUED, JobState.RUNNING]))
    unsent = select(func.count()).where(DeliveryRow.state != DeliveryState.SENT)
    unhandled = select(func.count()).where(UpdateRow.handled_at.is_(None))
    async with asyncio.timeout(LIMIT):
        while True:
            pending = len(telegram.world.updates)
            async with database.read() as session:
                left = [await session.scalar(one) for one in (unhandled, active, unsent)]
            if not pending and not any(left):
                return
            await asyncio.sleep(0.1)


async def ended(database: Database) -> list[tuple[int, int, int]]:
    """(chat, the message that asked, pictures) of each job, in the order in which they ended."""
    jobs = (
        select(JobRow.key, JobRow.count)
        .join(DeliveryRow, DeliveryRow.job_id == JobRow.id)
        .order_by(DeliveryRow.created_at)
    )
    found = []
    async with database.read() as session:
        for key, count in await session.execute(jobs):
            asked = Asked.read(key)
            assert asked is not None
            found.append((asked.chat, asked.message, count))
    return found


def sent(call: Call) -> Sent | None:
    """What a call that had its effect has sent about a job."""
    if call.status != 200 or "reply_parameters" not in call.fields:
        return None
    kind = _kind(call)
    asked = call.fields["reply_parameters"]["message_id"]
    return Sent(int(call.fields["chat_id"]), asked, kind) if kind else None


def _kind(call: Call) -> Kind | None:
    if call.method in ("sendPhoto", "sendMediaGroup"):
        return Kind.PICTURES
    buttons = str(call.fields.get("reply_markup"))
    if call.method != "sendMessage" or "r:" not in buttons:
        return None
    return Kind.STATUS if "r:stop:" in buttons else Kind.BUTTONS


def shown(person: Person) -> Iterator[int]:
    """The messages whose results a person sees, in the order in which they came."""
    for seen in person.chat.messages:
        if seen.from_bot and seen.photo and seen.reply_to:
            yield seen.reply_to


def statuses_left(person: Person) -> int:
    return sum("✖ Cancel" in labels(seen) for seen in person.chat.messages)


async def check(
    telegram: Emulator, database: Database, asked: set[tuple[int, int]]
) -> Counter[str]:
    """All came once, but for those whose answer was lost on its way; these are counted."""
    jobs = await ended(database)
    assert {(chat, message) for chat, message, _ in jobs} == asked
    assert len(jobs) == len(asked)
    effects = [(what, call.injected) for call in telegram.calls if (what := sent(call))]
    heard = Counter(what for what, lost in effects if not lost)
    unheard = Counter(what for what, lost in effects if lost)
    for chat, message, count in jobs:
        assert heard[Sent(chat, message, Kind.PICTURES)] == 1
        assert heard[Sent(chat, message, Kind.BUTTONS)] == int(count > 1)
        assert heard[Sent(chat, message, Kind.STATUS)] <= 1
    for person in telegram.people:
        in_order = [message for chat, message, _ in jobs if chat == person.id]
        assert [message for message, _ in groupby(shown(person))] == in_order
        assert statuses_left(person) <= sum(
            times
            for what, times in unheard.items()
            if (what.chat, what.kind) == (person.id, Kind.STATUS)
        )
    telegram.check()
    return Counter(str(what.kind) for what in unheard.elements())


@pytest.mark.parametrize("round", range(number("ROUNDS", 1)))
async def test_all_is_delivered_when_telegram_is_back(
    database_url: str, tmp_path: Path, round: int
) -> None:
    chance, minutes = dice(), number("SILENCE", 30)
    twin, talks = Twin(paused=True, cards=[EVERYTHING]), Talks(chance)
    async with Emulator.open(
        speed=SPEED, query_age=99 * SPEED, seed=chance.randrange(999)
    ) as telegram:
        settings = settings_for(telegram, tmp_path, database_url=database_url)
        people = [telegram.person(f"Person {one}") for one in range(PEOPLE)]
        async with (
            Studio.open(settings, twin) as studio,
            at_work(settings, studio),
            asyncio.TaskGroup() as tasks,
        ):
            await people[0].says("/start")
            await people[0].sees(lambda seen: seen.from_bot)
            painting = tasks.create_task(paint(twin, chance))
            talking = [tasks.create_task(talks.words(person)) for person in people]
            talking.append(tasks.create_task(talks.photo(people[0])))
            await weather(telegram.faults, 60 * minutes / SPEED)
            talks.over = True
            back = time.monotonic()
            await asyncio.wait(talking)
            await delivered(studio.database, telegram)
            took = time.monotonic() - back
            painting.cancel()
            lost = await check(telegram, studio.database, talks.asked)
        failed = sum(call.injected or call.status is None for call in telegram.calls)
        print(
            f"away on {settings.database.split(':')[0]}: {len(talks.asked)} results,"
            f" {failed} of {len(telegram.calls)} calls failed, {minutes} min of silence;"
            f" twice: {dict(lost) or 'nothing'}; all there {took:.1f} s after the end"
        )
