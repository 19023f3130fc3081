"""The outbox: who is to be told that a job has ended, on channels that push (Telegram).

The row is written in the transaction that ends the job; whoever sends marks it afterwards, so a
message is never forgotten, and sent twice only where a crash fell between sending and marking.
"""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import select, update
from sqlalchemy.ext.asyncio import AsyncSession

from storage.database import Database
from storage.inserts import insert_from
from storage.records import Delivery, DeliveryState
from storage.tables import TELEGRAM, AccountRow, DeliveryRow, JobRow, now

PUSHED = (TELEGRAM,)  # channels on which the studio speaks first


async def announce(session: AsyncSession, job_ids: Sequence[str], *, again: bool = False) -> None:
    """In the transaction that ended these jobs: their owners are to be told, where they can be.

    They are told `again` when there is more to send: who sends just now has not seen it, and finds
    that the delivery is no longer theirs to mark.
    """
    ended = (
        select(JobRow.id, JobRow.account_id)
        .join(AccountRow, AccountRow.id == JobRow.account_id)
        .where(JobRow.id.in_(job_ids), AccountRow.channel.in_(PUSHED))
    )
    if again:
        due = {"state": DeliveryState.WAITING, "due_at": now(), "attempt": DeliveryRow.attempt + 1}
        told = update(DeliveryRow).where(DeliveryRow.job_id.in_(job_ids)).values(due)
        await session.execute(told.execution_options(synchronize_session=False))
    await session.execute(insert_from(session, DeliveryRow, ["job_id", "account_id"], ended))


class Outbox:
    """What is to be sent. Every method may raise DatabaseAway."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def take(self, limit: int, lease: float) -> list[Delivery]:
        """Those that are due, the oldest first; nobody else gets them for `lease` seconds."""
        due = (
            select(DeliveryRow.job_id)
            .where(
                DeliveryRow.state == DeliveryState.WAITING,
                DeliveryRow.due_at <= self._database.moment(),
            )
            .order_by(DeliveryRow.due_at)
            .limit(limit)
            .with_for_update(skip_locked=True)
        )
        taken = (
            update(DeliveryRow)
            .where(DeliveryRow.job_id.in_(due))
            .values(attempt=DeliveryRow.attempt + 1, due_at=self._database.moment(lease))
            .returning(DeliveryRow)
            .execution_options(synchronize_session=False)
        )
        async with self._database.write() as session:
            rows = sorted(await session.scalars(taken), key=lambda row: row.created_at)
            return [Delivery(row.job_id, row.account_id, row.attempt) for row in rows]

    async def sent(self, delivery: Delivery, reference: str) -> bool:
        """It was sent; `reference` is what the channel calls the message."""
        return await self._mark(
            delivery, state=DeliveryState.SENT, sent_at=now(), reference=reference, error=None
        )

    async def later(self, delivery: Delivery, seconds: float, error: str) -> bool:
        """It could not be sent now; it is due again in so many seconds."""
        return await self._mark(delivery, due_at=self._database.moment(seconds), error=error)

    async def give_up(self, delivery: Delivery, error: str) -> bool:
        """It cannot be sent: the person has blocked the bot, for example."""
        return await self._mark(delivery, state=DeliveryState.GIVEN_UP, error=error)

    async def _mark(self, delivery: Delivery, **values: object) -> bool:
        """False if somebody else has it by now."""
        mine = (
            update(DeliveryRow)
            .where(
                DeliveryRow.job_id == delivery.job_id,
                DeliveryRow.attempt == delivery.attempt,
                DeliveryRow.state == DeliveryState.WAITING,
            )
            .values(**values)
            .returning(DeliveryRow.job_id)
            .execution_options(synchronize_session=False)
        )
        async with self._database.write() as session:
            return (await session.scalars(mine)).first() is not None
