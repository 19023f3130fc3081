from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta

import pytest

from engine.errors import AlreadyAppealed, NotFound, OutOfRange
from engine.news import News
from engine.notices import Notices
from storage.accounts import Accounts
from storage.database import Database
from storage.decisions import decide
from storage.records import Account, NoticeKind, Review, Role
from storage.rights import Rights
from tests.storage.reviewing import drawn, ended, held_one, moderator


@pytest.fixture
async def database(database_url: str) -> AsyncIterator[Database]:
    async with Database.open(database_url) as database:
        yield database


@pytest.fixture
async def person(database: Database) -> Account:
    return await Accounts(database).get_or_create("web", "ivan", "ru")


@pytest.fixture
def notices(database: Database) -> Notices:
    return Notices(database, News())


async def removed(database: Database, person: Account) -> str:
    (one,) = await ended(database, person, [drawn(1)])
    ann = await moderator(database, "ann", Role.SENIOR)
    await decide(database, ann, Review.REMOVED, pictures=[one], policy="gore", reason="blood")
    return one


async def test_what_was_seen_is_not_told_again(
    database: Database, notices: Notices, person: Account
) -> None:
    one = await removed(database, person)
    bob = await Accounts(database).get_or_create("web", "bob", "en")
    (notice,) = await notices.all(person)
    assert (notice.kind, notice.picture_id, notice.reason) == (NoticeKind.REMOVED, one, "blood")
    await notices.seen(notice.id, bob)
    assert await notices.all(person) == [notice]
    await notices.seen(notice.id, person)
    await notices.seen(notice.id, person)
    assert await notices.all(person) == []


async def test_one_appeals_once(database: Database, notices: Notices, person: Account) -> None:
    one = await removed(database, person)
    for text in ("", " ", "x" * 1001):
        with pytest.raises(OutOfRange):
            await notices.appeal(one, person, text)
    await notices.appeal(one, person, "It is paint.")
    with pytest.raises(AlreadyAppealed):
        await notices.appeal(one, person, "It is!")


async def test_who_is_banned_may_appeal(
    database: Database, notices: Notices, person: Account
) -> None:
    one = await removed(database, person)
    tomorrow = datetime.now(UTC) + timedelta(days=1)
    await Rights(database).ban(person.id, tomorrow, "rude", by=None)
    await notices.appeal(one, person, "It is paint.")


async def test_there_is_nothing_to_appeal(
    database: Database, notices: Notices, person: Account
) -> None:
    held = await held_one(database, person)
    bob = await Accounts(database).get_or_create("web", "bob", "en")
    for picture_id, account in ((held, person), ("none", person), (held, bob)):
        with pytest.raises(NotFound):
            await notices.appeal(picture_id, account, "It is paint.")
