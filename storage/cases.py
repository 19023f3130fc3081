"""The queue of cases: what moderators are to look at, each held by one of them at a time."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from sqlalchemy import ColumnElement, Select, and_, case, func, not_, or_, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from storage.database import Database
from storage.inserts import insert_new
from storage.locked import locked
from storage.records import VIEWS, Case, Line, NewCase, View, Why
from storage.removers import removed_by
from storage.rows import account_record, appeal, asked, picture_record, report
from storage.tables import (
    AccountRow,
    AppealRow,
    CaseRow,
    JobRow,
    PictureRow,
    ReportRow,
    now,
)

HELD_AT_ONCE = 100  # cases, by one moderator

Whole = tuple[CaseRow, PictureRow, JobRow, AccountRow]


class Cases:
    """The cases of one database. Every method may raise DatabaseAway."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def take(
        self,
        account_id: int,
        view: View,
        count: int,
        lease: float,
        person: int | None = None,
        without: Collection[int] = (),
    ) -> list[Case]:
        """Cases of the view that are the moderator's alone for `lease` seconds, the oldest first.

        Those that the moderator holds come before others. `person` is the account whose pictures
        are meant, `without` are the ids of cases that are not wanted. An appeal never comes to who
        removed the picture. Nobody holds more than HELD_AT_ONCE. Raises NoAccount, too.
        """
        moment = self._database.moment()
        own = and_(CaseRow.holder == account_id, CaseRow.held_until > moment)
        free = or_(CaseRow.held_until.is_(None), CaseRow.held_until <= moment)
        wanted: list[ColumnElement[bool]] = [
            CaseRow.closed_at.is_(None),
            CaseRow.why.in_(VIEWS[view]),
        ]
        if view is View.APPEALS:
            wanted.append(or_(CaseRow.removed_by.is_(None), CaseRow.removed_by != account_id))
            wanted.append(not_(removed_by(CaseRow.picture_id, account_id)))
        if person is not None:
            wanted.append(CaseRow.account_id == person)
        if without:
            wanted.append(CaseRow.id.not_in(without))
        held = select(
            func.count(), func.coalesce(func.sum(case((and_(*wanted), 1), else_=0)), 0)
        ).where(CaseRow.closed_at.is_(None), own)
        async with self._database.write() as session:
            await locked(session, account_id, whole=False)  # who asks twice at once gets no more
            all_, again = (await session.execute(held)).one()
            most = min(count, again + max(HELD_AT_ONCE - all_, 0))
            first = (
                select(CaseRow.id)
                .where(*wanted, or_(own, free))
                .order_by(case((own, 0), else_=1), CaseRow.opened_at, CaseRow.id)
                .limit(most)
                .with_for_update(skip_locked=True, of=CaseRow)
                .cte("first")
            )
            taken = (
                update(CaseRow)
                .where(CaseRow.id.in_(select(first.c.id)))
                .values(holder=account_id, held_until=self._database.moment(lease))
                .returning(CaseRow.id)
                .execution_options(synchronize_session=False)
            )
            ids = (await session.scalars(taken)).all()
        return await self._cases(ids)

    async def keep(self, account_id: int, case_ids: Collection[int], lease: float) -> set[int]:
        """Puts the end of the moderator's leases off; those of the cases that are still theirs."""
        until = self._database.moment(lease)
        return await self._held(account_id, case_ids, held_until=until)

    async def release(self, account_id: int, case_ids: Collection[int]) -> set[int]:
        """Gives those of the cases back that the moderator holds, and says which."""
        return await self._held(account_id, case_ids, holder=None, held_until=None)

    async def counts(self) -> dict[View, Line]:
        """How many cases of each view are open, and since when the oldest is."""
        lines = (
            select(CaseRow.why, func.count(), func.min(CaseRow.opened_at))
            .where(CaseRow.closed_at.is_(None))
            .group_by(CaseRow.why)
        )
        async with self._database.read() as session:
            found = {
                why: Line(count, oldest) for why, count, oldest in await session.execute(lines)
            }
        return {view: _sum([found[why] for why in VIEWS[view] if why in found]) for view in View}

    async def case(self, case_id: int) -> Case | None:
        """One case, open or closed; None if there is no such case."""
        found = await self._cases([case_id])
        return found[0] if found else None

    async def _held(self, account_id: int, case_ids: Collection[int], **values: object) -> set[int]:
        mine = (
            update(CaseRow)
            .where(
                CaseRow.id.in_(case_ids),
                CaseRow.closed_at.is_(None),
                CaseRow.holder == account_id,
                CaseRow.held_until > self._database.moment(),
            )
            .values(**values)
            .returning(CaseRow.id)
            .execution_options(synchronize_session=False)
        )
        if not case_ids:
            return set()
        async with self._database.write() as session:
            return set(await session.scalars(mine))

    async def _cases(self, case_ids: Sequence[int]) -> list[Case]:
        if not case_ids:
            return []
        async with self._database.read() as session:
            rows = (await session.execute(_whole(case_ids))).all()
            pictures = [picture.id for _, picture, _, _ in rows]
            reports = await _reports(session, pictures)
            appeals = await _appeals(session, pictures)
        return [_record(row, reports.get(row[1].id, []), appeals.get(row[1].id)) for row in rows]


async def open_case(session: AsyncSession, picture: PictureRow, new: NewCase) -> None:
    """Moderators are to look at the picture; a case of it that is open stays what it is."""
    values = {
        "picture_id": picture.id,
        "account_id": picture.account_id,
        "why": new.why,
        "policy": new.policy,
        "score": new.score,
    }
    await session.execute(insert_new(session, CaseRow, values))


async def report_case(session: AsyncSession, picture: PictureRow) -> None:
    """The same for a picture that was reported: from now on its case is about that, too."""
    await open_case(session, picture, NewCase(Why.REPORT, score=picture.score))
    await session.execute(
        update(CaseRow)
        .where(CaseRow.picture_id == picture.id, CaseRow.closed_at.is_(None))
        .values(why=Why.REPORT)
        .execution_options(synchronize_session=False)
    )


async def close_deleted(session: AsyncSession, picture_ids: Collection[str]) -> None:
    """Nobody has to look at pictures that are gone, unless somebody waits for the answer."""
    await session.execute(
        update(CaseRow)
        .where(
            CaseRow.picture_id.in_(picture_ids),
            CaseRow.closed_at.is_(None),
            CaseRow.why.not_in((Why.REPORT, Why.APPEAL)),
        )
        .values(closed_at=now())
        .execution_options(synchronize_session=False)
    )


def is_open() -> ColumnElement[bool]:
    """That a picture has an open case."""
    return select(CaseRow.id).where(_of_picture(), CaseRow.closed_at.is_(None)).exists()


def _of_picture() -> ColumnElement[bool]:
    return CaseRow.picture_id == PictureRow.id


def _sum(lines: Sequence[Line]) -> Line:
    oldest = [line.oldest for line in lines if line.oldest is not None]
    return Line(sum(line.open for line in lines), min(oldest, default=None))


def _whole(case_ids: Sequence[int]) -> Select[*Whole]:
    return (
        select(CaseRow, PictureRow, JobRow, AccountRow)
        .join(PictureRow, PictureRow.id == CaseRow.picture_id)
        .join(JobRow, JobRow.id == PictureRow.job_id)
        .join(AccountRow, AccountRow.id == CaseRow.account_id)
        .where(CaseRow.id.in_(case_ids))
        .order_by(CaseRow.opened_at, CaseRow.id)
    )


async def _reports(session: AsyncSession, picture_ids: Sequence[str]) -> dict[str, list[ReportRow]]:
    found: dict[str, list[ReportRow]] = {}
    rows = select(ReportRow).where(ReportRow.picture_id.in_(picture_ids)).order_by(ReportRow.id)
    for row in await session.scalars(rows):
        found.setdefault(row.picture_id, []).append(row)
    return found


async def _appeals(session: AsyncSession, picture_ids: Sequence[str]) -> dict[str, AppealRow]:
    """The last one of each picture."""
    rows = select(AppealRow).where(AppealRow.picture_id.in_(picture_ids)).order_by(AppealRow.id)
    return {row.picture_id: row for row in await session.scalars(rows)}


def _record(whole: Whole, reports: Sequence[ReportRow], last: AppealRow | None) -> Case:
    row, picture, job, account = whole
    return Case(
        id=row.id,
        picture=picture_record(picture),
        job=asked(job),
        account=account_record(account),
        why=row.why,
        policy=row.policy,
        score=row.score,
        opened_at=row.opened_at,
        holder=row.holder,
        held_until=row.held_until,
        reports=tuple(map(report, reports)),
        appeal=None if last is None else appeal(last),
        closed_at=row.closed_at,
    )
