"""A start of the program undoes nothing that another process is just doing."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from sqlalchemy import event

from engine.requests import TextToImage
from engine.settings import Settings
from engine.studio import Studio
from storage.accounts import Accounts
from storage.database import Database
from storage.ledger import CRASH_LIMIT, Ledger
from storage.pictures import PictureStore
from storage.records import JobState
from tests.chaos.desk import checked, ended
from tests.chaos.program import Painter
from tests.twin import Twin

PAUSE = 0.4  # seconds


@pytest.fixture
def settings(database_url: str, tmp_path: Path) -> Settings:
    return Settings(data=tmp_path, database_url=database_url)


async def test_a_start_leaves_the_files_of_another_process_alone(settings: Settings) -> None:
    """Between its save and its rows; they are no less there when the other one writes these."""
    store = PictureStore(settings.pictures)
    async with Studio.open(settings, twin := Twin(paused=True)) as studio:
        account = await studio.account("web", "ann", "en")
        job = await studio.submit(TextToImage(prompt="a fox", seed=1), account, "k")
        run = await asyncio.wait_for(twin.job(1), 20)
        (sha256,) = await asyncio.to_thread(store.save, f"{job.id}_1", [b"a fox"])
        async with Studio.open(settings, Painter(places=0)):
            assert store.read(sha256) == b"a fox"
        await asyncio.to_thread(store.settle, f"{job.id}_1", [])
        run.done()
        assert (await ended(studio, job, account)).state is JobState.DONE
    assert await checked(settings, [job.id]) == []


async def test_a_lease_that_ends_while_others_are_expired_loses_nothing(
    settings: Settings,
) -> None:
    """Its job has its last crash, and must not be queued as one that nobody may claim."""
    async with Database.open(settings.database) as database:
        ledger = Ledger(database)
        account = await Accounts(database).get_or_create("web", "ann", "en")
        for key in ("lapsed", "lapsing"):
            await ledger.submit(account.id, key, "text_to_image", "twin", {})
        for _ in range(CRASH_LIMIT - 1):
            await begin(ledger, -1)
            await begin(ledger, -1)
            await ledger.expire("WentWrong")
        await begin(ledger, -1)
        await begin(ledger, PAUSE / 2)
        with pausing(database):
            await ledger.expire("WentWrong")
        await ledger.expire("WentWrong")
        counts = await ledger.counts()
    assert counts[JobState.QUARANTINED] == 2


async def begin(ledger: Ledger, lease: float) -> None:
    job = await ledger.claim("w", lease)
    assert job is not None
    assert await ledger.start(job.id, job.attempt)


@contextmanager
def pausing(database: Database) -> Iterator[None]:
    """Waits between the first and the second change of jobs."""
    changes = 0

    def wait(_connection: object, _cursor: object, statement: str, *_: object) -> None:
        nonlocal changes
        changes += statement.startswith("UPDATE jobs")
        if changes == 2:
            time.sleep(PAUSE)

    event.listen(database.engine.sync_engine, "before_cursor_execute", wait)
    yield
    event.remove(database.engine.sync_engine, "before_cursor_execute", wait)
