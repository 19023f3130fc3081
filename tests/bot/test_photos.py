"""A picture sent to the bot: what it asks, and what it does."""

from __future__ import annotations

import pytest

from engine.requests import ImageToImage, Mix, Outpaint, TextToImage, Variations
from tests.bot.scene import Scene, labels, png

pytestmark = pytest.mark.slow


async def test_a_photo_asks_what_to_do_with_it(talk: Scene) -> None:
    photo = await talk.boris.sends_photo(png("red"))
    question = await talk.boris.sees(lambda message: "Что сделать" in message.text)
    assert question.reply_to == photo.id
    assert {"🔀 Вариации", "➕ Смешать", "🖌 Правка", "↔️ Расширить", "ℹ️ Её настройки"} == set(
        labels(question)
    )


async def test_a_photo_is_varied(talk: Scene) -> None:
    await talk.anna.sends_photo(png("red"))
    question = await talk.anna.sees(lambda message: message.buttons)
    await talk.anna.presses(question, "Vary")
    await talk.anna.sees(lambda message: message.photo)
    assert isinstance(talk.twin.jobs[0].request, Variations)


async def test_words_beside_a_photo_change_it(talk: Scene) -> None:
    await talk.anna.sends_photo(png("red"), caption="a blue fox --strength 0.5")
    question = await talk.anna.sees(lambda message: "your words" in message.text)
    await talk.anna.presses(question, "Change it")
    await talk.anna.sees(lambda message: message.photo)
    request = talk.twin.jobs[0].request
    assert isinstance(request, ImageToImage)
    assert (request.prompt, request.strength) == ("a blue fox", 0.5)


async def test_words_beside_a_photo_are_mixed_with_it(talk: Scene) -> None:
    await talk.anna.sends_photo(png("red"), caption="a blue fox")
    question = await talk.anna.sees(lambda message: "your words" in message.text)
    await talk.anna.presses(question, "Mix them")
    draft = await talk.anna.sees(lambda message: "A mix" in message.text)
    await talk.anna.presses(draft, "✨ Mix")
    await talk.anna.sees(lambda message: message.photo)
    request = talk.twin.jobs[0].request
    assert isinstance(request, Mix)
    assert [bool(part.picture) for part in request.parts] == [True, False]
    assert request.parts[1].words == "a blue fox"


@pytest.mark.parametrize(
    ("button", "left", "width"), [("➡️", 0, 192), ("⬅️", -64, 192), ("16:9", -50, 228)]
)
async def test_a_photo_is_extended(talk: Scene, button: str, left: int, width: int) -> None:
    await talk.anna.sends_photo(png("red"))
    question = await talk.anna.sees(lambda message: message.buttons)
    await talk.anna.presses(question, "Extend")
    sides = await talk.anna.sees(lambda message: "⬅️" in labels(message), after=question)
    await talk.anna.presses(sides, button)
    await talk.anna.sees(lambda message: message.photo)
    request = talk.twin.jobs[0].request
    assert isinstance(request, Outpaint)
    assert (request.left, request.width) == (left, width)


async def test_back_leads_to_the_first_question(talk: Scene) -> None:
    await talk.anna.sends_photo(png("red"))
    question = await talk.anna.sees(lambda message: message.buttons)
    await talk.anna.presses(question, "Extend")
    sides = await talk.anna.sees(lambda message: "⬅️" in labels(message))
    await talk.anna.presses(sides, "Back")
    again = await talk.anna.sees(lambda message: "🔀 Vary" in labels(message), after=sides)
    assert again.buttons == question.buttons


async def test_a_picture_made_here_tells_its_settings(talk: Scene) -> None:
    await talk.anna.says("a fox --seed 7 --no hands")
    result = await talk.anna.sees(lambda message: message.photo)
    await talk.anna.presses(result, "As file")
    file = await talk.anna.sees(lambda message: message.document)
    assert file.document is not None
    await talk.boris.sends_file(file.document)
    question = await talk.boris.sees(lambda message: message.buttons)
    await talk.boris.presses(question, "настройки")
    told = await talk.boris.sees(lambda message: "a fox" in message.text)
    assert "--seed 7" in told.text
    assert "--no hands" in told.text
    await talk.boris.presses(told, "Сделать снова")
    await talk.boris.sees(lambda message: message.photo)
    request = talk.twin.jobs[1].request
    assert isinstance(request, TextToImage)
    assert (request.prompt, request.seed, request.negative_prompt) == ("a fox", 7, "hands")


async def test_a_photo_tells_that_it_has_no_settings(talk: Scene) -> None:
    await talk.anna.sends_photo(png("red"))
    question = await talk.anna.sees(lambda message: message.buttons)
    answer = await talk.anna.presses(question, "settings")
    assert answer is not None
    assert answer.show_alert
    assert "carries no settings" in answer.text


async def test_a_file_that_is_no_picture_is_refused_in_words(talk: Scene) -> None:
    await talk.anna.sends_file(b"%PDF-1.7 nothing", name="paper.pdf")
    question = await talk.anna.sees(lambda message: message.buttons)
    answer = await talk.anna.presses(question, "Vary")
    assert answer is not None
    assert "Only PNG, JPEG and WebP" in answer.text


async def test_a_file_too_large_for_bots_is_refused_in_words(talk: Scene) -> None:
    await talk.anna.sends_file(bytes(21 * 2**20), name="huge.png")
    question = await talk.anna.sees(lambda message: message.buttons)
    answer = await talk.anna.presses(question, "Vary")
    assert answer is not None
    assert "larger than 20 MB" in answer.text


async def test_a_photo_that_was_deleted_is_asked_for_again(talk: Scene) -> None:
    photo = await talk.anna.sends_photo(png("red"))
    question = await talk.anna.sees(lambda message: message.buttons)
    talk.anna.deletes(photo)
    answer = await talk.anna.presses(question, "Vary")
    assert answer is not None
    assert "send it again" in answer.text


async def test_an_album_is_mixed(talk: Scene) -> None:
    await talk.anna.sends_album([png("red"), png("blue"), png("green")], caption="as one fox")
    draft = await talk.anna.sees(lambda message: "4. “as one fox”" in message.text)
    await talk.anna.presses(draft, "✨ Mix")
    await talk.anna.sees(lambda message: message.photo)
    request = talk.twin.jobs[0].request
    assert isinstance(request, Mix)
    assert len(request.parts) == 4


async def test_a_photo_in_answer_to_another_is_mixed_with_it(talk: Scene) -> None:
    first = await talk.anna.sends_photo(png("red"))
    await talk.anna.sends_photo(png("blue", (192, 128)), reply_to=first)
    draft = await talk.anna.sees(lambda message: "A mix" in message.text)
    assert "2. a picture" in draft.text
