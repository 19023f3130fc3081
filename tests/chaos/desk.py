"""What the tests of chaos do with a studio: submit and remember, wait for the end, check."""

from __future__ import annotations

import asyncio
import os
import random
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from PIL import Image
from sqlalchemy import func, select, update

from engine.requests import Request, TextToImage, Variations
from engine.settings import Settings
from engine.sources import Source
from engine.studio import Studio
from storage.database import Database
from storage.ledger import Ledger
from storage.records import Account, JobRecord, JobState
from storage.tables import JobRow, now
from tests.chaos.checker import Finding, check
from tests.chaos.program import Painter

LOOK = 0.05  # seconds
END_LIMIT = 60.0  # seconds until one job has ended


def number(name: str, default: int) -> int:
    """A figure of the tests: CHAOS_<name> in the environment, for longer runs."""
    return int(os.environ.get(f"CHAOS_{name}", default))


class Submitter:
    """Asks for pictures, and writes down each job once it is accepted, in a file."""

    def __init__(self, studio: Studio, accounts: list[Account], file: Path) -> None:
        self.studio = studio
        self.accounts = accounts
        self._file = file.open("a")
        self._file_name = file
        self._asked = 0

    async def submit(self, request: Request | None = None) -> JobRecord:
        """The request, or one of several kinds. Raises what Studio.submit does."""
        self._asked += 1
        account = self.accounts[self._asked % len(self.accounts)]
        request = request or _some(self._asked)
        job = await self.studio.submit(request, account, f"{os.getpid()}-{self._asked}")
        self._file.write(f"{job.id}\n")
        self._file.flush()
        return job

    def acknowledged(self) -> list[str]:
        return self._file_name.read_text().split()

    def close(self) -> None:
        self._file.close()


@asynccontextmanager
async def submitting(settings: Settings, people: int = 10) -> AsyncIterator[Submitter]:
    """A front end that leaves the work to others; half of the people write by Telegram."""
    async with Studio.open(settings, Painter(places=0)) as studio:
        accounts = [
            await studio.account("telegram" if one % 2 else "web", f"person {one}", "en")
            for one in range(people)
        ]
        submitter = Submitter(studio, accounts, settings.data / "acknowledged")
        try:
            yield submitter
        finally:
            submitter.close()


def _some(asked: int) -> Request:
    """Every tenth is made from a picture; one in three has two pictures."""
    count = 2 if asked % 3 == 0 else 1
    if asked % 10 == 0:
        return Variations(picture=a_source(asked % 40), seed=asked, count=count)
    return TextToImage(prompt="a fox", seed=asked, count=count)


def a_source(colour: int) -> Source:
    return Source.of(Image.new("RGB", (64, 64), colour))


async def all_ended(database: Database, seconds: float) -> None:
    """Waits until no job is queued or running. Raises TimeoutError."""
    ledger = Ledger(database)
    async with asyncio.timeout(seconds):
        while True:
            counts = await ledger.counts()
            if not counts[JobState.QUEUED] and not counts[JobState.RUNNING]:
                return
            await asyncio.sleep(LOOK)


async def ended(studio: Studio, job: JobRecord, account: Account, pause: float = LOOK) -> JobRecord:
    """The job at its end, which is looked for every so many seconds. Raises TimeoutError."""
    async with asyncio.timeout(END_LIMIT):
        while True:
            job = await studio.job(job.id, account)
            if job.state.final:
                return job
            await asyncio.sleep(pause)


async def checked(settings: Settings, acknowledged: list[str]) -> list[Finding]:
    """What is wrong after a last start that has nothing to do but to tidy up."""
    age_sources(Path(settings.pictures))
    async with Studio.open(settings, Painter(places=0)):
        pass
    async with Database.open(settings.database) as database:
        return await check(database, settings.pictures, acknowledged)


def age_sources(place: Path) -> None:
    """As if an hour had passed: what was saved for requests that never came is not awaited."""
    for note in (place / "incoming").glob("source_*"):
        _, moment, rest = note.name.split("_")
        note.rename(note.with_name(f"source_{int(moment) - 4000}_{rest}"))


async def report(database: Database) -> str:
    """Counts of a ledger, for a person."""
    sums = func.sum(JobRow.attempt), func.sum(JobRow.crashes), func.max(JobRow.attempt)
    async with database.read() as session:
        attempts, crashes, most = (await session.execute(select(*sums))).one()
    counts = await Ledger(database).counts()
    states = ", ".join(f"{number} {state}" for state, number in counts.items() if number)
    return f"{states}; {attempts} attempts ({most} at most of one job), {crashes} crashes"


async def lapse(database: Database) -> None:
    """The leases of all that is running end, as if time had passed."""
    async with database.write() as session:
        await session.execute(
            update(JobRow).where(JobRow.state == JobState.RUNNING).values(lease_until=now())
        )


def dice() -> random.Random:
    """Random numbers, whose seed a failing test shows and CHAOS_SEED repeats."""
    seed = number("SEED", random.SystemRandom().randrange(10**6))
    print(f"CHAOS_SEED={seed}")
    return random.Random(seed)
