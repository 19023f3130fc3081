from __future__ import annotations

from datetime import timedelta
from typing import Any

from sqlalchemy import func, select, update

from storage.accounts import Accounts
from storage.database import Database
from storage.gallery import Filter, Gallery
from storage.ledger import Ledger
from storage.records import Account, JobRecord, JobState, NewPicture, Review
from storage.tables import JobRow, PictureRow, ReportRow, now


def picture(number: int) -> NewPicture:
    return NewPicture(seed=number, sha256=f"{number:064x}", width=8, height=8, bytes=99)


async def made(
    database: Database, account: Account, key: str = "k", pictures: int = 1, **fields: Any
) -> JobRecord:
    """A job that is done; picture n of it has the seed 10 * (its first letter) + n."""
    ledger = Ledger(database)
    values = {"mode": "mix", "model": "mini", "request": {}} | fields
    job = await ledger.submit(account.id, key, **values)
    held = await ledger.claim("w", 60)
    assert held is not None
    first = 10 * ord(key[0])
    await ledger.finish(job.id, held.attempt, [picture(first + n) for n in range(pictures)])
    return await look(database, job)


async def look(database: Database, job: JobRecord) -> JobRecord:
    found = await Gallery(database).job(job.id, job.account_id)
    assert found is not None
    return found


async def found(database: Database, account: Account, **filter: Any) -> list[str]:
    jobs = await Gallery(database).history(account.id, filter=Filter(**filter))
    return [job.key for job in jobs]


async def test_history_is_paged_newest_first(database: Database, account: Account) -> None:
    gallery = Gallery(database)
    ids = [(await made(database, account, key)).id for key in "abcde"]
    first = await gallery.history(account.id, limit=3)
    second = await gallery.history(account.id, limit=3, before=first[-1].id)
    assert [job.id for job in first + second] == ids[::-1]
    assert await gallery.history(account.id, before="no such job") == []


async def test_another_account_sees_and_changes_nothing(
    database: Database, account: Account
) -> None:
    gallery, job = Gallery(database), await made(database, account, sources=["ab" * 32])
    bob = await Accounts(database).get_or_create("web", "bob", "en")
    (one,) = job.pictures
    assert await gallery.job(job.id, bob.id) is None
    assert await gallery.picture(one.id, bob.id) is None
    assert await gallery.history(bob.id) == []
    assert await gallery.history(bob.id, before=job.id) == []
    assert not await gallery.favour(one.id, bob.id, favourite=True)
    assert await gallery.delete([one.id], bob.id) == []
    assert await gallery.hashes([one.id], bob.id) == []
    assert await gallery.all_hashes(bob.id) == []
    assert await gallery.sources(["ab" * 32], bob.id) == set()
    assert await look(database, job) == job


async def test_words_are_found_in_any_case(database: Database, account: Account) -> None:
    await made(database, account, "a", words="A red Fox")
    await made(database, account, "b", words="Рыжая ЛИСА, 100%")
    assert await found(database, account, search="fox") == ["a"]
    assert await found(database, account, search=" лиса") == ["b"]
    assert await found(database, account, search="100%") == ["b"]
    assert await found(database, account, search="%") == ["b"]
    assert await found(database, account, search="_") == []
    assert await found(database, account, search=" ") == ["b", "a"]


async def test_a_history_is_narrowed_by_what_was_asked(
    database: Database, account: Account
) -> None:
    await made(database, account, "a", mode="inpaint")
    await made(database, account, "b", model="2.2")
    moment = (await made(database, account, "c")).created_at
    await Ledger(database).submit(account.id, "d", "mix", "mini", {})
    assert await found(database, account, mode="inpaint") == ["a"]
    assert await found(database, account, model="2.2") == ["b"]
    assert await found(database, account, states=(JobState.DONE,), model="mini") == ["c", "a"]
    assert await found(database, account, since=moment) == ["d", "c"]
    assert await found(database, account, until=moment) == ["b", "a"]


async def test_favourites_are_found(database: Database, account: Account) -> None:
    gallery = Gallery(database)
    await made(database, account, "a")
    job = await made(database, account, "b", pictures=2)
    one = job.pictures[1]
    assert await gallery.favour(one.id, account.id, favourite=True)
    assert await found(database, account, favourites=True) == ["b"]
    assert [two.favourite for two in (await look(database, job)).pictures] == [False, True]
    assert await gallery.favour(one.id, account.id, favourite=False)
    assert await found(database, account, favourites=True) == []


async def test_what_is_deleted_is_gone_and_its_row_stays(
    database: Database, account: Account
) -> None:
    gallery, job = Gallery(database), await made(database, account, pictures=3)
    one, two, three = job.pictures
    await gallery.favour(one.id, account.id, favourite=True)
    hashes = await gallery.hashes([one.id, three.id], account.id)
    assert sorted(hashes) == sorted([one.sha256, three.sha256])
    assert sorted(await gallery.delete([one.id, three.id], account.id)) == sorted(hashes)
    assert await gallery.delete([one.id], account.id) == []
    assert (await look(database, job)).pictures == (two,)
    assert await gallery.picture(one.id, account.id) is None
    assert await gallery.stored([one.sha256, two.sha256]) == {two.sha256}
    assert await found(database, account, favourites=True) == []
    async with database.read() as session:
        assert await session.scalar(select(func.count()).select_from(PictureRow)) == 3


async def test_what_was_removed_is_not_shown(database: Database, account: Account) -> None:
    job = await made(database, account)
    async with database.write() as session:
        await session.execute(update(PictureRow).values(review=Review.REMOVED))
    assert await Gallery(database).picture(job.pictures[0].id, account.id) is None


async def test_a_report_brings_a_picture_before_a_moderator_once(
    database: Database, account: Account
) -> None:
    gallery, job = Gallery(database), await made(database, account)
    (one,) = job.pictures
    for reason in ("a first", "a second"):
        await gallery.report(one.id, account.id, reason)
    async with database.read() as session:
        assert list(await session.scalars(select(ReportRow.reason))) == ["a first"]
    assert (await look(database, job)).pictures[0].review is Review.WAITING
    async with database.write() as session:
        await session.execute(update(PictureRow).values(review=Review.APPROVED))
    bob = await Accounts(database).get_or_create("web", "bob", "en")
    await gallery.report(one.id, bob.id, "again")  # a moderator has looked at it
    assert (await look(database, job)).pictures[0].review is Review.APPROVED


async def test_sources_are_known_by_whose_they_are(database: Database, account: Account) -> None:
    gallery, one, other = Gallery(database), "ab" * 32, "cd" * 32
    await made(database, account, sources=[one, one])
    assert await gallery.sources([one, other], account.id) == {one}
    assert await gallery.stored([one, other]) == {one}
    assert one in await gallery.all_hashes(account.id)


async def test_a_job_of_long_ago_has_its_place(database: Database, account: Account) -> None:
    old, new = [await made(database, account, key) for key in "ab"]
    async with database.write() as session:
        early = now() - timedelta(days=9)
        await session.execute(update(JobRow).where(JobRow.id == new.id).values(created_at=early))
    assert [job.id for job in await Gallery(database).history(account.id)] == [old.id, new.id]
