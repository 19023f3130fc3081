from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import select

from storage.accounts import Accounts
from storage.database import Database
from storage.ledger import Ledger
from storage.quotas import Banned
from storage.records import Account, Role
from storage.rights import FOREVER, Rights
from storage.tables import AuditRow, now

UNTIL = datetime(2100, 1, 2, 3, 4, tzinfo=UTC)


@pytest.fixture
def rights(database: Database) -> Rights:
    return Rights(database)


async def written(database: Database) -> list[AuditRow]:
    async with database.read() as session:
        return list(await session.scalars(select(AuditRow).order_by(AuditRow.id)))


async def look(database: Database, account: Account) -> Account:
    found = await Accounts(database).account(account.id)
    assert found is not None
    return found


async def test_a_role_is_changed_and_written_down(
    database: Database, rights: Rights, account: Account
) -> None:
    admin = await Accounts(database).get_or_create("moderator", "root", "en")
    await rights.role(account.id, Role.TRUSTED, by=admin.id)
    await rights.role(account.id, Role.SENIOR, by=None)
    assert (await look(database, account)).role is Role.SENIOR
    first, second = await written(database)
    assert (first.action, first.subject, first.account_id) == ("role", str(account.id), admin.id)
    assert first.details == {"from": "user", "to": "trusted"}
    assert (second.account_id, second.details) == (None, {"from": "trusted", "to": "senior"})
    assert now() - second.created_at < timedelta(minutes=1)


async def test_a_ban_says_until_when_and_why(
    database: Database, rights: Rights, account: Account
) -> None:
    await rights.ban(account.id, UNTIL, "спам", by=None)
    banned = await look(database, account)
    assert (banned.banned_until, banned.ban_reason) == (UNTIL, "спам")
    (row,) = await written(database)
    assert (row.action, row.subject) == ("ban", str(account.id))
    assert row.details == {"until": UNTIL.isoformat(), "reason": "спам"}


async def test_who_is_banned_asks_for_nothing_until_unbanned(
    database: Database, rights: Rights, ledger: Ledger, account: Account
) -> None:
    await rights.ban(account.id, FOREVER, "spam", by=None)
    with pytest.raises(Banned) as caught:
        await ledger.submit(account.id, "k", "text_to_image", "mini", {})
    assert (caught.value.until, caught.value.reason) == (FOREVER, "spam")
    await rights.unban(account.id, by=None)
    await ledger.submit(account.id, "k", "text_to_image", "mini", {})
    assert (await look(database, account)).ban_reason is None
    assert [row.action for row in await written(database)] == ["ban", "unban"]


CHANGES: dict[str, Callable[[Rights, int], Awaitable[None]]] = {
    "role": lambda rights, account_id: rights.role(account_id, Role.ADMIN, by=None),
    "ban": lambda rights, account_id: rights.ban(account_id, UNTIL, "spam", by=None),
    "unban": lambda rights, account_id: rights.unban(account_id, by=None),
}


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES)
async def test_what_is_not_done_is_not_written_down(
    database: Database, rights: Rights, change: Callable[[Rights, int], Awaitable[None]]
) -> None:
    with pytest.raises(ValueError, match=r"There is no account 99\."):
        await change(rights, 99)
    assert await written(database) == []


async def test_everyone_is_listed_or_one_channel(
    database: Database, rights: Rights, account: Account
) -> None:
    ivan = await Accounts(database).get_or_create("telegram", "42", "ru")
    assert await rights.everyone() == [account, ivan]
    assert await rights.everyone("telegram") == [ivan]
