from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
from sqlalchemy import update

from storage.accounts import Accounts
from storage.database import Database
from storage.erasure import erase
from storage.gallery import Gallery
from storage.links import TOKEN, Links
from storage.locked import NoAccount
from storage.pictures import PictureStore
from storage.records import Account, JobRecord, Review
from storage.tables import LinkRow, PictureRow
from tests.storage.plans import by_indices
from tests.storage.pngs import CAT, FOX
from tests.storage.rows import count, done


@pytest.fixture
async def job(database: Database, account: Account, tmp_path: Path) -> JobRecord:
    """With two pictures."""
    return await done(database, PictureStore(tmp_path), account, "k", [FOX, CAT])


@pytest.fixture
def links(database: Database) -> Links:
    return Links(database)


async def shared(links: Links, picture_id: str, account: Account) -> str:
    token = await links.share(picture_id, account.id)
    assert token is not None
    return token


async def review(database: Database, picture_id: str, review: Review) -> None:
    async with database.write() as session:
        own = update(PictureRow).where(PictureRow.id == picture_id)
        await session.execute(own.values(review=review))


async def test_a_token_opens_its_picture_alone(
    links: Links, account: Account, job: JobRecord
) -> None:
    fox, cat = job.pictures
    token = await shared(links, fox.id, account)
    assert TOKEN.fullmatch(token)
    opened = await links.picture(token)
    assert opened is not None
    assert (opened.id, opened.shared) == (fox.id, token)
    assert await shared(links, fox.id, account) == token
    assert await shared(links, cat.id, account) != token


@pytest.mark.parametrize("token", ["", "x", "A" * 22, "A" * 23, "\x00" * 22, "й" * 22, "%" * 22])
async def test_what_is_no_token_opens_nothing(links: Links, job: JobRecord, token: str) -> None:
    assert await links.picture(token) is None


async def test_who_shares_at_once_gets_the_same_token(
    database_url: str, database: Database, account: Account, job: JobRecord
) -> None:
    others = [Database(database_url) for _ in range(3)]
    fox = job.pictures[0].id
    every = [Links(one) for one in (database, *others) for _ in range(4)]
    tokens = await asyncio.gather(*(one.share(fox, account.id) for one in every))
    for other in others:
        await other.close()
    assert len(set(tokens)) == 1
    assert await count(database, LinkRow) == 1


async def test_a_link_that_was_taken_back_opens_nothing(
    links: Links, account: Account, job: JobRecord
) -> None:
    fox = job.pictures[0].id
    token = await shared(links, fox, account)
    assert await links.unshare(fox, account.id)
    assert await links.picture(token) is None
    assert not await links.unshare(fox, account.id)
    assert await shared(links, fox, account) != token


async def test_what_was_deleted_is_not_shared(
    database: Database, links: Links, account: Account, job: JobRecord
) -> None:
    fox = job.pictures[0].id
    token = await shared(links, fox, account)
    await Gallery(database).delete([fox], account.id)
    assert await links.picture(token) is None
    assert await links.all(account.id) == []
    assert await links.share(fox, account.id) is None
    assert await count(database, LinkRow) == 0


async def test_what_was_removed_is_not_shared(
    database: Database, links: Links, account: Account, job: JobRecord
) -> None:
    fox = job.pictures[0].id
    token = await shared(links, fox, account)
    await review(database, fox, Review.REMOVED)
    assert await links.picture(token) is None
    assert await links.all(account.id) == []
    assert await links.share(fox, account.id) is None
    found = await Gallery(database).job(job.id, account.id)
    assert found is not None
    assert found.pictures[0].shared is None


async def test_nobody_shares_or_unshares_what_is_not_theirs(
    database: Database, links: Links, account: Account, job: JobRecord
) -> None:
    bob = await Accounts(database).get_or_create("web", "bob", "en")
    fox = job.pictures[0].id
    assert await links.share(fox, bob.id) is None
    token = await shared(links, fox, account)
    assert not await links.unshare(fox, bob.id)
    assert await links.picture(token) is not None
    assert await links.all(bob.id) == []


async def test_who_was_forgotten_shares_nothing(
    database: Database, links: Links, account: Account, job: JobRecord
) -> None:
    token = await shared(links, job.pictures[0].id, account)
    await erase(database, account.id)
    assert await links.picture(token) is None
    with pytest.raises(NoAccount):
        await links.share(job.pictures[1].id, account.id)


async def test_ones_links_are_listed_the_newest_first(
    links: Links, account: Account, job: JobRecord
) -> None:
    tokens = {one.id: await shared(links, one.id, account) for one in job.pictures}
    listed = await links.all(account.id)
    assert [one.picture_id for one in listed] == [one.id for one in reversed(job.pictures)]
    assert {one.picture_id: one.token for one in listed} == tokens


async def test_jobs_tell_what_is_shared(
    database: Database, links: Links, account: Account, job: JobRecord
) -> None:
    gallery = Gallery(database)
    fox, cat = job.pictures
    token = await shared(links, fox.id, account)
    (found,) = await gallery.history(account.id)
    assert [one.shared for one in found.pictures] == [token, None]
    assert await gallery.job(job.id, account.id) == found
    assert [one.shared for one in await gallery.pictures([fox.id, cat.id], account.id)] == [
        token,
        None,
    ]


async def test_no_table_is_read_whole(
    database: Database, links: Links, account: Account, job: JobRecord
) -> None:
    gallery, fox = Gallery(database), job.pictures[0].id
    async with by_indices(database, at_least=8):
        token = await shared(links, fox, account)
        await links.picture(token)
        await links.all(account.id)
        await gallery.history(account.id)
        await gallery.pictures([fox], account.id)
        await links.unshare(fox, account.id)
        await gallery.delete([fox], account.id)
