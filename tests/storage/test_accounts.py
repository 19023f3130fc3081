from __future__ import annotations

import asyncio
from datetime import timedelta

import pytest
from sqlalchemy import select, update

from storage.accounts import VISIT_PAUSE, Accounts
from storage.database import Database
from storage.records import Account, Role
from storage.signin import SignIn
from storage.tables import AccountRow, SessionRow, now
from tests.storage.rows import count


@pytest.fixture
def accounts(database: Database) -> Accounts:
    return Accounts(database)


async def seen(database: Database, ago: timedelta) -> None:
    """Lets every visit have been seen that long ago."""
    async with database.write() as session:
        await session.execute(update(SessionRow).values(last_seen_at=now() - ago))


async def test_racing_callers_get_the_same_account(database: Database, accounts: Accounts) -> None:
    found = await asyncio.gather(
        *(accounts.get_or_create("telegram", "42", "ru") for _ in range(8))
    )
    assert len({one.id for one in found}) == 1
    assert await count(database, AccountRow) == 1


async def test_racing_processes_get_the_same_account(
    database_url: str, database: Database, accounts: Accounts
) -> None:
    others = [Database(database_url) for _ in range(3)]
    everyone = [accounts, *map(Accounts, others)]
    found = await asyncio.gather(*(one.get_or_create("web", "ann", "en") for one in everyone))
    assert len({one.id for one in found}) == 1
    for other in others:
        await other.close()


async def test_one_id_on_two_channels_is_two_accounts(accounts: Accounts) -> None:
    first = await accounts.get_or_create("telegram", "42", "ru")
    second = await accounts.get_or_create("web", "42", "ru")
    assert first.id != second.id


async def test_a_new_account_may_what_everyone_may(accounts: Accounts) -> None:
    ann = await accounts.get_or_create("telegram", "42", "ru")
    assert (ann.channel, ann.external_id, ann.language) == ("telegram", "42", "ru")
    assert (ann.role, ann.settings, ann.banned_until, ann.ban_reason) == (Role.USER, {}, None, None)
    assert now() - ann.created_at < timedelta(minutes=1)


async def test_an_account_is_found_by_its_id(accounts: Accounts, account: Account) -> None:
    assert await accounts.account(account.id) == account
    assert await accounts.account(account.id + 1) is None


async def test_settings_and_language_are_the_accounts_own(
    accounts: Accounts, account: Account
) -> None:
    bob = await accounts.get_or_create("web", "bob", "en")
    await accounts.set(account.id, {"style": "лубок", "count": 2})
    await accounts.speak(account.id, "ru")
    found = await accounts.account(account.id)
    assert found is not None
    assert (found.settings, found.language) == ({"style": "лубок", "count": 2}, "ru")
    assert await accounts.account(bob.id) == bob


async def test_who_comes_again_keeps_their_language(accounts: Accounts, account: Account) -> None:
    assert await accounts.get_or_create("web", "ann", "ru") == account


async def test_a_visit_lasts_while_the_person_is_seen(
    database: Database, accounts: Accounts, account: Account
) -> None:
    first = await accounts.visit(account.id, "web")
    assert await accounts.visit(account.id, "web") == first
    for _ in range(2):  # each sign puts its end off
        await seen(database, VISIT_PAUSE - timedelta(minutes=1))
        assert await accounts.visit(account.id, "web") == first
    assert await count(database, SessionRow) == 1


async def test_after_a_pause_it_is_a_new_visit(
    database: Database, accounts: Accounts, account: Account
) -> None:
    first = await accounts.visit(account.id, "web")
    await seen(database, VISIT_PAUSE + timedelta(seconds=1))
    second = await accounts.visit(account.id, "web")
    assert second != first
    assert await accounts.visit(account.id, "web") == second


async def test_a_sign_within_a_minute_is_not_written(
    database: Database, accounts: Accounts, account: Account
) -> None:
    await accounts.visit(account.id, "web")
    await seen(database, timedelta(seconds=30))
    await accounts.visit(account.id, "web")
    async with database.read() as session:
        last = await session.scalar(select(SessionRow.last_seen_at))
    assert last is not None
    assert now() - last >= timedelta(seconds=30)


async def test_visits_are_apart_by_person_and_front_end(
    accounts: Accounts, account: Account
) -> None:
    bob = await accounts.get_or_create("web", "bob", "en")
    visits = [
        await accounts.visit(account.id, "web"),
        await accounts.visit(account.id, "api"),
        await accounts.visit(bob.id, "web"),
    ]
    assert len(set(visits)) == 3


async def test_a_session_that_was_signed_in_to_is_no_visit(
    database: Database, accounts: Accounts, account: Account
) -> None:
    await SignIn(database).open(account.id, "web", timedelta(hours=1))
    await accounts.visit(account.id, "web")
    assert await count(database, SessionRow) == 2
