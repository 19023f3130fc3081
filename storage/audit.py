"""The audit: what somebody with rights did, only ever added to but for who failed to sign in."""

from __future__ import annotations

from typing import Any

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from storage.database import Database
from storage.records import AuditRecord
from storage.tables import AuditRow

FAILED_SIGN_IN = "failed sign-in"  # which goes in time: see storage/retention.py


class Audit:
    """The audit of one database. Every method may raise DatabaseAway."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def add(
        self, action: str, by: int | None, subject: str, details: dict[str, Any] | None = None
    ) -> None:
        """Writes down what changes nothing else: that something was looked at, for example."""
        async with self._database.write() as session:
            audit(session, action, subject, by, details or {})

    async def page(
        self, before: int | None, limit: int, action: str | None = None, by: int | None = None
    ) -> list[AuditRecord]:
        """The newest first; `before` is the last id of the page before."""
        page = select(AuditRow).order_by(AuditRow.id.desc()).limit(limit)
        if before is not None:
            page = page.where(AuditRow.id < before)
        if action is not None:
            page = page.where(AuditRow.action == action)
        if by is not None:
            page = page.where(AuditRow.account_id == by)
        async with self._database.read() as session:
            return [_record(row) for row in await session.scalars(page)]


def audit(
    session: AsyncSession, action: str, subject: object, by: int | None, details: dict[str, Any]
) -> None:
    """Writes down, in the transaction that does it, what was done to an account or a picture."""
    session.add(AuditRow(account_id=by, action=action, subject=str(subject), details=details))


def _record(row: AuditRow) -> AuditRecord:
    return AuditRecord(
        id=row.id,
        account_id=row.account_id,
        action=row.action,
        subject=row.subject,
        details=row.details,
        created_at=row.created_at,
    )
