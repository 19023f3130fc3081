"""One job has one worker, a quota is exact, a queue is fair: with several processes at once."""

from __future__ import annotations

import asyncio
import time
from collections import Counter

import pytest
from sqlalchemy import func, insert, select
from sqlalchemy.sql import text

from storage.accounts import Accounts
from storage.database import Database
from storage.ledger import Ledger
from storage.records import JobState
from storage.tables import JobRow
from tests.chaos.desk import number
from tests.chaos.racing import Claims, claim, race, submit

pytestmark = pytest.mark.slow

HEAD = "SELECT id FROM jobs WHERE state = 'queued' ORDER BY turn, created_at, id LIMIT 1"


async def queue(database: Database, account_id: int, jobs: int, first: int = 0) -> None:
    """Jobs of one account, each with the next turn."""
    rows = [
        {
            "id": f"{account_id:08d}-{number:027d}",
            "account_id": account_id,
            "key": str(number),
            "mode": "text_to_image",
            "model": "twin",
            "request": {},
            "state": JobState.QUEUED,
            "turn": number,
        }
        for number in range(first, first + jobs)
    ]
    async with database.write() as session:
        await session.execute(insert(JobRow), rows)


async def test_no_job_is_claimed_twice(database_url: str) -> None:
    """SQLite has one writer, so that its claims wait for each other: it gets fewer of them."""
    processes = 8
    async with Database.open(database_url) as database:
        times = number("CLAIMS", 100 if database.sqlite else 1000)
        account = await Accounts(database).get_or_create("web", "ann", "en")
        await queue(database, account.id, processes * times)
        started = time.monotonic()
        found: list[Claims] = await asyncio.to_thread(race, claim, database_url, processes, times)
        claimed = Counter(job for one in found for job in one.jobs)
        print(
            f"{processes} x {times} claims on {database.engine.dialect.name}: {claimed.total()}"
            f" claimed, {sum(one.away for one in found)} too busy,"
            f" {max(claimed.values()) - 1} doubles, {time.monotonic() - started:.1f} s"
        )
        counts = await Ledger(database).counts()
        async with database.read() as session:
            attempts = await session.scalar(select(func.max(JobRow.attempt)))
    assert max(claimed.values()) == 1
    assert attempts == 1
    assert claimed.total() == counts[JobState.RUNNING] > processes * times / 2


async def test_a_quota_is_exact(database_url: str) -> None:
    async with Database.open(database_url) as database:
        await Accounts(database).get_or_create("web", "ann", "en")
        found: list[Counter[str]] = await asyncio.to_thread(race, submit, database_url, 4, 50)
        counts = await Ledger(database).counts()
        print(f"200 racing submits on {database.engine.dialect.name}: {sum(found, Counter())}")
    assert sum(found, Counter())["accepted"] == 3
    assert counts[JobState.QUEUED] == 3


async def test_a_long_queue_of_one_does_not_hold_up_the_others(database_url: str) -> None:
    async with Database.open(database_url) as database:
        accounts, ledger = Accounts(database), Ledger(database)
        heavy = await accounts.get_or_create("web", "heavy", "en")
        for key in range(number("QUEUED", 1000)):
            await ledger.submit(heavy.id, str(key), "text_to_image", "twin", {})
        under_way = [await ledger.claim("w", 60) for _ in range(10)]
        assert {job.account_id for job in under_way if job} == {heavy.id}
        others = set()
        for one in range(20):
            account = await accounts.get_or_create("web", f"person {one}", "en")
            await ledger.submit(account.id, "k", "text_to_image", "twin", {})
            others.add(account.id)
        order = [job.account_id for _ in range(41) if (job := await ledger.claim("w", 60))]
        last = max(order.index(account) for account in others)
        print(f"on {database.engine.dialect.name} the last of the others is claim {last + 1}")
    assert others <= set(order[:21])  # one round: each of the twenty, and the heavy one once
    assert order[21:] == [heavy.id] * 20


async def test_a_turn_is_found_without_reading_the_queue(database_url: str) -> None:
    """Claims of a long queue stay quick: its head is found in an index."""
    async with Database.open(database_url) as database:
        account = await Accounts(database).get_or_create("web", "ann", "en")
        await queue(database, account.id, 2000)
        if not database.sqlite:
            async with database.write() as session:
                await session.execute(text("ANALYZE jobs"))
        explain = "EXPLAIN QUERY PLAN" if database.sqlite else "EXPLAIN"
        async with database.read() as session:
            plan = " ".join(map(str, await session.execute(text(f"{explain} {HEAD}"))))
    assert "ix_jobs_state_turn_created_at_id" in plan
    assert "SORT" not in plan.upper()
    assert "TEMP B-TREE" not in plan.upper()
