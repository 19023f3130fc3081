"""Inline mode: one's own pictures, in any chat."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.bot.scene import Scene
from tests.telegram import Seen

pytestmark = pytest.mark.slow


def starting(words: str) -> Callable[[Seen], bool]:
    """That a picture was made of these words."""
    return lambda message: message.caption.startswith(words)


async def test_ones_pictures_are_offered_and_sent(talk: Scene) -> None:
    await talk.anna.says("a fox")
    await talk.anna.sees(lambda message: message.caption.startswith("a fox"))
    await talk.anna.says("an owl")
    owl = await talk.anna.sees(lambda message: message.caption.startswith("an owl"))
    results = await talk.anna.asks_inline("")
    assert results is not None
    assert results.personal
    assert (len(results), results.next_offset, results.button) == (2, "", None)
    group = talk.telegram.group("Painters", [talk.anna, talk.boris])
    sent = await talk.anna.chooses(results[0], group)
    assert sent.photo == owl.photo
    assert sent.caption == "Made by AI"


async def test_words_narrow_the_choice(talk: Scene) -> None:
    for words in ("a fox", "an owl"):
        await talk.anna.says(words)
        await talk.anna.sees(starting(words))
    found = await talk.anna.asks_inline("OWL")
    nothing = await talk.anna.asks_inline("whale")
    assert found is not None
    assert nothing is not None
    assert (len(found), len(nothing)) == (1, 0)


async def test_pictures_of_others_are_not_offered(talk: Scene) -> None:
    await talk.anna.says("a fox")
    await talk.anna.sees(lambda message: message.photo)
    results = await talk.boris.asks_inline("")
    assert results is not None
    assert list(results) == []
    assert results.button is not None
    assert results.button["text"] == "Нарисовать в чате с ботом"
    assert results.button["start_parameter"] == "inline"


async def test_a_deleted_picture_is_not_offered(talk: Scene) -> None:
    await talk.anna.says("a fox")
    await talk.anna.sees(lambda message: message.photo)
    account = await talk.studio.account("telegram", str(talk.anna.id), "en")
    (job,) = await talk.studio.history(account)
    await talk.studio.delete([job.pictures[0].id], account)
    results = await talk.anna.asks_inline("fox")
    assert results is not None
    assert list(results) == []


async def test_a_strange_offset_is_the_first_page(talk: Scene) -> None:
    await talk.anna.says("a fox")
    await talk.anna.sees(lambda message: message.photo)
    for offset in ("x", "9" * 40, "-1"):
        results = await talk.anna.asks_inline("", offset=offset)
        assert results is not None
        assert len(results) == 1
