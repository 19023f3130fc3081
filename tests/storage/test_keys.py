from __future__ import annotations

import asyncio
import re
from datetime import timedelta

import pytest
from sqlalchemy import select, update

from storage.accounts import Accounts
from storage.database import Database
from storage.keys import KEY_LIMIT, SECRET, Keys, TooManyKeys
from storage.records import Account, Role
from storage.rights import Rights
from storage.tables import KeyRow, now
from tests.storage.rows import dump


@pytest.fixture
def keys(database: Database) -> Keys:
    return Keys(database)


async def test_a_key_leads_to_its_account_as_it_is_now(
    database: Database, keys: Keys, account: Account
) -> None:
    secret = await keys.make(account.id, "laptop")
    assert await keys.find(secret) == account
    await Rights(database).role(account.id, Role.TRUSTED, by=None)
    found = await keys.find(secret)
    assert found is not None
    assert found.role is Role.TRUSTED


async def test_a_key_has_its_form(keys: Keys, account: Account) -> None:
    secrets = {await keys.make(account.id, "laptop") for _ in range(20)}
    assert len(secrets) == 20
    assert all(re.fullmatch(r"ks_[a-z0-9]{8}_[A-Za-z0-9_-]{43}", one) for one in secrets)


async def test_keys_are_not_kept(database: Database, keys: Keys, account: Account) -> None:
    secret = await keys.make(account.id, "laptop")
    await keys.find(secret)
    kept = await dump(database)
    assert secret[3:11] in kept
    assert secret[12:] not in kept


async def test_a_key_that_is_changed_anywhere_opens_nothing(keys: Keys, account: Account) -> None:
    secret = await keys.make(account.id, "laptop")
    for place in range(len(secret)):
        other = "b" if secret[place] == "a" else "a"
        assert await keys.find(secret[:place] + other + secret[place + 1 :]) is None


@pytest.mark.parametrize(
    "text", ["", "ks_", "sk-abc", "' OR 1=1 --", "ks_%%%%%%%%_" + "a" * 43, "\ud800", "\0", "ключ"]
)
async def test_what_is_no_key_opens_nothing(keys: Keys, account: Account, text: str) -> None:
    secret = await keys.make(account.id, "laptop")
    assert await keys.find(text) is None
    assert await keys.find(secret + text) == (account if text == "" else None)
    assert SECRET.fullmatch(text) is None


async def test_a_revoked_key_opens_nothing(keys: Keys, account: Account) -> None:
    lost, kept = [await keys.make(account.id, name) for name in ("lost", "kept")]
    assert await keys.revoke(lost[3:11], account.id)
    assert not await keys.revoke(lost[3:11], account.id)
    assert await keys.find(lost) is None
    assert await keys.find(kept) == account
    assert [key.revoked_at is None for key in await keys.list(account.id)] == [False, True]


async def test_nobody_revokes_the_key_of_another(
    database: Database, keys: Keys, account: Account
) -> None:
    bob = await Accounts(database).get_or_create("web", "bob", "en")
    secret = await keys.make(account.id, "laptop")
    assert not await keys.revoke(secret[3:11], bob.id)
    assert await keys.find(secret) == account
    assert await keys.list(bob.id) == []
    assert await keys.revoke(secret[3:11], None)


async def test_the_last_use_is_kept_to_the_minute(
    database: Database, keys: Keys, account: Account
) -> None:
    secret = await keys.make(account.id, "laptop")
    (key,) = await keys.list(account.id)
    assert (key.id, key.account_id, key.name) == (secret[3:11], account.id, "laptop")
    assert key.last_used_at is None
    for ago, written in ((30, False), (61, True)):
        moment = now() - timedelta(seconds=ago)
        async with database.write() as session:
            await session.execute(update(KeyRow).values(last_used_at=moment))
        await keys.find(secret)
        (key,) = await keys.list(account.id)
        assert (key.last_used_at != moment) is written


async def test_a_key_that_opens_nothing_is_not_used(
    database: Database, keys: Keys, account: Account
) -> None:
    secret = await keys.make(account.id, "laptop")
    await keys.find(secret[:-1] + ("b" if secret[-1] == "a" else "a"))
    async with database.read() as session:
        assert (await session.scalars(select(KeyRow.last_used_at))).all() == [None]


@pytest.mark.parametrize("name", ["", "  ", "a" * 256, "a\nb", "a\0"])
async def test_a_name_can_be_read(keys: Keys, account: Account, name: str) -> None:
    with pytest.raises(ValueError, match="Name the key"):
        await keys.make(account.id, name)


async def test_nobody_has_no_key(keys: Keys) -> None:
    with pytest.raises(ValueError, match="no account 99"):
        await keys.make(99, "laptop")


async def test_an_account_has_so_many_valid_keys(
    database: Database, keys: Keys, account: Account
) -> None:
    racing = (keys.make(account.id, "laptop") for _ in range(KEY_LIMIT + 5))
    outcomes = await asyncio.gather(*racing, return_exceptions=True)
    refused = [one for one in outcomes if isinstance(one, TooManyKeys)]
    assert len(refused) == 5
    assert len(await keys.list(account.id)) == KEY_LIMIT
    (first, *_) = await keys.list(account.id)
    assert await keys.revoke(first.id, account.id)
    await keys.make(account.id, "laptop")
