"""How much an account may ask for, checked where the job is written: exact in races."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta

from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncSession

from storage.locked import locked
from storage.records import JobState, Quota, Role
from storage.tables import JobRow, now

DAY = timedelta(hours=24)
COUNTED = (JobState.QUEUED, JobState.RUNNING, JobState.DONE)  # what failed is not held against one


class Refused(Exception):
    """The job was not accepted, and nothing was written."""


class Banned(Refused):
    """The account may not ask for anything until then."""

    def __init__(self, until: datetime, reason: str) -> None:
        self.until, self.reason = until, reason
        super().__init__(f"banned until {until}: {reason}")


class TooManyWaiting(Refused):
    """The account has `limit` jobs that have not ended."""

    def __init__(self, limit: int) -> None:
        self.limit = limit
        super().__init__(f"{limit} jobs have not ended")


class TooManyToday(Refused):
    """With these the account would have asked for more than `limit` pictures in 24 hours."""

    def __init__(self, limit: int) -> None:
        self.limit = limit
        super().__init__(f"{limit} pictures a day")


class QueueFull(Refused):
    """So many jobs wait that no more are taken from anybody."""


async def permit(
    session: AsyncSession,
    account_id: int,
    key: str,
    count: int,
    quotas: Mapping[Role, Quota],
    queue_limit: int,
) -> None:
    """Raises Refused unless the account may have `count` more pictures made, or has this job.

    Racing submits of one account wait here for each other: on PostgreSQL for its row, on SQLite
    for the whole write. Raises NoAccount, too.
    """
    account = await locked(session, account_id, whole=False)
    same = select(JobRow.id).where(JobRow.account_id == account_id, JobRow.key == key)
    if await session.scalar(same) is not None:
        return
    if account.banned_until is not None and account.banned_until > now():
        raise Banned(account.banned_until, account.ban_reason or "")
    quota = quotas.get(account.role, Quota())
    if quota.waiting and await _waiting(session, account_id) >= quota.waiting:
        raise TooManyWaiting(quota.waiting)
    if quota.daily and await _today(session, account_id) + count > quota.daily:
        raise TooManyToday(quota.daily)
    if queue_limit and await _queued(session) >= queue_limit:
        raise QueueFull()


async def _waiting(session: AsyncSession, account_id: int) -> int:
    active = JobRow.state.in_((JobState.QUEUED, JobState.RUNNING))
    jobs = select(func.count()).where(JobRow.account_id == account_id, active)
    return await session.scalar(jobs) or 0


async def _today(session: AsyncSession, account_id: int) -> int:
    pictures = select(func.sum(JobRow.count)).where(
        JobRow.account_id == account_id,
        JobRow.created_at > now() - DAY,
        JobRow.state.in_(COUNTED),
    )
    return await session.scalar(pictures) or 0


async def _queued(session: AsyncSession) -> int:
    return await session.scalar(select(func.count()).where(JobRow.state == JobState.QUEUED)) or 0
