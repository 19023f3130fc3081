"""What accounts may do: roles and bans, each change written down in the audit as it is made."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from storage.database import Database
from storage.locked import locked
from storage.records import Account, Role
from storage.rows import account_record
from storage.tables import FORGOTTEN, AccountRow, AuditRow

FOREVER = datetime(9999, 12, 31, tzinfo=UTC)


class Rights:
    """The rights in one database. Every method may raise DatabaseAway.

    `by` is the account of who decides, None for a shell; whether they may is for the caller to
    know. An account that is not there is a ValueError.
    """

    def __init__(self, database: Database) -> None:
        self._database = database

    async def role(self, account_id: int, role: Role, *, by: int | None) -> None:
        async with self._database.write() as session:
            row = await locked(session, account_id)
            audit(session, "role", account_id, by, {"from": row.role, "to": role})
            row.role = role

    async def ban(self, account_id: int, until: datetime, reason: str, *, by: int | None) -> None:
        """Until then the account may ask for nothing; `reason` is for its owner to read."""
        async with self._database.write() as session:
            row = await locked(session, account_id)
            row.banned_until, row.ban_reason = until, reason
            details = {"until": until.isoformat(), "reason": reason}
            audit(session, "ban", account_id, by, details)

    async def unban(self, account_id: int, *, by: int | None) -> None:
        async with self._database.write() as session:
            row = await locked(session, account_id)
            row.banned_until = row.ban_reason = None
            audit(session, "unban", account_id, by, {})

    async def everyone(self, channel: str | None = None) -> list[Account]:
        """All accounts, or those of one channel, the oldest first."""
        accounts = select(AccountRow).where(AccountRow.channel != FORGOTTEN).order_by(AccountRow.id)
        if channel is not None:
            accounts = accounts.where(AccountRow.channel == channel)
        async with self._database.read() as session:
            return [account_record(row) for row in await session.scalars(accounts)]


def audit(
    session: AsyncSession, action: str, account_id: int, by: int | None, details: dict[str, Any]
) -> None:
    """Writes down, in the transaction that does it, what was done to an account."""
    session.add(AuditRow(account_id=by, action=action, subject=str(account_id), details=details))
