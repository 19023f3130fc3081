"""Processes that begin the same work at the same moment."""

from __future__ import annotations

import asyncio
import os
from collections import Counter
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from multiprocessing.synchronize import Barrier
from typing import Any

from storage.database import Database, DatabaseAway
from storage.ledger import Ledger
from storage.quotas import TooManyWaiting
from storage.records import Quota, Role
from tests.chaos.crew import FORKED

START_LIMIT = 60.0  # seconds


@dataclass(frozen=True, slots=True)
class Claims:
    """What one process claimed."""

    jobs: list[str]
    away: int  # claims that the database was too busy for


Race = Callable[[Ledger, int], Awaitable[Any]]


async def claim(ledger: Ledger, times: int) -> Claims:
    """So many claims, one after another."""
    jobs, away = [], 0
    for _ in range(times):
        try:
            job = await ledger.claim(f"worker {os.getpid()}", lease=3600)
        except DatabaseAway:
            away += 1
        else:
            jobs += [job.id] if job else []
    return Claims(jobs, away)


async def submit(ledger: Ledger, times: int) -> Counter[str]:
    """So many requests of account 1 at once, each under a key of its own; what became of them."""

    async def one(number: int) -> str:
        key = f"{os.getpid()}-{number}"
        quotas = {Role.USER: Quota(waiting=3)}
        try:
            await ledger.submit(1, key, "text_to_image", "twin", {}, quotas=quotas)
        except (TooManyWaiting, DatabaseAway) as error:
            return type(error).__name__
        return "accepted"

    return Counter(await asyncio.gather(*map(one, range(times))))


def race(work: Race, url: str, processes: int, times: int) -> list[Any]:
    """What `work` gave in each process."""
    start, results = FORKED.Barrier(processes), FORKED.SimpleQueue()
    runners = [
        FORKED.Process(target=_run, args=(work, url, times, start, results))
        for _ in range(processes)
    ]
    for runner in runners:
        runner.start()
    found = [results.get() for _ in runners]
    for runner in runners:
        runner.join()
        runner.close()
    results.close()
    return found


def _run(work: Race, url: str, times: int, start: Barrier, results: Any) -> None:
    async def run() -> object:
        database = Database(url)
        await database.ping()
        start.wait(START_LIMIT)
        found = await work(Ledger(database), times)
        await database.close()
        return found

    try:
        results.put(asyncio.run(run()))
    except Exception as error:
        results.put(error)
