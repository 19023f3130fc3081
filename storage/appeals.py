"""Appeals: the owner's word that a picture was removed wrongly."""

from __future__ import annotations

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from storage.cases import open_case
from storage.database import Database
from storage.locked import locked
from storage.records import NewCase, ReportState, Review, Why
from storage.removers import removal
from storage.tables import AppealRow, CaseRow, PictureRow


class Appealed(Exception):
    """An appeal against this is open, or was rejected."""


async def appeal(database: Database, picture_id: str, account_id: int, text: str) -> bool:
    """Has another moderator look at the removal; False unless the account has such a picture.

    Raises DatabaseAway, NoAccount and Appealed.
    """
    removed = (
        select(PictureRow)
        .where(
            PictureRow.id == picture_id,
            PictureRow.account_id == account_id,
            PictureRow.review == Review.REMOVED,
            PictureRow.deleted_at.is_(None),
        )
        .with_for_update(of=PictureRow)
    )
    standing = AppealRow.state != ReportState.UPHELD
    known = select(AppealRow.id).where(AppealRow.picture_id == picture_id, standing)
    async with database.write() as session:
        await locked(session, account_id, whole=False)
        picture = await session.scalar(removed)
        if picture is None:
            return False
        if await session.scalar(known) is not None:
            raise Appealed()
        await _open(session, picture, text)
        return True


async def _open(session: AsyncSession, picture: PictureRow, text: str) -> None:
    against = await removal(session, picture.id)
    session.add(
        AppealRow(
            picture_id=picture.id,
            account_id=picture.account_id,
            text=text,
            removal_id=None if against is None else against.id,
        )
    )
    await open_case(session, picture, NewCase(Why.APPEAL, picture.policy, picture.score))
    case = await session.scalar(
        select(CaseRow).where(CaseRow.picture_id == picture.id, CaseRow.closed_at.is_(None))
    )
    if case is not None:
        case.why = Why.APPEAL
        case.removed_by = None if against is None else against.account_id
