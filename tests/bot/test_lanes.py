"""Updates are handled once, in order in a conversation, whatever goes wrong meanwhile."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from datetime import UTC, datetime
from pathlib import Path

import pytest
from aiogram.exceptions import TelegramNetworkError, TelegramRetryAfter, TelegramServerError
from aiogram.methods import GetMe

from bot.lanes import ALBUM_PAUSE, CONVERSATIONS, COURTESY, Lanes
from bot.metrics import Metrics
from storage.database import Database, DatabaseAway
from storage.inbox import Inbox
from storage.records import Received
from tests.bot.waiting import until

pytestmark = pytest.mark.slow

BOT = 7


class Fragile(Inbox):
    """An inbox that is away as often as a test wants, before or after what it does."""

    def __init__(self, database: Database) -> None:
        super().__init__(database, BOT)
        self.put_fails = self.put_unanswered = self.handled_fails = 0
        self.open = asyncio.Event()  # nothing is stored before
        self.open.set()

    async def put(self, updates: Sequence[Received]) -> list[Received]:
        if self.put_fails:
            self.put_fails -= 1
            raise DatabaseAway("planted")
        await self.open.wait()
        new = await super().put(updates)
        if self.put_unanswered:
            self.put_unanswered -= 1
            raise DatabaseAway("planted")
        return new

    async def handled(self, ids: Sequence[int]) -> None:
        if self.handled_fails:
            self.handled_fails -= 1
            raise DatabaseAway("planted")
        await super().handled(ids)


class Hands:
    """Handles updates, and remembers how; `faults` are raised one after another."""

    def __init__(self) -> None:
        self.done: list[list[int]] = []
        self.begun: list[int] = []
        self.together = 0
        self.open = asyncio.Event()  # nothing ends before
        self.open.set()
        self.faults: list[Exception] = []

    async def handle(self, together: list[Received]) -> None:
        ids = [one.id for one in together]
        self.begun += ids
        self.together = max(self.together, len(self.begun) - sum(map(len, self.done)))
        await self.open.wait()
        if self.faults:
            raise self.faults.pop(0)
        self.done.append(ids)


@pytest.fixture
async def inbox(tmp_path: Path) -> AsyncIterator[Fragile]:
    async with Database.open(f"sqlite:///{tmp_path / 'studio.sqlite3'}") as database:
        yield Fragile(database)


@pytest.fixture
def hands() -> Hands:
    return Hands()


@pytest.fixture
def metrics() -> Metrics:
    return Metrics()


@pytest.fixture
async def lanes(inbox: Fragile, hands: Hands, metrics: Metrics) -> AsyncIterator[Lanes]:
    lanes = Lanes(inbox, hands.handle, metrics)
    yield lanes
    await lanes.drain(1)


def a(number: int, lane: str = "anna", album: str | None = None) -> Received:
    return Received(number, lane, album, None, {"update_id": number}, datetime.now(UTC))


async def test_a_conversation_is_handled_in_order(lanes: Lanes, hands: Hands) -> None:
    hands.open.clear()
    for number in range(10):
        await lanes.take([a(number)])
    await asyncio.sleep(0.05)
    assert hands.begun == [0]
    hands.open.set()
    await until(lambda: len(hands.done) == 10)
    assert hands.done == [[number] for number in range(10)]


async def test_conversations_do_not_wait_for_each_other_up_to_a_limit(
    lanes: Lanes, hands: Hands
) -> None:
    hands.open.clear()
    await lanes.take([a(number, f"lane {number}") for number in range(CONVERSATIONS + 10)])
    await asyncio.sleep(0.1)
    assert hands.together == CONVERSATIONS
    hands.open.set()
    await until(lambda: len(hands.done) == CONVERSATIONS + 10)


async def test_while_updates_arrive_few_handlers_begin(
    inbox: Fragile, lanes: Lanes, hands: Hands
) -> None:
    await inbox.put([a(number, f"lane {number}") for number in range(10)])
    inbox.open.clear()
    arriving = asyncio.create_task(lanes.take([a(10, "lane 10")]))
    await lanes.start()
    await asyncio.sleep(2.5 * COURTESY)
    assert 1 <= len(hands.done) <= 3
    inbox.open.set()
    await arriving
    await until(lambda: len(hands.done) == 11, COURTESY)


async def test_an_album_is_handled_as_one(lanes: Lanes, hands: Hands) -> None:
    """Though its pictures arrive one by one, and something else in between."""
    await lanes.take([a(1), a(2, album="x")])
    await asyncio.sleep(ALBUM_PAUSE / 2)
    await lanes.take([a(3, album="x"), a(4), a(5, "boris", album="x")])
    await asyncio.sleep(ALBUM_PAUSE / 2)
    await lanes.take([a(6, album="x")])
    await until(lambda: len(hands.done) == 4)
    assert hands.done == [[1], [5], [2, 3, 6], [4]]


async def test_what_was_not_handled_is_handled_at_the_next_start(
    inbox: Fragile, lanes: Lanes, hands: Hands
) -> None:
    await inbox.put([a(1), a(2, album="x"), a(3, album="x"), a(4, "boris")])
    await inbox.handled([1])
    await lanes.start()
    await until(lambda: len(hands.done) == 2)
    assert hands.done == [[4], [2, 3]]
    await until_nothing_waits(inbox)


async def test_one_that_was_begun_is_begun_again(inbox: Fragile, metrics: Metrics) -> None:
    killed = Hands()
    killed.open.clear()
    first = Lanes(inbox, killed.handle, metrics)
    await first.take([a(1), a(2)])
    await until(lambda: killed.begun == [1])
    await first.drain(0.05)
    hands = Hands()
    second = Lanes(inbox, hands.handle, metrics)
    await second.start()
    await until(lambda: hands.done == [[1], [2]])
    await second.drain(1)


@pytest.mark.parametrize(
    "away",
    [
        DatabaseAway("planted"),
        TelegramNetworkError(GetMe(), "planted"),
        TelegramServerError(GetMe(), "planted"),
        TelegramRetryAfter(GetMe(), "planted", 1),
    ],
)
async def test_what_could_not_be_done_is_done_later_and_in_order(
    inbox: Fragile, lanes: Lanes, hands: Hands, metrics: Metrics, away: Exception
) -> None:
    hands.faults.append(away)
    await lanes.take([a(1), a(2)])
    await until(lambda: hands.done == [[1], [2]])
    assert hands.begun == [1, 1, 2]
    assert outcome(metrics, "again") == 1
    await until_nothing_waits(inbox)


async def test_nobody_else_waits_for_what_is_done_later(lanes: Lanes, hands: Hands) -> None:
    hands.faults += [TelegramServerError(GetMe(), "planted")] * CONVERSATIONS
    await lanes.take([a(number, f"lane {number}") for number in range(CONVERSATIONS)])
    await until(lambda: not hands.faults)
    async with asyncio.timeout(0.5):
        await lanes.take([a(1000, "boris")])
        await until(lambda: [1000] in hands.done)


async def test_a_fault_ends_the_handling_of_one_update_alone(
    inbox: Fragile, lanes: Lanes, hands: Hands, metrics: Metrics
) -> None:
    hands.faults.append(ZeroDivisionError())
    await lanes.take([a(1), a(2)])
    await until(lambda: hands.done == [[2]])
    await until_nothing_waits(inbox)
    assert (outcome(metrics, "failed"), outcome(metrics, "handled")) == (1, 1)


async def test_what_is_sent_again_is_handled_once(lanes: Lanes, hands: Hands) -> None:
    await lanes.take([a(1)])
    await lanes.take([a(1), a(2)])
    await until(lambda: len(hands.done) == 2)
    await lanes.take([a(2), a(1), a(3)])
    await until(lambda: len(hands.done) == 3)
    assert hands.done == [[1], [2], [3]]


@pytest.mark.parametrize("stored", [False, True])
async def test_nothing_is_lost_or_twice_where_the_database_was_away(
    inbox: Fragile, lanes: Lanes, hands: Hands, stored: bool
) -> None:
    """Whether the update was stored is not known; Telegram sends it again."""
    inbox.put_fails, inbox.put_unanswered = (0, 1) if stored else (1, 0)
    with pytest.raises(DatabaseAway):
        await lanes.take([a(1)])
    await lanes.take([a(1)])
    await lanes.take([a(1), a(2)])
    await until(lambda: len(hands.done) == 2)
    assert hands.done == [[1], [2]]


async def test_racing_doubts_lose_nothing(inbox: Fragile, lanes: Lanes, hands: Hands) -> None:
    """Some are stored and not answered while others look for what is in doubt."""

    async def insist(update: Received) -> None:
        while True:
            try:
                return await lanes.take([update])
            except DatabaseAway:
                await asyncio.sleep(0)

    for round in range(20):
        inbox.put_unanswered = 5
        await asyncio.gather(
            *(insist(a(100 * round + n, f"lane {n}", None)) for n in range(10)),
        )
    await until(lambda: len(hands.done) >= 200)
    await asyncio.sleep(0.1)
    assert sorted(ids for (ids,) in hands.done) == [
        100 * round + n for round in range(20) for n in range(10)
    ]


async def test_what_is_handled_and_could_not_be_noted_is_not_handled_again(
    inbox: Fragile, lanes: Lanes, hands: Hands
) -> None:
    inbox.handled_fails = 1
    await lanes.take([a(1), a(2)])
    await until(lambda: hands.done == [[1], [2]])
    await until_nothing_waits(inbox)


async def test_at_the_end_nothing_new_is_begun_but_all_is_kept(
    inbox: Fragile, lanes: Lanes, hands: Hands
) -> None:
    hands.open.clear()
    await lanes.take([a(1), a(2)])
    await until(lambda: hands.begun == [1])
    ending = asyncio.create_task(lanes.drain(5))
    await asyncio.sleep(0)
    await lanes.take([a(3, "boris")])
    hands.open.set()
    await ending
    assert hands.done == [[1]]
    assert [one.id for one in await inbox.waiting()] == [2, 3]


async def test_who_waits_for_telegram_does_not_hold_up_the_end(
    inbox: Fragile, lanes: Lanes, hands: Hands
) -> None:
    hands.faults.append(TelegramServerError(GetMe(), "planted"))
    await lanes.take([a(1)])
    await until(lambda: not hands.faults)
    async with asyncio.timeout(0.5):
        await lanes.drain(5)
    assert [one.id for one in await inbox.waiting()] == [1]


def outcome(metrics: Metrics, name: str) -> float:
    """How many updates came to that."""
    for line in metrics.text().decode().splitlines():
        if line.startswith(f'kandinsky_bot_updates_total{{outcome="{name}"}}'):
            return float(line.split()[-1])
    return 0


async def until_nothing_waits(inbox: Inbox) -> None:
    async with asyncio.timeout(5):
        while await inbox.waiting():  # noqa: ASYNC110
            await asyncio.sleep(0.01)
