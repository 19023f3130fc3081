"""The job ledger: what was asked, and what became of it, in SQL.

Every transition is one statement guarded by the state, and by the attempt that it expects: a
worker that lost its job, frozen or late, changes nothing. What a person sees of their jobs is in
storage/gallery.py.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any
from uuid import uuid4

from sqlalchemy import ColumnElement, and_, case, func, or_, select, update
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import selectinload

from storage.cases import open_case
from storage.consequences import REFUSED
from storage.database import Database
from storage.inserts import insert_new
from storage.outbox import announce
from storage.quotas import permit
from storage.records import JobRecord, JobState, NewPicture, Quota, Review, Role
from storage.rows import job_record
from storage.tables import (
    AccountRow,
    DecisionRow,
    FingerprintRow,
    JobRow,
    PictureRow,
    SourceRow,
    now,
)

CRASH_LIMIT = 3  # crashes of one job before it is quarantined
SUSPECT = CRASH_LIMIT - 1  # crashes after which a job runs alone, so that others are not in it
ACTIVE = (JobState.QUEUED, JobState.RUNNING)
NO_QUOTAS: Mapping[Role, Quota] = {}

Held = tuple[str, int]  # a job's id and the attempt under which it is held


class Ledger:
    """The jobs of one database. Every method may raise DatabaseAway."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def submit(
        self,
        account_id: int,
        key: str,
        mode: str,
        model: str,
        request: dict[str, Any],
        *,
        count: int = 1,
        words: str = "",
        sources: Collection[str] = (),
        findings: Sequence[dict[str, Any]] = (),
        session_id: str | None = None,
        quotas: Mapping[Role, Quota] = NO_QUOTAS,
        queue_limit: int = 0,
    ) -> JobRecord:
        """Queues the request; the job that the account's `key` already has, if there is one.

        Its turn is after the account's last one and not before the queue's first: start-time fair
        queuing (Goyal et al. 1996), so nobody waits for more than a round of the others.
        Raises Banned, TooManyWaiting, TooManyToday, QueueFull or NoAccount.
        """
        values = {
            "id": str(uuid4()),
            "account_id": account_id,
            "session_id": session_id,
            "key": key,
            "mode": mode,
            "model": model,
            "request": request,
            "words": words.casefold(),
            "count": count,
            "state": JobState.QUEUED,
            "findings": list(findings) or None,
        }
        async with self._database.write() as session:
            await permit(session, account_id, key, count, quotas, queue_limit)
            turn = await _turn(session, account_id)
            await session.execute(insert_new(session, JobRow, values | {"turn": turn}))
            job = await session.scalar(
                select(JobRow)
                .where(JobRow.account_id == account_id, JobRow.key == key)
                .options(selectinload(JobRow.pictures))
            )
            if job is None:
                raise LookupError("the job that was just written is gone")
            if job.id == values["id"]:
                session.add_all(SourceRow(job_id=job.id, sha256=one) for one in set(sources))
            return job_record(job)

    async def claim(self, worker: str, lease: float, alone: bool = True) -> JobRecord | None:
        """Takes the next queued job under a new attempt number, for `lease` seconds.

        None if none waits, or if the next one is a suspect of crashes and the worker not `alone`.
        """
        first = (
            select(JobRow.id)
            .where(JobRow.state == JobState.QUEUED)
            .order_by(JobRow.turn, JobRow.created_at, JobRow.id)
            .limit(1)
            .with_for_update(skip_locked=True)
            .scalar_subquery()
        )
        unsuspected = JobRow.crashes < (SUSPECT if not alone else CRASH_LIMIT)
        async with self._database.write() as session:
            row = await session.scalar(
                update(JobRow)
                .where(JobRow.id == first, JobRow.state == JobState.QUEUED, unsuspected)
                .values(
                    state=JobState.RUNNING,
                    attempt=JobRow.attempt + 1,
                    worker=worker,
                    lease_until=self._database.moment(lease),
                    step=0,
                    steps=0,
                )
                .returning(JobRow)
                .execution_options(synchronize_session=False)
            )
            return None if row is None else job_record(row, pictures=())

    async def start(self, job_id: str, attempt: int) -> bool:
        """Notes that work on it began: from here on a crash counts against it."""
        return await self._move(_held(job_id, attempt), started_at=now())

    async def beat(
        self, worker: str, lease: float, progress: Mapping[Held, tuple[int, int]]
    ) -> set[Held]:
        """A worker's heartbeat: puts its leases off, notes the (step, steps) of each job it holds.

        Returns those that it still holds; the others were cancelled, or given to somebody else.
        """
        ids = [job_id for job_id, _ in progress]
        steps = {job_id: done for (job_id, _), done in progress.items()}
        alive = (
            update(JobRow)
            .where(JobRow.id.in_(ids), JobRow.worker == worker, JobRow.state == JobState.RUNNING)
            .values(
                lease_until=self._database.moment(lease),
                step=case({i: done[0] for i, done in steps.items()}, value=JobRow.id),
                steps=case({i: done[1] for i, done in steps.items()}, value=JobRow.id),
            )
            .returning(JobRow.id, JobRow.attempt)
            .execution_options(synchronize_session=False)
        )
        if not ids:
            return set()
        async with self._database.write(urgent=True) as session:
            held = {(job_id, attempt) for job_id, attempt in await session.execute(alive)}
        return held & progress.keys()

    async def finish(self, job_id: str, attempt: int, pictures: Sequence[NewPicture]) -> bool:
        """Done, with one row for each picture, whose file must already be stored.

        Blocked, if the gate has removed every one of them. False, and nothing is written, if the
        job is no longer held under this attempt.
        """
        done = (
            update(JobRow)
            .where(_held(job_id, attempt))
            .values(finished_at=now(), lease_until=None, **_ended(pictures))
            .returning(JobRow.account_id)
            .execution_options(synchronize_session=False)
        )
        async with self._database.write() as session:
            account_id = await session.scalar(done)
            if account_id is None:
                return False
            rows = [
                _picture_row(picture, job_id, account_id, index)
                for index, picture in enumerate(pictures)
            ]
            session.add_all(rows)
            await session.flush()
            for row, picture in zip(rows, pictures, strict=True):
                await _gated(session, row, picture)
            await announce(session, [job_id])
            return True

    async def fail(
        self, job_id: str, attempt: int, error_key: str, error_values: dict[str, Any]
    ) -> bool:
        """Failed, with the error that its owner reads."""
        return await self._move(
            _held(job_id, attempt),
            state=JobState.FAILED,
            finished_at=now(),
            lease_until=None,
            error_key=error_key,
            error_values=error_values,
        )

    async def release(self, job_id: str, attempt: int) -> bool:
        """Back to its place in the queue; nothing counts against it."""
        return await self._move(
            _held(job_id, attempt), state=JobState.QUEUED, started_at=None, lease_until=None
        )

    async def cancel(self, job_id: str) -> bool:
        """Cancelled, whoever works on it; False if it had ended."""
        return await self._move(
            and_(JobRow.id == job_id, JobRow.state.in_(ACTIVE)),
            state=JobState.CANCELLED,
            finished_at=now(),
            lease_until=None,
        )

    async def expire(self, error_key: str) -> bool:
        """Queues again what is running under a lease that has ended; whether there was any.

        A job that work had begun on has crashed once more; at CRASH_LIMIT it is quarantined,
        with `error_key` for its owner to read.
        """
        lapsed = and_(
            JobRow.state == JobState.RUNNING,
            or_(JobRow.lease_until < self._database.moment(), JobRow.lease_until.is_(None)),
        )
        async with self._database.read() as session:
            if await session.scalar(select(JobRow.id).where(lapsed).limit(1)) is None:
                return False
        last = and_(JobRow.started_at.is_not(None), JobRow.crashes >= CRASH_LIMIT - 1)
        ended = await self._move(
            and_(lapsed, last),
            state=JobState.QUARANTINED,
            crashes=JobRow.crashes + 1,
            finished_at=now(),
            lease_until=None,
            error_key=error_key,
            error_values={},
        )
        again = await self._move(
            and_(lapsed, or_(JobRow.started_at.is_(None), JobRow.crashes < CRASH_LIMIT - 1)),
            state=JobState.QUEUED,
            crashes=JobRow.crashes + case((JobRow.started_at.is_not(None), 1), else_=0),
            started_at=None,
            lease_until=None,
        )
        return ended or again

    async def running(self, job_ids: Collection[str]) -> dict[str, int]:
        """The attempts of those of the jobs that somebody may be working on."""
        async with self._database.read() as session:
            rows = await session.execute(
                select(JobRow.id, JobRow.attempt).where(
                    JobRow.id.in_(job_ids), JobRow.state == JobState.RUNNING
                )
            )
            return dict(rows.all())

    async def position(self, job_id: str) -> int:
        """How many jobs are before this one in the queue, those being worked on included."""
        async with self._database.read() as session:
            row = (
                await session.execute(
                    select(JobRow.turn, JobRow.created_at).where(JobRow.id == job_id)
                )
            ).one_or_none()
            if row is None:
                return 0
            turn, moment = row
            earlier = or_(
                JobRow.turn < turn,
                and_(
                    JobRow.turn == turn,
                    or_(
                        JobRow.created_at < moment,
                        and_(JobRow.created_at == moment, JobRow.id < job_id),
                    ),
                ),
            )
            before = or_(
                and_(JobRow.state == JobState.RUNNING, JobRow.id != job_id),
                and_(JobRow.state == JobState.QUEUED, earlier),
            )
            return await session.scalar(select(func.count()).where(before)) or 0

    async def active(self, channel: str) -> list[JobRecord]:
        """Every job of that channel's accounts that has not ended, the oldest first."""
        jobs = (
            select(JobRow)
            .join(AccountRow, AccountRow.id == JobRow.account_id)
            .where(JobRow.state.in_(ACTIVE), AccountRow.channel == channel)
            .order_by(JobRow.created_at, JobRow.id)
        )
        async with self._database.read() as session:
            return [job_record(row, pictures=()) for row in await session.scalars(jobs)]

    async def counts(self) -> dict[JobState, int]:
        """How many jobs are in each state."""
        async with self._database.read() as session:
            rows = await session.execute(select(JobRow.state, func.count()).group_by(JobRow.state))
            return dict.fromkeys(JobState, 0) | dict(rows.all())

    async def _move(self, guard: ColumnElement[bool], **values: object) -> bool:
        """Whether any job was moved; those that thereby ended are announced to their owners."""
        statement = (
            update(JobRow)
            .where(guard)
            .values(**values)
            .returning(JobRow.id)
            .execution_options(synchronize_session=False)
        )
        async with self._database.write() as session:
            moved = list(await session.scalars(statement))
            state = values.get("state")
            if moved and isinstance(state, JobState) and state.final:
                await announce(session, moved)
            return bool(moved)


def _held(job_id: str, attempt: int) -> ColumnElement[bool]:
    return and_(JobRow.id == job_id, JobRow.state == JobState.RUNNING, JobRow.attempt == attempt)


async def _turn(session: AsyncSession, account_id: int) -> int:
    """When the account's last job would have had its share, and not before the queue's first."""
    latest = select(JobRow.turn + JobRow.count).order_by(JobRow.turn.desc()).limit(1)
    own = await session.scalar(latest.where(JobRow.account_id == account_id))
    first = await session.scalar(
        select(func.min(JobRow.turn)).where(JobRow.state == JobState.QUEUED)
    )
    if first is None:
        first = await session.scalar(latest)
    return max(own or 0, first or 0)


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
        review=picture.review,
        score=picture.score,
        policy=picture.policy,
    )


def _ended(pictures: Sequence[NewPicture]) -> dict[str, object]:
    """How the job ends: blocked, where the gate has removed all that was made."""
    if not pictures or any(one.review is not Review.REMOVED for one in pictures):
        return {"state": JobState.DONE}
    values = {"policy": pictures[0].policy}
    return {"state": JobState.BLOCKED, "error_key": REFUSED, "error_values": values}


async def _gated(session: AsyncSession, row: PictureRow, picture: NewPicture) -> None:
    """What the gate says of a picture, whose row is written."""
    if picture.fingerprint:
        session.add(FingerprintRow(picture_id=row.id, hash=picture.fingerprint))
    if picture.review is Review.REMOVED:
        session.add(
            DecisionRow(
                picture_id=row.id,
                decision=Review.REMOVED,
                policy=picture.policy,
                reason="",
                score=picture.score,
            )
        )
    if picture.case is not None:
        await open_case(session, row, picture.case)
