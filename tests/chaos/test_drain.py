"""SIGTERM under load: the program ends soon and well, and what it had begun is done by the next."""

from __future__ import annotations

import asyncio
import time
from pathlib import Path

import pytest
from sqlalchemy import func, select

from engine.errors import Closing
from engine.requests import TextToImage
from engine.settings import Settings
from engine.studio import Studio
from storage.database import Database
from storage.ledger import Ledger
from storage.records import JobState
from storage.tables import JobRow
from tests.chaos.crew import Worker, crew
from tests.chaos.desk import LOOK, all_ended, checked, report, submitting
from tests.chaos.program import SLOW_STEP, Painter

pytestmark = pytest.mark.slow

SLOW = TextToImage(prompt="slow", seed=1, steps=20)


@pytest.fixture
def settings(database_url: str, tmp_path: Path) -> Settings:
    return Settings(data=tmp_path, database_url=database_url, lease=20)


async def begun(database: Database, jobs: int) -> None:
    """Waits until so many jobs are under way. Raises TimeoutError."""
    started = select(func.count()).where(JobRow.started_at.is_not(None))
    async with asyncio.timeout(20):
        while True:
            async with database.read() as session:
                if (await session.scalar(started) or 0) >= jobs:
                    return
            await asyncio.sleep(LOOK)


async def test_what_was_begun_waits_for_the_next_start(settings: Settings) -> None:
    async with Database.open(settings.database) as database, submitting(settings) as submitter:
        for _ in range(20):
            await submitter.submit(SLOW.model_copy(update={"steps": 10}))
        worker = Worker(settings, places=8)
        try:
            await begun(database, 8)
            told = time.monotonic()
            code = await worker.stop()
            took = time.monotonic() - told
        finally:
            worker.bury()
        counts = await Ledger(database).counts()
        async with database.read() as session:
            crashes = await session.scalar(select(func.sum(JobRow.crashes)))
            marked = await session.scalar(
                select(func.count()).where(
                    JobRow.state == JobState.QUEUED, JobRow.started_at.is_not(None)
                )
            )
        print(f"drain on {database.engine.dialect.name}: exit {code} after {took:.2f} s")
        assert (code, crashes, marked) == (0, 0, 0)
        assert took < 30
        assert counts[JobState.QUEUED] >= 12
        assert counts[JobState.QUEUED] + counts[JobState.DONE] == 20
        async with crew(settings, 1, places=20):
            await all_ended(database, 60)
        print(await report(database))
        assert (await Ledger(database).counts())[JobState.DONE] == 20
        assert await checked(settings, submitter.acknowledged()) == []


async def test_intake_stops_at_once(settings: Settings) -> None:
    """While the jobs are still being stopped, at the end of a slow step."""
    leave, opened = asyncio.Event(), asyncio.Future[Studio]()

    async def life() -> None:
        async with Studio.open(settings, Painter(places=1)) as studio:
            opened.set_result(studio)
            await leave.wait()

    living = asyncio.create_task(life())
    studio = await opened
    account = await studio.account("web", "ann", "en")
    async with Database.open(settings.database) as database:
        await studio.submit(SLOW, account, "a")
        await begun(database, 1)
        leave.set()
        await asyncio.sleep(SLOW_STEP / 10)
        assert not living.done()
        with pytest.raises(Closing):
            await studio.submit(SLOW, account, "b")
        await living
        assert (await Ledger(database).counts())[JobState.QUEUED] == 1
