"""Nothing that was accepted is lost, however often the processes that do the work are killed."""

from __future__ import annotations

import asyncio
import time
from pathlib import Path

import pytest

from engine.requests import TextToImage
from engine.settings import Settings
from storage.database import Database
from storage.records import Account, JobState
from tests.chaos.crew import Crew, crew
from tests.chaos.desk import (
    Submitter,
    all_ended,
    checked,
    dice,
    ended,
    number,
    report,
    submitting,
)

pytestmark = pytest.mark.slow


@pytest.fixture
def settings(database_url: str, tmp_path: Path) -> Settings:
    return Settings(data=tmp_path, database_url=database_url, lease=1)


async def kill_and_submit(hands: Crew, submitter: Submitter, jobs: int, kills: int) -> None:
    """The kills at random moments, and the jobs spread over them."""
    chance = dice()
    for kill in range(kills):
        batch = jobs * (kill + 1) // kills - jobs * kill // kills
        await asyncio.gather(*(submitter.submit() for _ in range(batch)))
        await asyncio.sleep(chance.uniform(0, 0.25))
        hands.kill_one(chance)


async def test_nothing_accepted_is_lost(settings: Settings) -> None:
    jobs, kills, processes = number("JOBS", 500), number("KILLS", 50), number("PROCESSES", 2)
    started = time.monotonic()
    async with Database.open(settings.database) as database:
        async with submitting(settings) as submitter, crew(settings, processes) as hands:
            await kill_and_submit(hands, submitter, jobs, kills)
            await all_ended(database, 60 + jobs / 10)
        findings = await checked(settings, submitter.acknowledged())
        print(
            f"{processes} on {database.engine.dialect.name}: {kills} kills, {hands.deaths} deaths;"
            f" {await report(database)}; {time.monotonic() - started:.1f} s"
        )
    assert len(submitter.acknowledged()) == jobs
    assert findings == []


async def test_a_job_that_kills_is_quarantined_and_the_others_are_done(settings: Settings) -> None:
    async with Database.open(settings.database) as database:
        async with submitting(settings) as submitter, crew(settings, 2) as hands:
            others = [await submitter.submit() for _ in range(10)]
            poison = await submitter.submit(TextToImage(prompt="poison", seed=1))
            others += [await submitter.submit() for _ in range(30)]
            await all_ended(database, 60)
            found = await ended(submitter.studio, poison, _owner(submitter, poison.account_id))
            states = [
                (await ended(submitter.studio, job, _owner(submitter, job.account_id))).state
                for job in others
            ]
        print(f"poison: {hands.deaths} deaths; {await report(database)}")
        assert await checked(settings, submitter.acknowledged()) == []
    assert (found.state, found.crashes, hands.deaths) == (JobState.QUARANTINED, 3, 3)
    assert found.error_key == "WentWrong"
    assert set(states) == {JobState.DONE}


def _owner(submitter: Submitter, account_id: int) -> Account:
    return next(one for one in submitter.accounts if one.id == account_id)
