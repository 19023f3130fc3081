"""What moderators ask for, among 100,000 stored pictures: `python -m tests.storage.many`.

Prints how many milliseconds each query takes, on a SQLite file and on a PostgreSQL server of its
own, or on the database of `--database URL`, which must be empty.
"""

from __future__ import annotations

import argparse
import asyncio
import random
import secrets
import statistics as numbers
import tempfile
import time
from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

from sqlalchemy import insert, text

from storage import decisions, found, statistics
from storage.audit import Audit
from storage.cases import Cases
from storage.database import Database
from storage.fingerprints import Blocklist, Fingerprints
from storage.gallery import Gallery
from storage.notices import Notices
from storage.records import JobState, Review, Role, Search, View, Why
from storage.story import story
from storage.survey import survey
from storage.tables import (
    AccountRow,
    AuditRow,
    BlockRow,
    CaseRow,
    DecisionRow,
    FingerprintRow,
    JobRow,
    NoticeRow,
    PictureRow,
    Table,
    now,
)
from tests import postgres

COUNT = 100_000  # pictures, one a job
ACCOUNTS, DECISIONS, OPEN = 1_000, 20_000, 5_000
MODERATORS = 5  # the first accounts
BATCH = 5_000  # rows written at a time
ROUNDS = 20
NOUNS = ("fox", "owl", "lighthouse", "river", "forest", "castle", "kitchen", "лиса", "сова")
LOOKS = ("red", "golden", "quiet", "stormy", "glass", "paper", "wooden", "синяя", "яркая")

Query = Callable[[], Awaitable[Any]]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--database", metavar="URL")
    parser.add_argument("--count", type=int, default=COUNT)
    options = parser.parse_args()
    if options.database:
        asyncio.run(measure(options.database, options.count))
        return
    with tempfile.TemporaryDirectory() as folder:
        asyncio.run(measure(f"sqlite:///{Path(folder) / 'studio.sqlite3'}", options.count))
    with postgres.serve() as server:
        asyncio.run(measure(server.new_database(), options.count))


async def measure(url: str, count: int) -> None:
    """Fills the database and prints the time of each query."""
    async with Database.open(url) as database:
        began = time.perf_counter()
        await fill(database, count)
        kind = "SQLite" if database.sqlite else "PostgreSQL"
        print(f"{kind}: {count} pictures, written in {time.perf_counter() - began:.0f} s")
        for name, (p50, p95) in (await times(database, count)).items():
            print(f"  {name:32} p50 {p50:6.1f} ms  p95 {p95:6.1f} ms")


async def times(
    database: Database, count: int, rounds: int = ROUNDS
) -> dict[str, tuple[float, float]]:
    """(p50, p95) in milliseconds of each query of the console."""
    taken = {}
    for name, query in queries(database, count).items():
        await query()
        took = []
        for _ in range(rounds):
            began = time.perf_counter()
            await query()
            took.append(1000 * (time.perf_counter() - began))
        taken[name] = numbers.median(took), sorted(took)[round(0.95 * rounds) - 1]
    return taken


def queries(database: Database, count: int) -> dict[str, Query]:
    """All that the console asks for, with what a page of it shows."""
    cases, dice = Cases(database), random.Random(1)
    middle = picture_id(count // 2)
    day = moment(count // 2, count)

    def search(**wanted: Any) -> Query:
        return lambda: found.search(database, Search(**wanted), None, 50)

    async def decide() -> None:
        wanted = picture_id(dice.randrange(count // 2))
        by = dice.randint(1, MODERATORS)
        await decisions.decide(
            database, by, Review.REMOVED, pictures=[wanted], policy="gore", reason="no"
        )

    async def take_20() -> None:
        taken = await cases.take(1, View.HELD, 20, 300)
        assert len(taken) == 20
        await cases.release(1, [case.id for case in taken])

    async def undo() -> None:
        made = await decisions.last(database, 1)
        if made is not None:
            await decisions.undo(database, 1, made.id)

    return {
        "counts": cases.counts,
        "take 20 and release": take_20,
        "take one of a person": lambda: cases.take(2, View.HELD, 1, 300, person=77),
        "decide": decide,
        "last, undo": undo,
        "story of a picture": lambda: story(database, middle),
        "person": lambda: survey(database, 77),
        "pictures of a person": search(account=77),
        "newest": search(),
        "next page": lambda: found.search(database, Search(), middle, 50),
        "text: common": search(text="fox"),
        "text: rare": search(text=rare(count // 3)),
        "text: nothing": search(text="rhinoceros"),
        "text of a person": search(text="fox", account=77),
        "model: rare": search(model="old"),
        "model: nothing": search(model="none"),
        "mode: nothing": search(mode="none"),
        "review: held": search(review=Review.HELD),
        "review: removed": search(review=Review.REMOVED),
        "front end: rare": search(front_end="api"),
        "front end: nothing": search(front_end="none"),
        "time": search(since=day, until=day + timedelta(hours=1)),
        "text and time: nothing": search(text="rhinoceros", since=day),
        "statistics": lambda: statistics.statistics(database),
        "statistics of a week": lambda: statistics.statistics(
            database, now() - timedelta(days=7), now()
        ),
        "audit": lambda: Audit(database).page(None, 100),
        "audit: rare action": lambda: Audit(database).page(None, 100, action="export"),
        "audit of a moderator": lambda: Audit(database).page(None, 100, by=1),
        "notices of a person": lambda: Notices(database).of(77),
        "blocklist: version": Blocklist(database).version,
        "blocklist": Blocklist(database).rows,
        "fingerprints: the last 1,000": lambda: Fingerprints(database).since(count - 1000, 1000),
        "history of a person": lambda: Gallery(database).history(77),
    }


async def fill(database: Database, count: int = COUNT) -> None:
    """Accounts, jobs, pictures and what moderators made of them; the same each time."""
    dice = random.Random(0)
    scale = count / COUNT
    await _write(database, AccountRow, [_account(number) for number in range(ACCOUNTS)])
    await _write(database, JobRow, [_job(number, count, dice) for number in range(count)])
    pictures = [_picture(number, count, dice) for number in range(count)]
    await _write(database, PictureRow, pictures)
    await _write(database, FingerprintRow, [_fingerprint(number) for number in range(count)])
    decided = [row for row in pictures if row["review"] in (Review.APPROVED, Review.REMOVED)]
    await _write(database, DecisionRow, [_decision(row, dice) for row in decided])
    waiting = [row for row in pictures if row["review"] in (Review.WAITING, Review.HELD)]
    await _write(database, CaseRow, [_case(row, dice) for row in waiting])
    removed = [row for row in decided if row["review"] is Review.REMOVED]
    await _write(database, BlockRow, [_block(row, i) for i, row in enumerate(removed, 1)])
    await _write(database, NoticeRow, [_notice(row) for row in removed])
    audit = [_audit(number, dice) for number in range(round(100_000 * scale))]
    await _write(database, AuditRow, audit)
    async with database.write() as session:
        await session.execute(text("ANALYZE"))


async def _write(database: Database, table: type[Table], rows: list[dict[str, Any]]) -> None:
    for start in range(0, len(rows), BATCH):
        async with database.write() as session:
            await session.execute(insert(table), rows[start : start + BATCH])


def picture_id(number: int) -> str:
    return str(UUID(int=random.Random(number).getrandbits(128), version=4))


def job_id(number: int) -> str:
    return str(UUID(int=random.Random(-number - 1).getrandbits(128), version=4))


def moment(number: int, count: int) -> datetime:
    """When the job of that number was asked for: one a minute, the last one just now."""
    return now() - timedelta(minutes=count - number)


def rare(number: int) -> str:
    """Words that a single job was asked for with."""
    return f"number {number} of them"


def _account(number: int) -> dict[str, Any]:
    channel = ("web", "telegram", "web", "telegram", "api")[number % 5 if number % 100 == 4 else 0]
    moderates = number < MODERATORS
    return {
        "channel": "moderator" if moderates else channel,
        "external_id": f"person {number}",
        "language": "en",
        "role": Role.SENIOR if moderates else Role.USER,
        "settings": {},
    }


def _job(number: int, count: int, dice: random.Random) -> dict[str, Any]:
    words = " ".join([*dice.choices(LOOKS, k=4), *dice.choices(NOUNS, k=6)])
    prompt = f"{words}, {rare(number)}, painted in oil with a broad brush, soft evening light"
    return {
        "id": job_id(number),
        "account_id": _owner(number),
        "key": f"web:{number}",
        "mode": ("text_to_image", "image_to_image", "inpaint")[number % 3],
        "model": "old" if number % 5000 == 0 else ("2.2", "3.0")[number % 2],
        "request": {"prompt": prompt, "width": 768, "height": 768, "steps": 50, "guidance": 4.0},
        "words": prompt.casefold(),
        "turn": number,
        "state": JobState.DONE,
        "created_at": moment(number, count),
        "finished_at": moment(number, count),
    }


def _picture(number: int, count: int, dice: random.Random) -> dict[str, Any]:
    return {
        "id": picture_id(number),
        "job_id": job_id(number),
        "account_id": _owner(number),
        "index": 0,
        "seed": number,
        "sha256": f"{number:064x}",
        "width": 768,
        "height": 768,
        "media_type": "image/png",
        "bytes": 900_000,
        "review": _review(number, count),
        "score": dice.random(),
        "policy": "",
        "created_at": moment(number, count),
    }


def _review(number: int, count: int) -> Review:
    """One of five is decided, one of twenty waits; seldom is one removed."""
    if number % 5 == 0:
        return Review.REMOVED if number % 40 == 0 else Review.APPROVED
    if number % 20 == 1:
        return Review.HELD if number % 40 == 1 else Review.WAITING
    return Review.NONE


def _owner(number: int) -> int:
    """The account of a job: none of the moderators."""
    return MODERATORS + 1 + number % (ACCOUNTS - MODERATORS)


def _fingerprint(number: int) -> dict[str, Any]:
    return {"picture_id": picture_id(number), "hash": secrets.token_hex(32)}


def _decision(picture: dict[str, Any], dice: random.Random) -> dict[str, Any]:
    removed = picture["review"] is Review.REMOVED
    return {
        "picture_id": picture["id"],
        "account_id": dice.randint(1, MODERATORS),
        "decision": picture["review"],
        "policy": dice.choice(("gore", "sexual", "hate")) if removed else "",
        "reason": "",
        "score": picture["score"],
        "created_at": picture["created_at"] + timedelta(minutes=dice.randint(0, 1000)),
    }


def _case(picture: dict[str, Any], dice: random.Random) -> dict[str, Any]:
    held = (Why.PROMPT, Why.DOUBT, Why.UNCHECKED)
    return {
        "picture_id": picture["id"],
        "account_id": picture["account_id"],
        "why": dice.choice(held if picture["review"] is Review.HELD else (Why.REVIEW, Why.REPORT)),
        "policy": "",
        "score": picture["score"],
        "opened_at": picture["created_at"],
    }


def _block(picture: dict[str, Any], decision_id: int) -> dict[str, Any]:
    return {
        "hash": secrets.token_hex(32),
        "policy": "gore",
        "picture_id": picture["id"],
        "decision_id": decision_id,
    }


def _notice(picture: dict[str, Any]) -> dict[str, Any]:
    return {
        "account_id": picture["account_id"],
        "kind": "removed",
        "picture_id": picture["id"],
        "job_id": picture["job_id"],
        "policy": "gore",
        "reason": "",
        "seen_at": now(),
    }


def _audit(number: int, dice: random.Random) -> dict[str, Any]:
    return {
        "account_id": dice.randint(1, MODERATORS),
        "action": "export" if number % 10_000 == 0 else "view",
        "subject": picture_id(number),
        "details": {},
    }


if __name__ == "__main__":
    main()
