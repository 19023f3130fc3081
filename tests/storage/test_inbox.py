from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import event, select, update

from storage.database import Database, DatabaseAway
from storage.inbox import Inbox
from storage.records import Received
from storage.tables import UpdateRow, now
from tests import postgres
from tests.storage.plans import by_indices
from tests.storage.rows import count, dump

pytestmark = pytest.mark.slow

BOT = 7_000_000_001  # more than 32 bits hold
MOMENT = datetime(2030, 1, 2, 3, 4, 5, tzinfo=UTC)


@pytest.fixture
def inbox(database: Database) -> Inbox:
    return Inbox(database, BOT)


def a(number: int, text: str = "лиса 🦊") -> Received:
    return Received(number, f"lane {number % 3}", None, "ivan", {"text": text}, MOMENT)


async def ids(inbox: Inbox) -> list[int]:
    return [one.id for one in await inbox.waiting()]


@asynccontextmanager
async def holding(database: Database, number: int) -> AsyncIterator[None]:
    """Nobody's `put` of that update is committed before the end; then it is new."""
    async with database.write() as session:
        session.add(UpdateRow(bot=BOT, id=number, lane=""))
        await session.flush()
        yield
        await session.rollback()


async def begun(*calls: Any) -> list[asyncio.Task[Any]]:
    tasks = [asyncio.create_task(call) for call in calls]
    await asyncio.sleep(0.1)
    assert not any(task.done() for task in tasks)
    return tasks


async def test_an_update_waits_as_it_came_until_it_is_handled(inbox: Inbox) -> None:
    of_album = Received(2**40, "42", "album", None, {"photo": [{"file_id": "x"}]}, MOMENT)
    assert await inbox.put([of_album, a(1)]) == [of_album, a(1)]
    assert await inbox.waiting() == [a(1), of_album]
    await inbox.handled([1])
    assert await inbox.waiting() == [of_album]


async def test_only_what_is_new_is_given_back(database: Database, inbox: Inbox) -> None:
    await inbox.put([a(1), a(2)])
    await inbox.handled([1])
    assert await inbox.put([a(3), a(1), a(2), a(3, "again"), a(4)]) == [a(3), a(4)]
    assert await ids(inbox) == [2, 3, 4]
    assert await Inbox(database, 2).put([a(1)]) == [a(1)]  # another bot counts for itself


async def test_of_a_handled_one_only_the_number_stays(database: Database, inbox: Inbox) -> None:
    await inbox.put([a(1, "a secret wish")])
    await inbox.handled([1])
    everything = await dump(database)
    for gone in ("ivan", "lane", "a secret wish"):
        assert gone not in everything
    assert await count(database, UpdateRow) == 1


async def test_what_is_handled_again_was_handled_then(database: Database, inbox: Inbox) -> None:
    await inbox.put([a(1)])
    await inbox.handled([1, 99])
    async with database.read() as session:
        then = await session.scalar(select(UpdateRow.handled_at))
    await inbox.handled([1])
    async with database.read() as session:
        assert await session.scalar(select(UpdateRow.handled_at)) == then


async def test_racing_puts_give_an_update_to_one(
    database_url: str, database: Database, inbox: Inbox
) -> None:
    """Twelve callers in two processes put the same ones, in different orders."""
    other = Database(database_url)
    updates = [a(number) for number in range(20)]
    turned = [updates[n:] + updates[:n] for n in range(6)]
    inboxes = (inbox, Inbox(other, BOT))
    new = await asyncio.gather(*(one.put(some) for some in turned for one in inboxes))
    assert sorted(one.id for some in new for one in some) == list(range(20))
    assert await ids(inbox) == list(range(20))
    await other.close()


async def test_those_who_come_together_share_a_commit(database: Database, inbox: Inbox) -> None:
    commits = 0

    def note(_: object) -> None:
        nonlocal commits
        commits += 1

    event.listen(database.engine.sync_engine, "commit", note)
    await asyncio.gather(*(inbox.put([a(number)]) for number in range(50)))
    await asyncio.gather(*(inbox.handled([n]) for n in range(49)), inbox.put([a(50)]))
    event.remove(database.engine.sync_engine, "commit", note)
    assert commits <= 4
    assert await ids(inbox) == [49, 50]


async def test_nobody_is_answered_before_the_commit(database: Database, inbox: Inbox) -> None:
    async with holding(database, 1):
        first, second = await begun(inbox.put([a(1)]), inbox.put([a(2)]))
        await begun(inbox.handled([2]))
    assert await first == [a(1)]
    assert await second == [a(2)]


async def test_who_is_cancelled_takes_nobody_along(database: Database, inbox: Inbox) -> None:
    async with holding(database, 1):
        first, second = await begun(inbox.put([a(1)]), inbox.put([a(2)]))
        third, same = await begun(inbox.put([a(3)]), inbox.put([a(3)]))
        first.cancel()
        third.cancel()
        await asyncio.sleep(0)
    assert await second == [a(2)]
    assert await same == [a(3)]
    assert first.cancelled()
    assert third.cancelled()
    assert await inbox.put([a(4)]) == [a(4)]


async def test_an_update_that_cannot_be_stored_takes_no_other_along(inbox: Inbox) -> None:
    broken = a(2, "half of an emoji: \ud83e")
    first, second, third = await asyncio.gather(
        *(inbox.put([one]) for one in (a(1), broken, a(3))), return_exceptions=True
    )
    assert (first, third) == ([a(1)], [a(3)])
    assert isinstance(second, Exception)
    assert await ids(inbox) == [1, 3]


async def test_all_are_told_that_a_sqlite_file_is_away(tmp_path: Path) -> None:
    folder, away = tmp_path / "data", tmp_path / "away"
    async with Database.open(f"sqlite:///{folder / 'studio.sqlite3'}") as database:
        inbox = Inbox(database, BOT)
        await database.engine.dispose()
        folder.rename(away)
        await all_are_told(inbox)
        away.rename(folder)
        assert await inbox.put([a(1)]) == [a(1)]


@pytest.mark.system
async def test_all_are_told_that_postgresql_is_away() -> None:
    with postgres.serve() as server:
        async with Database.open(server.new_database()) as database:
            inbox = Inbox(database, BOT)
            server.stop()
            await all_are_told(inbox)
            server.start()
            assert await inbox.put([a(1)]) == [a(1)]


async def all_are_told(inbox: Inbox) -> None:
    puts = [inbox.put([a(number)]) for number in range(3)]
    told = await asyncio.gather(*puts, inbox.handled([1]), return_exceptions=True)
    assert [type(one) for one in told] == [DatabaseAway] * 4


async def test_what_was_handled_long_ago_is_forgotten(database: Database, inbox: Inbox) -> None:
    await inbox.put([a(1), a(2), a(3)])
    await inbox.handled([1, 2])
    async with database.write() as session:
        early = now() - timedelta(days=2.1)
        await session.execute(update(UpdateRow).where(UpdateRow.id == 1).values(handled_at=early))
    assert await Inbox(database, 2).prune(2) == 0
    assert await inbox.prune(2) == 1
    assert await inbox.put([a(1), a(2)]) == [a(1)]
    assert await ids(inbox) == [1, 3]


async def test_any_number_is_put_and_handled_and_forgotten(inbox: Inbox) -> None:
    many = [a(number) for number in range(6000)]
    assert len(await inbox.put(many)) == 6000
    await inbox.handled(range(6000))
    assert await inbox.waiting() == []
    assert await inbox.prune(0) == 6000
    assert await inbox.put([]) == []
    await inbox.handled([])


async def test_updates_are_found_by_indices(database: Database, inbox: Inbox) -> None:
    await inbox.put([a(number) for number in range(20)])
    async with by_indices(database, at_least=3):
        await inbox.waiting()
        await inbox.handled([1, 2])
        await inbox.prune(2)
