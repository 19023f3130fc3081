"""All that happened to one picture, for moderators."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from sqlalchemy import or_, select
from sqlalchemy.ext.asyncio import AsyncSession

from storage.cases import is_open
from storage.database import Database
from storage.records import Account, Appeal, Asked, Decision, PictureRecord, Report, Why
from storage.rows import account_record, appeal, asked, decision, picture_record, report
from storage.tables import (
    AccountRow,
    AppealRow,
    CaseRow,
    DecisionRow,
    JobRow,
    PictureRow,
    ReportRow,
)


@dataclass(frozen=True, slots=True)
class OpenCase:
    """The case of a picture that is not decided yet."""

    id: int
    why: Why
    policy: str


@dataclass(frozen=True, slots=True)
class Story:
    """A picture, what it was made from, whose it is, and what was said and decided about it.

    Decisions and reports are the newest first; of appeals it is the last one.
    """

    picture: PictureRecord
    job: Asked
    account: Account
    decisions: tuple[Decision, ...]
    reports: tuple[Report, ...]
    appeal: Appeal | None
    case: OpenCase | None


async def story(database: Database, picture_id: str) -> Story | None:
    """None for a picture that is not there, or was deleted and is no open case.

    Raises DatabaseAway.
    """
    whole = (
        select(PictureRow, JobRow, AccountRow)
        .join(JobRow, JobRow.id == PictureRow.job_id)
        .join(AccountRow, AccountRow.id == PictureRow.account_id)
        .where(PictureRow.id == picture_id, or_(PictureRow.deleted_at.is_(None), is_open()))
    )
    async with database.read() as session:
        found = (await session.execute(whole)).one_or_none()
        if found is None:
            return None
        picture, job, account = found
        return Story(
            picture_record(picture),
            asked(job),
            account_record(account),
            await _decisions(session, picture_id),
            await _reports(session, picture_id),
            await _appeal(session, picture_id),
            await _case(session, picture_id),
        )


async def made_from(database: Database, picture_id: str, sha256: str) -> bool:
    """Whether the picture of that id was made from that file."""
    request = (
        select(JobRow.request)
        .join(PictureRow, PictureRow.job_id == JobRow.id)
        .where(PictureRow.id == picture_id, PictureRow.deleted_at.is_(None))
    )
    async with database.read() as session:
        found = await session.scalar(request)
    return sha256 in _hashes(found)


async def _decisions(session: AsyncSession, picture_id: str) -> tuple[Decision, ...]:
    rows = (
        select(DecisionRow)
        .where(DecisionRow.picture_id == picture_id)
        .order_by(DecisionRow.id.desc())
    )
    return tuple(map(decision, await session.scalars(rows)))


async def _reports(session: AsyncSession, picture_id: str) -> tuple[Report, ...]:
    rows = select(ReportRow).where(ReportRow.picture_id == picture_id).order_by(ReportRow.id.desc())
    return tuple(map(report, await session.scalars(rows)))


async def _appeal(session: AsyncSession, picture_id: str) -> Appeal | None:
    last = (
        select(AppealRow)
        .where(AppealRow.picture_id == picture_id)
        .order_by(AppealRow.id.desc())
        .limit(1)
    )
    row = await session.scalar(last)
    return None if row is None else appeal(row)


async def _case(session: AsyncSession, picture_id: str) -> OpenCase | None:
    open_one = select(CaseRow).where(CaseRow.picture_id == picture_id, CaseRow.closed_at.is_(None))
    row = await session.scalar(open_one)
    return None if row is None else OpenCase(row.id, row.why, row.policy)


def _hashes(value: object) -> Iterator[str]:
    if isinstance(value, Mapping):
        if set(value) == {"sha256"}:
            yield str(value["sha256"])
        for one in value.values():
            yield from _hashes(one)
    elif isinstance(value, list):
        for one in value:
            yield from _hashes(one)
