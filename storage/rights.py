"""What accounts may do: roles and bans, each change written down in the audit as it is made."""

from __future__ import annotations

from datetime import UTC, datetime

from sqlalchemy import select

from storage.audit import audit
from storage.database import Database
from storage.locked import locked
from storage.notices import tell
from storage.records import Account, NoticeKind, Role
from storage.rows import account_record
from storage.tables import FORGOTTEN, AccountRow

FOREVER = datetime(9999, 12, 31, tzinfo=UTC)
MODERATING = (Role.MODERATOR, Role.SENIOR, Role.ADMIN)


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
        """Until then the account may ask for nothing; `reason` is for its owner, who is told."""
        async with self._database.write() as session:
            row = await locked(session, account_id)
            row.banned_until, row.ban_reason = until, reason
            details = {"until": until.isoformat(), "reason": reason}
            audit(session, "ban", account_id, by, details)
            tell(session, row, NoticeKind.BANNED, reason=reason, until=until)

    async def unban(self, account_id: int, *, by: int | None, reason: str = "") -> None:
        """Ends the ban; the reason is for the audit alone. Its owner is told, if there was one."""
        async with self._database.write() as session:
            row = await locked(session, account_id)
            if row.banned_until is not None:
                tell(session, row, NoticeKind.UNBANNED)
            row.banned_until = row.ban_reason = None
            audit(session, "unban", account_id, by, {"reason": reason} if reason else {})

    async def moderators(self) -> list[Account]:
        """Everybody whose role lets them moderate, in the order of their names."""
        some = select(AccountRow).where(AccountRow.role.in_(MODERATING))
        async with self._database.read() as session:
            rows = await session.scalars(some.order_by(AccountRow.external_id))
            return [account_record(row) for row in rows]

    async def everyone(self, channel: str | None = None) -> list[Account]:
        """All accounts, or those of one channel, the oldest first."""
        accounts = select(AccountRow).where(AccountRow.channel != FORGOTTEN).order_by(AccountRow.id)
        if channel is not None:
            accounts = accounts.where(AccountRow.channel == channel)
        async with self._database.read() as session:
            return [account_record(row) for row in await session.scalars(accounts)]
