"""/mix: parts are collected, weighed and mixed."""

from __future__ import annotations

import pytest

from engine.requests import Mix
from tests.bot.scene import Scene, png

pytestmark = pytest.mark.slow


async def test_pictures_and_words_are_mixed_by_weight(talk: Scene) -> None:
    await talk.anna.says("/mix a fox")
    draft = await talk.anna.sees(lambda message: "1. “a fox”" in message.text)
    await talk.anna.sends_photo(png("red"))
    draft = await talk.anna.sees(lambda message: "2. a picture" in message.text)
    await talk.anna.presses(draft, "2 −")
    draft = await talk.anna.sees(lambda message: "75\N{NO-BREAK SPACE}%" in message.text)
    await talk.anna.presses(draft, "✨ Mix")
    result = await talk.anna.sees(lambda message: message.photo)
    assert result.caption.startswith("a fox + a picture (75\N{NO-BREAK SPACE}%)\n--seed ")
    request = talk.twin.jobs[0].request
    assert isinstance(request, Mix)
    assert [part.weight for part in request.parts] == [1.0, 0.75]


async def test_only_one_draft_is_to_be_seen(talk: Scene) -> None:
    await talk.anna.says("/mix")
    for words in ("a fox", "a cat"):
        await talk.anna.says(words)
        await talk.anna.sees(lambda message, words=words: words in message.text)  # type: ignore[misc]
    await talk.telegram.settled(0.3)
    drafts = [message for message in talk.anna.chat.messages if "A mix" in message.text]
    assert len(drafts) == 1


async def test_a_part_is_taken_out(talk: Scene) -> None:
    await talk.anna.says("/mix a fox")
    await talk.anna.sees(lambda message: "a fox" in message.text)
    await talk.anna.says("a cat")
    draft = await talk.anna.sees(lambda message: "a cat" in message.text)
    await talk.anna.presses(draft, "1 ✖")
    draft = await talk.anna.sees(lambda message: "1. “a cat”" in message.text)
    assert "a fox" not in draft.text


async def test_weights_stay_within_their_limits(talk: Scene) -> None:
    await talk.anna.says("/mix a fox")
    draft = await talk.anna.sees(lambda message: "a fox" in message.text)
    for _ in range(7):
        await talk.anna.presses(draft, "1 +")
    await talk.anna.sees(lambda message: "200\N{NO-BREAK SPACE}%" in message.text)


async def test_a_ninth_part_is_refused_in_words(talk: Scene) -> None:
    await talk.boris.says("/mix часть 1")
    for number in range(2, 10):
        await talk.boris.says(f"часть {number}")
    await talk.boris.sees(lambda message: "от 2 до 8" in message.text, timeout=30)


async def test_a_result_is_mixed_with_what_comes_next(talk: Scene) -> None:
    await talk.anna.says("a fox")
    result = await talk.anna.sees(lambda message: message.photo)
    await talk.anna.presses(result, "➕ Mix")
    await talk.anna.sees(lambda message: "1. a picture" in message.text)
    await talk.anna.says("a cat")
    draft = await talk.anna.sees(lambda message: "a cat" in message.text)
    await talk.anna.presses(draft, "✨ Mix")
    await talk.anna.sees(lambda message: message.photo, after=result)
    assert isinstance(talk.twin.jobs[1].request, Mix)


async def test_a_mix_that_is_over_says_so(talk: Scene) -> None:
    await talk.anna.says("/mix a fox")
    draft = await talk.anna.sees(lambda message: "a fox" in message.text)
    await talk.anna.says("/mix a cat")
    await talk.anna.sees(lambda message: "a cat" in message.text)
    answer = await talk.anna.presses(draft, "1 +")
    assert answer is not None
    assert "/mix" in answer.text


async def test_a_mix_whose_message_could_not_be_changed_leaves_no_buttons(talk: Scene) -> None:
    await talk.anna.says("/mix a fox")
    await talk.anna.sees(lambda message: "a fox" in message.text)
    await talk.anna.says("a cat")
    draft = await talk.anna.sees(lambda message: "a cat" in message.text)
    talk.telegram.faults.broken(500, method="editMessageText", times=3)
    await talk.anna.presses(draft, "✨ Mix")
    await talk.anna.sees(lambda message: message.id == draft.id and not message.buttons, timeout=40)
