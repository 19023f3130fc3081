"""What moderators know of an account at a glance."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import func, select

from storage import rows
from storage.database import Database
from storage.records import Decision, Report, Review
from storage.tables import DecisionRow, PictureRow, RefusalRow, ReportRow

LATEST = 50  # decisions, and reports


@dataclass(frozen=True, slots=True)
class Survey:
    """Of one account: its pictures that were not deleted, the latest decisions about its pictures,
    the latest reports that it made, and how many of its requests were refused of late."""

    counts: dict[Review, int]
    decisions: tuple[Decision, ...]
    reports: tuple[Report, ...]
    refusals: int


async def survey(database: Database, account_id: int) -> Survey:
    """Raises DatabaseAway."""
    own = PictureRow.account_id == account_id
    counts = (
        select(PictureRow.review, func.count())
        .where(own, PictureRow.deleted_at.is_(None))
        .group_by(PictureRow.review)
    )
    decided = (
        select(DecisionRow)
        .join(PictureRow, PictureRow.id == DecisionRow.picture_id)
        .where(own)
        .order_by(DecisionRow.id.desc())
        .limit(LATEST)
    )
    reports = (
        select(ReportRow)
        .where(ReportRow.account_id == account_id)
        .order_by(ReportRow.id.desc())
        .limit(LATEST)
    )
    refusals = select(func.count()).where(RefusalRow.account_id == account_id)
    async with database.read() as session:
        return Survey(
            counts=dict.fromkeys(Review, 0) | dict((await session.execute(counts)).all()),
            decisions=tuple(map(rows.decision, await session.scalars(decided))),
            reports=tuple(map(rows.report, await session.scalars(reports))),
            refusals=await session.scalar(refusals) or 0,
        )
