"""What must hold of a ledger and its picture store, whatever was killed, frozen or away."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from sqlalchemy import select

from storage.database import Database
from storage.folder import TEMPORARY
from storage.ledger import CRASH_LIMIT
from storage.outbox import PUSHED
from storage.pictures import PictureStore
from storage.records import JobState
from storage.tables import AccountRow, DeliveryRow, JobRow, PictureRow
from storage.verify import verify

TRIED = (JobState.DONE, JobState.FAILED, JobState.QUARANTINED)


class Kind(StrEnum):
    """What can be wrong."""

    LOST = "was accepted and is not in the ledger"
    ACCEPTED_TWICE = "was accepted for two requests"
    UNFINISHED = "has not ended"
    NEVER_TRIED = "ended, and nobody had claimed it"
    TOO_MANY_CRASHES = "crashed more often than is allowed"
    QUARANTINE = "is quarantined without all crashes, or has them all and is not"
    PICTURES = "is done without all its pictures, or has pictures without being done"
    MADE_TWICE = "has one picture twice"
    ANNOUNCED = "ended without its delivery, or has one without having ended"
    NO_FILE = "has a row and no file"
    NO_ROW = "has a file and no row"
    WRONG_HASH = "is a file with another content than its name says"
    NOT_SETTLED = "is a save that was not settled"
    NOT_REMOVED = "is a removal that was not finished"
    HALF_FILE = "is a file that was not written to its end"


@dataclass(frozen=True, slots=True)
class Finding:
    """`subject` is the id of a job or a picture, a path, or the name of a note."""

    kind: Kind
    subject: str

    def __str__(self) -> str:
        return f"{self.subject} {self.kind}"


@dataclass(frozen=True, slots=True)
class _Rows:
    jobs: dict[str, JobRow]
    pictures: Sequence[PictureRow]
    pushed: set[int]  # accounts that are told
    deliveries: Counter[str]


async def check(database: Database, place: str, acknowledged: Sequence[str]) -> list[Finding]:
    """Everything that is wrong. `acknowledged`: the ids of the jobs whose submit returned.

    To be asked when all has ended and a start has tidied up.
    """
    halves = await asyncio.to_thread(_half_files, Path(place))
    async with database.read() as session:
        rows = _Rows(
            jobs={job.id: job for job in await session.scalars(select(JobRow))},
            pictures=(await session.scalars(select(PictureRow))).all(),
            pushed=set(
                await session.scalars(select(AccountRow.id).where(AccountRow.channel.in_(PUSHED)))
            ),
            deliveries=Counter(await session.scalars(select(DeliveryRow.job_id))),
        )
    files = await verify(database, PictureStore(place))
    return [
        *_found(Kind.HALF_FILE, halves),
        *_accepted(rows, acknowledged),
        *_ended(rows),
        *_pictures(rows),
        *_announced(rows),
        *_found(Kind.NO_FILE, files.rows_without_file),
        *_found(Kind.NO_ROW, files.files_without_row),
        *_found(Kind.WRONG_HASH, files.hash_mismatches),
        *_found(Kind.NOT_SETTLED, files.unsettled_saves),
        *_found(Kind.NOT_REMOVED, files.unfinished_removals),
    ]


def _half_files(place: Path) -> list[str]:
    return sorted(map(str, (place / TEMPORARY).glob("*")))


def _accepted(rows: _Rows, acknowledged: Sequence[str]) -> Iterator[Finding]:
    yield from _found(Kind.LOST, set(acknowledged) - rows.jobs.keys())
    yield from _found(Kind.ACCEPTED_TWICE, _repeated(acknowledged))


def _ended(rows: _Rows) -> Iterator[Finding]:
    for job in rows.jobs.values():
        if not job.state.final:
            yield Finding(Kind.UNFINISHED, job.id)
        if job.state in TRIED and job.attempt < 1:
            yield Finding(Kind.NEVER_TRIED, job.id)
        if job.crashes > CRASH_LIMIT:
            yield Finding(Kind.TOO_MANY_CRASHES, job.id)
        if (job.state is JobState.QUARANTINED) != (job.crashes >= CRASH_LIMIT):
            yield Finding(Kind.QUARANTINE, job.id)


def _pictures(rows: _Rows) -> Iterator[Finding]:
    """Deleted ones count: their rows stay."""
    made = Counter(picture.job_id for picture in rows.pictures)
    for job in rows.jobs.values():
        if made[job.id] != (job.count if job.state is JobState.DONE else 0):
            yield Finding(Kind.PICTURES, job.id)
    yield from _found(Kind.MADE_TWICE, _repeated([f"{p.job_id}_{p.seed}" for p in rows.pictures]))


def _announced(rows: _Rows) -> Iterator[Finding]:
    for job in rows.jobs.values():
        expected = job.state.final and job.account_id in rows.pushed
        if rows.deliveries[job.id] != int(expected):
            yield Finding(Kind.ANNOUNCED, job.id)


def _repeated(names: Collection[str]) -> list[str]:
    return [name for name, times in Counter(names).items() if times > 1]


def _found(kind: Kind, subjects: Collection[str]) -> list[Finding]:
    return [Finding(kind, subject) for subject in sorted(subjects)]
