"""Who uses the studio: accounts, and their visits, one session each."""

from __future__ import annotations

from datetime import timedelta
from typing import Any
from uuid import uuid4

from sqlalchemy import Select, select, update

from storage import bans
from storage.database import Database
from storage.inserts import insert_new
from storage.records import Account
from storage.rows import account_record
from storage.tables import FORGOTTEN, AccountRow, SessionRow, now

VISIT_PAUSE = timedelta(minutes=30)  # without a sign of the person, after which it is a new visit
SEEN_EVERY = timedelta(minutes=1)  # how exactly `last_seen_at` is kept


class Accounts:
    """The accounts of one database. Every method may raise DatabaseAway."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def get_or_create(self, channel: str, external_id: str, language: str) -> Account:
        """The account of that person, made at first sight; racing callers get the same one.

        Who was banned and had everything forgotten is banned until then, all the same.
        """
        async with self._database.read() as session:
            row = await session.scalar(_known(channel, external_id))
            if row is not None:
                return account_record(row)
        values = {"channel": channel, "external_id": external_id, "language": language}
        async with self._database.write() as session:
            new = insert_new(session, AccountRow, values).returning(AccountRow.id)
            first = await session.scalar(new) is not None
            row = (await session.scalars(_known(channel, external_id))).one()
            if first:
                await bans.recall(session, row)
            return account_record(row)

    async def account(self, account_id: int) -> Account | None:
        """As it is now: what it may do, and whether it is banned, is read anew each time."""
        async with self._database.read() as session:
            row = await session.get(AccountRow, account_id)
            return None if row is None or row.channel == FORGOTTEN else account_record(row)

    async def set(self, account_id: int, settings: dict[str, Any]) -> None:
        """What the person chose on a front end, as that front end reads it."""
        async with self._database.write() as session:
            await session.execute(
                update(AccountRow).where(AccountRow.id == account_id).values(settings=settings)
            )

    async def speak(self, account_id: int, language: str) -> None:
        """The language in which the person is spoken to."""
        async with self._database.write() as session:
            await session.execute(
                update(AccountRow).where(AccountRow.id == account_id).values(language=language)
            )

    async def visit(self, account_id: int, front_end: str) -> str:
        """The id of the person's visit to a front end: the one that lasts, or a new one."""
        seen = now()
        last = (
            select(SessionRow)
            .where(
                SessionRow.account_id == account_id,
                SessionRow.front_end == front_end,
                SessionRow.token.is_(None),
                SessionRow.last_seen_at > seen - VISIT_PAUSE,
            )
            .order_by(SessionRow.last_seen_at.desc())
            .limit(1)
        )
        async with self._database.read() as session:
            row = await session.scalar(last)
        if row is not None and seen - row.last_seen_at < SEEN_EVERY:
            return row.id
        async with self._database.write() as session:
            if row is None:
                row = SessionRow(id=str(uuid4()), account_id=account_id, front_end=front_end)
                session.add(row)
            else:
                await session.execute(
                    update(SessionRow).where(SessionRow.id == row.id).values(last_seen_at=seen)
                )
            return row.id


def _known(channel: str, external_id: str) -> Select[AccountRow]:
    return select(AccountRow).where(
        AccountRow.channel == channel, AccountRow.external_id == external_id
    )
