"""Who removed a picture, by the decisions that stand: an appeal is for somebody else to decide."""

from __future__ import annotations

from sqlalchemy import ColumnElement, select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import InstrumentedAttribute, aliased

from storage.records import Review
from storage.tables import DecisionRow


async def removal(session: AsyncSession, picture_id: str) -> DecisionRow | None:
    """The last one of the picture that stands."""
    newest = select(DecisionRow).where(DecisionRow.picture_id == picture_id, _stands())
    return await session.scalar(newest.order_by(DecisionRow.id.desc()).limit(1))


async def has_removed(
    session: AsyncSession, picture_id: str, account_id: int, before: int | None = None
) -> bool:
    """Whether the account removed the picture, if `before` is given: before that decision."""
    own = select(DecisionRow.id).where(
        DecisionRow.picture_id == picture_id, DecisionRow.account_id == account_id, _stands()
    )
    if before is not None:
        own = own.where(DecisionRow.id < before)
    return await session.scalar(own.limit(1)) is not None


def removed_by(picture_id: InstrumentedAttribute[str], account_id: int) -> ColumnElement[bool]:
    """That the account removed that picture."""
    own = select(DecisionRow.id).where(
        DecisionRow.picture_id == picture_id, DecisionRow.account_id == account_id, _stands()
    )
    return own.exists()


def _stands() -> ColumnElement[bool]:
    """That a decision is a removal, and nobody took it back."""
    later = aliased(DecisionRow)
    undone = select(later.id).where(later.undoes == DecisionRow.id).exists()
    return (DecisionRow.decision == Review.REMOVED) & DecisionRow.undoes.is_(None) & ~undone
