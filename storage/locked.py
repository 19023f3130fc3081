"""The row of an account, for a transaction that changes what the account has or may do."""

from __future__ import annotations

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from storage.tables import AccountRow


async def locked(session: AsyncSession, account_id: int) -> AccountRow:
    """Nobody else changes or removes it until the end. Raises ValueError if there is none."""
    row = await session.scalar(
        select(AccountRow).where(AccountRow.id == account_id).with_for_update()
    )
    if row is None:
        raise ValueError(f"There is no account {account_id}.")
    return row
