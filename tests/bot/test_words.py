"""Words said to the bot become pictures."""

from __future__ import annotations

import pytest

from engine.requests import ImageToImage, TextToImage
from tests.bot.scene import Scene, labels, png

pytestmark = pytest.mark.slow


async def test_words_become_a_picture_with_what_makes_it_again(talk: Scene) -> None:
    await talk.anna.says("a fox --seed 7 --ar 3:2")
    result = await talk.anna.sees(lambda message: message.photo)
    assert result.caption == "a fox --ar 3:2 --seed 7\nMade by AI"
    request = talk.twin.jobs[0].request
    assert isinstance(request, TextToImage)
    assert (request.prompt, request.seed) == ("a fox", 7)
    assert (request.width or 0) > (request.height or 0)


async def test_a_caption_sent_back_makes_the_same_picture(talk: Scene) -> None:
    await talk.anna.says("a fox in the snow")
    first = await talk.anna.sees(lambda message: message.photo)
    await talk.anna.says(first.caption)
    second = await talk.anna.sees(lambda message: message.photo, after=first)
    assert second.caption == first.caption
    one, other = (job.request for job in talk.twin.jobs)
    assert one == other


async def test_several_pictures_are_an_album_and_a_message_with_buttons(talk: Scene) -> None:
    await talk.anna.says("two foxes --count 3")
    carrier = await talk.anna.sees(lambda message: "What next?" in message.text)
    photos = [message for message in talk.anna.chat.messages if message.photo]
    assert len(photos) == 3
    assert len({message.album for message in photos}) == 1
    assert [message.caption != "" for message in photos] == [True, False, False]
    assert {"🔀 1", "🔀 2", "🔀 3"} <= set(labels(carrier))


async def test_a_wrong_flag_is_explained_and_nothing_is_made(talk: Scene) -> None:
    await talk.boris.says("лиса --sedd 7")
    answer = await talk.boris.sees(lambda message: "--sedd" in message.text)
    assert "--seed" in answer.text
    assert "поставьте после тире пробел" in answer.text
    assert talk.twin.jobs == []


@pytest.mark.parametrize("words", ["<b>bold</b> & <script>", "a_b*c[d](e)", "‮abc‬ лиса", "''; --"])
async def test_words_are_shown_as_they_were_said(talk: Scene, words: str) -> None:
    await talk.anna.says(words)
    result = await talk.anna.sees(lambda message: message.photo)
    assert result.caption.startswith(words)


async def test_words_in_answer_to_a_result_change_that_picture(talk: Scene) -> None:
    await talk.anna.says("a fox")
    result = await talk.anna.sees(lambda message: message.photo)
    await talk.anna.says("in winter --strength 0.6", reply_to=result)
    await talk.anna.sees(lambda message: message.photo, after=result)
    request = talk.twin.jobs[1].request
    assert isinstance(request, ImageToImage)
    assert (request.prompt, request.strength) == ("in winter", 0.6)


async def test_words_in_answer_to_a_sent_photo_change_it(talk: Scene) -> None:
    photo = await talk.anna.sends_photo(png("red"))
    await talk.anna.says("a blue one", reply_to=photo)
    await talk.anna.sees(lambda message: message.photo)
    request = talk.twin.jobs[0].request
    assert isinstance(request, ImageToImage)
    assert request.picture.size == (128, 128)


async def test_words_in_answer_to_words_are_words(talk: Scene) -> None:
    first = await talk.anna.says("a fox")
    await talk.anna.says("a cat", reply_to=first)
    await talk.twin.job(2)
    assert all(isinstance(job.request, TextToImage) for job in talk.twin.jobs)


async def test_the_same_words_of_two_people_are_two_jobs(talk: Scene) -> None:
    await talk.anna.says("a fox")
    await talk.boris.says("a fox")
    await talk.anna.sees(lambda message: message.photo)
    await talk.boris.sees(lambda message: message.photo)
    assert len({job.owner for job in talk.twin.jobs}) == 2


async def test_what_is_no_words_and_no_picture_is_answered(talk: Scene) -> None:
    await talk.anna.sends(voice={"file_id": "v", "file_unique_id": "u", "duration": 3})
    await talk.anna.sees(lambda message: "Write what to draw" in message.text)


async def test_an_unknown_command_is_answered(talk: Scene) -> None:
    await talk.anna.says("/paint a fox")
    await talk.anna.sees(lambda message: "/help" in message.text)


async def test_in_a_group_it_hears_only_what_is_said_to_it(talk: Scene) -> None:
    group = talk.telegram.group("Painters", [talk.anna, talk.boris])
    await talk.anna.says("a dog", chat=group)
    asked = await talk.anna.says("@kandinsky_test_bot a fox", chat=group)
    result = await talk.boris.sees(lambda message: message.photo, chat=group)
    assert result.reply_to == asked.id
    await talk.boris.says("in winter", chat=group, reply_to=result)
    await talk.twin.job(2)
    assert [job.request.prompt for job in talk.twin.jobs] == ["a fox", "in winter"]
    assert isinstance(talk.twin.jobs[1].request, ImageToImage)


async def test_anothers_result_can_be_looked_at_but_not_pressed(talk: Scene) -> None:
    group = talk.telegram.group("Painters", [talk.anna, talk.boris])
    await talk.anna.says("@kandinsky_test_bot a fox", chat=group)
    result = await talk.boris.sees(lambda message: message.photo, chat=group)
    for button in labels(result):
        answer = await talk.boris.presses(result, button)
        assert answer is not None
        assert answer.show_alert
        assert "Эти кнопки" in answer.text
    assert len(talk.twin.jobs) == 1
