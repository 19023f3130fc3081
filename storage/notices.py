"""Notices: what people are to be told, by the bot where it can, by the web when they come."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import ColumnElement, and_, func, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from storage.database import Database
from storage.outbox import PUSHED
from storage.records import DeliveryState, Notice, NoticeKind
from storage.rows import notice
from storage.tables import AccountRow, NoticeRow, PictureRow, now


class Notices:
    """The notices of one database. Every method may raise DatabaseAway.

    Those of channels that push are taken, sent and marked like the deliveries of the outbox. One
    that was sent is seen.
    """

    def __init__(self, database: Database) -> None:
        self._database = database

    async def of(self, account_id: int) -> list[Notice]:
        """Those that the account has not seen, the oldest first."""
        unseen = select(NoticeRow).where(
            NoticeRow.account_id == account_id, NoticeRow.seen_at.is_(None)
        )
        async with self._database.read() as session:
            return [notice(row) for row in await session.scalars(unseen.order_by(NoticeRow.id))]

    async def seen(self, notice_id: int, account_id: int) -> bool:
        """The account has seen it; False if it has no such notice, or had seen it.

        It is taken all the same: what it says is still to be done in chats, though not to be said.
        """
        own = NoticeRow.id == notice_id, NoticeRow.account_id == account_id
        return await self._mark(and_(*own, NoticeRow.seen_at.is_(None)), seen_at=now())

    async def take(self, limit: int, lease: float) -> list[Notice]:
        """Those that are due, the oldest first; nobody else gets them for `lease` seconds."""
        due = (
            select(NoticeRow.id)
            .where(
                NoticeRow.state == DeliveryState.WAITING,
                NoticeRow.due_at <= self._database.moment(),
            )
            .order_by(NoticeRow.due_at, NoticeRow.id)
            .limit(limit)
            .with_for_update(skip_locked=True)
        )
        taken = (
            update(NoticeRow)
            .where(NoticeRow.id.in_(due))
            .values(attempt=NoticeRow.attempt + 1, due_at=self._database.moment(lease))
            .returning(NoticeRow)
            .execution_options(synchronize_session=False)
        )
        async with self._database.write() as session:
            rows = sorted(await session.scalars(taken), key=lambda row: row.id)
            return [notice(row) for row in rows]

    async def sent(self, taken: Notice) -> bool:
        """It was sent. False, as below, if it is somebody else's to send by now, or was undone."""
        seen = func.coalesce(NoticeRow.seen_at, now())
        return await self._mark(_held(taken), state=DeliveryState.SENT, seen_at=seen, error=None)

    async def later(self, taken: Notice, seconds: float, error: str) -> bool:
        """It could not be sent now; it is due again in so many seconds."""
        due = self._database.moment(seconds)
        return await self._mark(_held(taken), due_at=due, error=error)

    async def give_up(self, taken: Notice, error: str) -> bool:
        """It cannot be sent; the person may still see it on the web."""
        return await self._mark(_held(taken), state=DeliveryState.GIVEN_UP, error=error)

    async def _mark(self, which: ColumnElement[bool], **values: object) -> bool:
        marked = (
            update(NoticeRow)
            .where(which)
            .values(**values)
            .returning(NoticeRow.id)
            .execution_options(synchronize_session=False)
        )
        async with self._database.write() as session:
            return (await session.scalars(marked)).first() is not None


def tell(
    session: AsyncSession,
    account: AccountRow,
    kind: NoticeKind,
    *,
    picture: PictureRow | None = None,
    policy: str = "",
    reason: str = "",
    until: datetime | None = None,
    decision_id: int | None = None,
) -> None:
    """In the transaction that does it: the account is to be told of it."""
    session.add(
        NoticeRow(
            account_id=account.id,
            kind=kind,
            picture_id=None if picture is None else picture.id,
            job_id=None if picture is None else picture.job_id,
            policy=policy,
            reason=reason,
            until=until,
            decision_id=decision_id,
            due_at=now() if account.channel in PUSHED else None,
        )
    )


def _held(taken: Notice) -> ColumnElement[bool]:
    return and_(
        NoticeRow.id == taken.id,
        NoticeRow.attempt == taken.attempt,
        NoticeRow.state == DeliveryState.WAITING,
    )
