"""Who may use the studio: accounts and the browsers signed in to them."""

from __future__ import annotations

import hashlib
import secrets
from datetime import timedelta

from sqlalchemy import Select, delete, select, update

from storage.database import Database
from storage.inserts import insert_new
from storage.records import Account
from storage.tables import AccountRow, SessionRow, now

LIFETIME = timedelta(days=90)
SEEN_EVERY = timedelta(minutes=5)  # how exactly `last_seen_at` is kept


class Accounts:
    """Accounts and sessions of one database. Every method may raise DatabaseAway."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def get_or_create(self, channel: str, external_id: str, language: str) -> Account:
        """The account of that person, made at first sight; racing callers get the same one."""
        async with self._database.read() as session:
            row = await session.scalar(_known(channel, external_id))
            if row is not None:
                return _account(row)
        values = {"channel": channel, "external_id": external_id, "language": language}
        async with self._database.write() as session:
            await session.execute(insert_new(session, AccountRow, values))
            return _account((await session.scalars(_known(channel, external_id))).one())

    async def open_session(self, account_id: int, lifetime: timedelta = LIFETIME) -> str:
        """A new session's token; only its hash is kept. Removes the account's expired ones."""
        token = secrets.token_urlsafe(32)
        async with self._database.write() as session:
            await session.execute(
                delete(SessionRow).where(
                    SessionRow.account_id == account_id, SessionRow.expires_at <= now()
                )
            )
            expiry = now() + lifetime
            session.add(SessionRow(id=_hash(token), account_id=account_id, expires_at=expiry))
        return token

    async def find_session(self, token: str) -> Account | None:
        """Whose session it is; None for one that is unknown, closed or expired."""
        async with self._database.read() as session:
            found = await session.execute(
                select(AccountRow, SessionRow.last_seen_at)
                .join(SessionRow, SessionRow.account_id == AccountRow.id)
                .where(SessionRow.id == _hash(token), SessionRow.expires_at > now())
            )
            row = found.one_or_none()
        if row is None:
            return None
        account, last_seen_at = row
        if now() - last_seen_at > SEEN_EVERY:
            await self._see(token)
        return _account(account)

    async def close_session(self, token: str) -> None:
        """Ends the session, if there is one."""
        async with self._database.write() as session:
            await session.execute(delete(SessionRow).where(SessionRow.id == _hash(token)))

    async def _see(self, token: str) -> None:
        async with self._database.write() as session:
            await session.execute(
                update(SessionRow).where(SessionRow.id == _hash(token)).values(last_seen_at=now())
            )


def _known(channel: str, external_id: str) -> Select[AccountRow]:
    return select(AccountRow).where(
        AccountRow.channel == channel, AccountRow.external_id == external_id
    )


def _hash(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()


def _account(row: AccountRow) -> Account:
    return Account(
        id=row.id,
        channel=row.channel,
        external_id=row.external_id,
        language=row.language,
        role=row.role,
        created_at=row.created_at,
    )
