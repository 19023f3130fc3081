"""The row of an account, for a transaction that changes what the account has or may do."""

from __future__ import annotations

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from storage.tables import FORGOTTEN, AccountRow


class NoAccount(ValueError):
    """There is no such account, or it was erased or has joined another one."""

    def __init__(self, account_id: int) -> None:
        self.account_id = account_id
        super().__init__(f"There is no account {account_id}.")


async def locked(session: AsyncSession, account_id: int, *, whole: bool = True) -> AccountRow:
    """Nobody else changes or removes it until the end. Raises NoAccount.

    Nobody else writes a row that refers to it either, unless it is not locked as a `whole`.
    """
    row = await session.scalar(
        select(AccountRow).where(AccountRow.id == account_id).with_for_update(key_share=not whole)
    )
    if row is None or row.channel == FORGOTTEN:
        raise NoAccount(account_id)
    return row
