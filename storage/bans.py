"""Bans that outlive the account: who is forgotten and comes back is banned as before.

What is kept of the person is a hash of their channel and of what it calls them, salted with what
only this database holds, and only until the ban ends. Who has the database can still find out
whether a name that they know is banned: numbers of Telegram can all be tried.
"""

from __future__ import annotations

import secrets
from hashlib import sha256

from sqlalchemy import delete, select
from sqlalchemy.ext.asyncio import AsyncSession

from storage.inserts import insert_new, insert_or_change
from storage.tables import AccountRow, BanRow, SaltRow, now

ONLY = 1  # the id of the salt


async def remember(session: AsyncSession, account: AccountRow) -> None:
    """Before an account is emptied: its ban, if it has one that has not ended."""
    if account.banned_until is None or account.banned_until <= now():
        return
    values = {
        "person": await _person(session, account),
        "until": account.banned_until,
        "reason": account.ban_reason or "",
    }
    again = insert_or_change(session, BanRow, ("until", "reason"))
    await session.execute(again.values(values))


async def recall(session: AsyncSession, account: AccountRow) -> None:
    """Gives an account that was just made the ban that it had before it was forgotten."""
    forgotten = (
        delete(BanRow)
        .where(BanRow.person == await _person(session, account))
        .returning(BanRow.until, BanRow.reason)
        .execution_options(synchronize_session=False)
    )
    found = (await session.execute(forgotten)).one_or_none()
    if found is not None and found.until > now():
        account.banned_until, account.ban_reason = found.until, found.reason


async def _person(session: AsyncSession, account: AccountRow) -> str:
    salt = await _salt(session)
    return sha256(f"{salt}\n{account.channel}\n{account.external_id}".encode()).hexdigest()


async def _salt(session: AsyncSession) -> str:
    known = select(SaltRow.value).where(SaltRow.id == ONLY)
    salt = await session.scalar(known)
    if salt is None:
        new = {"id": ONLY, "value": secrets.token_hex(32)}
        await session.execute(insert_new(session, SaltRow, new))
        salt = (await session.scalars(known)).one()
    return salt
