"""The buttons under results."""

from __future__ import annotations

import json
from io import BytesIO

import pytest
from PIL import Image

from engine.requests import Outpaint, TextToImage, Variations
from tests.bot.scene import Scene, labels
from tests.telegram import Person, Seen

pytestmark = pytest.mark.slow


async def drawn(person: Person, words: str = "a fox --seed 7") -> Seen:
    await person.says(words)
    return await person.sees(lambda message: message.photo and message.buttons)


async def album(person: Person, count: int = 3) -> Seen:
    await person.says(f"foxes --seed 7 --count {count}")
    return await person.sees(lambda message: "🔀 1" in labels(message))


async def test_again_takes_another_seed(talk: Scene) -> None:
    result = await drawn(talk.anna, "a fox --seed 7 --steps 2")
    await talk.anna.presses(result, "Again")
    await talk.anna.sees(lambda message: message.photo, after=result)
    first, second = (job.request for job in talk.twin.jobs)
    assert isinstance(second, TextToImage)
    assert (second.prompt, second.steps) == ("a fox", 2)
    assert first.seed == 7
    assert second.seed != 7


async def test_one_of_several_is_varied(talk: Scene) -> None:
    result = await album(talk.anna)
    await talk.anna.presses(result, "🔀 2")
    await talk.anna.sees(lambda message: message.caption.startswith("Variations\n--seed"))
    request = talk.twin.jobs[1].request
    assert isinstance(request, Variations)
    assert request.picture.picture().getpixel((0, 0)) == (8, 0, 0)  # the twin's colour is the seed


async def test_originals_are_sent_byte_for_byte_with_their_settings(talk: Scene) -> None:
    result = await album(talk.anna, 2)
    await talk.anna.presses(result, "As file")
    await talk.anna.sees(lambda message: message.name == "kandinsky-8.png")
    files = [message.document for message in talk.anna.chat.messages if message.document]
    account = await talk.studio.account("telegram", str(talk.anna.id), "en")
    (job,) = await talk.studio.history(account)
    kept = [(await talk.studio.picture(one.id, account)).content for one in job.pictures]
    assert files == kept
    with Image.open(BytesIO(files[0] or b"")) as picture:
        assert "parameters" in picture.text  # type: ignore[attr-defined]


async def test_a_favourite_is_marked_and_unmarked(talk: Scene) -> None:
    result = await drawn(talk.boris)
    answer = await talk.boris.presses(result, "В избранное")
    assert answer is not None
    assert "избранном" in answer.text
    marked = await talk.boris.sees(lambda message: "★ В избранном" in labels(message))
    await talk.boris.presses(marked, "★")
    await talk.boris.sees(lambda message: "☆ В избранное" in labels(message), after=marked)


async def test_deleting_asks_first_and_takes_it_out_of_the_chat(talk: Scene) -> None:
    result = await drawn(talk.anna)
    await talk.anna.presses(result, "Delete")
    asked = await talk.anna.sees(lambda message: "← Back" in labels(message))
    assert len(labels(asked)) == 2
    await talk.anna.presses(asked, "Delete")
    await talk.telegram.settled(0.3)
    assert not [message for message in talk.anna.chat.messages if message.from_bot]
    account = await talk.studio.account("telegram", str(talk.anna.id), "en")
    (job,) = await talk.studio.history(account)
    assert job.pictures == ()


async def test_one_of_an_album_is_deleted(talk: Scene) -> None:
    result = await album(talk.anna)
    await talk.anna.presses(result, "Delete")
    which = await talk.anna.sees(lambda message: "2" in labels(message))
    await talk.anna.presses(which, "2")
    left = await talk.anna.sees(lambda message: "🔀 1" in labels(message), after=which)
    assert "🔀 2" not in labels(left)
    assert len([message for message in talk.anna.chat.messages if message.photo]) == 2


async def test_all_of_an_album_are_deleted(talk: Scene) -> None:
    result = await album(talk.anna)
    await talk.anna.presses(result, "Delete")
    which = await talk.anna.sees(lambda message: "🗑 All of them" in labels(message))
    await talk.anna.presses(which, "All of them")
    await talk.telegram.settled(0.3)
    assert not [message for message in talk.anna.chat.messages if message.from_bot]


async def test_a_picture_is_reported_with_a_reason(talk: Scene) -> None:
    result = await drawn(talk.boris)
    await talk.boris.presses(result, "Пожаловаться")
    reasons = await talk.boris.sees(lambda message: "Другое" in labels(message))
    answer = await talk.boris.presses(reasons, "Насилие")
    assert answer is not None
    assert "Модератор посмотрит" in answer.text
    account = await talk.studio.account("telegram", str(talk.boris.id), "ru")
    (job,) = await talk.studio.history(account)
    assert job.pictures[0].review == "waiting"


@pytest.mark.parametrize("command", ["/report it is a dog", "/report"])
async def test_a_picture_is_reported_in_ones_own_words(talk: Scene, command: str) -> None:
    result = await drawn(talk.anna)
    await talk.anna.says(command, reply_to=result)
    if command == "/report":
        await talk.anna.sees(lambda message: "What is wrong" in message.text)
        await talk.anna.says("it is a dog")
    await talk.anna.sees(lambda message: "A moderator will look" in message.text)
    assert len(talk.twin.jobs) == 1


async def test_report_without_a_picture_says_how(talk: Scene) -> None:
    await talk.anna.says("/report bad")
    await talk.anna.sees(lambda message: "Answer one of my pictures" in message.text)


async def test_which_picture_is_meant_is_asked(talk: Scene) -> None:
    result = await album(talk.anna)
    await talk.anna.presses(result, "Extend")
    which = await talk.anna.sees(lambda message: labels(message) == ["1", "2", "3", "← Back"])
    await talk.anna.presses(which, "3")
    sides = await talk.anna.sees(lambda message: "⬇️" in labels(message), after=which)
    await talk.anna.presses(sides, "⬇️")
    await talk.anna.sees(lambda message: message.caption.startswith("Extending"))
    request = talk.twin.jobs[1].request
    assert isinstance(request, Outpaint)
    assert (request.top, request.height) == (0, 96)
    assert request.picture.picture().getpixel((0, 0)) == (9, 0, 0)


async def test_back_shows_all_the_buttons(talk: Scene) -> None:
    result = await album(talk.anna)
    await talk.anna.presses(result, "Delete")
    which = await talk.anna.sees(lambda message: "← Back" in labels(message))
    await talk.anna.presses(which, "Back")
    again = await talk.anna.sees(lambda message: "🔄 Again" in labels(message), after=which)
    assert again.buttons == result.buttons


async def test_a_job_is_stopped(slow: Scene) -> None:
    await slow.boris.says("лиса")
    status = await slow.boris.sees(lambda message: "✖ Отмена" in labels(message))
    answer = await slow.boris.presses(status, "Отмена")
    assert answer is not None
    ended = await slow.boris.sees(lambda message: "Остановлено" in message.text)
    assert labels(ended) == ["🔄 Попробовать снова"]
    await slow.telegram.settled(0.3)
    assert slow.boris.looks_at(status).deleted


async def test_anothers_job_cannot_be_forged(talk: Scene) -> None:
    """Boris writes his own number behind Anna's job."""
    result = await drawn(talk.anna)
    account = await talk.studio.account("telegram", str(talk.anna.id), "en")
    (job,) = await talk.studio.history(account)
    own = await drawn(talk.boris)
    data = f"r:del:{job.id.replace('-', '')}:0:all:{talk.boris.id}"
    keyboard = talk.boris.chat.log[own.id].keyboard
    assert keyboard is not None
    keyboard["inline_keyboard"][0][0]["callback_data"] = data
    answer = await talk.boris.presses(own, data)
    assert answer is not None
    assert answer.show_alert
    assert not talk.anna.looks_at(result).deleted
    assert json.dumps(labels(result))
