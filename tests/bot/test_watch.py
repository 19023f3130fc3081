"""The moderators' chat: numbers and a link, changed in place, said anew where it matters."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from bot.metrics import Metrics
from bot.watch import Counts, Watch, alarms, words
from storage.database import Database
from storage.records import Line, View
from storage.states import States
from tests.bot.scene import SPEED, settings_for
from tests.bot.test_limits import limited
from tests.bot.waiting import until
from tests.telegram import Chat, Emulator, Person, Seen

NOW = datetime.now(UTC)
LONG_AGO = NOW - timedelta(hours=2)


def test_it_holds_numbers_and_a_link_alone() -> None:
    counts = {View.HELD: Line(3, LONG_AGO), View.WAITING: Line(1, NOW)}
    said = words(counts, "https://studio.test/moderation")
    assert "Held until reviewed: 3" in said
    assert "Waiting for review: 1" in said
    assert "Appeals: 0" in said
    assert f"{LONG_AGO:%Y-%m-%d %H:%M} UTC" in said
    assert said.endswith("https://studio.test/moderation")


def test_what_should_not_wait() -> None:
    assert alarms({View.WAITING: Line(5, NOW)}) == set()
    assert alarms({View.WAITING: Line(5, LONG_AGO)}) == {"late"}
    assert alarms({View.REPORTED: Line(1, NOW), View.APPEALS: Line(2, LONG_AGO)}) == {
        "reported",
        "appeals",
        "late",
    }


class Desk:
    """What waits, as a test says."""

    def __init__(self) -> None:
        self.counts: Counts = {}

    async def waiting(self) -> Counts:
        return self.counts

    def has(self, view: View, many: int, since: datetime = NOW) -> None:
        self.counts = {**self.counts, view: Line(many, since if many else None)}


@asynccontextmanager
async def watching(
    telegram: Emulator, folder: Path, chat: Chat, desk: Desk, pause: float = 0.2
) -> AsyncIterator[None]:
    settings = settings_for(telegram, folder)
    async with (
        limited(telegram.url, telegram.token, Metrics()) as bot,
        Database.open(settings.database) as database,
    ):
        watch = Watch(
            bot,
            desk.waiting,
            States(database),
            str(chat.id),
            "https://studio.test/moderation",
            look_again=0.05,
            pause=pause,
        )
        watch.start()
        try:
            yield
        finally:
            await watch.drain()


def said(chat: Chat) -> list[Seen]:
    return [one for one in chat.messages if one.from_bot]


@pytest.fixture
async def telegram() -> AsyncIterator[Emulator]:
    async with Emulator.open(speed=SPEED) as telegram:
        yield telegram
        telegram.check()


@pytest.fixture
def olga(telegram: Emulator) -> Person:
    return telegram.person("Olga")


@pytest.fixture
def chat(telegram: Emulator, olga: Person) -> Chat:
    return telegram.group("Moderators", [olga])


@pytest.mark.slow
async def test_numbers_change_in_place(
    telegram: Emulator, olga: Person, chat: Chat, tmp_path: Path
) -> None:
    desk = Desk()
    async with watching(telegram, tmp_path, chat, desk):
        await asyncio.sleep(0.3)
        assert said(chat) == []
        desk.has(View.HELD, 1)
        first = await olga.sees(lambda one: "reviewed: 1" in one.text, chat=chat)
        desk.has(View.HELD, 2)
        second = await olga.sees(lambda one: "reviewed: 2" in one.text, chat=chat)
        desk.has(View.HELD, 0)
        last = await olga.sees(lambda one: "Nothing waits" in one.text, chat=chat)
    assert first.id == second.id == last.id
    assert all(call.method != "sendPhoto" for call in telegram.calls)


@pytest.mark.slow
async def test_a_report_is_said_anew_and_the_older_message_goes(
    telegram: Emulator, olga: Person, chat: Chat, tmp_path: Path
) -> None:
    desk = Desk()
    async with watching(telegram, tmp_path, chat, desk):
        desk.has(View.WAITING, 1)
        first = await olga.sees(lambda one: "review: 1" in one.text, chat=chat)
        desk.has(View.REPORTED, 1)
        second = await olga.sees(lambda one: "Reported: 1" in one.text, chat=chat)
        assert second.id != first.id
        await until(lambda: [one.id for one in said(chat)] == [second.id])
        desk.has(View.REPORTED, 2)
        third = await olga.sees(lambda one: "Reported: 2" in one.text, chat=chat)
        assert third.id == second.id


@pytest.mark.slow
async def test_changes_are_not_more_often_than_that(
    telegram: Emulator, olga: Person, chat: Chat, tmp_path: Path
) -> None:
    desk = Desk()
    async with watching(telegram, tmp_path, chat, desk, pause=60):
        desk.has(View.HELD, 1)
        first = await olga.sees(lambda one: "reviewed: 1" in one.text, chat=chat)
        desk.has(View.HELD, 2)
        await asyncio.sleep(0.5)
        assert olga_sees(chat, first).text == first.text


def olga_sees(chat: Chat, message: Seen) -> Seen:
    return next(one for one in chat.messages if one.id == message.id)


@pytest.mark.slow
async def test_after_a_restart_it_is_the_same_message(
    telegram: Emulator, olga: Person, chat: Chat, tmp_path: Path
) -> None:
    desk = Desk()
    async with watching(telegram, tmp_path, chat, desk):
        desk.has(View.REPORTED, 1)
        first = await olga.sees(lambda one: "Reported: 1" in one.text, chat=chat)
        await asyncio.sleep(0.2)
    async with watching(telegram, tmp_path, chat, desk):
        desk.has(View.HELD, 4)
        second = await olga.sees(lambda one: "reviewed: 4" in one.text, chat=chat)
    assert first.id == second.id


@pytest.mark.slow
async def test_a_message_that_somebody_deleted_is_sent_again(
    telegram: Emulator, olga: Person, chat: Chat, tmp_path: Path
) -> None:
    desk = Desk()
    async with watching(telegram, tmp_path, chat, desk):
        desk.has(View.HELD, 1)
        first = await olga.sees(lambda one: "reviewed: 1" in one.text, chat=chat)
        olga.deletes(first)
        desk.has(View.HELD, 2)
        await olga.sees(lambda one: "reviewed: 2" in one.text, chat=chat)
