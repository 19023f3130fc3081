from __future__ import annotations

import asyncio
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import select, update

from storage import decisions
from storage.accounts import Accounts
from storage.database import Database
from storage.erasure import HasDecided, erase, forget
from storage.gallery import Gallery
from storage.inbox import Inbox
from storage.keys import Keys
from storage.ledger import Ledger
from storage.links import Links
from storage.messages import Messages
from storage.pictures import PictureStore
from storage.records import Account, MessageKind, NewPicture, Received, Review, Role
from storage.rights import FOREVER, Rights
from storage.signin import SignIn
from storage.states import States
from storage.tables import (
    AuditRow,
    DecisionRow,
    DeliveryRow,
    JobRow,
    KeyRow,
    LinkRow,
    MessageRow,
    PictureRow,
    ReportRow,
    SessionRow,
    SourceRow,
    StateRow,
    UpdateRow,
    UploadRow,
    now,
)
from storage.verify import verify
from tests.storage.pngs import CAT, FOX, OWL, name, png
from tests.storage.reviewing import moderator
from tests.storage.rows import count, done, dump, upload

pytestmark = pytest.mark.slow

ABOUT_PEOPLE = [
    DeliveryRow,
    JobRow,
    KeyRow,
    LinkRow,
    MessageRow,
    PictureRow,
    ReportRow,
    SessionRow,
    SourceRow,
    StateRow,
    UpdateRow,
    UploadRow,
]


@pytest.fixture
def store(tmp_path: Path) -> PictureStore:
    return PictureStore(tmp_path / "pictures")


@pytest.fixture
async def bob(database: Database) -> Account:
    return await Accounts(database).get_or_create("telegram", "bob", "en")


async def live(database: Database, store: PictureStore, account: Account) -> str:
    """Leaves something of the account in every table; the id of its picture."""
    job = await done(database, store, account, f"of-{account.id}", [FOX], [CAT], "a secret wish")
    session_id = await Accounts(database).visit(account.id, account.channel)
    async with database.write() as session:
        own = update(JobRow).where(JobRow.account_id == account.id)
        await session.execute(own.values(session_id=session_id))
    await SignIn(database).open(account.id, "web", timedelta(hours=1))
    await Keys(database).make(account.id, "laptop")
    await Ledger(database).submit(account.id, "waiting", "mix", "mini", {}, words="a secret wish")
    await talk(database, account)
    (picture,) = job.pictures
    await Links(database).share(picture.id, account.id)
    await upload(database, store, account, png(40 + account.id))
    await Messages(database, 1).sent(7, account.id, job.id, MessageKind.PICTURE, picture.id, "AgAC")
    return picture.id


async def talk(database: Database, account: Account) -> None:
    """Two updates of the person, one of them handled, and a conversation."""
    person, inbox = account.external_id, Inbox(database, 1)
    for number in (2 * account.id, 2 * account.id + 1):
        body = {"from": person, "text": "a secret wish"}
        await inbox.put([Received(number, person, f"album of {person}", person, body, now())])
    await inbox.handled([2 * account.id])
    await States(database).set_data(f"1:{person}", person, {"prompt": "a secret wish"})


async def decide(database: Database, picture_id: str, moderator: Account) -> None:
    async with database.write() as session:
        session.add(
            DecisionRow(
                picture_id=picture_id,
                account_id=moderator.id,
                decision=Review.APPROVED,
                policy="none",
                reason="fine",
            )
        )


async def test_nothing_is_left_of_an_account(
    database: Database, store: PictureStore, account: Account, bob: Account
) -> None:
    gallery = Gallery(database)
    other = await done(database, store, account, "others", [OWL])
    picture_id = await live(database, store, bob)
    await gallery.report(picture_id, account.id, "theirs")
    await gallery.report(other.pictures[0].id, bob.id, "mine")
    assert all([await count(database, table) for table in ABOUT_PEOPLE])
    gone = {name(FOX), name(CAT), name(png(40 + bob.id))}
    assert set(await erase(database, bob.id)) == gone
    left = {table: await count(database, table) for table in ABOUT_PEOPLE}
    assert left == dict.fromkeys(ABOUT_PEOPLE, 0) | {JobRow: 1, PictureRow: 1, UpdateRow: 2}
    assert await Inbox(database, 1).waiting() == []
    assert await Accounts(database).account(bob.id) is None
    assert await gallery.job(other.id, account.id) is not None
    everything = await dump(database)
    assert "bob" not in everything
    assert "a secret wish" not in everything


async def test_its_number_is_given_to_nobody(database: Database, bob: Account) -> None:
    await erase(database, bob.id)
    again = await Accounts(database).get_or_create(bob.channel, bob.external_id, "en")
    assert again.id > bob.id
    with pytest.raises(ValueError, match="no account"):
        await erase(database, bob.id)


async def test_that_it_was_erased_is_written_down_and_no_more(
    database: Database, store: PictureStore, account: Account, bob: Account
) -> None:
    await live(database, store, bob)
    await erase(database, bob.id, by=account.id)
    async with database.read() as session:
        row = (await session.scalars(select(AuditRow))).one()
    assert (row.action, row.subject, row.details) == ("erase", str(bob.id), {})
    assert row.account_id == account.id


async def test_decisions_about_the_pictures_stay(
    database: Database, store: PictureStore, account: Account, bob: Account
) -> None:
    await decide(database, await live(database, store, bob), account)
    await erase(database, bob.id)
    assert await count(database, DecisionRow) == 1


async def test_what_moderators_said_in_words_goes_and_the_rest_stays(
    database: Database, store: PictureStore, account: Account, bob: Account
) -> None:
    other = await done(database, store, account, "others", [OWL])
    picture_id = await live(database, store, bob)
    words, policy, ann = "bob, a secret", "gore", await moderator(database, "mod")
    ids = [picture_id, other.pictures[0].id]
    await decisions.decide(database, ann, Review.REMOVED, pictures=ids, policy=policy, reason=words)
    rights = Rights(database)
    for one in (account, bob):
        await rights.ban(one.id, FOREVER, words, by=ann)
        await rights.unban(one.id, by=ann, reason=words)
    await erase(database, bob.id)
    async with database.read() as session:
        reasons = dict(
            (await session.execute(select(DecisionRow.picture_id, DecisionRow.reason))).all()
        )
        acts = [
            (row.action, row.subject, row.details["reason"])
            for row in await session.scalars(select(AuditRow).order_by(AuditRow.id))
            if "reason" in row.details
        ]
        policies = set(await session.scalars(select(DecisionRow.policy)))
    assert reasons == {ids[0]: "", ids[1]: words}
    assert policies == {policy}
    about_bob = {(action, subject) for action, subject, reason in acts if reason == ""}
    assert about_bob == {("decide", ids[0]), ("ban", str(bob.id)), ("unban", str(bob.id))}
    assert len(acts) == 6
    assert {reason for *_, reason in acts} == {"", words}


@pytest.mark.parametrize("role", [Role.MODERATOR, Role.SENIOR, Role.ADMIN])
async def test_who_may_moderate_is_not_erased_until_the_role_is_taken_away(
    database: Database, store: PictureStore, role: Role
) -> None:
    ann = await moderator(database, "mod", role)
    with pytest.raises(HasDecided, match=f"has the role {role}"):
        await forget(database, store, ann)
    assert await Accounts(database).account(ann) is not None
    await Rights(database).role(ann, Role.TRUSTED, by=None)
    await forget(database, store, ann)
    assert await Accounts(database).account(ann) is None


async def test_who_decided_as_a_moderator_is_not_erased(
    database: Database, store: PictureStore, account: Account, bob: Account
) -> None:
    picture_id = await live(database, store, bob)
    await decide(database, picture_id, bob)
    before = await dump(database)
    with pytest.raises(ValueError, match="has decided about pictures as a moderator"):
        await forget(database, store, bob.id)
    assert await dump(database) == before
    assert (await verify(database, store)).clean


async def test_nobody_is_not_erased(database: Database, store: PictureStore) -> None:
    with pytest.raises(ValueError, match=r"There is no account 99\."):
        await forget(database, store, 99)
    assert await count(database, AuditRow) == 0


async def test_what_others_said_to_the_bot_stays(
    database: Database, store: PictureStore, bob: Account
) -> None:
    accounts, messages = Accounts(database), Messages(database, 1)
    ann = await accounts.get_or_create("telegram", "ann", "en")
    name_sake = await accounts.get_or_create("web", "ann", "en")
    picture_id = await live(database, store, ann)
    await erase(database, bob.id)
    await erase(database, name_sake.id)
    assert [one.person for one in await Inbox(database, 1).waiting()] == ["ann"]
    assert await States(database).get("1:ann") == (None, {"prompt": "a secret wish"})
    assert len(await messages.of_picture(picture_id)) == 1


async def test_a_message_that_is_sent_meanwhile_is_not_noted(
    database_url: str, database: Database, ledger: Ledger, bob: Account
) -> None:
    jobs = [await ledger.submit(bob.id, str(n), "mix", "mini", {}) for n in range(8)]
    other = Database(database_url)
    messages = Messages(other, 1)
    noted = [messages.sent(7, n, job.id, MessageKind.STATUS) for n, job in enumerate(jobs)]
    await asyncio.gather(*noted[:4], erase(database, bob.id), *noted[4:])
    await other.close()
    assert await count(database, MessageRow) == 0


async def test_files_that_others_have_too_stay(
    database: Database, store: PictureStore, account: Account, bob: Account
) -> None:
    await done(database, store, account, "others", [OWL], [FOX])
    await live(database, store, bob)
    await forget(database, store, bob.id)
    assert set(store.files()) == {name(FOX), name(OWL)}
    assert (await verify(database, store)).clean


async def test_files_are_gone_with_the_rows(
    database: Database, store: PictureStore, bob: Account
) -> None:
    await live(database, store, bob)
    await forget(database, store, bob.id)
    assert list(store.files()) == []
    assert store.leaving() == []
    assert (await verify(database, store)).clean


async def test_a_picture_that_was_deleted_before_keeps_no_file(
    database: Database, store: PictureStore, account: Account, bob: Account
) -> None:
    job = await done(database, store, account, "others", [FOX])
    await Gallery(database).delete([job.pictures[0].id], account.id)
    await live(database, store, bob)
    await forget(database, store, bob.id)
    assert list(store.files()) == []


async def test_a_worker_finds_that_nobody_asked_for_its_job(
    database: Database, store: PictureStore, ledger: Ledger, bob: Account
) -> None:
    await ledger.submit(bob.id, "k", "text_to_image", "mini", {})
    job = await ledger.claim("worker", lease=60)
    assert job is not None
    await forget(database, store, bob.id)
    (owl,) = store.save("k", [OWL])
    assert await ledger.beat("worker", 60, {(job.id, job.attempt): (1, 2)}) == set()
    picture = NewPicture(1, owl, width=8, height=8, bytes=99)
    assert not await ledger.finish(job.id, job.attempt, [picture])
    assert not await ledger.fail(job.id, job.attempt, "WentWrong", {})
    assert not await ledger.release(job.id, job.attempt)
    store.settle("k", await Gallery(database).stored([owl]))
    assert (await verify(database, store)).clean


async def test_whoever_races_with_it_ends_well(
    database_url: str, database: Database, store: PictureStore, ledger: Ledger, bob: Account
) -> None:
    """Eight workers finish eight jobs in another process while their owner is forgotten."""
    hashes = store.save("eight", [png(colour=f"#00000{n}") for n in range(8)])
    for number in range(8):
        await ledger.submit(bob.id, str(number), "text_to_image", "mini", {})
    jobs = [await ledger.claim("worker", lease=60) for _ in hashes]
    other = Database(database_url)
    finishes = [
        Ledger(other).finish(job.id, job.attempt, [NewPicture(1, sha256, 8, 8, 99)])
        for job, sha256 in zip(jobs, hashes, strict=True)
        if job is not None
    ]
    await asyncio.gather(*finishes, forget(database, store, bob.id))
    await other.close()
    store.settle("eight", await Gallery(database).stored(hashes))
    assert await Accounts(database).account(bob.id) is None
    assert await count(database, PictureRow) == 0
    assert list(store.files()) == []
    assert (await verify(database, store)).clean
