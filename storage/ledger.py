"""The job ledger: what was asked, and what became of it, in SQL.

Every transition is one statement guarded by the state, and by the attempt that it expects: a
worker that lost its job, frozen or late, changes nothing.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Any
from uuid import uuid4

from sqlalchemy import ColumnElement, and_, func, or_, select, update
from sqlalchemy.orm import selectinload

from storage.database import Database
from storage.inserts import insert_new
from storage.records import JobRecord, JobState, NewPicture, PictureRecord
from storage.tables import JobRow, PictureRow, now

CRASH_LIMIT = 3  # crashes of one job before it is quarantined


class Ledger:
    """The jobs and pictures of one database. Every method may raise DatabaseAway."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def submit(
        self, account_id: int, key: str, mode: str, model: str, request: dict[str, Any]
    ) -> JobRecord:
        """Queues the request; the job that the account's `key` already has, if there is one."""
        values = {
            "id": str(uuid4()),
            "account_id": account_id,
            "key": key,
            "mode": mode,
            "model": model,
            "request": request,
            "state": JobState.QUEUED,
        }
        async with self._database.write() as session:
            await session.execute(insert_new(session, JobRow, values))
            rows = await session.scalars(
                select(JobRow)
                .where(JobRow.account_id == account_id, JobRow.key == key)
                .options(selectinload(JobRow.pictures))
            )
            return _job(rows.one())

    async def claim(self) -> JobRecord | None:
        """Takes the oldest queued job under a new attempt number; None if none waits."""
        oldest = (
            select(JobRow.id)
            .where(JobRow.state == JobState.QUEUED)
            .order_by(JobRow.created_at, JobRow.id)
            .limit(1)
            .with_for_update(skip_locked=True)
            .scalar_subquery()
        )
        async with self._database.write() as session:
            row = await session.scalar(
                update(JobRow)
                .where(JobRow.id == oldest, JobRow.state == JobState.QUEUED)
                .values(state=JobState.RUNNING, attempt=JobRow.attempt + 1)
                .returning(JobRow)
                .execution_options(synchronize_session=False)
            )
            return None if row is None else _job(row, pictures=())

    async def start(self, job_id: str, attempt: int) -> bool:
        """Notes that work on it began: from here on a crash counts against it."""
        return await self._move(_held(job_id, attempt), started_at=now())

    async def finish(self, job_id: str, attempt: int, pictures: Sequence[NewPicture]) -> bool:
        """Done, with one row for each picture, whose file must already be stored.

        False, and nothing is written, if the job is no longer held under this attempt.
        """
        done = (
            update(JobRow)
            .where(_held(job_id, attempt))
            .values(state=JobState.DONE, finished_at=now())
            .returning(JobRow.account_id)
            .execution_options(synchronize_session=False)
        )
        async with self._database.write() as session:
            account_id = await session.scalar(done)
            if account_id is None:
                return False
            for index, picture in enumerate(pictures):
                session.add(_picture_row(picture, job_id, account_id, index))
            return True

    async def fail(
        self, job_id: str, attempt: int, error_key: str, error_values: dict[str, Any]
    ) -> bool:
        """Failed, with the error that its owner reads."""
        return await self._move(
            _held(job_id, attempt),
            state=JobState.FAILED,
            finished_at=now(),
            error_key=error_key,
            error_values=error_values,
        )

    async def release(self, job_id: str, attempt: int) -> bool:
        """Back to its place in the queue; nothing counts against it."""
        return await self._move(_held(job_id, attempt), state=JobState.QUEUED, started_at=None)

    async def cancel(self, job_id: str) -> bool:
        """Cancelled, whoever works on it; False if it had ended."""
        open_ = JobRow.state.in_((JobState.QUEUED, JobState.RUNNING))
        return await self._move(
            and_(JobRow.id == job_id, open_), state=JobState.CANCELLED, finished_at=now()
        )

    async def requeue_all(self, error_key: str) -> None:
        """At the start of the only process: what ran when the last one died waits again.

        A job that work had begun on has crashed once more; at CRASH_LIMIT it is quarantined,
        with `error_key` for its owner to read.
        """
        running = JobRow.state == JobState.RUNNING
        began = JobRow.started_at.is_not(None)
        await self._move(
            and_(running, began, JobRow.crashes >= CRASH_LIMIT - 1),
            state=JobState.QUARANTINED,
            crashes=JobRow.crashes + 1,
            finished_at=now(),
            error_key=error_key,
            error_values={},
        )
        await self._move(
            and_(running, began),
            state=JobState.QUEUED,
            crashes=JobRow.crashes + 1,
            started_at=None,
        )
        await self._move(running, state=JobState.QUEUED)

    async def job(self, job_id: str, account_id: int) -> JobRecord | None:
        """The account's job with its pictures; None if it has no such job."""
        async with self._database.read() as session:
            row = await session.scalar(
                select(JobRow)
                .where(JobRow.id == job_id, JobRow.account_id == account_id)
                .options(selectinload(JobRow.pictures))
            )
            return None if row is None else _job(row)

    async def history(
        self, account_id: int, limit: int = 50, before: str | None = None
    ) -> list[JobRecord]:
        """The account's jobs, newest first; `before` is the last job id of the page before."""
        page = (
            select(JobRow)
            .where(JobRow.account_id == account_id)
            .order_by(JobRow.created_at.desc(), JobRow.id.desc())
            .limit(limit)
            .options(selectinload(JobRow.pictures))
        )
        if before is not None:
            page = page.where(_earlier_than(before))
        async with self._database.read() as session:
            return [_job(row) for row in await session.scalars(page)]

    async def picture(self, picture_id: str, account_id: int) -> PictureRecord | None:
        """The account's picture; None if it has no such picture."""
        async with self._database.read() as session:
            row = await session.scalar(
                select(PictureRow).where(
                    PictureRow.id == picture_id, PictureRow.account_id == account_id
                )
            )
            return None if row is None else _picture(row)

    async def position(self, job_id: str) -> int:
        """How many jobs are before this one in the queue, those being worked on included."""
        before = or_(
            and_(JobRow.state == JobState.RUNNING, JobRow.id != job_id),
            and_(JobRow.state == JobState.QUEUED, _earlier_than(job_id)),
        )
        async with self._database.read() as session:
            return await session.scalar(select(func.count()).where(before)) or 0

    async def counts(self) -> dict[JobState, int]:
        """How many jobs are in each state."""
        async with self._database.read() as session:
            rows = await session.execute(select(JobRow.state, func.count()).group_by(JobRow.state))
            return dict.fromkeys(JobState, 0) | dict(rows.all())

    async def stored(self, hashes: Collection[str]) -> set[str]:
        """Those of the picture hashes that a row refers to."""
        async with self._database.read() as session:
            rows = await session.scalars(
                select(PictureRow.sha256).where(PictureRow.sha256.in_(hashes))
            )
            return set(rows)

    async def _move(self, guard: ColumnElement[bool], **values: object) -> bool:
        statement = (
            update(JobRow)
            .where(guard)
            .values(**values)
            .returning(JobRow.id)
            .execution_options(synchronize_session=False)
        )
        async with self._database.write() as session:
            return (await session.scalars(statement)).first() is not None


def _held(job_id: str, attempt: int) -> ColumnElement[bool]:
    return and_(JobRow.id == job_id, JobRow.state == JobState.RUNNING, JobRow.attempt == attempt)


def _earlier_than(job_id: str) -> ColumnElement[bool]:
    moment = select(JobRow.created_at).where(JobRow.id == job_id).scalar_subquery()
    return or_(JobRow.created_at < moment, and_(JobRow.created_at == moment, JobRow.id < job_id))


def _picture_row(picture: NewPicture, job_id: str, account_id: int, index: int) -> PictureRow:
    return PictureRow(
        id=str(uuid4()),
        job_id=job_id,
        account_id=account_id,
        index=index,
        seed=picture.seed,
        sha256=picture.sha256,
        width=picture.width,
        height=picture.height,
        media_type=picture.media_type,
        bytes=picture.bytes,
    )


def _job(row: JobRow, pictures: Sequence[PictureRow] | None = None) -> JobRecord:
    return JobRecord(
        id=row.id,
        account_id=row.account_id,
        key=row.key,
        mode=row.mode,
        model=row.model,
        request=row.request,
        state=row.state,
        attempt=row.attempt,
        crashes=row.crashes,
        error_key=row.error_key,
        error_values=row.error_values or {},
        created_at=row.created_at,
        started_at=row.started_at,
        finished_at=row.finished_at,
        pictures=tuple(map(_picture, row.pictures if pictures is None else pictures)),
    )


def _picture(row: PictureRow) -> PictureRecord:
    return PictureRecord(
        id=row.id,
        job_id=row.job_id,
        account_id=row.account_id,
        index=row.index,
        seed=row.seed,
        sha256=row.sha256,
        width=row.width,
        height=row.height,
        media_type=row.media_type,
        bytes=row.bytes,
        created_at=row.created_at,
    )
