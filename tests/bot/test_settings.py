"""What people set for all their requests, by buttons and by words."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from engine.preferences import Preferences
from tests.bot.scene import EVERYTHING, Scene, labels, scene
from tests.telegram import Person, Seen

pytestmark = pytest.mark.slow


async def preferences(talk: Scene, person: Person) -> Preferences:
    account = await talk.studio.account("telegram", str(person.id), "en")
    return await talk.studio.preferences(account)


async def opened(person: Person) -> Seen:
    await person.says("/settings")
    return await person.sees(lambda message: message.text.startswith("🎛"))


async def chosen(person: Person, message: Seen, *buttons: str) -> Seen:
    """The message after these buttons were pressed one after another."""
    for button in buttons:
        await person.presses(message, button)
        message = person.looks_at(message)
    return message


async def test_choices_change_the_same_message_and_hold_for_requests(talk: Scene) -> None:
    message = await opened(talk.anna)
    assert "Model" not in message.text
    shapes = await chosen(talk.anna, message, "Shape")
    assert "✓ 1:1" in labels(shapes)
    message = await chosen(talk.anna, message, "16:9", "How many pictures", "2", "Quality", "Fine")
    assert "Shape: 16:9" in message.text
    assert "How many pictures: 2" in message.text
    assert await preferences(talk, talk.anna) == Preferences(aspect="16:9", count=2, quality="fine")
    await talk.anna.says("a fox")
    await talk.anna.sees(lambda message: "What next?" in message.text)
    request = talk.twin.jobs[0].request
    assert (request.count, request.steps) == (2, 6)
    assert (request.width or 0) > (request.height or 0)


async def test_reset_leaves_nothing_set(talk: Scene) -> None:
    message = await opened(talk.boris)
    message = await chosen(talk.boris, message, "Формат", "3:2")
    assert "Формат: 3:2" in message.text
    message = await chosen(talk.boris, message, "Сбросить всё")
    assert "Формат: 1:1" in message.text
    assert await preferences(talk, talk.boris) == Preferences()


async def test_back_changes_nothing(talk: Scene) -> None:
    message = await opened(talk.anna)
    message = await chosen(talk.anna, message, "Quality", "← Back")
    assert message.text.startswith("🎛")
    assert await preferences(talk, talk.anna) == Preferences()


async def test_the_negative_prompt_is_the_next_text(talk: Scene) -> None:
    message = await opened(talk.anna)
    question = await chosen(talk.anna, message, "Not in the picture")
    assert "/cancel" in question.text
    await talk.anna.says("<i>hands</i>, text")
    shown = await talk.anna.sees(lambda message: "<i>hands</i>, text" in message.text)
    assert (await preferences(talk, talk.anna)).negative_prompt == "<i>hands</i>, text"
    await talk.anna.presses(shown, "Not in the picture")
    await talk.anna.says("No")
    await talk.anna.sees(lambda message: "Not in the picture: nothing" in message.text, after=shown)
    assert await preferences(talk, talk.anna) == Preferences()
    await talk.anna.says("a fox")
    await talk.anna.sees(lambda message: message.photo)


async def test_a_seed_is_asked_for_until_it_is_one(talk: Scene) -> None:
    message = await opened(talk.boris)
    await chosen(talk.boris, message, "Зерно")
    said = await talk.boris.says("семь")
    again = await talk.boris.sees(lambda message: "Это число" in message.text, after=said)
    said = await talk.boris.says("99999999999")
    await talk.boris.sees(lambda message: "99" in message.text, after=again)
    await talk.boris.says("7")
    shown = await talk.boris.sees(lambda message: "Зерно: 7" in message.text)
    assert (await preferences(talk, talk.boris)).seed == 7
    message = await chosen(talk.boris, shown, "Зерно", "Случайное")
    assert "Зерно: случайное" in message.text
    assert await preferences(talk, talk.boris) == Preferences()


async def test_cancel_leaves_the_question(talk: Scene) -> None:
    message = await opened(talk.anna)
    await chosen(talk.anna, message, "Seed")
    await talk.anna.says("/cancel")
    await talk.anna.sees(lambda message: "never mind" in message.text)
    await talk.anna.says("7 foxes")
    result = await talk.anna.sees(lambda message: message.photo)
    assert result.caption.startswith("7 foxes")


async def test_a_value_that_comes_again_is_not_drawn(talk: Scene) -> None:
    message = await opened(talk.anna)
    await chosen(talk.anna, message, "Seed")
    talk.telegram.faults.broken(method="sendMessage", times=3)
    await talk.anna.says("7")
    await talk.anna.sees(lambda message: "Seed: 7" in message.text)
    assert talk.twin.jobs == []


async def test_in_a_group_the_question_is_answered(talk: Scene) -> None:
    group = talk.telegram.group("Painters", [talk.anna, talk.boris])
    await talk.anna.says("/settings", chat=group)
    message = await talk.anna.sees(lambda message: message.text.startswith("🎛"), chat=group)
    refused = await talk.boris.presses(message, "Seed")
    assert refused is not None
    assert refused.show_alert
    await talk.anna.presses(message, "Seed")
    question = talk.anna.looks_at(message)
    assert "Answer this message" in question.text
    await talk.anna.says("7", chat=group, reply_to=question)
    await talk.anna.sees(lambda message: "Seed: 7" in message.text, chat=group)


async def test_a_model_is_chosen_where_there_are_several(tmp_path: Path) -> None:
    other = replace(EVERYTHING, name="a:model", title="<Other>")
    async with scene(tmp_path, cards=[EVERYTHING, other]) as talk:
        message = await opened(talk.anna)
        assert "Model: Twin" in message.text
        message = await chosen(talk.anna, message, "Model", "<Other>")
        assert "Model: <Other>" in message.text
        assert (await preferences(talk, talk.anna)).model == "a:model"
        await talk.anna.says("a fox")
        await talk.anna.sees(lambda message: message.photo)
        assert talk.twin.jobs[0].request.model == "a:model"


async def test_styles_are_chosen_by_picture(talk: Scene) -> None:
    message = await opened(talk.boris)
    await talk.boris.presses(message, "Стиль")
    sheet = await talk.boris.sees(lambda message: message.photo)
    assert "✓ Без стиля" in labels(sheet)
    sheet = await chosen(talk.boris, sheet, "Хохлома")
    assert "Стиль: Хохлома" in sheet.caption
    assert "✓ Хохлома" in labels(sheet)
    assert (await preferences(talk, talk.boris)).style == "khokhloma"
    await chosen(talk.boris, sheet, "Без стиля")
    assert await preferences(talk, talk.boris) == Preferences()


async def test_the_command_shows_the_styles_in_english(talk: Scene) -> None:
    await talk.anna.says("/styles")
    sheet = await talk.anna.sees(lambda message: message.photo)
    assert {"Anime", "Pixel art", "✓ No style"} <= set(labels(sheet))
    assert len(labels(sheet)) == 17
