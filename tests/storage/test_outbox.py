from __future__ import annotations

import asyncio

import pytest
from sqlalchemy import select

from storage.accounts import Accounts
from storage.database import Database
from storage.ledger import Ledger
from storage.outbox import Outbox
from storage.records import Account, Delivery, DeliveryState, JobRecord
from storage.tables import DeliveryRow


@pytest.fixture
async def ivan(database: Database) -> Account:
    return await Accounts(database).get_or_create("telegram", "42", "ru")


async def held(ledger: Ledger, account: Account, key: str = "k") -> JobRecord:
    await ledger.submit(account.id, key, "mix", "mini", {})
    job = await ledger.claim("w", 60)
    assert job is not None
    return job


async def state(database: Database) -> DeliveryState:
    async with database.read() as session:
        return (await session.scalars(select(DeliveryRow.state))).one()


async def test_the_owner_of_a_job_that_ended_is_told(
    database: Database, ledger: Ledger, ivan: Account
) -> None:
    outbox = Outbox(database)
    done, failed = await held(ledger, ivan, "a"), await held(ledger, ivan, "b")
    assert await outbox.take(9, 60) == []
    await ledger.finish(done.id, 1, [])
    await ledger.fail(failed.id, 1, "WentWrong", {})
    expected = [Delivery(job.id, ivan.id, attempt=1) for job in (done, failed)]
    assert await outbox.take(9, 60) == expected


async def test_who_looks_by_oneself_is_not_told(
    database: Database, ledger: Ledger, account: Account
) -> None:
    job = await held(ledger, account)
    await ledger.finish(job.id, 1, [])
    assert await Outbox(database).take(9, 60) == []


async def test_two_senders_never_take_the_same(
    database: Database, ledger: Ledger, ivan: Account
) -> None:
    jobs = [await held(ledger, ivan, str(number)) for number in range(8)]
    for job in jobs:
        await ledger.finish(job.id, 1, [])
    outbox = Outbox(database)
    taken = await asyncio.gather(*(outbox.take(3, 60) for _ in range(4)))
    taken.append(await outbox.take(9, 60))  # those that a racing one stepped over
    ids = [delivery.job_id for some in taken for delivery in some]
    assert sorted(ids) == sorted(job.id for job in jobs)


async def test_what_was_sent_is_not_sent_again(
    database: Database, ledger: Ledger, ivan: Account
) -> None:
    outbox, job = Outbox(database), await held(ledger, ivan)
    await ledger.finish(job.id, 1, [])
    (delivery,) = await outbox.take(9, -1)
    assert await outbox.sent(delivery, "message 7")
    assert await outbox.take(9, 60) == []
    assert not await outbox.later(delivery, 0, "late")
    assert await state(database) is DeliveryState.SENT


async def test_a_sender_that_died_is_followed_by_another(
    database: Database, ledger: Ledger, ivan: Account
) -> None:
    outbox, job = Outbox(database), await held(ledger, ivan)
    await ledger.finish(job.id, 1, [])
    (first,) = await outbox.take(9, -1)
    (second,) = await outbox.take(9, 60)
    assert second.attempt == 2
    assert not await outbox.sent(first, "message 7")
    assert await outbox.sent(second, "message 8")


async def test_a_channel_that_is_away_is_tried_later(
    database: Database, ledger: Ledger, ivan: Account
) -> None:
    outbox, job = Outbox(database), await held(ledger, ivan)
    await ledger.finish(job.id, 1, [])
    (delivery,) = await outbox.take(9, 60)
    assert await outbox.later(delivery, 60, "429")
    assert await outbox.take(9, 60) == []
    assert await state(database) is DeliveryState.WAITING


async def test_who_blocked_the_bot_is_given_up(
    database: Database, ledger: Ledger, ivan: Account
) -> None:
    outbox, job = Outbox(database), await held(ledger, ivan)
    await ledger.finish(job.id, 1, [])
    (delivery,) = await outbox.take(9, -1)
    assert await outbox.give_up(delivery, "blocked")
    assert await outbox.take(9, 60) == []
