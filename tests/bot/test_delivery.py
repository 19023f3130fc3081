"""Results reach who asked for them, whatever became of the chat, the bot or the picture."""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from datetime import timedelta
from io import BytesIO
from pathlib import Path

import pytest
from PIL import Image
from sqlalchemy import select, update

from bot import delivery
from bot.asked import Asked
from bot.metrics import Metrics
from bot.results import Results
from bot.status import Statuses
from engine.errors import NotEnoughMemory
from engine.events import Done, Failed, Picture
from engine.requests import TextToImage
from engine.studio import Studio
from storage.database import Database, DatabaseAway
from storage.messages import Messages
from storage.outbox import Outbox
from storage.records import DeliveryState, SentMessage
from storage.tables import DeliveryRow, JobRow, now
from tests.bot.scene import EVERYTHING, SPEED, Scene, labels, running, settings_for
from tests.bot.test_limits import limited
from tests.bot.waiting import until
from tests.telegram import ChatKind, Emulator, Person, Seen
from tests.twin import Twin, TwinJob

pytestmark = pytest.mark.slow


def noise(width: int, height: int) -> Image.Image:
    """A picture that no PNG makes smaller."""
    return Image.frombytes("RGB", (width, height), random.Random(0).randbytes(3 * width * height))


def plain(width: int = 64, height: int = 64) -> Image.Image:
    return Image.new("RGB", (width, height), "orange")


def finish(job: TwinJob, *images: Image.Image) -> None:
    job.tell(Done(tuple(Picture(image, seed) for seed, image in enumerate(images))))


def a_photo(message: Seen) -> bool:
    return message.photo is not None


def photos(person: Person) -> list[Seen]:
    return [message for message in person.chat.messages if message.photo]


async def states(database: Database) -> list[DeliveryState]:
    async with database.read() as session:
        rows = await session.scalars(select(DeliveryRow).order_by(DeliveryRow.created_at))
        return [row.state for row in rows]


async def settled(database: Database, *expected: DeliveryState) -> None:
    async with asyncio.timeout(10):
        while await states(database) != list(expected):  # noqa: ASYNC110
            await asyncio.sleep(0.05)


async def drawn(scene: Scene, person: Person, number: int = 1) -> TwinJob:
    await person.says(f"a fox {number}")
    return await scene.twin.job(number)


async def test_one_picture_carries_its_buttons(slow: Scene) -> None:
    job = await drawn(slow, slow.anna)
    finish(job, plain())
    result = await slow.anna.sees(a_photo)
    assert "🔄 Again" in labels(result)
    assert result.reply_to is not None
    await settled(slow.studio.database, DeliveryState.SENT)


@pytest.mark.parametrize("count", [2, 10])
async def test_several_are_an_album_and_their_buttons(slow: Scene, count: int) -> None:
    job = await drawn(slow, slow.anna)
    finish(job, *(plain() for _ in range(count)))
    carrier = await slow.anna.sees(lambda message: "What next?" in message.text)
    album = photos(slow.anna)
    assert len(album) == count
    assert len({message.album for message in album}) == 1
    assert carrier.id > album[-1].id
    assert {f"🔀 {number}" for number in range(1, count + 1)} <= set(labels(carrier))


async def test_results_come_in_the_order_in_which_they_ended(slow: Scene) -> None:
    for number in range(1, 7):
        await drawn(slow, slow.anna, number)
    for number in (3, 1, 2, 6, 5, 4):
        finish(await slow.twin.job(number), plain())
        await asyncio.sleep(0.1)
    await until(lambda: len(photos(slow.anna)) == 6)
    words = [message.caption.split(" --")[0] for message in photos(slow.anna)]
    assert words == [f"a fox {number}" for number in (3, 1, 2, 6, 5, 4)]


async def test_why_it_failed_is_said_and_it_can_be_tried_again(slow: Scene) -> None:
    job = await drawn(slow, slow.boris)
    job.tell(Failed(NotEnoughMemory()))
    told = await slow.boris.sees(lambda message: "памяти" in message.text)
    assert told.text.startswith("a fox 1\n")
    await slow.boris.presses(told, "Ещё раз" if "Ещё раз" in str(labels(told)) else labels(told)[0])
    again = await slow.twin.job(2)
    assert again.request.prompt == "a fox 1"


async def test_what_was_stopped_is_said_to_be(slow: Scene) -> None:
    job = await drawn(slow, slow.anna)
    job.step(1)
    status = await slow.anna.sees(lambda message: "Cancel" in str(labels(message)))
    await slow.anna.presses(status, "Cancel")
    told = await slow.anna.sees(lambda message: "Stopped." in message.text)
    assert labels(told) == ["🔄 Try again"]
    await until(lambda: slow.anna.looks_at(status).deleted)


async def test_what_was_put_aside_is_said_to_be(slow: Scene) -> None:
    """It took the program down too often; its last lease has ended."""
    job = await drawn(slow, slow.anna)
    job.step(1)
    async with asyncio.timeout(10):
        while not await _begun(slow.studio.database):  # noqa: ASYNC110
            await asyncio.sleep(0.05)
    async with slow.studio.database.write() as session:
        past = now() - timedelta(seconds=1)
        lapsed = {"worker": "gone", "attempt": 9, "crashes": 2, "lease_until": past}
        await session.execute(update(JobRow).values(lapsed))
    told = await slow.anna.sees(lambda message: "put aside" in message.text)
    assert labels(told) == ["🔄 Try again"]


async def _begun(database: Database) -> bool:
    async with database.read() as session:
        return await session.scalar(select(JobRow.started_at)) is not None


async def test_who_has_blocked_the_bot_is_left_alone(slow: Scene) -> None:
    job = await drawn(slow, slow.anna)
    slow.anna.blocks_bot()
    finish(job, plain())
    await settled(slow.studio.database, DeliveryState.GIVEN_UP)
    other = await drawn(slow, slow.boris, 2)
    finish(other, plain())
    await slow.boris.sees(a_photo)
    slow.anna.unblocks_bot()
    third = await drawn(slow, slow.anna, 3)
    finish(third, plain())
    result = await slow.anna.sees(a_photo)
    assert result.caption.startswith("a fox 3")


@pytest.mark.parametrize("kind", [ChatKind.GROUP, ChatKind.SUPERGROUP])
async def test_a_group_that_the_bot_was_kicked_from_is_left_alone(
    slow: Scene, kind: ChatKind
) -> None:
    group = slow.telegram.group("Painters", [slow.anna], kind)
    await slow.anna.says("@kandinsky_test_bot a fox", chat=group)
    job = await slow.twin.job(1)
    slow.anna.kicks_bot(group)
    finish(job, plain())
    await settled(slow.studio.database, DeliveryState.GIVEN_UP)
    other = await drawn(slow, slow.anna, 2)
    finish(other, plain())
    await slow.anna.sees(a_photo)


async def test_what_was_asked_in_a_deleted_chat_comes_all_the_same(slow: Scene) -> None:
    job = await drawn(slow, slow.anna)
    await slow.anna.sees(lambda message: "Cancel" in str(labels(message)))
    slow.anna.deletes_chat()
    finish(job, plain())
    result = await slow.anna.sees(a_photo)
    assert result.reply_to is None
    await settled(slow.studio.database, DeliveryState.SENT)


async def test_a_deleted_status_message_is_not_missed(slow: Scene) -> None:
    job = await drawn(slow, slow.anna)
    status = await slow.anna.sees(lambda message: "Cancel" in str(labels(message)))
    slow.anna.deletes(status)
    finish(job, plain())
    await slow.anna.sees(a_photo)
    await settled(slow.studio.database, DeliveryState.SENT)
    assert len(slow.anna.chat.messages) == 2


async def test_a_picture_too_heavy_for_a_photo_is_shown_as_jpeg_and_kept_as_it_is(
    slow: Scene,
) -> None:
    job = await drawn(slow, slow.anna)
    picture = noise(2000, 1900)
    finish(job, picture)
    result = await slow.anna.sees(a_photo, timeout=30)
    await slow.anna.presses(result, "As file")
    file = await slow.anna.sees(lambda message: message.document)
    assert file.document is not None
    assert len(file.document) > 10 * 2**20
    with Image.open(BytesIO(file.document)) as kept:
        assert kept.tobytes() == picture.tobytes()


async def test_heavy_pictures_go_together(slow: Scene) -> None:
    """In all, an album is no heavier than one file may be."""
    job = await drawn(slow, slow.anna)
    finish(job, *(noise(1400, 1300) for _ in range(10)))
    await slow.anna.sees(lambda message: "What next?" in message.text, timeout=60)
    assert len(photos(slow.anna)) == 10


async def test_a_picture_that_telegram_cannot_show_is_sent_as_a_file(slow: Scene) -> None:
    job = await drawn(slow, slow.anna)
    finish(job, plain(2100, 100))
    result = await slow.anna.sees(lambda message: message.document)
    assert "🔄 Again" in labels(result)


async def test_in_a_topic_it_is_answered_there(slow: Scene) -> None:
    group = slow.telegram.group("Painters", [slow.anna], forum=True)
    topic = slow.telegram.topic(group, "Foxes")
    asked = await slow.anna.says("@kandinsky_test_bot foxes --count 2", chat=group, thread=topic)
    job = await slow.twin.job(1)
    status = await slow.anna.sees(lambda message: "Cancel" in str(labels(message)), chat=group)
    finish(job, plain(), plain())
    carrier = await slow.anna.sees(lambda message: "What next?" in message.text, chat=group)
    shown = [message for message in group.messages if message.photo]
    assert {message.thread for message in [status, carrier, *shown]} == {topic}
    assert {message.reply_to for message in [status, carrier, *shown]} == {asked.id}


async def test_in_a_group_each_is_answered(slow: Scene) -> None:
    group = slow.telegram.group("Painters", [slow.anna, slow.boris])
    asked = [
        await person.says(f"@kandinsky_test_bot a fox of {person.name}", chat=group)
        for person in (slow.anna, slow.boris)
    ]
    for number in (1, 2):
        finish(await slow.twin.job(number), plain())
    await until(lambda: len([one for one in group.messages if one.photo]) == 2)
    shown = {one.reply_to: one.caption for one in group.messages if one.photo}
    assert shown.keys() == {one.id for one in asked}
    assert "Борис" in shown[asked[1].id]


async def test_after_a_restart_only_what_is_missing_is_sent(tmp_path: Path) -> None:
    """The bot ends when the album is there, and its buttons are not."""
    twin = Twin(paused=True, cards=[EVERYTHING])
    async with Emulator.open(speed=SPEED) as telegram:
        settings = settings_for(telegram, tmp_path)
        anna = telegram.person("Anna")
        async with Studio.open(settings, twin) as studio:
            async with running(settings, studio):
                await anna.says("a fox")
                job = await twin.job(1)
                telegram.faults.broken(method="sendMessage", chat=anna, times=99)
                finish(job, plain(), plain(), plain())
                await until(lambda: len(photos(anna)) == 3)
            telegram.faults.clear()
            async with running(settings, studio):
                await anna.sees(lambda message: "What next?" in message.text)
                await settled(studio.database, DeliveryState.SENT)
        assert len(photos(anna)) == 3
        telegram.check()


async def test_a_lost_answer_makes_one_copy_at_most(slow: Scene) -> None:
    job = await drawn(slow, slow.anna)
    fault = slow.telegram.faults.reset(after=True, method="sendPhoto")
    finish(job, plain())
    await settled(slow.studio.database, DeliveryState.SENT)
    assert (len(photos(slow.anna)), fault.hits) == (2, 1)


async def test_what_nobody_asked_for_in_a_chat_is_sent_to_nobody(slow: Scene) -> None:
    account = await slow.studio.account("telegram", "99", "en")
    await slow.studio.submit(TextToImage(prompt="a fox"), account, "from elsewhere")
    finish(await slow.twin.job(1), plain())
    await settled(slow.studio.database, DeliveryState.SENT)
    assert all(call.method != "sendPhoto" for call in slow.telegram.calls)


async def test_a_fault_with_one_result_holds_up_no_other(slow: Scene) -> None:
    """What the first was asked for cannot be read."""
    account = await slow.studio.account("telegram", str(slow.anna.id), "en")
    key = f"telegram:{slow.anna.id}:0:1:1"
    job = await slow.studio.submit(TextToImage(prompt="a fox"), account, key)
    first = await slow.twin.job(1)
    async with slow.studio.database.write() as session:
        await session.execute(update(JobRow).where(JobRow.id == job.id).values(request={}))
    finish(first, plain())
    await asyncio.sleep(0.1)
    finish(await drawn(slow, slow.anna, 2), plain())
    await slow.anna.sees(a_photo)
    await settled(slow.studio.database, DeliveryState.WAITING, DeliveryState.SENT)


class Forgetful(Messages):
    """Fails to note what was sent, as often as a test wants."""

    fails = 2

    async def sent_all(self, messages: Sequence[SentMessage]) -> None:
        if self.fails:
            self.fails -= 1
            raise DatabaseAway("planted")
        await super().sent_all(messages)


class Counting(Outbox):
    """An outbox that cannot mark at first."""

    fails = 2

    async def sent(self, delivery: object, reference: str) -> bool:
        if self.fails:
            self.fails -= 1
            raise DatabaseAway("planted")
        return await super().sent(delivery, reference)  # type: ignore[arg-type]


@asynccontextmanager
async def delivering(
    tmp_path: Path, messages: type[Messages], outbox: type[Outbox], lease: float
) -> AsyncIterator[tuple[Emulator, Person, Studio]]:
    """The sending part of the bot alone, over a twin that draws at once."""
    async with Emulator.open(speed=SPEED) as telegram:
        anna = telegram.person("Anna")
        await anna.says("hello")
        settings = settings_for(telegram, tmp_path)
        async with (
            limited(telegram.url, telegram.token, Metrics()) as bot,
            Studio.open(settings, Twin(cards=[EVERYTHING])) as studio,
        ):
            noted = messages(studio.database, bot.id)
            results = Results(bot, studio, noted, Statuses(bot, studio, noted))
            deliveries = delivery.Deliveries(
                studio, outbox(studio.database), results, Metrics(), lease
            )
            deliveries.start()
            yield telegram, anna, studio
            await deliveries.drain(5)


async def ask(studio: Studio, person: Person, number: int = 1) -> None:
    account = await studio.account("telegram", str(person.id), "en")
    asked = Asked(person.id, 1, number)
    await studio.submit(TextToImage(prompt=f"a fox {number}"), account, asked.key)


async def test_what_was_sent_and_not_noted_is_not_sent_again(tmp_path: Path) -> None:
    async with delivering(tmp_path, Forgetful, Counting, 20) as (_, anna, studio):
        await ask(studio, anna)
        await settled(studio.database, DeliveryState.SENT)
        assert len(photos(anna)) == 1


async def test_a_delivery_that_takes_longer_than_its_lease_is_sent_once(tmp_path: Path) -> None:
    async with delivering(tmp_path, Messages, Outbox, 0.2) as (telegram, anna, studio):
        telegram.faults.slow(1.0, method="sendPhoto", times=3)
        for number in range(1, 4):
            await ask(studio, anna, number)
        await settled(studio.database, *[DeliveryState.SENT] * 3)
        assert len(photos(anna)) == 3


async def test_what_is_not_sent_at_the_end_is_due_at_once(tmp_path: Path) -> None:
    async with delivering(tmp_path, Messages, Outbox, 600) as (telegram, anna, studio):
        telegram.faults.broken(method="sendPhoto", times=99)
        await ask(studio, anna)
        await asyncio.sleep(1)
    async with Database.open(settings_for(telegram, tmp_path).database) as database:
        assert len(await Outbox(database).take(10, 1)) == 1
