"""Whatever Telegram sends, the bot has no fault; BOT_FUZZ=20000 sends more of it."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest
from aiohttp import ClientSession
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from bot import program
from bot.limits import Rates
from bot.presses import Do
from engine.studio import Studio
from tests.bot.nonsense import KEEPING, Known, Wire, pressed, updates
from tests.bot.scene import EVERYTHING, png, settings_for
from tests.telegram import Call, Emulator, Person, Seen
from tests.telegram.load import numbers
from tests.twin import Twin

pytestmark = pytest.mark.slow

UPDATES = int(os.environ.get("BOT_FUZZ", "1000"))
TOGETHER = 4  # updates
SPEED = 1000.0  # Telegram's limits keep nobody waiting
WAIT = 60.0  # seconds for what came together to be handled
REFUSAL = "These buttons are for the person who asked."

patient = settings(
    deadline=None,
    database=None,
    derandomize=True,
    phases=(Phase.explicit, Phase.generate),  # what has failed stays in the way of what is smaller
    suppress_health_check=list(HealthCheck),
)


@dataclass(frozen=True, slots=True)
class Desk:
    """The bot at work, told things that people cannot do."""

    telegram: Emulator
    anna: Person
    boris: Person
    known: Known
    session: ClientSession
    metrics: str  # the page

    async def take(self, updates: list[Wire]) -> list[Call]:
        """What the bot called meanwhile; raises AssertionError if it failed at any of them."""
        first = len(self.telegram.calls)
        for update in updates:
            for kind, what in update.items():
                self.telegram.world.updates.put(kind, what, 0)
        async with asyncio.timeout(WAIT):
            while len(self.telegram.world.updates) or await self._number("updates_waiting"):  # noqa: ASYNC110
                await asyncio.sleep(0.02)
        assert not await self._number('updates_total{outcome="failed"}'), updates
        return [call for call in self.telegram.calls[first:] if call.method != "getUpdates"]

    async def _number(self, name: str) -> float:
        async with self.session.get(self.metrics) as answer:
            return numbers(await answer.text()).get(f"kandinsky_bot_{name}", 0)


@asynccontextmanager
async def opened(folder: Path) -> AsyncIterator[Desk]:
    """At the end the bot must not have broken Telegram's rules."""
    async with AsyncExitStack() as stack:
        telegram = await stack.enter_async_context(Emulator.open(speed=SPEED, query_age=1e6))
        wanted = settings_for(telegram, folder, quotas={}, backlog=0)
        studio = await stack.enter_async_context(Studio.open(wanted, Twin(cards=[EVERYTHING])))
        running = asyncio.create_task(program.run(wanted, studio, Rates().faster(SPEED)))
        stack.push_async_callback(asyncio.wait, [running])
        stack.callback(running.cancel)
        anna, boris = telegram.person("Anna"), telegram.person("Boris")
        known = await _known(telegram, studio, anna, boris)
        session = await stack.enter_async_context(ClientSession())
        metrics = f"http://127.0.0.1:{wanted.bot_port}/metrics"
        yield Desk(telegram, anna, boris, known, session, metrics)
        telegram.check()


async def _known(telegram: Emulator, studio: Studio, anna: Person, boris: Person) -> Known:
    """After some pictures have been made, one was sent, and a mix was begun."""
    group = telegram.group("Painters", [anna, boris])
    await boris.says("/start")
    said = await anna.says("a fox --count 2")
    result = await anna.sees(lambda seen: "What next?" in seen.text)
    photo = await anna.sends_photo(png("red"))
    file = await anna.sends_file(png("blue"))
    account = await studio.account("telegram", str(anna.id), "en")
    jobs = [job.id for job in await studio.history(account)]
    files = [_file(telegram, one) for one in (photo, file)]
    await telegram.settled(0.5)
    strangers = [
        {"id": 2**63 - 1, "is_bot": False, "first_name": "‮<b>"},
        {"id": 5, "is_bot": True, "first_name": "Bot"},
    ]
    places = [
        {"id": -(2**63), "type": "supergroup", "is_forum": True},
        {"id": -5, "type": "channel", "title": ""},
        {"id": 2**63 - 1, "type": "private"},
    ]
    return Known(
        people=[anna.user.wire(), boris.user.wire(), *strangers],
        chats=[anna.chat.wire(), boris.chat.wire(), group.wire(), *places],
        messages=[said.id, result.id, photo.id, file.id, *range(1, 9)],
        files=files,
        jobs=jobs,
    )


def _file(telegram: Emulator, message: Seen) -> str:
    """What Telegram calls the file of a message."""
    content = telegram.world.chats[message.chat_id].log[message.id].content
    sent = content.photo[-1] if content.photo else content.document
    assert sent
    return sent.id


@pytest.fixture
def runner() -> Iterator[asyncio.Runner]:
    with asyncio.Runner() as runner:
        yield runner


@pytest.fixture
def desk(tmp_path: Path, runner: asyncio.Runner) -> Iterator[Desk]:
    stack = AsyncExitStack()
    yield runner.run(stack.enter_async_context(opened(tmp_path)))
    runner.run(stack.aclose())


def test_nothing_that_telegram_sends_is_a_fault_of_the_bot(
    desk: Desk, runner: asyncio.Runner
) -> None:
    taken = 0

    @settings(patient, max_examples=-(-UPDATES // TOGETHER))
    @given(st.lists(updates(desk.known), min_size=TOGETHER, max_size=TOGETHER))
    def takes(some: list[Wire]) -> None:
        nonlocal taken
        runner.run(desk.take(some))
        taken += len(some)

    takes()
    assert taken >= UPDATES


def test_the_buttons_of_others_do_nothing(desk: Desk, runner: asyncio.Runner) -> None:
    @settings(patient, max_examples=100)
    @given(pressed(desk.known, st.just(desk.anna.id)))
    def refuses(data: str) -> None:
        press = {"id": "1", "from": desk.boris.user.wire(), "chat_instance": "1", "data": data}
        (call,) = runner.run(desk.take([{"callback_query": press}]))
        assert (call.method, call.fields["text"]) == ("answerCallbackQuery", REFUSAL)

    refuses()


def test_ones_own_buttons_may_say_anything(desk: Desk, runner: asyncio.Runner) -> None:
    """Under the question about a picture, and of a job that is there and stays."""
    question = next(one for one in desk.anna.chat.messages if "What shall I do" in one.text)
    message = desk.telegram.world.chats[desk.anna.id].log[question.id].wire()

    own = pressed(desk.known, st.just(desk.anna.id), KEEPING)

    @settings(patient, max_examples=-(-UPDATES // 3))
    @given(own.filter(lambda data: Do.DELETE not in data.split(":")))
    def takes(data: str) -> None:
        press = {"id": "1", "from": desk.anna.user.wire(), "chat_instance": "1", "data": data}
        runner.run(desk.take([{"callback_query": press | {"message": message}}]))

    takes()
