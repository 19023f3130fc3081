"""The database goes away under load: no false acceptance, nothing lost, and all is well soon."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import func, select

from engine.errors import UserError
from engine.settings import Settings
from storage.database import Database
from storage.tables import JobRow
from tests import postgres
from tests.chaos.crew import crew
from tests.chaos.desk import Submitter, all_ended, checked, ended, number, report, submitting

pytestmark = [pytest.mark.slow, pytest.mark.system]

PAUSE = 0.05  # seconds between requests
HEALTHY = 15  # seconds after the start, at most; 5 on a machine with nothing else to do


@pytest.fixture
def server() -> Iterator[postgres.Server]:
    """One of its own, which others do not miss."""
    with postgres.serve() as server:
        yield server


async def load(submitter: Submitter, seconds: float) -> tuple[int, int]:
    """Requests for that long; how many were accepted, and how many refused in words."""
    accepted = refused = 0
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        try:
            await submitter.submit()
            accepted += 1
        except UserError:
            refused += 1
        await asyncio.sleep(PAUSE)
    return accepted, refused


async def recovered(submitter: Submitter) -> float:
    """Seconds until a request is accepted and its pictures are made."""
    started = time.monotonic()
    async with asyncio.timeout(60):
        while True:
            try:
                job = await submitter.submit()
                break
            except UserError:
                await asyncio.sleep(PAUSE)
    owner = next(one for one in submitter.accounts if one.id == job.account_id)
    await ended(submitter.studio, job, owner)
    return time.monotonic() - started


async def test_nothing_is_lost_while_the_database_is_away(
    server: postgres.Server, tmp_path: Path
) -> None:
    settings = Settings(data=tmp_path, database_url=server.new_database(), lease=2)
    async with submitting(settings) as submitter, crew(settings, 2) as hands:
        before, none = await load(submitter, 2)
        loading = asyncio.create_task(load(submitter, number("AWAY", 6) + 1.0))
        await asyncio.sleep(0.5)
        await asyncio.to_thread(server.stop)
        assert not await submitter.studio.reachable()
        while_away = len(submitter.acknowledged())
        accepted, refused = await loading
        assert len(submitter.acknowledged()) == while_away
        await asyncio.to_thread(server.start)
        healthy = await recovered(submitter)
        async with Database.open(settings.database) as database:
            await all_ended(database, 60)
            counts = await report(database)
            async with database.read() as session:
                crashes = await session.scalar(select(func.sum(JobRow.crashes)))
        assert hands.deaths == 0
    print(
        f"database away: {before + accepted} accepted, {refused} refused;"
        f" healthy after {healthy:.1f} s; {counts}"
    )
    assert (none, before > 0, accepted > 0, refused > 0) == (0, True, True, True)
    assert healthy < HEALTHY
    assert crashes == 0  # whoever came back first has not taken the others for dead
    assert await checked(settings, submitter.acknowledged()) == []
