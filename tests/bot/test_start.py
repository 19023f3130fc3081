"""The first words, help, and the commands that only tell."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from engine.requests import TextToImage
from tests.bot.scene import Scene, labels, scene
from tests.twin import CARD

pytestmark = pytest.mark.slow


async def test_start_greets_and_an_example_is_drawn(talk: Scene) -> None:
    await talk.anna.says("/start")
    hello = await talk.anna.sees(lambda message: "Hello, Anna!" in message.text)
    assert labels(hello)[0] == "a fox on a blue background"
    await talk.anna.presses(hello, "a fox on a blue background")
    result = await talk.anna.sees(lambda message: message.photo)
    assert result.caption.startswith("a fox on a blue background")
    assert isinstance(talk.twin.jobs[0].request, TextToImage)


async def test_start_greets_in_russian(talk: Scene) -> None:
    await talk.boris.says("/start")
    hello = await talk.boris.sees(lambda message: "Здравствуйте, Борис!" in message.text)
    await talk.boris.presses(hello, "кактус на розовом фоне")
    result = await talk.boris.sees(lambda message: message.photo)
    assert result.caption.startswith("кактус на розовом фоне")


@pytest.mark.parametrize("payload", ["inline", "x" * 64, "<b>"])
async def test_a_link_begins_like_any_start(talk: Scene, payload: str) -> None:
    await talk.anna.says(f"/start {payload}")
    await talk.anna.sees(lambda message: "Hello, Anna!" in message.text)


async def test_a_name_is_shown_as_it_is(talk: Scene) -> None:
    eve = talk.telegram.person("<b>Eve</b> & Co")
    await eve.says("/start")
    await eve.sees(lambda message: "Hello, <b>Eve</b> & Co!" in message.text)


async def test_the_example_of_another_person_is_theirs(talk: Scene) -> None:
    group = talk.telegram.group("Painters", [talk.anna, talk.boris])
    said = await talk.anna.says("/start@kandinsky_test_bot", chat=group)
    hello = await talk.anna.sees(lambda message: "Hello, " in message.text, chat=group)
    assert hello.reply_to == said.id
    answer = await talk.boris.presses(hello, "a fox on a blue background")
    assert answer is not None
    assert answer.show_alert
    assert talk.twin.jobs == []


async def test_help_tells_all_that_the_models_can(talk: Scene) -> None:
    await talk.anna.says("/help")
    said = await talk.anna.sees(lambda message: "What" in message.text or "Words" in message.text)
    for word in ("Painting over", "/mix", "--ar 16:9", "Groups", "@kandinsky_test_bot", "Extend"):
        assert word in said.text
    assert len(said.text) < 2000


async def test_help_is_silent_about_what_the_models_cannot(tmp_path: Path) -> None:
    card = replace(CARD, modes=("text_to_image",))
    async with scene(tmp_path, cards=[card]) as talk:
        await talk.boris.says("/help")
        said = await talk.boris.sees(lambda message: "Слова" in message.text)
        for word in ("/mix", "Закрашивание", "🖼"):
            assert word not in said.text


async def test_new_leaves_a_conversation(talk: Scene) -> None:
    await talk.anna.says("/mix")
    await talk.anna.sees(lambda message: "mix" in message.text.lower())
    await talk.anna.says("/new")
    await talk.anna.sees(lambda message: "begin anew" in message.text)
    await talk.anna.says("a fox")
    await talk.anna.sees(lambda message: message.photo)


async def test_a_language_is_kept(talk: Scene) -> None:
    await talk.anna.says("/language")
    asked = await talk.anna.sees(lambda message: "Which language" in message.text)
    assert labels(asked) == ["English", "Русский"]
    await talk.anna.presses(asked, "Русский")
    await talk.anna.sees(lambda message: "Теперь я говорю по-русски." in message.text)
    await talk.anna.says("/help")
    await talk.anna.sees(lambda message: "Группы" in message.text)
    account = await talk.studio.account("telegram", str(talk.anna.id), "en")
    assert account.language == "ru"


async def test_privacy_names_the_ways_out(talk: Scene) -> None:
    await talk.boris.says("/privacy")
    said = await talk.boris.sees(lambda message: "Что о вас хранится" in message.text)
    assert "/export" in said.text
    assert "/forget" in said.text


async def test_a_group_is_told_how_to_speak_to_it(talk: Scene) -> None:
    group = talk.telegram.group("Художники", [talk.boris, talk.anna])
    hello = await talk.boris.sees(lambda message: "@kandinsky_test_bot" in message.text, chat=group)
    assert hello.text.startswith("Здравствуйте!")
