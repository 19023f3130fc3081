from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import select, update

from storage import retention
from storage.accounts import Accounts
from storage.appeals import appeal
from storage.audit import FAILED_SIGN_IN
from storage.database import Database
from storage.decisions import decide
from storage.gallery import Gallery
from storage.inbox import Inbox
from storage.ledger import Ledger
from storage.links import Links
from storage.pictures import PictureStore
from storage.records import Account, JobState, NewPicture, Received, Review, Role
from storage.refusals import Refusals
from storage.retention import Outdated, outdated, prune, prune_lapsed
from storage.signin import SignIn
from storage.states import States
from storage.tables import (
    AuditRow,
    BanRow,
    DecisionRow,
    JobRow,
    LinkRow,
    PictureRow,
    RefusalRow,
    SourceRow,
    StateRow,
    UpdateRow,
    UploadRow,
    now,
)
from storage.verify import verify
from tests.storage.pngs import CAT, FOX, OWL, name, png
from tests.storage.rows import age, count, done, upload

pytestmark = pytest.mark.slow


@pytest.fixture
def store(tmp_path: Path) -> PictureStore:
    return PictureStore(tmp_path / "pictures")


async def prune_month(
    database: Database, store: PictureStore, keep_favourites: bool = True
) -> Outdated:
    """What is older than 30 days goes, as much as it was said before."""
    before = now() - timedelta(days=30)
    expected = await outdated(database, before, keep_favourites)
    assert await prune(database, store, before, keep_favourites) == expected
    assert await outdated(database, before, keep_favourites) == Outdated(0, 0)
    assert (await verify(database, store)).clean
    return expected


async def test_what_ended_before_goes_and_the_rest_stays(
    database: Database, store: PictureStore, account: Account
) -> None:
    old = await done(database, store, account, "old", [FOX], [CAT])
    await age(database, old, days=31)
    new = await done(database, store, account, "new", [OWL], [png(9)])
    await age(database, new, days=29)
    assert await prune_month(database, store) == Outdated(pictures=1, sources=1)
    assert set(store.files()) == {name(OWL), name(png(9))}
    found = await Gallery(database).job(old.id, account.id)
    assert found is not None
    assert (found.state, found.pictures) == (JobState.DONE, ())
    assert await count(database, PictureRow) == 2


async def test_of_every_account_and_of_what_failed(
    database: Database, store: PictureStore, ledger: Ledger, account: Account
) -> None:
    bob = await Accounts(database).get_or_create("web", "bob", "en")
    await age(database, await done(database, store, bob, "bobs", [FOX]), days=31)
    (cat,) = store.save("failed", [CAT])
    failed = await ledger.submit(account.id, "failed", "mix", "mini", {}, sources=[cat])
    store.settle("failed", keep=[cat])
    await ledger.cancel(failed.id)
    await age(database, failed, days=31)
    assert await prune_month(database, store) == Outdated(pictures=1, sources=1)
    assert list(store.files()) == []


async def test_favourites_stay_where_that_is_wished(
    database: Database, store: PictureStore, account: Account
) -> None:
    job = await done(database, store, account, "old", [FOX, CAT])
    await age(database, job, days=31)
    await Gallery(database).favour(job.pictures[0].id, account.id, True)
    assert await prune_month(database, store) == Outdated(pictures=1, sources=0)
    assert list(store.files()) == [name(FOX)]
    await prune_month(database, store, keep_favourites=False)
    assert list(store.files()) == []


async def test_what_waits_for_a_moderator_stays(
    database: Database, store: PictureStore, account: Account
) -> None:
    job = await done(database, store, account, "old", [FOX])
    await age(database, job, days=31)
    await Gallery(database).report(job.pictures[0].id, account.id, "odd")
    assert await prune_month(database, store) == Outdated(0, 0)
    ann = await SignIn(database).create("ann", "twelve characters", Role.MODERATOR, by=None)
    await decide(database, ann.id, Review.APPROVED, pictures=[job.pictures[0].id])
    assert await prune_month(database, store) == Outdated(pictures=1, sources=0)


async def test_what_was_removed_stays_for_an_appeal(
    database: Database, store: PictureStore, account: Account
) -> None:
    ann = await SignIn(database).create("ann", "twelve characters", Role.SENIOR, by=None)
    bob = await SignIn(database).create("bob", "twelve characters", Role.SENIOR, by=None)
    job = await done(database, store, account, "k", [FOX, CAT])
    one, two = [picture.id for picture in job.pictures]
    await decide(database, ann.id, Review.REMOVED, pictures=[one, two], policy="gore")
    long_ago = update(DecisionRow).values(created_at=now() - timedelta(days=31))
    assert await appeal(database, two, account.id, "It is paint.")
    assert await prune_month(database, store) == Outdated(0, 0)
    async with database.write() as session:
        await session.execute(long_ago)
    assert await prune_month(database, store) == Outdated(0, 0, removed=1)
    assert list(store.files()) == [name(CAT)]
    await decide(database, bob.id, Review.REMOVED, pictures=[two], policy="gore", appeals=True)
    assert await prune_month(database, store) == Outdated(0, 0)
    async with database.write() as session:
        await session.execute(long_ago)
    assert await prune_month(database, store) == Outdated(0, 0, removed=1)
    assert list(store.files()) == []


async def test_refusals_and_ended_bans_go(
    database: Database, store: PictureStore, account: Account
) -> None:
    for words in ("old", "new"):
        await Refusals(database).add(account.id, words, "gore", "blood", 1.0)
    async with database.write() as session:
        session.add(BanRow(person="ab" * 32, until=now() - timedelta(days=1), reason="rude"))
        session.add(BanRow(person="cd" * 32, until=now() + timedelta(days=1), reason="rude"))
        await session.execute(
            update(RefusalRow)
            .where(RefusalRow.words == "old")
            .values(created_at=now() - timedelta(days=31))
        )
    assert await prune_month(database, store) == Outdated(0, 0, refusals=1, bans=1)
    assert await prune_month(database, store) == Outdated(0, 0)


async def test_failed_sign_ins_go_and_the_rest_of_the_audit_stays(
    database: Database, store: PictureStore
) -> None:
    for subject, days in (("old", 31), ("new", 29)):
        for action in (FAILED_SIGN_IN, "decide"):
            moment = now() - timedelta(days=days)
            row = AuditRow(action=action, subject=subject, created_at=moment)
            async with database.write() as session:
                session.add(row)
    assert (await outdated(database, now(), True)).tries == 1
    await prune_lapsed(database, store)
    async with database.read() as session:
        left = await session.execute(select(AuditRow.action, AuditRow.subject))
        kept = {tuple(row) for row in left}
    assert kept == {("decide", "old"), ("decide", "new"), (FAILED_SIGN_IN, "new")}


async def test_a_file_that_a_younger_job_has_too_stays(
    database: Database, store: PictureStore, account: Account
) -> None:
    await age(database, await done(database, store, account, "old", [FOX], [CAT]), days=31)
    await done(database, store, account, "new", [CAT], [FOX])
    assert await prune_month(database, store) == Outdated(pictures=1, sources=1)
    assert set(store.files()) == {name(FOX), name(CAT)}


async def test_what_has_not_ended_is_never_old(
    database: Database, store: PictureStore, ledger: Ledger, account: Account
) -> None:
    (cat,) = store.save("k", [CAT])
    await ledger.submit(account.id, "k", "mix", "mini", {}, sources=[cat])
    store.settle("k", keep=[cat])
    async with database.write() as session:
        await session.execute(update(JobRow).values(created_at=now() - timedelta(days=999)))
    assert await prune_month(database, store) == Outdated(0, 0)
    await ledger.claim("worker", lease=60)
    assert await prune_month(database, store) == Outdated(0, 0)


async def test_many_go_in_batches(
    database: Database, store: PictureStore, ledger: Ledger, account: Account
) -> None:
    number = retention.BATCH + 1
    pictures = [NewPicture(n, f"{n:064x}", width=8, height=8, bytes=9) for n in range(number)]
    job = await ledger.submit(account.id, "k", "mix", "mini", {})
    held = await ledger.claim("worker", lease=60)
    assert held is not None
    await ledger.finish(job.id, held.attempt, pictures)
    await age(database, job, days=31)
    async with database.write() as session:
        template = {"account_id": account.id, "mode": "mix", "model": "mini", "request": {}}
        for n in range(number):
            ended = {"state": JobState.DONE, "finished_at": now() - timedelta(days=31)}
            session.add(JobRow(id=f"job-{n}", key=f"job-{n}", **template, **ended))
        await session.flush()
        session.add_all(SourceRow(job_id=f"job-{n}", sha256=f"{n:064x}") for n in range(number))
    assert await prune_month(database, store) == Outdated(pictures=number, sources=number)


async def test_what_the_bot_needs_no_more_goes(database: Database, store: PictureStore) -> None:
    states, young, old = States(database), Inbox(database, 1), Inbox(database, 2)
    for inbox in (young, old):
        await inbox.put([Received(n, "lane", None, None, {}, now()) for n in (1, 2)])
        await inbox.handled([1])
    for key in ("young", "old"):
        await states.set_state(key, None, "asked")
    async with database.write() as session:
        for bot, days in ((1, 1.9), (2, 2.1)):
            aged = update(UpdateRow).where(UpdateRow.handled_at.is_not(None), UpdateRow.bot == bot)
            await session.execute(aged.values(handled_at=now() - timedelta(days=days)))
        for key, days in (("young", 89), ("old", 91)):
            left = update(StateRow).where(StateRow.key == key)
            await session.execute(left.values(changed_at=now() - timedelta(days=days)))
    assert await prune_month(database, store) == Outdated(0, 0, updates=1, states=1)
    assert await count(database, UpdateRow) == 3
    assert await states.get("young") == ("asked", {})
    assert await states.get("old") == (None, {})


async def test_uploads_go_after_a_day(
    database: Database, store: PictureStore, account: Account
) -> None:
    bob = await Accounts(database).get_or_create("web", "bob", "en")
    await done(database, store, account, "k", [OWL], [CAT])
    for one, picture in ((account, FOX), (account, CAT), (bob, FOX), (bob, png(9))):
        await upload(database, store, one, picture)
    async with database.write() as session:
        for owner, hours in ((account, 25), (bob, 23)):
            own = update(UploadRow).where(UploadRow.account_id == owner.id)
            await session.execute(own.values(created_at=now() - timedelta(hours=hours)))
    assert await prune_month(database, store) == Outdated(0, 0, uploads=2)
    assert set(store.files()) == {name(FOX), name(OWL), name(CAT), name(png(9))}
    async with database.write() as session:
        await session.execute(update(UploadRow).values(created_at=now() - timedelta(hours=25)))
    assert await prune_month(database, store) == Outdated(0, 0, uploads=2)
    assert set(store.files()) == {name(OWL), name(CAT)}


async def test_many_uploads_go_in_batches(
    database: Database, store: PictureStore, account: Account
) -> None:
    number = retention.BATCH + 1
    old = {"account_id": account.id, "bytes": 9, "created_at": now() - timedelta(days=2)}
    async with database.write() as session:
        session.add_all(UploadRow(sha256=f"{n:064x}", **old) for n in range(number))
    assert await prune_month(database, store) == Outdated(0, 0, uploads=number)


async def test_with_a_picture_its_link_goes(
    database: Database, store: PictureStore, account: Account
) -> None:
    links, jobs = Links(database), []
    for key, picture in (("old", FOX), ("new", OWL)):
        jobs.append(await done(database, store, account, key, [picture]))
        await links.share(jobs[-1].pictures[0].id, account.id)
    await age(database, jobs[0], days=31)
    assert await prune_month(database, store) == Outdated(1, 0)
    assert await count(database, LinkRow) == 1
    assert [one.picture_id for one in await links.all(account.id)] == [jobs[1].pictures[0].id]
