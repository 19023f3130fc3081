"""Painting over a picture in the chat, and what comes of it."""

from __future__ import annotations

from io import BytesIO

import numpy as np
import pytest
from PIL import Image, ImageDraw

from engine.requests import Inpaint
from tests.bot.scene import Scene, labels
from tests.telegram import Person, Seen

pytestmark = pytest.mark.slow

BOX = (40, 40, 80, 72)  # painted over; in pixels of a 128 x 128 picture


def scenery(size: tuple[int, int] = (128, 128)) -> Image.Image:
    """A picture with something on it everywhere."""
    rows, columns = np.mgrid[: size[1], : size[0]]
    red = 90 + 40 * np.sin(columns / 9)
    green = 110 + 40 * np.sin(rows / 7)
    blue = 120 + 30 * np.sin((rows + columns) / 11)
    return Image.fromarray(np.stack([red, green, blue], axis=2).astype(np.uint8))


def file_of(picture: Image.Image) -> bytes:
    file = BytesIO()
    picture.save(file, "PNG")
    return file.getvalue()


def painted_over(photo: bytes, colour: str = "#ff00ff") -> bytes:
    """What somebody makes of a photo of the chat in Telegram's editor."""
    with Image.open(BytesIO(photo)) as opened:
        picture = opened.convert("RGB")
    ImageDraw.Draw(picture).rectangle(BOX, fill=colour)
    return file_of(picture)


def marked(request: Inpaint) -> float:
    """How much of the painted box and how little else the mask holds: intersection over union."""
    mask = np.asarray(request.mask.picture("L")) > 0
    truth = np.zeros_like(mask)
    truth[BOX[1] : BOX[3] + 1, BOX[0] : BOX[2] + 1] = True
    return float((mask & truth).sum() / (mask | truth).sum())


async def editing(person: Person, caption: str = "") -> tuple[Seen, Seen]:
    """(the photo that was sent, the bot's words on how to paint)"""
    photo = await person.sends_photo(file_of(scenery()), caption=caption)
    question = await person.sees(lambda message: message.buttons)
    await person.presses(question, "🖌")
    return photo, await person.sees(
        lambda message: labels(message)[-1:] != [] and message.text and message.id > question.id
    )


async def test_a_photo_is_painted_over_and_filled_with_words(talk: Scene) -> None:
    photo, how = await editing(talk.anna)
    assert "paint brightly" in how.text
    await talk.anna.sends_photo(painted_over(photo.photo or b""), caption="a red ball")
    await talk.anna.sees(lambda message: message.photo)
    request = talk.twin.jobs[0].request
    assert isinstance(request, Inpaint)
    assert request.prompt == "a red ball"
    assert marked(request) > 0.6


async def test_without_words_it_asks_and_fills_in(talk: Scene) -> None:
    photo, _ = await editing(talk.boris)
    await talk.boris.sends_photo(painted_over(photo.photo or b"", "#00ff00"))
    question = await talk.boris.sees(lambda message: "Что там должно быть" in message.text)
    await talk.boris.presses(question, "Заполнить")
    await talk.boris.sees(lambda message: message.photo)
    request = talk.twin.jobs[0].request
    assert isinstance(request, Inpaint)
    assert request.prompt == ""


async def test_words_may_come_after_the_picture(talk: Scene) -> None:
    photo, _ = await editing(talk.anna)
    await talk.anna.sends_photo(painted_over(photo.photo or b""))
    await talk.anna.sees(lambda message: "What should be there" in message.text)
    await talk.anna.says("a red ball --seed 3")
    await talk.anna.sees(lambda message: message.photo)
    request = talk.twin.jobs[0].request
    assert isinstance(request, Inpaint)
    assert (request.prompt, request.seed) == ("a red ball", 3)


@pytest.mark.parametrize("first", ["caption", "text"])
async def test_words_may_come_before_the_picture(talk: Scene, first: str) -> None:
    photo, _ = await editing(talk.anna, caption="a red ball" if first == "caption" else "")
    if first == "text":
        await talk.anna.says("a red ball")
        await talk.anna.sees(lambda message: "Good." in message.text)
    await talk.anna.sends_photo(painted_over(photo.photo or b""))
    await talk.anna.sees(lambda message: message.photo)
    assert talk.twin.jobs[0].request.prompt == "a red ball"


async def test_a_mask_may_be_sent_as_a_file(talk: Scene) -> None:
    await editing(talk.anna)
    mask = Image.new("L", (128, 128), 0)
    ImageDraw.Draw(mask).rectangle(BOX, fill=255)
    await talk.anna.sends_file(file_of(mask), caption="a red ball")
    await talk.anna.sees(lambda message: message.photo)
    request = talk.twin.jobs[0].request
    assert isinstance(request, Inpaint)
    assert marked(request) == 1.0


async def test_a_result_is_painted_over(talk: Scene) -> None:
    await talk.anna.says("a fox --size 128x128")
    result = await talk.anna.sees(lambda message: message.photo)
    await talk.anna.presses(result, "🖌 Edit")
    await talk.anna.sees(lambda message: "paint brightly" in message.text)
    await talk.anna.sends_photo(painted_over(result.photo or b""), caption="a ball")
    await talk.anna.sees(lambda message: message.photo, after=result)
    request = talk.twin.jobs[1].request
    assert isinstance(request, Inpaint)
    assert marked(request) > 0.6


async def test_a_photo_painted_over_in_answer_to_itself_needs_no_button(talk: Scene) -> None:
    photo = await talk.anna.sends_photo(file_of(scenery()))
    await talk.anna.sends_photo(
        painted_over(photo.photo or b""), caption="a red ball", reply_to=photo
    )
    await talk.anna.sees(lambda message: message.photo)
    assert isinstance(talk.twin.jobs[0].request, Inpaint)


async def test_nothing_painted_is_said_and_can_be_mended(talk: Scene) -> None:
    photo, _ = await editing(talk.anna)
    await talk.anna.sends_photo(photo.photo or b"", caption="a red ball")
    await talk.anna.sees(lambda message: "Nothing is marked" in message.text)
    await talk.anna.sends_photo(painted_over(photo.photo or b""), caption="a red ball")
    await talk.anna.sees(lambda message: message.photo)


async def test_another_picture_is_refused_in_words(talk: Scene) -> None:
    await editing(talk.boris)
    await talk.boris.sends_photo(file_of(scenery((192, 96))), caption="мяч")
    await talk.boris.sees(lambda message: "кадриру" in message.text or "обрез" in message.text)


async def test_cancel_leaves_the_picture(talk: Scene) -> None:
    _, how = await editing(talk.anna)
    await talk.anna.presses(how, "Cancel")
    await talk.anna.says("a fox")
    await talk.anna.sees(lambda message: message.photo)
    assert not isinstance(talk.twin.jobs[0].request, Inpaint)


async def test_a_question_that_could_not_be_asked_is_asked_again(talk: Scene) -> None:
    photo, _ = await editing(talk.anna)
    talk.telegram.faults.broken(500, method="sendMessage", times=3)
    await talk.anna.sends_photo(painted_over(photo.photo or b""))
    await talk.anna.sees(lambda message: "What should be there" in message.text, timeout=40)


async def test_an_edit_whose_buttons_could_not_be_taken_away_is_still_accepted(talk: Scene) -> None:
    photo, _ = await editing(talk.anna)
    await talk.anna.sends_photo(painted_over(photo.photo or b""))
    question = await talk.anna.sees(lambda message: "What should be there" in message.text)
    talk.telegram.faults.broken(500, method="editMessageReplyMarkup", times=3)
    await talk.anna.presses(question, "Fill")
    await talk.anna.sees(
        lambda message: message.id == question.id and not message.buttons, timeout=40
    )
    await talk.anna.sees(lambda message: message.photo and message.from_bot)
    await talk.telegram.settled(2)
    made = [message for message in talk.anna.chat.messages if message.photo and message.from_bot]
    assert len(made) == 1
