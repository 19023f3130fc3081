"""The real program with the mini model is killed twice in the midst of its jobs."""

from __future__ import annotations

import asyncio
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from sqlalchemy import func, select

from engine.requests import TextToImage
from engine.settings import Settings
from storage.accounts import Accounts
from storage.database import Database
from storage.ledger import Ledger
from storage.records import JobState
from storage.tables import JobRow
from tests.chaos.desk import all_ended, checked, report
from tests.e2e.program import ROOT, environment, free_port, running

pytestmark = pytest.mark.slow

JOBS = 6


@contextmanager
def doomed(data: Path) -> Iterator[None]:
    """The program, which is killed at the end."""
    process = subprocess.Popen(
        [sys.executable, "-m", "web"],
        cwd=ROOT,
        env=environment(data, free_port(), lease="2"),
        stdout=subprocess.DEVNULL,
    )
    try:
        yield
        assert process.poll() is None, "it ended by itself; it says why above"
    finally:
        process.kill()
        process.wait()


async def in_the_midst(database: Database, deaths: int) -> None:
    """Waits until a job has taken a step after so many deaths of the program."""
    begun = select(func.count()).where(
        JobRow.state == JobState.RUNNING,
        JobRow.started_at.is_not(None),
        JobRow.attempt > deaths,
    )
    async with asyncio.timeout(120):
        while True:
            async with database.read() as session:
                if await session.scalar(begun):
                    return
            await asyncio.sleep(0.02)


async def test_killed_twice_it_does_all_it_accepted(tmp_path: Path) -> None:
    settings, started = Settings(data=tmp_path), time.monotonic()
    async with Database.open(settings.database) as database:
        account = await Accounts(database).get_or_create("telegram", "ann", "en")
        jobs = [
            await Ledger(database).submit(
                account.id, str(seed), "text_to_image", "mini", _request(seed), count=1
            )
            for seed in range(JOBS)
        ]
        for death in range(2):
            with doomed(tmp_path):
                await in_the_midst(database, death)
        with running(tmp_path, lease="2"):
            await all_ended(database, 120)
        counts = await Ledger(database).counts()
        print(f"the real program: {await report(database)}; {time.monotonic() - started:.1f} s")
    assert counts[JobState.DONE] == JOBS
    assert await checked(settings, [job.id for job in jobs]) == []


def _request(seed: int) -> dict[str, object]:
    request = TextToImage(prompt="a red circle", seed=seed, model="mini", steps=50)
    return request.model_dump(mode="json")
