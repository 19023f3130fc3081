"""What pictures look like, in 256 bits each, and the blocklist of what must not come back.

How alike two of them are is for the engine to say.
"""

from __future__ import annotations

from sqlalchemy import ColumnElement, and_, func, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from storage.database import Database
from storage.tables import BlockRow, DecisionRow, FingerprintRow, now

OTHER = "other"  # what is removed under this policy may come back: nobody knows what it was


class Blocklist:
    """The blocklist of one database. Every method may raise DatabaseAway."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def version(self) -> tuple[object, ...]:
        """Another one whenever `rows` are others; soon said."""
        known = select(
            func.max(BlockRow.id),
            func.count(BlockRow.lifted_at),
            func.coalesce(func.sum(BlockRow.lifted_by), 0),
            func.max(BlockRow.lifted_at),
        )
        async with self._database.read() as session:
            return tuple((await session.execute(known)).one())

    async def rows(self) -> list[tuple[int, str, str]]:
        """What is blocked now: its number, fingerprint (64 hex digits) and policy."""
        rows = select(BlockRow.id, BlockRow.hash, BlockRow.policy).order_by(BlockRow.id)
        async with self._database.read() as session:
            found = await session.execute(rows.where(BlockRow.lifted_at.is_(None)))
            return list(found.all())


class Fingerprints:
    """The fingerprints of one database. Every method may raise DatabaseAway."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def since(self, number: int, limit: int) -> list[tuple[int, str, str]]:
        """Those of higher numbers, in their order: number, picture and fingerprint.

        A number may turn up a little after a higher one: its transaction took longer.
        """
        later = (
            select(FingerprintRow.id, FingerprintRow.picture_id, FingerprintRow.hash)
            .where(FingerprintRow.id > number)
            .order_by(FingerprintRow.id)
            .limit(limit)
        )
        async with self._database.read() as session:
            return list((await session.execute(later)).all())


async def block(session: AsyncSession, removal: DecisionRow) -> None:
    """What was removed must not come back."""
    if removal.policy == OTHER:
        return
    known = select(FingerprintRow.hash).where(FingerprintRow.picture_id == removal.picture_id)
    if found := await session.scalar(known):
        session.add(
            BlockRow(
                hash=found,
                policy=removal.policy,
                picture_id=removal.picture_id,
                decision_id=removal.id,
            )
        )


async def unblock(session: AsyncSession, decision_id: int, which: ColumnElement[bool]) -> None:
    """The decision lifts those that are blocked."""
    lifted = update(BlockRow).where(which, BlockRow.lifted_at.is_(None))
    values = {"lifted_at": now(), "lifted_by": decision_id}
    await session.execute(lifted.values(values).execution_options(synchronize_session=False))


async def block_again(session: AsyncSession, decision_id: int) -> None:
    """What the decision had lifted."""
    again = update(BlockRow).where(BlockRow.lifted_by == decision_id)
    values = {"lifted_at": None, "lifted_by": None}
    await session.execute(again.values(values).execution_options(synchronize_session=False))


def blocked_by(decision_id: int) -> ColumnElement[bool]:
    return and_(BlockRow.decision_id == decision_id)


def blocked_for(picture_id: str) -> ColumnElement[bool]:
    return and_(BlockRow.picture_id == picture_id)
