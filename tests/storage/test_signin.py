from __future__ import annotations

import time
from datetime import timedelta
from statistics import median

import pytest
from argon2 import PasswordHasher
from sqlalchemy import select, update

from storage.accounts import Accounts
from storage.database import Database
from storage.ledger import Ledger
from storage.records import Account, Role
from storage.signin import SignIn
from storage.tables import AccountRow, AuditRow, SessionRow, now
from tests.storage.rows import count, dump

pytestmark = pytest.mark.slow

PASSWORD = "correct horse battery"
HOUR = timedelta(hours=1)
QUICK = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1)


@pytest.fixture
def signin(database: Database) -> SignIn:
    return SignIn(database, QUICK)


@pytest.fixture
async def moderator(signin: SignIn) -> Account:
    return await signin.create("Eve.M", PASSWORD, Role.MODERATOR, by=None)


async def kept(database: Database) -> str | None:
    async with database.read() as session:
        return await session.scalar(select(AccountRow.password))


async def test_a_name_and_its_password_lead_to_the_moderator(
    signin: SignIn, moderator: Account
) -> None:
    assert (moderator.channel, moderator.external_id) == ("moderator", "Eve.M")
    assert moderator.role is Role.MODERATOR
    assert await signin.check("Eve.M", PASSWORD) == moderator


@pytest.mark.parametrize(
    ("name", "password"),
    [
        ("Eve.M", ""),
        ("Eve.M", PASSWORD + " "),
        ("Eve.M", PASSWORD.upper()),
        ("Eve.M", "\ud800"),
        ("Eve", PASSWORD),
        ("eve.m", PASSWORD),
        ("", PASSWORD),
        ("Eve.M\n", PASSWORD),
        ("\0", PASSWORD),
        ("' OR 1=1 --", PASSWORD),
    ],
)
async def test_anything_else_leads_nowhere(
    signin: SignIn, moderator: Account, name: str, password: str
) -> None:
    assert await signin.check(name, password) is None


async def test_only_moderators_sign_in_with_a_password(
    database: Database, signin: SignIn, account: Account
) -> None:
    with pytest.raises(ValueError, match="does not sign in"):
        await signin.set_password(account.id, PASSWORD, by=None)
    async with database.write() as session:
        await session.execute(update(AccountRow).values(password=QUICK.hash(PASSWORD)))
    assert await signin.check("ann", PASSWORD) is None


async def test_a_moderator_without_a_password_cannot_sign_in(
    database: Database, signin: SignIn
) -> None:
    await Accounts(database).get_or_create("moderator", "eve", "en")
    assert await signin.check("eve", "") is None
    assert await signin.check("eve", "None") is None


async def test_an_unknown_name_takes_as_long_as_a_wrong_password(database: Database) -> None:
    slow = SignIn(database, PasswordHasher(time_cost=2, memory_cost=32768, parallelism=1))
    await slow.create("eve", PASSWORD, Role.MODERATOR, by=None)

    async def seconds(name: str) -> float:
        took = []
        for _ in range(5):
            start = time.perf_counter()
            assert await slow.check(name, "wrong password") is None
            took.append(time.perf_counter() - start)
        return median(took)

    known = await seconds("eve")
    assert await seconds("bob") > known / 2
    assert await seconds("' OR 1=1 --") > known / 2


async def test_a_password_may_be_typed_on_any_keyboard(signin: SignIn, moderator: Account) -> None:
    await signin.set_password(moderator.id, "пароль с буквой й и é", by=None)
    composed, apart = "пароль с буквой \u0439 и \u00e9", "пароль с буквой \u0438\u0306 и e\u0301"
    assert composed != apart
    assert await signin.check("Eve.M", composed) == moderator
    assert await signin.check("Eve.M", apart) == moderator


@pytest.mark.parametrize("password", ["", "eleven char", "й" * 11])
async def test_a_short_password_is_refused(
    database: Database, signin: SignIn, moderator: Account, password: str
) -> None:
    with pytest.raises(ValueError, match="at least 12 characters"):
        await signin.set_password(moderator.id, password, by=None)
    with pytest.raises(ValueError, match="at least 12 characters"):
        await signin.create("bob", password, Role.MODERATOR, by=None)
    assert await count(database, AccountRow) == 1


@pytest.mark.parametrize("name", ["", "e", "e" * 65, "eve m", "eve\n", "ева", "eve/../root", "<b>"])
async def test_a_name_is_plain(signin: SignIn, name: str) -> None:
    with pytest.raises(ValueError, match="2 to 64"):
        await signin.create(name, PASSWORD, Role.MODERATOR, by=None)


@pytest.mark.parametrize("role", [Role.USER, Role.TRUSTED])
async def test_a_moderator_has_a_moderators_role(signin: SignIn, role: Role) -> None:
    with pytest.raises(ValueError, match="moderator, senior or admin"):
        await signin.create("eve", PASSWORD, role, by=None)


async def test_a_name_is_given_once(database: Database, signin: SignIn, moderator: Account) -> None:
    with pytest.raises(ValueError, match=r"There is a moderator Eve\.M already\."):
        await signin.create("Eve.M", "another password", Role.ADMIN, by=None)
    assert await signin.check("Eve.M", PASSWORD) == moderator
    assert await count(database, AuditRow) == 1


async def test_who_made_a_moderator_is_written_down(
    database: Database, signin: SignIn, moderator: Account
) -> None:
    bob = await signin.create("bob", PASSWORD, Role.SENIOR, by=moderator.id)
    async with database.read() as session:
        row = await session.scalar(select(AuditRow).where(AuditRow.subject == str(bob.id)))
    assert row is not None
    assert (row.action, row.account_id, row.details) == ("create", moderator.id, {"role": "senior"})


async def test_who_changed_a_password_is_written_down(
    database: Database, signin: SignIn, moderator: Account
) -> None:
    with pytest.raises(ValueError, match="no account 99"):
        await signin.set_password(99, PASSWORD, by=None)
    for by in (None, moderator.id):
        await signin.set_password(moderator.id, "another password", by=by)
    changed = select(AuditRow).where(AuditRow.action == "password").order_by(AuditRow.id)
    async with database.read() as session:
        rows = (await session.scalars(changed)).all()
    assert [row.account_id for row in rows] == [None, moderator.id]
    assert {(row.subject, str(row.details)) for row in rows} == {(str(moderator.id), "{}")}


async def test_passwords_and_tokens_are_not_kept(
    database: Database, signin: SignIn, moderator: Account
) -> None:
    token = await signin.open(moderator.id, "console", HOUR)
    assert await signin.find(token) == moderator
    everything = await dump(database)
    assert "$argon2id$" in everything
    assert PASSWORD not in everything
    assert token not in everything


async def test_a_hash_is_renewed_when_its_parameters_change(
    database: Database, signin: SignIn, moderator: Account
) -> None:
    old = await kept(database)
    stronger = SignIn(database, PasswordHasher(time_cost=2, memory_cost=16, parallelism=1))
    assert await stronger.check("Eve.M", "wrong password") is None
    assert await kept(database) == old
    assert await stronger.check("Eve.M", PASSWORD) is not None
    new = await kept(database)
    assert new is not None
    assert "m=16,t=2,p=1" in new
    assert await stronger.check("Eve.M", PASSWORD) is not None
    assert await kept(database) == new


async def test_the_hash_is_the_recommended_one(database: Database) -> None:
    await SignIn(database).create("eve", PASSWORD, Role.MODERATOR, by=None)
    assert "$argon2id$v=19$m=65536,t=3,p=4$" in str(await kept(database))


async def test_a_session_leads_to_its_account_until_closed(
    signin: SignIn, moderator: Account
) -> None:
    one, other = [await signin.open(moderator.id, "console", HOUR) for _ in range(2)]
    assert await signin.find(one) == moderator
    await signin.close(one)
    await signin.close(one)
    assert await signin.find(one) is None
    assert await signin.find(other) == moderator


async def test_all_sessions_of_an_account_are_closed_at_once(
    database: Database, signin: SignIn, moderator: Account, account: Account
) -> None:
    tokens = [await signin.open(moderator.id, "console", HOUR) for _ in range(2)]
    others = await signin.open(account.id, "web", HOUR)
    visit = await Accounts(database).visit(moderator.id, "web")
    await signin.close_all(moderator.id)
    assert [await signin.find(token) for token in tokens] == [None, None]
    assert await signin.find(others) == account
    assert await Accounts(database).visit(moderator.id, "web") == visit


async def test_a_new_password_ends_what_the_old_one_opened(
    signin: SignIn, moderator: Account
) -> None:
    token = await signin.open(moderator.id, "console", HOUR)
    await signin.set_password(moderator.id, "another password", by=None)
    assert await signin.find(token) is None
    assert await signin.check("Eve.M", PASSWORD) is None
    assert await signin.check("Eve.M", "another password") == moderator


@pytest.mark.parametrize("token", ["", "a" * 43, "' OR 1=1 --", "\ud800", "ж" * 43])
async def test_unknown_tokens_lead_nowhere(
    database: Database, signin: SignIn, moderator: Account, token: str
) -> None:
    await Accounts(database).visit(moderator.id, "web")  # which has no token
    await signin.open(moderator.id, "console", HOUR)
    assert await signin.find(token) is None
    await signin.close(token)


async def test_expired_sessions_lead_nowhere_and_go_with_the_next(
    database: Database, signin: SignIn, moderator: Account
) -> None:
    expired = await signin.open(moderator.id, "console", timedelta(0))
    assert await signin.find(expired) is None
    visit = await Accounts(database).visit(moderator.id, "web")
    await signin.open(moderator.id, "console", HOUR)
    assert await count(database, SessionRow) == 2
    assert await Accounts(database).visit(moderator.id, "web") == visit


async def test_an_expired_session_that_a_job_came_from_stays(
    database: Database, signin: SignIn, ledger: Ledger, moderator: Account
) -> None:
    expired = await signin.open(moderator.id, "console", timedelta(0))
    async with database.read() as session:
        session_id = await session.scalar(select(SessionRow.id))
    await ledger.submit(moderator.id, "k", "text_to_image", "mini", {}, session_id=session_id)
    await signin.open(moderator.id, "console", HOUR)
    assert await count(database, SessionRow) == 2
    assert await signin.find(expired) is None


async def test_the_last_sign_is_kept_to_five_minutes(
    database: Database, signin: SignIn, moderator: Account
) -> None:
    token = await signin.open(moderator.id, "console", HOUR)
    for ago, written in ((4, False), (6, True)):
        moment = now() - timedelta(minutes=ago)
        async with database.write() as session:
            await session.execute(update(SessionRow).values(last_seen_at=moment))
        await signin.find(token)
        async with database.read() as session:
            last = await session.scalar(select(SessionRow.last_seen_at))
        assert (last != moment) is written


async def test_nobody_has_no_session(signin: SignIn) -> None:
    with pytest.raises(ValueError, match="no account 99"):
        await signin.open(99, "console", HOUR)
