"""/queue and /cancel."""

from __future__ import annotations

import asyncio

import pytest

from storage.gallery import Filter
from storage.ledger import ACTIVE
from tests.bot.scene import Scene, labels
from tests.telegram import Person, Seen

pytestmark = pytest.mark.slow


async def asked(talk: Scene, person: Person, *words: str) -> None:
    """Until the engine has all of them."""
    for number, one in enumerate(words, len(talk.twin.jobs) + 1):
        await person.says(one)
        async with asyncio.timeout(10):
            await talk.twin.job(number)


async def waiting(talk: Scene, person: Person) -> list[str]:
    """The words of what has not ended."""
    account = await talk.studio.account("telegram", str(person.id), "en")
    jobs = await talk.studio.history(account, filter=Filter(states=ACTIVE))
    return [job.request["prompt"] for job in jobs]


async def queue(person: Person, command: str = "/queue") -> Seen:
    said = await person.says(command)
    return await person.sees(lambda message: message.text.startswith("⏳"), after=said)


async def test_it_shows_how_far_each_is_and_stops_one(slow: Scene) -> None:
    await asked(slow, slow.anna, "a fox", "<b>an owl</b>")
    (await slow.twin.job(1)).step(2)
    message = await queue(slow.anna)
    assert "1. a fox\n▰▰▰▰▰▰▰▰▱▱▱▱ · 66 %" in message.text.replace("\xa0", " ")
    assert "2. <b>an owl</b>" in message.text
    assert labels(message) == ["✖ 1. a fox", "✖ 2. <b>an owl</b>", "🔄 Refresh", "✖ Stop all"]
    await slow.anna.presses(message, "✖ 2.")
    left = slow.anna.looks_at(message)
    assert "owl" not in left.text
    assert labels(left) == ["✖ 1. a fox", "🔄 Refresh"]
    assert await waiting(slow, slow.anna) == ["a fox"]


async def test_all_are_stopped_at_once(slow: Scene) -> None:
    await asked(slow, slow.boris, "лиса", "сова", "кит")
    message = await queue(slow.boris)
    await slow.boris.presses(message, "✖ Остановить все")
    assert "ничего не рисуется" in slow.boris.looks_at(message).text
    assert await waiting(slow, slow.boris) == []


async def test_a_refresh_shows_what_is_left(slow: Scene) -> None:
    await asked(slow, slow.anna, "a fox")
    message = await queue(slow.anna)
    (await slow.twin.job(1)).done()
    await slow.anna.sees(lambda message: message.photo)
    await slow.anna.presses(message, "🔄 Refresh")
    assert "Nothing is being drawn" in slow.anna.looks_at(message).text


async def test_cancel_stops_the_only_request(slow: Scene) -> None:
    await asked(slow, slow.anna, "a fox")
    await slow.anna.says("/cancel")
    await slow.anna.sees(lambda message: "stops at the next step" in message.text)
    assert await waiting(slow, slow.anna) == []


async def test_cancel_asks_which_of_several(slow: Scene) -> None:
    await asked(slow, slow.anna, "a fox", "an owl")
    message = await queue(slow.anna, "/cancel")
    assert "✖ Stop all" in labels(message)
    assert len(await waiting(slow, slow.anna)) == 2


async def test_cancel_leaves_a_conversation_and_no_request(slow: Scene) -> None:
    await asked(slow, slow.anna, "a fox")
    await slow.anna.says("/mix")
    await slow.anna.says("/cancel")
    await slow.anna.sees(lambda message: "never mind" in message.text)
    assert await waiting(slow, slow.anna) == ["a fox"]


async def test_there_may_be_nothing_to_stop(slow: Scene) -> None:
    await slow.boris.says("/cancel")
    await slow.boris.sees(lambda message: message.text == "Останавливать нечего.")
    await slow.boris.says("/queue")
    await slow.boris.sees(lambda message: "ничего не рисуется" in message.text)


async def test_somebody_else_cannot_stop_it(slow: Scene) -> None:
    group = slow.telegram.group("Painters", [slow.anna, slow.boris])
    await asked(slow, slow.anna, "a fox")
    await slow.anna.says("/queue", chat=group)
    message = await slow.boris.sees(lambda message: message.text.startswith("⏳"), chat=group)
    answer = await slow.boris.presses(message, "✖ 1.")
    assert answer is not None
    assert answer.show_alert
    assert await waiting(slow, slow.anna) == ["a fox"]


async def test_a_long_queue_is_shortened(slow: Scene) -> None:
    await asked(slow, slow.boris, *(f"лиса {n}" for n in range(1, 13)))
    message = await queue(slow.boris)
    assert "В очереди ещё 4 ваших запроса." in message.text
    assert len(labels(message)) == 10
