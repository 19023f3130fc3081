from __future__ import annotations

import asyncio
from datetime import timedelta

from sqlalchemy import func, select, update

from storage.accounts import Accounts
from storage.database import Database
from storage.records import Account
from storage.tables import AccountRow, SessionRow, now


async def test_racing_callers_get_the_same_account(database: Database) -> None:
    accounts = Accounts(database)
    found = await asyncio.gather(
        *(accounts.get_or_create("telegram", "42", "ru") for _ in range(8))
    )
    assert len(set(found)) == 1
    async with database.read() as session:
        assert await session.scalar(select(func.count()).select_from(AccountRow)) == 1


async def test_one_id_on_two_channels_is_two_accounts(database: Database) -> None:
    accounts = Accounts(database)
    first = await accounts.get_or_create("telegram", "42", "ru")
    second = await accounts.get_or_create("web", "42", "ru")
    assert first.id != second.id
    assert first.role == "user"


async def test_a_session_leads_to_its_account_until_closed(
    database: Database, account: Account
) -> None:
    accounts = Accounts(database)
    token = await accounts.open_session(account.id)
    assert await accounts.find_session(token) == account
    await accounts.close_session(token)
    assert await accounts.find_session(token) is None


async def test_expired_and_unknown_sessions_lead_nowhere(
    database: Database, account: Account
) -> None:
    accounts = Accounts(database)
    token = await accounts.open_session(account.id, lifetime=timedelta(seconds=-1))
    assert await accounts.find_session(token) is None
    assert await accounts.find_session("' OR 1=1 --") is None


async def test_expired_sessions_go_when_the_next_one_opens(
    database: Database, account: Account
) -> None:
    accounts = Accounts(database)
    await accounts.open_session(account.id, lifetime=timedelta(seconds=-1))
    await accounts.open_session(account.id)
    async with database.read() as session:
        assert await session.scalar(select(func.count()).select_from(SessionRow)) == 1


async def test_a_session_notes_when_it_was_seen_last(database: Database, account: Account) -> None:
    accounts = Accounts(database)
    token = await accounts.open_session(account.id)
    async with database.write() as session:
        await session.execute(update(SessionRow).values(last_seen_at=now() - timedelta(days=1)))
    await accounts.find_session(token)
    async with database.read() as session:
        seen = await session.scalar(select(SessionRow.last_seen_at))
    assert seen is not None
    assert now() - seen < timedelta(minutes=1)


async def test_tokens_are_not_kept(database: Database, account: Account) -> None:
    token = await Accounts(database).open_session(account.id)
    async with database.read() as session:
        assert token not in str((await session.execute(select(SessionRow.id))).all())
