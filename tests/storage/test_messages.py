from __future__ import annotations

from datetime import UTC, datetime, timedelta
from uuid import uuid4

import pytest
from sqlalchemy import update
from sqlalchemy.exc import IntegrityError

from storage.accounts import Accounts
from storage.database import Database
from storage.erasure import erase
from storage.gallery import Gallery
from storage.ledger import Ledger
from storage.messages import Messages
from storage.records import Account, JobRecord, MessageKind, NewPicture, Review, SentMessage
from storage.tables import JobRow, MessageRow, PictureRow
from tests.storage.plans import by_indices
from tests.storage.rows import count

pytestmark = pytest.mark.slow

CHAT = -1_001_234_567_890  # of a group: negative, and more than 32 bits hold
STATUS, PICTURE, ACTIONS = MessageKind.STATUS, MessageKind.PICTURE, MessageKind.ACTIONS
LONG_AGO = datetime(2026, 1, 1, tzinfo=UTC)


@pytest.fixture
async def ivan(database: Database) -> Account:
    return await Accounts(database).get_or_create("telegram", "42", "ru")


@pytest.fixture
def messages(database: Database) -> Messages:
    return Messages(database, 1)


async def made(
    database: Database, account: Account, pictures: int = 1, words: str = ""
) -> JobRecord:
    ledger, key = Ledger(database), str(uuid4())
    job = await ledger.submit(account.id, key, "mix", "mini", {}, words=words)
    held = await ledger.claim("w", 60)
    assert held is not None
    picture = NewPicture(seed=7, sha256="ab" * 32, width=8, height=8, bytes=99)
    await ledger.finish(job.id, held.attempt, [picture] * pictures)
    found = await Gallery(database).job(job.id, account.id)
    assert found is not None
    return found


async def send(messages: Messages, job: JobRecord, first: int = 1) -> None:
    """Each picture of the job in a message of its own, as photos whose names are their ids."""
    await messages.sent_all(
        [
            SentMessage(CHAT, first + n, job.id, PICTURE, picture.id, f"file of {picture.id}")
            for n, picture in enumerate(job.pictures)
        ]
    )


async def shown(messages: Messages, account: Account, search: str = "") -> list[str | None]:
    return [one.picture_id for one in await messages.shown(account.id, search)]


async def test_a_message_is_found_where_it_is(
    database: Database, messages: Messages, ivan: Account
) -> None:
    job = await made(database, ivan)
    (picture,) = job.pictures
    one = SentMessage(CHAT, 2**33, job.id, PICTURE, picture.id, "A" * 999, LONG_AGO)
    await messages.sent_all([one])
    assert await messages.at(CHAT, 2**33) == one
    assert await messages.at(CHAT, 1) is None
    assert await Messages(database, 2).at(CHAT, 2**33) is None


async def test_messages_are_told_in_the_order_of_sending(
    database: Database, messages: Messages, ivan: Account
) -> None:
    job, other = await made(database, ivan), await made(database, ivan)
    for number, kind in ((3, STATUS), (1, PICTURE), (2, ACTIONS)):
        await messages.sent(CHAT, number, job.id, kind)
    await messages.sent(CHAT, 4, other.id, STATUS)
    assert [one.message_id for one in await messages.of_job(job.id)] == [3, 1, 2]
    assert [one.message_id for one in await messages.of_job(job.id, ACTIONS)] == [2]


async def test_a_message_is_noted_once_as_it_is_by_now(
    database: Database, messages: Messages, ivan: Account
) -> None:
    job = await made(database, ivan)
    (picture,) = job.pictures
    first = SentMessage(CHAT, 1, job.id, STATUS, sent_at=LONG_AGO)
    await messages.sent_all([first, first])
    await messages.sent(CHAT, 1, job.id, PICTURE, picture.id, "AgAC")
    changed = SentMessage(CHAT, 1, job.id, PICTURE, picture.id, "AgAC", LONG_AGO)
    assert await messages.of_job(job.id) == [changed]


async def test_a_message_that_is_gone_is_not_found(
    database: Database, messages: Messages, ivan: Account
) -> None:
    job = await made(database, ivan)
    for number in (1, 2):
        await messages.sent(CHAT, number, job.id, STATUS)
    await messages.gone(CHAT, 1)
    await messages.gone(CHAT, 99)
    assert [one.message_id for one in await messages.of_job(job.id)] == [2]


async def test_a_message_about_a_forgotten_job_is_not_noted(
    database: Database, messages: Messages, ivan: Account
) -> None:
    olga = await Accounts(database).get_or_create("telegram", "43", "ru")
    gone, stays = await made(database, ivan), await made(database, olga)
    await erase(database, ivan.id)
    await messages.sent(CHAT, 1, gone.id, STATUS)
    both = [SentMessage(CHAT, n, job.id, STATUS) for n, job in enumerate((gone, stays), start=2)]
    await messages.sent_all(both)
    assert await count(database, MessageRow) == 1
    with pytest.raises(IntegrityError):  # that is no erasure, but a mistake
        await messages.sent(CHAT, 4, stays.id, PICTURE, picture_id="none")


async def test_messages_outlast_the_picture_that_they_show(
    database: Database, messages: Messages, ivan: Account
) -> None:
    job = await made(database, ivan, pictures=2)
    await send(messages, job)
    one, _ = job.pictures
    await messages.sent(CHAT, 9, job.id, PICTURE, one.id)
    await Gallery(database).delete([one.id], ivan.id)
    assert [found.message_id for found in await messages.of_picture(one.id)] == [1, 9]


async def test_each_picture_is_shown_once_newest_first(
    database: Database, messages: Messages, ivan: Account
) -> None:
    old, new = await made(database, ivan, pictures=2), await made(database, ivan)
    await send(messages, old)
    await send(messages, new, first=3)
    again = SentMessage(CHAT, 4, old.id, PICTURE, old.pictures[0].id, "newer")
    await messages.sent_all([again])
    await messages.sent(CHAT, 5, old.id, PICTURE, old.pictures[0].id)
    expected = [one.id for one in (*new.pictures, *old.pictures)]
    assert await shown(messages, ivan) == expected
    (second,) = await messages.shown(ivan.id, limit=1, offset=1)
    assert second == again
    assert await messages.shown(ivan.id, offset=3) == []


async def test_only_what_the_bot_has_uploaded_is_shown(
    database: Database, messages: Messages, ivan: Account
) -> None:
    job = await made(database, ivan)
    await messages.sent(CHAT, 1, job.id, PICTURE, job.pictures[0].id)
    await send(Messages(database, 2), job)  # its names are good for itself alone
    assert await messages.shown(ivan.id) == []


async def test_nothing_of_others_is_shown(
    database: Database, messages: Messages, ivan: Account, account: Account
) -> None:
    await send(messages, await made(database, ivan))
    assert await messages.shown(account.id) == []


@pytest.mark.parametrize("review", Review)
async def test_what_a_moderator_has_not_passed_is_not_shown(
    database: Database, messages: Messages, ivan: Account, review: Review
) -> None:
    await send(messages, await made(database, ivan))
    async with database.write() as session:
        await session.execute(update(PictureRow).values(review=review))
    passed = review in (Review.NONE, Review.APPROVED)
    assert len(await messages.shown(ivan.id)) == passed


async def test_what_was_deleted_is_not_shown(
    database: Database, messages: Messages, ivan: Account
) -> None:
    job = await made(database, ivan, pictures=2)
    await send(messages, job)
    gone, stays = job.pictures
    await Gallery(database).delete([gone.id], ivan.id)
    assert await shown(messages, ivan) == [stays.id]


async def test_pictures_are_shown_by_their_words(
    database: Database, messages: Messages, ivan: Account
) -> None:
    fox = await made(database, ivan, words="Рыжая ЛИСА, 100%")
    await send(messages, fox)
    await send(messages, await made(database, ivan, words="an owl"), first=2)
    for search in (" лиса", "100%", "%"):
        assert await shown(messages, ivan, search) == [fox.pictures[0].id]
    assert await shown(messages, ivan, "_") == []
    assert len(await shown(messages, ivan, " ")) == 2


async def test_the_newest_are_of_the_newest_jobs(
    database: Database, messages: Messages, ivan: Account
) -> None:
    """A result that was sent again lately is as old as it was."""
    old, new = await made(database, ivan), await made(database, ivan)
    await send(messages, new)
    await send(messages, old, first=2)
    async with database.write() as session:
        early = LONG_AGO - timedelta(days=1)
        await session.execute(update(JobRow).where(JobRow.id == old.id).values(created_at=early))
    assert await shown(messages, ivan) == [new.pictures[0].id, old.pictures[0].id]


async def test_messages_are_found_by_indices(
    database: Database, messages: Messages, ivan: Account
) -> None:
    job = await made(database, ivan)
    (picture,) = job.pictures
    async with by_indices(database, at_least=8):
        await send(messages, job)
        await messages.at(CHAT, 1)
        await messages.of_job(job.id)
        await messages.of_picture(picture.id)
        await messages.shown(ivan.id, "")
        await messages.gone(CHAT, 1)
