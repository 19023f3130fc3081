"""The N-th point of storage fails, for N = 1, 2, 3 ... until nothing is left to fail.

Each time a fresh start goes on, and all is as if nothing had been. CHAOS_EVERY=1 tries each N; in
the usual run they are taken in strides, which begin at random.
"""

from __future__ import annotations

import asyncio
import signal
import time
from collections import Counter
from itertools import count
from pathlib import Path

import pytest
from sqlalchemy import select

from engine.settings import Settings
from storage.database import Database
from storage.records import DeliveryState, JobState
from storage.tables import DeliveryRow, JobRow
from tests.chaos.crew import FORKED
from tests.chaos.desk import age_sources, checked, dice, lapse, number
from tests.chaos.points import FIRED, Fault, journey, run

pytestmark = pytest.mark.slow

POINTS = 60  # at least so many are passed


def fall(settings: Settings, name: str, fault: Fault, at: int) -> int | None:
    """The exit code of a process whose `at`-th point fails."""
    process = FORKED.Process(target=run, args=(settings, name, fault, at))
    process.start()
    process.join(60)
    code = process.exitcode
    process.kill()
    process.join()
    process.close()
    return code


async def recovered(settings: Settings, name: str) -> JobState:
    """How the same journey ends after a fresh start, when its leases have ended."""
    age_sources(Path(settings.pictures))
    async with Database.open(settings.database) as database:
        await lapse(database)
    async with asyncio.timeout(60):
        return await journey(settings, name, lambda: None)


@pytest.mark.parametrize("fault", Fault)
async def test_every_point_may_fail(database_url: str, tmp_path: Path, fault: Fault) -> None:
    settings = Settings(data=tmp_path, database_url=database_url, lease=0.5)
    stride, started = number("EVERY", 24), time.monotonic()
    codes, ends = Counter[int | None](), Counter[JobState]()
    for at in count(dice().randrange(1, stride + 1), stride):
        name = f"{fault}-{at}"
        code = await asyncio.to_thread(fall, settings, name, fault, at)
        codes[code] += 1
        ends[await recovered(settings, name)] += 1
        if code == 0:
            break
    async with Database.open(settings.database) as database, database.read() as session:
        acknowledged = list(await session.scalars(select(JobRow.id)))
        sent = set(await session.scalars(select(DeliveryRow.state)))
        print(
            f"{fault} on {database.engine.dialect.name}: N to {at} by {stride}, exit codes"
            f" {dict(codes)}, jobs {dict(ends)}, {time.monotonic() - started:.1f} s"
        )
    assert at > POINTS
    assert codes[0] == 1
    assert codes[-signal.SIGKILL if fault is Fault.KILL else FIRED] > 1
    assert len(acknowledged) == codes.total()
    assert sent == {DeliveryState.SENT}
    assert await checked(settings, acknowledged) == []
