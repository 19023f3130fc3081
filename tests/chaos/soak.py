"""Everything at once, for as long as one likes: `python -m tests.chaos.soak --minutes 10`.

Processes of the program are killed and frozen at random while people submit, cancel and delete, and
a sender that dies now and then takes what is to be delivered. At the end nothing may be lost.
"""

from __future__ import annotations

import argparse
import asyncio
import random
import sys
import tempfile
import time
from contextlib import suppress
from dataclasses import dataclass, field
from multiprocessing.context import ForkServerProcess
from pathlib import Path

from sqlalchemy import select

from engine.errors import UserError
from engine.requests import TextToImage
from engine.settings import Settings
from storage.database import Database, DatabaseAway
from storage.outbox import Outbox
from storage.records import Account, JobRecord, JobState
from storage.tables import JobRow
from tests.chaos.checker import Finding
from tests.chaos.crew import FORKED, Crew, crew
from tests.chaos.desk import Submitter, all_ended, checked, report, submitting

PROCESSES = 3
LEASE = 1.0  # seconds; of deliveries, too
FROZEN = 2 * LEASE
DRAIN_LIMIT = 600.0  # seconds until everything has ended


@dataclass(slots=True)
class Tally:
    """What was done to the studio."""

    kills: int = 0
    freezes: int = 0
    senders: int = 0  # that died
    cancels: int = 0
    deletes: int = 0
    refused: int = 0
    jobs: list[tuple[JobRecord, Account]] = field(default_factory=list)

    def __str__(self) -> str:
        return (
            f"{len(self.jobs)} jobs, {self.kills} kills, {self.freezes} freezes, {self.senders}"
            f" deaths of a sender, {self.cancels} cancels, {self.deletes} deletes,"
            f" {self.refused} requests refused"
        )


async def soak(settings: Settings, seconds: float, dice: random.Random) -> list[Finding]:
    """Does it, and prints the report."""
    tally, started = Tally(), time.monotonic()
    async with Database.open(settings.database) as database:
        async with submitting(settings) as submitter, crew(settings, PROCESSES) as hands:
            await asyncio.gather(
                _people(submitter, tally, dice, seconds),
                _trouble(hands, tally, dice, seconds),
                _senders(settings, tally, dice, seconds),
            )
            await all_ended(database, DRAIN_LIMIT)
        took = time.monotonic() - started
        print(tally)
        print(await report(database))
        print(await _speed(database, took))
    return await checked(settings, submitter.acknowledged())


async def _people(submitter: Submitter, tally: Tally, dice: random.Random, seconds: float) -> None:
    """Submits; one in a hundred is poison, one in twenty is slow; cancels and deletes."""
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        await asyncio.sleep(dice.uniform(0, 0.1))
        try:
            await _deed(submitter, tally, dice)
        except UserError:
            tally.refused += 1


async def _deed(submitter: Submitter, tally: Tally, dice: random.Random) -> None:
    chance, studio = dice.random(), submitter.studio
    if chance < 0.05 and tally.jobs:
        job, owner = dice.choice(tally.jobs[-20:])
        await studio.cancel(job.id, owner)
        tally.cancels += 1
    elif chance < 0.1 and tally.jobs:
        job, owner = dice.choice(tally.jobs)
        if pictures := (await studio.job(job.id, owner)).pictures:
            await studio.delete([pictures[0].id], owner)
            tally.deletes += 1
    else:
        job = await submitter.submit(_special(dice))
        owner = next(one for one in submitter.accounts if one.id == job.account_id)
        tally.jobs.append((job, owner))


def _special(dice: random.Random) -> TextToImage | None:
    chance, seed = dice.random(), dice.randrange(2**31)
    if chance < 0.01:
        return TextToImage(prompt="poison", seed=seed)
    return TextToImage(prompt="slow", seed=seed) if chance < 0.05 else None


async def _trouble(hands: Crew, tally: Tally, dice: random.Random, seconds: float) -> None:
    """Kills and freezes; a process that is frozen may be killed, too."""
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        await asyncio.sleep(dice.uniform(0, 2))
        worker = dice.choice(hands.workers)
        if dice.random() < 0.7:
            worker.kill()
            tally.kills += 1
            continue
        with suppress(ProcessLookupError, ValueError):  # it has died meanwhile
            worker.freeze()
            tally.freezes += 1
            await asyncio.sleep(FROZEN)
            worker.thaw()


async def _senders(settings: Settings, tally: Tally, dice: random.Random, seconds: float) -> None:
    """One after another, each of which is killed."""
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        sender = FORKED.Process(target=_send, args=(settings.database,))
        sender.start()
        await asyncio.sleep(dice.uniform(0.5, 3))
        _end(sender)
        tally.senders += 1


def _end(sender: ForkServerProcess) -> None:
    sender.kill()
    sender.join()
    sender.close()


def _send(url: str) -> None:
    async def send() -> None:
        outbox = Outbox(Database(url))
        while True:
            with suppress(DatabaseAway):
                for delivery in await outbox.take(5, LEASE):
                    await asyncio.sleep(0.005)
                    await outbox.sent(delivery, "message")
            await asyncio.sleep(0.05)

    asyncio.run(send())


async def _speed(database: Database, seconds: float) -> str:
    times = select(JobRow.created_at, JobRow.finished_at).where(JobRow.state == JobState.DONE)
    async with database.read() as session:
        took = sorted(
            (end - begin).total_seconds() for begin, end in await session.execute(times) if end
        )
    if not took:
        return "no job was done"
    half, most = took[len(took) // 2], took[len(took) * 95 // 100]
    return (
        f"{len(took) / seconds:.1f} jobs/s; from submit to end p50 {half:.2f} s, p95 {most:.2f} s"
    )


def main() -> None:
    parser = argparse.ArgumentParser(
        prog="python -m tests.chaos.soak",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--minutes", type=float, default=10, help="how long (default: 10)")
    parser.add_argument("--database", default="", help="its URL, an empty one; SQLite without")
    parser.add_argument("--seed", type=int, help="of the random numbers, to repeat a run")
    given = parser.parse_args()
    seed = random.SystemRandom().randrange(10**6) if given.seed is None else given.seed
    print(f"seed {seed}", flush=True)
    with tempfile.TemporaryDirectory() as folder:
        settings = Settings(data=Path(folder), database_url=given.database, lease=LEASE)
        findings = asyncio.run(soak(settings, 60 * given.minutes, random.Random(seed)))
    print("\n".join(map(str, findings)) or "nothing is wrong")
    sys.exit(bool(findings))


if __name__ == "__main__":
    main()
