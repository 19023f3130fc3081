from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta

import pytest

from storage.accounts import Accounts
from storage.bans import remember
from storage.database import Database
from storage.erasure import erase
from storage.joining import join
from storage.notices import Notices
from storage.records import Account, NoticeKind
from storage.rights import FOREVER, Rights
from storage.tables import AccountRow, BanRow, SaltRow
from tests.storage.rows import count, dump


@pytest.fixture
async def ivan(database: Database) -> Account:
    return await Accounts(database).get_or_create("telegram", "42", "ru")


async def banned(database: Database, account: Account, days: int = 1) -> datetime:
    until = datetime.now(UTC) + timedelta(days=days)
    await Rights(database).ban(account.id, until, "rude", by=None)
    return until


async def test_who_can_be_written_to_is_told_once(database: Database, ivan: Account) -> None:
    notices = Notices(database)
    until = await banned(database, ivan)
    taken = await asyncio.gather(*(notices.take(9, 60) for _ in range(4)))
    (notice,) = [one for some in taken for one in some]
    assert (notice.kind, notice.reason, notice.until) == (NoticeKind.BANNED, "rude", until)
    assert await notices.of(ivan.id) != []
    assert await notices.sent(notice)
    assert await notices.of(ivan.id) == []
    assert not await notices.sent(notice)
    assert await notices.take(9, 60) == []


async def test_a_notice_is_sent_later_or_never(database: Database, ivan: Account) -> None:
    notices = Notices(database)
    await banned(database, ivan)
    (first,) = await notices.take(9, -1)
    (second,) = await notices.take(9, 60)
    assert not await notices.later(first, 0, "429")
    assert await notices.later(second, -1, "429")
    (third,) = await notices.take(9, 60)
    assert await notices.give_up(third, "blocked")
    assert await notices.take(9, 60) == []
    assert [one.id for one in await notices.of(ivan.id)] == [third.id]  # it is on the web


async def test_who_looks_by_oneself_is_not_written_to(database: Database, account: Account) -> None:
    await banned(database, account)
    assert await Notices(database).take(9, 60) == []
    assert len(await Notices(database).of(account.id)) == 1


async def test_what_one_saw_on_the_web_is_taken_as_seen(database: Database, ivan: Account) -> None:
    notices = Notices(database)
    await banned(database, ivan)
    (notice,) = await notices.of(ivan.id)
    assert await notices.seen(notice.id, ivan.id)
    assert not await notices.seen(notice.id, ivan.id)
    (taken,) = await notices.take(9, 60)
    assert taken.seen_at is not None
    assert await notices.sent(taken)
    assert await notices.take(9, 60) == []


async def test_an_end_of_no_ban_is_not_told(database: Database, account: Account) -> None:
    await Rights(database).unban(account.id, by=None)
    assert await Notices(database).of(account.id) == []


async def test_a_ban_outlives_the_account(database: Database, ivan: Account) -> None:
    accounts, until = Accounts(database), await banned(database, ivan)
    await erase(database, ivan.id)
    assert "42" not in (await dump(database)).replace(str(until), "").split("'")
    again = await accounts.get_or_create("telegram", "42", "ru")
    assert again.id != ivan.id
    assert (again.banned_until, again.ban_reason) == (until, "rude")
    await erase(database, again.id)
    again = await accounts.get_or_create("telegram", "42", "ru")
    assert again.banned_until == until
    await Rights(database).unban(again.id, by=None)
    await erase(database, again.id)
    assert (await accounts.get_or_create("telegram", "42", "ru")).banned_until is None
    assert await count(database, SaltRow) == 1
    assert await count(database, BanRow) == 0


async def test_other_people_are_not_banned(database: Database, ivan: Account) -> None:
    await Rights(database).ban(ivan.id, FOREVER, "rude", by=None)
    await erase(database, ivan.id)
    for channel, name in (("web", "42"), ("telegram", "43")):
        account = await Accounts(database).get_or_create(channel, name, "ru")
        assert account.banned_until is None


async def test_a_ban_that_has_ended_is_forgotten(database: Database, ivan: Account) -> None:
    await banned(database, ivan, days=-1)
    await erase(database, ivan.id)
    assert await count(database, BanRow) == 0
    async with database.write() as session:
        past = AccountRow(
            channel="telegram",
            external_id="43",
            banned_until=datetime.now(UTC) + timedelta(seconds=0.05),
        )
        await remember(session, past)
    await asyncio.sleep(0.1)
    account = await Accounts(database).get_or_create("telegram", "43", "ru")
    assert account.banned_until is None


async def test_a_ban_comes_back_once_to_racing_callers(database: Database, ivan: Account) -> None:
    until = await banned(database, ivan)
    await erase(database, ivan.id)
    accounts = Accounts(database)
    again = await asyncio.gather(
        *(accounts.get_or_create("telegram", "42", "ru") for _ in range(6))
    )
    assert {one.banned_until for one in again} == {until}


async def test_notices_are_the_accounts_that_was_joined(
    database: Database, account: Account, ivan: Account
) -> None:
    await Rights(database).ban(account.id, datetime.now(UTC), "rude", by=None)
    await join(database, account.id, ivan.id)
    assert [one.kind for one in await Notices(database).of(ivan.id)] == [NoticeKind.BANNED]
