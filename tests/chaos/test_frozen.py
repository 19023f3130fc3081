"""A process that was frozen until its lease had ended overwrites nothing when it wakes up."""

from __future__ import annotations

import asyncio
import hashlib
import sqlite3
import time
from collections import Counter
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Row, select

from engine.requests import TextToImage
from engine.settings import Settings
from storage.database import Database
from storage.pictures import PictureStore
from storage.records import JobRecord, JobState
from storage.tables import JobRow, PictureRow
from tests.chaos.crew import Crew, Worker, crew
from tests.chaos.desk import Submitter, all_ended, checked, dice, number, submitting

pytestmark = pytest.mark.slow

LEASE = 0.4  # seconds
STEPS = 3  # of 0.1 seconds each

Written = tuple[Row[Any], list[Row[Any]], list[str]]  # a job, its pictures, their files' hashes


@pytest.fixture
def settings(database_url: str, tmp_path: Path) -> Settings:
    return Settings(data=tmp_path, database_url=database_url, lease=LEASE)


async def worker_of(database: Database, hands: Crew, job: JobRecord) -> Worker:
    """The process that is in the midst of the job."""
    async with asyncio.timeout(20):
        while True:
            async with database.read() as session:
                row = (await session.scalars(select(JobRow).where(JobRow.id == job.id))).one()
            if row.state is JobState.RUNNING and row.step:
                pid = int((row.worker or "").split(":")[1])
                return next(worker for worker in hands.workers if worker.pid == pid)
            await asyncio.sleep(0.02)


def holds_the_database(settings: Settings) -> bool:
    """Whether SQLite's one writer is the frozen process: then nobody else can go on."""
    if not settings.database.startswith("sqlite"):
        return False
    path = settings.database.split("///")[1]
    with closing(sqlite3.connect(path, timeout=0.2, isolation_level=None)) as connection:
        try:
            connection.execute("BEGIN IMMEDIATE")
        except sqlite3.OperationalError:
            return True
        connection.execute("ROLLBACK")
        return False


async def written(database: Database, store: PictureStore, job_id: str) -> Written:
    async with database.read() as session:
        job = (await session.execute(select(*JobRow.__table__.c).where(JobRow.id == job_id))).one()
        of_job = select(*PictureRow.__table__.c).where(PictureRow.job_id == job_id)
        pictures = list(await session.execute(of_job.order_by(PictureRow.index)))
    files = [hashlib.sha256(store.read(row.sha256)).hexdigest() for row in pictures]
    return job, pictures, files


async def freeze_one(
    settings: Settings, database: Database, hands: Crew, submitter: Submitter, seed: int
) -> tuple[str, Worker]:
    """The job that a frozen process was at, ended by another, and the process, which is thawed."""
    request = TextToImage(prompt="slow", seed=seed, steps=STEPS)
    while True:
        job = await submitter.submit(request)
        frozen = await worker_of(database, hands, job)
        frozen.freeze()
        try:
            if not await asyncio.to_thread(holds_the_database, settings):
                await all_ended(database, 30)
                return job.id, frozen
        finally:
            frozen.thaw()


async def test_a_frozen_process_overwrites_nothing(settings: Settings) -> None:
    rounds, chance, started = number("FREEZES", 6), dice(), time.monotonic()
    store = PictureStore(settings.pictures)
    before: dict[str, Written] = {}
    async with (
        Database.open(settings.database) as database,
        submitting(settings) as submitter,
        crew(settings, 2) as hands,
    ):
        for _ in range(rounds):
            job_id, thawed = await freeze_one(
                settings, database, hands, submitter, chance.randrange(1000)
            )
            before[job_id] = await written(database, store, job_id)
        await works(database, submitter, thawed)
        await asyncio.sleep(1)
        after = {job_id: await written(database, store, job_id) for job_id in before}
        attempts = Counter(written[0].attempt for written in after.values())
        assert hands.deaths == 0
    late = [job_id for job_id in before if before[job_id] != after[job_id]]
    print(
        f"{rounds} freezes on {database.engine.dialect.name}: {len(late)} late writes,"
        f" jobs by attempts {dict(attempts)}, {time.monotonic() - started:.1f} s"
    )
    assert late == []
    assert min(attempts) >= 2
    assert await checked(settings, submitter.acknowledged()) == []


async def works(database: Database, submitter: Submitter, worker: Worker) -> None:
    """Waits until the process has done a job that was submitted now. Raises TimeoutError."""
    async with asyncio.timeout(30):
        while True:
            job = await submitter.submit(TextToImage(prompt="a fox", seed=1))
            await all_ended(database, 30)
            async with database.read() as session:
                by = await session.scalar(select(JobRow.worker).where(JobRow.id == job.id))
            if f":{worker.pid}:" in str(by):
                return
