"""How a job goes is told in one message, now and then, and that message is gone at the end."""

from __future__ import annotations

import asyncio
import time
from itertools import pairwise
from pathlib import Path

import pytest
from PIL import Image

from bot.status import PAUSE
from engine.events import Step
from engine.studio import Studio
from tests.bot.scene import EVERYTHING, SPEED, Scene, labels, running, settings_for
from tests.bot.waiting import until
from tests.telegram import Emulator, Person, Seen
from tests.twin import Twin, TwinJob

pytestmark = pytest.mark.slow

TOTAL = 50  # steps


def a_status(message: Seen) -> bool:
    return any("✖" in label for label in labels(message))


def told(job: TwinJob, index: int, preview: Image.Image | None = None) -> None:
    job.tell(Step(index, TOTAL, preview))


async def drawn(scene: Scene, person: Person, number: int = 1) -> TwinJob:
    await person.says(f"a fox {number}")
    return await scene.twin.job(number)


def changes(telegram: Emulator) -> list[float]:
    """When statuses were changed."""
    return [call.time for call in telegram.calls if call.method.startswith("editMessage")]


async def test_a_place_in_the_queue_then_progress_and_what_is_left(slow: Scene) -> None:
    slow.twin.room_for = 0
    await slow.anna.says("a cat")
    await slow.anna.sees(a_status)
    await slow.boris.says("лиса")
    first = await slow.boris.sees(a_status)
    assert first.text.startswith("лиса\n")
    assert "1" in first.text.splitlines()[1]
    slow.twin.room_for = 9
    job = await slow.twin.job(2)
    for index in (10, 20):
        told(job, index)
        await asyncio.sleep(0.2)
    second = await slow.boris.sees(lambda message: "40" in message.text)
    assert second.id == first.id
    assert "▰▰▰▰▰▱▱▱▱▱▱▱" in second.text
    assert "с" in second.text.splitlines()[1].split("·")[-1]


async def test_a_job_that_ends_at_once_has_no_status(talk: Scene) -> None:
    await talk.anna.says("a fox")
    await talk.anna.sees(lambda message: message.photo)
    await asyncio.sleep(1.5)
    assert len(talk.anna.chat.history) == 2


async def test_it_changes_now_and_then_only_and_not_without_need(slow: Scene) -> None:
    job = await drawn(slow, slow.anna)
    started = time.monotonic()
    while time.monotonic() - started < 8:
        told(job, min(int((time.monotonic() - started) * 8), TOTAL - 1))
        await asyncio.sleep(0.1)
    moments = changes(slow.telegram)
    assert 1 <= len(moments) <= 8 / PAUSE
    assert all(b - a > PAUSE * 0.95 for a, b in pairwise(moments))
    await asyncio.sleep(2 * PAUSE)
    settled = len(changes(slow.telegram))
    await asyncio.sleep(PAUSE + 0.5)
    assert len(changes(slow.telegram)) == settled


async def test_a_preview_appears_and_the_words_go_on_under_it(slow: Scene) -> None:
    job = await drawn(slow, slow.anna)
    first = await slow.anna.sees(a_status)
    told(job, 10, Image.new("RGB", (64, 32), "red"))
    shown = await slow.anna.sees(lambda message: message.photo)
    assert shown.id == first.id
    assert a_status(shown)
    assert "20" in shown.caption
    told(job, 40)
    later = await slow.anna.sees(lambda message: "80" in message.caption)
    assert later.photo == shown.photo
    job.done()
    await until(lambda: slow.anna.looks_at(first).deleted)


async def test_cancel_stops_the_job_and_takes_the_status_away(slow: Scene) -> None:
    job = await drawn(slow, slow.anna)
    status = await slow.anna.sees(a_status)
    answer = await slow.anna.presses(status, "Cancel")
    assert answer is not None
    assert "stops" in answer.text
    await until(lambda: job.cancelled)
    await until(lambda: slow.anna.looks_at(status).deleted)


async def test_nobody_else_can_cancel_it(slow: Scene) -> None:
    group = slow.telegram.group("Painters", [slow.anna, slow.boris])
    await slow.anna.says("@kandinsky_test_bot a fox", chat=group)
    job = await slow.twin.job(1)
    status = await slow.boris.sees(a_status, chat=group)
    answer = await slow.boris.presses(status, "Cancel")
    assert answer is not None
    assert answer.show_alert
    assert not job.cancelled


async def test_it_is_gone_when_the_result_is_there(slow: Scene) -> None:
    job = await drawn(slow, slow.anna)
    status = await slow.anna.sees(a_status)
    job.done()
    await slow.anna.sees(lambda message: message.photo)
    await until(lambda: slow.anna.looks_at(status).deleted)
    assert len(slow.anna.chat.messages) == 2


async def test_a_status_on_its_way_is_waited_for(slow: Scene) -> None:
    """Else it would come after the result, and stay."""
    slow.telegram.faults.slow(1.5, method="sendMessage")
    job = await drawn(slow, slow.anna)
    await until(lambda: slow.anna.chat.history[1:])
    job.done()
    await slow.anna.sees(lambda message: message.photo)
    await until(lambda: len(slow.anna.chat.messages) == 2)


async def test_after_it_was_taken_away_no_other_comes(slow: Scene) -> None:
    job = await drawn(slow, slow.anna)
    slow.anna.deletes(await slow.anna.sees(a_status))
    for index in range(1, 12):
        told(job, index)
        await asyncio.sleep(1)
    assert len(slow.anna.chat.history) == 2
    assert len(changes(slow.telegram)) == 1


async def test_it_is_left_out_where_telegram_says_wait(slow: Scene) -> None:
    job = await drawn(slow, slow.anna)
    flood = slow.telegram.faults.flood(2, method="sendMessage")
    await until(lambda: flood.hits)
    job.done()
    await slow.anna.sees(lambda message: message.photo)
    assert len(slow.anna.chat.history) == 2


@pytest.mark.parametrize("with_picture", [False, True])
async def test_it_is_found_again_after_a_restart(tmp_path: Path, with_picture: bool) -> None:
    twin = Twin(paused=True, cards=[EVERYTHING])
    async with Emulator.open(speed=SPEED) as telegram:
        settings = settings_for(telegram, tmp_path)
        anna = telegram.person("Anna")
        async with Studio.open(settings, twin) as studio:
            async with running(settings, studio):
                await anna.says("a fox")
                job = await twin.job(1)
                status = await anna.sees(a_status)
                if with_picture:
                    told(job, 10, Image.new("RGB", (64, 64), "red"))
                    await anna.sees(lambda message: message.photo)
            async with running(settings, studio):
                told(job, 40)
                found = await anna.sees(lambda message: "80" in message.words)
                assert found.id == status.id
                job.done()
                await until(lambda: anna.looks_at(status).deleted)
        assert len(anna.chat.messages) == 2
        telegram.check()


async def test_many_at_a_time_are_told_as_far_as_there_is_room(slow: Scene) -> None:
    """And results do not wait for that."""
    people = [slow.telegram.person(f"Person {n}") for n in range(60)]
    for person in people:
        await person.says("a fox")
    await slow.twin.job(60)
    await asyncio.sleep(3)
    started = time.monotonic()
    for job in slow.twin.jobs:
        job.done()
    for person in people:
        await person.sees(lambda message: message.photo)
    assert time.monotonic() - started < 15
    await until(lambda: all(len(person.chat.messages) == 2 for person in people))
