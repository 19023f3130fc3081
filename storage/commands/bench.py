"""Measures how fast the ledger is, in a SQLite file of its own or in an empty database."""

from __future__ import annotations

import argparse
import asyncio
import statistics
import tempfile
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

from sqlalchemy import func, insert, select, text

from storage.accounts import Accounts
from storage.database import Database
from storage.gallery import Filter, Gallery
from storage.ledger import Ledger
from storage.records import JobState, NewPicture, Quota, Role
from storage.tables import AccountRow, JobRow, PictureRow, now

AT_ONCE = 8
BATCH = 2_000  # rows of an insert
REQUEST = {"mode": "text_to_image", "prompt": "a fox on a blue background", "seed": 7, "steps": 25}
QUOTAS = {Role.USER: Quota(waiting=10**6, daily=10**6)}  # counted, as in a studio, never reached


def arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--database", metavar="URL", help="an empty one; default: SQLite, in a temporary folder"
    )
    parser.add_argument(
        "--jobs", type=int, default=2_000, help="to submit, claim and finish; default: %(default)s"
    )
    parser.add_argument(
        "--pictures",
        type=int,
        default=100_000,
        help="of the account with the history; default: %(default)s",
    )


async def run(options: argparse.Namespace) -> int:
    async with _database(options.database) as database:
        async with database.read() as session:
            if await session.scalar(select(func.count()).select_from(AccountRow)):
                raise ValueError("This database is in use. Name an empty one.")
        await _jobs(database, options.jobs)
        await _history(database, options.pictures)
    return 0


@asynccontextmanager
async def _database(url: str | None) -> AsyncIterator[Database]:
    with tempfile.TemporaryDirectory() as folder:
        own = f"sqlite+aiosqlite:///{Path(folder) / 'studio.sqlite3'}"
        async with Database.open(url or own) as database:
            yield database


async def _jobs(database: Database, count: int) -> None:
    ledger = Ledger(database)
    account = await Accounts(database).get_or_create("web", "bench", "en")
    claimed: list[tuple[str, int]] = []

    async def submit(number: int) -> None:
        await ledger.submit(
            account.id, str(number), "text_to_image", "mini", REQUEST, words="a fox", quotas=QUOTAS
        )

    async def claim(_: int) -> None:
        job = await ledger.claim("bench", lease=600)
        if job is not None:  # a racing claim may have stepped over the one that is left
            claimed.append((job.id, job.attempt))

    async def finish(number: int) -> None:
        picture = NewPicture(seed=7, sha256=f"{number:064x}", width=512, height=512, bytes=400_000)
        await ledger.finish(*claimed[number], [picture])

    await _rate("submit", submit, count)
    await _rate("claim", claim, count)
    await _rate("finish", finish, len(claimed))


async def _rate(name: str, work: Callable[[int], Awaitable[None]], count: int) -> None:
    started = time.perf_counter()
    for first in range(0, count, AT_ONCE):
        await asyncio.gather(*map(work, range(first, min(first + AT_ONCE, count))))
    seconds = time.perf_counter() - started
    print(f"{name}: {count / seconds:,.0f} a second, {AT_ONCE} at once")


async def _history(database: Database, pictures: int) -> None:
    account = await Accounts(database).get_or_create("web", "collector", "en")
    ids = await _collect(database, account.id, pictures)
    pages: dict[str, dict[str, Any]] = {
        "the first page": {},
        "a page in the middle": {"before": ids[len(ids) // 2]},
        "the favourites": {"filter": Filter(favourites=True)},
        "a search that finds many": {"filter": Filter(search="fox")},
        "a search that finds nothing": {"filter": Filter(search="walrus")},
    }
    for name, page in pages.items():
        seconds = [await _timed(database, account.id, page) for _ in range(15)]
        print(
            f"history of {pictures:,} pictures, {name}:"
            f" {1000 * statistics.median(seconds):.1f} ms, at most {1000 * max(seconds):.1f} ms"
        )


async def _timed(database: Database, account_id: int, page: dict[str, Any]) -> float:
    started = time.perf_counter()
    await Gallery(database).history(account_id, limit=50, **page)
    return time.perf_counter() - started


async def _collect(database: Database, account_id: int, pictures: int) -> list[str]:
    """So many pictures, two a job, every hundredth marked; the jobs' ids, the oldest first."""
    ids = [str(uuid4()) for _ in range(pictures // 2)]
    start = now() - timedelta(days=365)
    for first in range(0, len(ids), BATCH):
        some = list(enumerate(ids[first : first + BATCH], start=first))
        async with database.write() as session:
            await session.execute(
                insert(JobRow), [_job(account_id, i, number, start) for number, i in some]
            )
            rows = [_picture(account_id, i, number, k) for number, i in some for k in range(2)]
            await session.execute(insert(PictureRow), rows)
    async with database.write() as session:
        await session.execute(text("ANALYZE"))  # as PostgreSQL does by itself, some minutes later
    return ids


def _job(account_id: int, job_id: str, number: int, start: Any) -> dict[str, Any]:
    return {
        "id": job_id,
        "account_id": account_id,
        "key": job_id,
        "mode": "text_to_image",
        "model": "mini",
        "request": REQUEST,
        "words": f"a fox on a blue background, number {number}",
        "count": 2,
        "turn": number,
        "state": JobState.DONE,
        "created_at": start + timedelta(minutes=number),
    }


def _picture(account_id: int, job_id: str, number: int, index: int) -> dict[str, Any]:
    return {
        "id": str(uuid4()),
        "job_id": job_id,
        "account_id": account_id,
        "index": index,
        "seed": 7 + index,
        "sha256": f"{2 * number + index + 10**9:064x}",
        "width": 512,
        "height": 512,
        "media_type": "image/png",
        "bytes": 400_000,
        "favourite": number % 50 == 0 and index == 0,
    }
