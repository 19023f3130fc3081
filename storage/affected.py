"""The pictures that a decision is about, held until its end, with their jobs and cases."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

from sqlalchemy import case, or_, select
from sqlalchemy.ext.asyncio import AsyncSession

from storage.database import Database
from storage.tables import AccountRow, CaseRow, DecisionRow, JobRow, PictureRow, ReportRow


class NoPicture(LookupError):
    """There is no such picture, case or decision, or its owner was forgotten or deleted it."""


@dataclass(frozen=True, slots=True)
class Affected:
    """One picture, its job, its owner, and its open case, if there is one.

    `holder` is the moderator whose alone it is now; `decided_by` is who closed the case that was
    named, if it is closed.
    """

    picture: PictureRow
    job: JobRow
    owner: AccountRow
    case: CaseRow | None
    holder: int | None
    decided_by: int | None

    @property
    def gone(self) -> bool:
        """Whether its owner deleted the picture, and nobody waits for a decision about it."""
        return self.picture.deleted_at is not None and self.case is None


async def affected(
    database: Database,
    session: AsyncSession,
    case_ids: Collection[int],
    picture_ids: Collection[str],
) -> list[Affected]:
    """Those pictures and those of the cases, in the order of their ids. Raises NoPicture.

    Jobs, then accounts, then pictures, then cases are locked, as by everybody: nobody waits for
    the other in a ring.
    """
    wanted = {*picture_ids, *await _pictures(session, case_ids)}
    if not wanted:
        return []
    jobs = await _jobs(session, wanted)
    owners = await _accounts(session, jobs, wanted)
    pictures = (
        select(PictureRow)
        .where(PictureRow.id.in_(wanted))
        .order_by(PictureRow.id)
        .with_for_update(of=PictureRow)  # not of its link, which may be missing
    )
    found = (await session.scalars(pictures)).all()
    if len(found) < len(wanted):
        raise NoPicture(", ".join(sorted(wanted.difference(one.id for one in found))))
    cases = await _open_cases(database, session, wanted)
    deciders = await _deciders(session, case_ids)
    return [
        Affected(
            picture=one,
            job=jobs[one.job_id],
            owner=owners[one.account_id],
            case=cases[one.id][0] if one.id in cases else None,
            holder=cases[one.id][1] if one.id in cases else None,
            decided_by=deciders.get(one.id),
        )
        for one in found
    ]


async def _pictures(session: AsyncSession, case_ids: Collection[int]) -> set[str]:
    """Those of the cases."""
    if not case_ids:
        return set()
    cases = select(CaseRow.id, CaseRow.picture_id).where(CaseRow.id.in_(case_ids))
    found = dict((await session.execute(cases)).all())
    if missing := set(case_ids).difference(found):
        raise NoPicture(f"case {missing}")
    return set(found.values())


async def _deciders(session: AsyncSession, case_ids: Collection[int]) -> dict[str, int | None]:
    """Who decided those of the cases that are closed, by picture; read once nobody changes them."""
    closed = (
        select(CaseRow.picture_id, DecisionRow.account_id)
        .join(DecisionRow, DecisionRow.id == CaseRow.decision_id)
        .where(CaseRow.id.in_(case_ids))
        .order_by(CaseRow.id)
    )
    return dict((await session.execute(closed)).all()) if case_ids else {}


async def _jobs(session: AsyncSession, picture_ids: Collection[str]) -> dict[str, JobRow]:
    of_pictures = select(PictureRow.job_id).where(PictureRow.id.in_(picture_ids))
    jobs = select(JobRow).where(JobRow.id.in_(of_pictures)).order_by(JobRow.id).with_for_update()
    return {job.id: job for job in await session.scalars(jobs)}


async def _accounts(
    session: AsyncSession, jobs: dict[str, JobRow], picture_ids: Collection[str]
) -> dict[int, AccountRow]:
    """The owners, and who has reported the pictures: they may be told."""
    reporters = select(ReportRow.account_id).where(ReportRow.picture_id.in_(picture_ids))
    accounts = (
        select(AccountRow)
        .where(
            or_(
                AccountRow.id.in_({job.account_id for job in jobs.values()}),
                AccountRow.id.in_(reporters),
            )
        )
        .order_by(AccountRow.id)
        .with_for_update(read=True, key_share=True)
    )
    return {account.id: account for account in await session.scalars(accounts)}


async def _open_cases(
    database: Database, session: AsyncSession, picture_ids: Collection[str]
) -> dict[str, tuple[CaseRow, int | None]]:
    """Each with who holds it now."""
    holder = case((CaseRow.held_until > database.moment(), CaseRow.holder), else_=None)
    cases = (
        select(CaseRow, holder)
        .where(CaseRow.picture_id.in_(picture_ids), CaseRow.closed_at.is_(None))
        .order_by(CaseRow.id)
        .with_for_update()
    )
    return {row.picture_id: (row, who) for row, who in await session.execute(cases)}
