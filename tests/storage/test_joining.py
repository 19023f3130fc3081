from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import suppress
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import func, select, update

from storage.accounts import Accounts
from storage.database import Database
from storage.gallery import Gallery
from storage.joining import join
from storage.keys import Keys
from storage.ledger import Ledger
from storage.links import Links
from storage.locked import NoAccount
from storage.pictures import PictureStore
from storage.quotas import Banned, TooManyWaiting
from storage.records import Account, JobState, NewPicture, NoticeKind, Quota, Review, Role
from storage.refusals import Refusals
from storage.rights import FOREVER, Rights
from storage.signin import SignIn
from storage.tables import (
    AccountRow,
    AppealRow,
    AuditRow,
    DecisionRow,
    DeliveryRow,
    JobRow,
    NoticeRow,
    ReportRow,
    SessionRow,
    Table,
    UploadRow,
    now,
)
from storage.uploads import Uploads
from storage.verify import verify
from tests.storage.plans import by_indices
from tests.storage.pngs import CAT, FOX, OWL, name, png
from tests.storage.rows import count, done, dump, upload

pytestmark = pytest.mark.slow


@pytest.fixture
def store(tmp_path: Path) -> PictureStore:
    return PictureStore(tmp_path / "pictures")


@pytest.fixture
async def ivan(database: Database) -> Account:
    return await Accounts(database).get_or_create("telegram", "42", "ru")


@pytest.fixture
async def other(database_url: str, database: Database) -> AsyncIterator[Database]:
    """The same database, as another process has it."""
    other = Database(database_url)
    yield other
    await other.close()


async def owned(database: Database, account_id: int) -> dict[str, int]:
    """How many rows of each table are about the account."""
    found = {}
    async with database.read() as session:
        for table in Table.metadata.sorted_tables:
            if "account_id" in table.c and table.name not in ("decisions", "audit"):
                rows = select(func.count()).where(table.c.account_id == account_id)
                found[table.name] = await session.scalar(rows) or 0
    return found


async def live(database: Database, store: PictureStore, account: Account) -> str:
    """Leaves something of the account in every table that has owners; the id of its picture."""
    job = await done(database, store, account, "k", [FOX], [CAT], "a wish")
    picture_id = job.pictures[0].id
    await Accounts(database).visit(account.id, "web")
    await Keys(database).make(account.id, "laptop")
    await Links(database).share(picture_id, account.id)
    await Gallery(database).report(picture_id, account.id, "odd")
    await upload(database, store, account, OWL)
    await Refusals(database).add(account.id, "a bad wish", "gore", "blood", 1.0)
    async with database.write() as session:
        session.add(DeliveryRow(job_id=job.id, account_id=account.id))
        session.add(NoticeRow(account_id=account.id, kind=NoticeKind.RELEASED))
        session.add(AppealRow(picture_id=picture_id, account_id=account.id, text="It is paint."))
    return picture_id


async def test_everything_becomes_the_accounts(
    database: Database, store: PictureStore, account: Account, ivan: Account
) -> None:
    picture_id = await live(database, store, account)
    before = await owned(database, account.id)
    assert all(before.values())
    await join(database, account.id, ivan.id)
    assert await owned(database, ivan.id) == before
    assert not any((await owned(database, account.id)).values())
    assert await Gallery(database).picture(picture_id, account.id) is None
    assert await Gallery(database).picture(picture_id, ivan.id) is not None
    assert await Gallery(database).sources([name(OWL), name(CAT)], ivan.id) == {
        name(OWL),
        name(CAT),
    }
    assert (await verify(database, store)).clean


async def test_the_visitor_is_forgotten_and_it_is_written_down(
    database: Database, account: Account, ivan: Account
) -> None:
    await join(database, account.id, ivan.id)
    assert await Accounts(database).account(account.id) is None
    assert "ann" not in await dump(database)
    again = await Accounts(database).get_or_create("web", "ann", "en")
    assert again.id > ivan.id
    async with database.read() as session:
        row = (await session.scalars(select(AuditRow))).one()
    assert (row.action, row.subject, row.account_id) == ("join", str(ivan.id), ivan.id)
    assert row.details == {"visitor": account.id}


async def test_who_has_joined_joins_no_more(
    database: Database, store: PictureStore, account: Account, ivan: Account
) -> None:
    await live(database, store, account)
    await join(database, account.id, ivan.id)
    before = await dump(database)
    await join(database, account.id, ivan.id)
    await join(database, 99, ivan.id)
    assert await dump(database) == before


async def test_jobs_of_the_same_key_are_two(
    database: Database, ledger: Ledger, account: Account, ivan: Account
) -> None:
    jobs = {}
    for one, keys in ((account, "abc"), (ivan, "bcd")):
        for key in keys:
            jobs[one.id, key] = (await ledger.submit(one.id, key, "mix", "mini", {})).id
    await join(database, account.id, ivan.id)
    history = await Gallery(database).history(ivan.id)
    assert {job.id for job in history} == set(jobs.values())
    for key in "bcd":  # its own stay what they were
        assert (await ledger.submit(ivan.id, key, "mix", "mini", {})).id == jobs[ivan.id, key]
    again = await ledger.submit(ivan.id, "a", "mix", "mini", {})
    assert again.id == jobs[account.id, "a"]


async def test_a_job_of_a_new_key_is_still_of_its_front_end(
    database: Database, ledger: Ledger, account: Account, ivan: Account
) -> None:
    keys = ["web:a", "web:openai:b:c", "telegram:d", "api:e", "sdapi:f", "g"]
    for key in keys:
        for one in (account, ivan):
            await ledger.submit(one.id, key, "mix", "mini", {})
    await join(database, account.id, ivan.id)
    found = {job.key for job in await Gallery(database).history(ivan.id)}
    assert found > set(keys)
    beginnings = sorted(key.partition("joined-")[0] for key in found.difference(keys))
    assert beginnings == ["", "api:", "sdapi:", "telegram:", "web:", "web:"]


async def test_what_both_reported_or_sent_is_there_once(
    database: Database, store: PictureStore, account: Account, ivan: Account
) -> None:
    job = await done(database, store, ivan, "k", [FOX, CAT])
    fox, cat = job.pictures
    for one, picture in ((account, fox), (ivan, fox), (account, cat)):
        await Gallery(database).report(picture.id, one.id, f"of {one.id}")
    for one, sent in ((ivan, OWL), (account, OWL), (account, png(9))):
        await upload(database, store, one, sent)
    async with database.write() as session:
        old = update(UploadRow).where(UploadRow.account_id == ivan.id)
        await session.execute(old.values(created_at=now() - timedelta(hours=23)))
    await join(database, account.id, ivan.id)
    async with database.read() as session:
        reports = await session.execute(select(ReportRow.picture_id, ReportRow.reason))
        assert dict(reports.all()) == {fox.id: f"of {ivan.id}", cat.id: f"of {account.id}"}
        sent_at = list(await session.scalars(select(UploadRow.created_at)))
    assert len(sent_at) == 2
    assert all(now() - moment < timedelta(hours=1) for moment in sent_at)


async def test_what_opened_the_visitors_account_does_not_open_the_other(
    database: Database, account: Account, ivan: Account
) -> None:
    keys, sessions = Keys(database), SignIn(database)
    theirs = await keys.make(ivan.id, "laptop")
    await keys.revoke(theirs[3:11], ivan.id)
    planted = await keys.make(account.id, "planted")
    token = await sessions.open(account.id, "web", timedelta(days=1))
    own = await sessions.open(ivan.id, "web", timedelta(days=1))
    before = (await keys.list(ivan.id))[0]
    await join(database, account.id, ivan.id)
    assert await keys.find(planted) is None
    assert await sessions.find(token) is None
    assert await sessions.find(own) is not None
    known, moved = await keys.list(ivan.id)
    assert known == before
    assert moved.name == "planted"
    assert moved.revoked_at is not None
    async with database.read() as session:
        assert await session.scalar(select(func.count(SessionRow.token))) == 1


async def test_settings_that_the_account_lacks_are_taken_over(
    database: Database, account: Account, ivan: Account
) -> None:
    accounts = Accounts(database)
    await accounts.set(account.id, {"preferences": {"count": 2}, "theme": "dark"})
    await accounts.set(ivan.id, {"preferences": {"count": 4}})
    await Rights(database).role(account.id, Role.TRUSTED, by=None)
    await join(database, account.id, ivan.id)
    joined = await accounts.account(ivan.id)
    assert joined is not None
    assert joined.settings == {"preferences": {"count": 4}, "theme": "dark"}
    assert (joined.language, joined.role) == ("ru", Role.USER)


async def test_a_ban_is_neither_shaken_off_nor_taken_over(
    database: Database, store: PictureStore, account: Account, ivan: Account
) -> None:
    await live(database, store, account)
    rights = Rights(database)
    await rights.ban(account.id, FOREVER, "spam", by=None)
    before = await dump(database)
    with pytest.raises(Banned) as refusal:
        await join(database, account.id, ivan.id)
    assert (refusal.value.until, refusal.value.reason) == (FOREVER, "spam")
    assert await dump(database) == before
    await rights.ban(account.id, now() - timedelta(seconds=1), "spam", by=None)
    await join(database, account.id, ivan.id)
    joined = await Accounts(database).account(ivan.id)
    assert joined is not None
    assert (joined.banned_until, joined.ban_reason) == (None, None)


async def test_only_visitors_of_the_web_join_and_only_who_is_there(
    database: Database, account: Account, ivan: Account
) -> None:
    oleg = await Accounts(database).get_or_create("telegram", "43", "ru")
    before = await dump(database)
    with pytest.raises(ValueError, match="no visitor of the web"):
        await join(database, oleg.id, ivan.id)
    with pytest.raises(ValueError, match="cannot join itself"):
        await join(database, account.id, account.id)
    with pytest.raises(NoAccount, match=r"There is no account 99\."):
        await join(database, account.id, 99)
    assert await dump(database) == before


async def test_who_decided_as_a_moderator_does_not_join(
    database: Database, store: PictureStore, account: Account, ivan: Account
) -> None:
    picture_id = await live(database, store, account)
    async with database.write() as session:
        decision = {"decision": Review.APPROVED, "policy": "none", "reason": "fine"}
        session.add(DecisionRow(picture_id=picture_id, account_id=account.id, **decision))
    before = await dump(database)
    with pytest.raises(ValueError, match="decided about pictures"):
        await join(database, account.id, ivan.id)
    assert await dump(database) == before


async def test_what_runs_goes_on_and_the_new_owner_is_told(
    database: Database, ledger: Ledger, account: Account, ivan: Account
) -> None:
    await ledger.submit(account.id, "k", "mix", "mini", {})
    job = await ledger.claim("worker", lease=60)
    assert job is not None
    held = {(job.id, job.attempt): (1, 2)}
    await join(database, account.id, ivan.id)
    assert await ledger.beat("worker", 60, held) == held.keys()
    assert await ledger.finish(job.id, job.attempt, [NewPicture(1, "a" * 64, 8, 8, 99)])
    found = await Gallery(database).job(job.id, ivan.id)
    assert found is not None
    assert (found.state, len(found.pictures)) == (JobState.DONE, 1)
    assert found.pictures[0].account_id == ivan.id
    async with database.read() as session:
        assert await session.scalar(select(DeliveryRow.account_id)) == ivan.id


async def test_quotas_count_what_was_brought(
    database: Database, ledger: Ledger, account: Account, ivan: Account
) -> None:
    for key in "ab":
        await ledger.submit(account.id, key, "mix", "mini", {})
    await join(database, account.id, ivan.id)
    with pytest.raises(TooManyWaiting):
        await ledger.submit(ivan.id, "c", "mix", "mini", {}, quotas={Role.USER: Quota(waiting=2)})


async def test_what_is_asked_meanwhile_is_the_accounts_or_refused(
    database: Database, other: Database, account: Account, ivan: Account
) -> None:
    """Both people press the button with the same keys while the one becomes the other."""
    accepted: list[str] = []
    refused: list[int] = []

    async def submit(database: Database, owner: Account, key: str) -> None:
        try:
            job = await Ledger(database).submit(owner.id, key, "mix", "mini", {}, sources=[key])
        except NoAccount:
            refused.append(owner.id)
        else:
            accepted.append(job.id)

    submits = [
        submit(place, owner, f"{number:064x}")
        for number, place in enumerate([database, other] * 5)
        for owner in (account, ivan)
    ]
    half = len(submits) // 2
    await asyncio.gather(*submits[:half], join(database, account.id, ivan.id), *submits[half:])
    history = await Gallery(database).history(ivan.id, limit=100)
    assert {job.id for job in history} == set(accepted)
    assert len(accepted) + len(refused) == len(submits)
    assert set(refused) <= {account.id}
    assert not any((await owned(database, account.id)).values())


async def test_whoever_races_with_it_ends_well(
    database: Database, other: Database, store: PictureStore, account: Account, ivan: Account
) -> None:
    """Workers finish, a person sends, shares, reports and makes keys, and two windows sign in."""
    hashes = store.save("eight", [png(colour=f"#00000{n}") for n in range(8)])
    ledger, links = Ledger(database), Links(other)
    done_before = await live(database, store, account)
    for number in range(8):
        await ledger.submit(account.id, str(number), "mix", "mini", {})
    jobs = [await ledger.claim("worker", lease=60) for _ in hashes]
    finishes = [
        Ledger(other).finish(job.id, job.attempt, [NewPicture(1, sha256, 8, 8, 99)])
        for job, sha256 in zip(jobs, hashes, strict=True)
        if job is not None
    ]

    async def person() -> None:
        with suppress(NoAccount):
            await links.unshare(done_before, account.id)
            await Gallery(other).report(done_before, account.id, "odd")
            await links.share(done_before, account.id)
            await Uploads(other).put(account.id, name(CAT), 9)
            await Keys(other).make(account.id, "late")

    joins = (join(one, account.id, ivan.id) for one in (database, other))
    results = await asyncio.gather(*finishes[:4], *joins, person(), *finishes[4:])
    store.settle("eight", await Gallery(database).stored(hashes))
    assert results.count(True) == 8
    assert not any((await owned(database, account.id)).values())
    history = await Gallery(database).history(ivan.id)
    assert sum(len(job.pictures) for job in history) == 9
    assert {one.account_id for job in history for one in job.pictures} == {ivan.id}
    assert await count(database, AuditRow) == 1
    assert (await verify(database, store)).clean


async def test_many_visitors_join_one_account_at_once(
    database: Database, other: Database, ivan: Account
) -> None:
    visitors = [await Accounts(database).get_or_create("web", f"v{n}", "en") for n in range(6)]
    for visitor in visitors:
        await Ledger(database).submit(visitor.id, "k", "mix", "mini", {})
    places = [database, other] * 3
    joins = (join(place, v.id, ivan.id) for place, v in zip(places, visitors, strict=True))
    await asyncio.gather(*joins)
    assert (await owned(database, ivan.id))["jobs"] == 6
    async with database.read() as session:
        gone = select(func.count()).where(AccountRow.channel == "forgotten")
        assert await session.scalar(gone) == 6


async def test_no_table_is_read_whole(
    database: Database, store: PictureStore, account: Account, ivan: Account
) -> None:
    await live(database, store, account)
    await Ledger(database).submit(ivan.id, "k", "mix", "mini", {})
    async with by_indices(database, at_least=15):
        await join(database, account.id, ivan.id)
    assert await count(database, JobRow) == 2
