"""Pictures that wait for a moderator, and what comes once they were looked at."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from storage.records import DeliveryState
from tests.bot.reviewing import FIRST, approve, latest, photos, remove
from tests.bot.scene import Scene, labels, scene
from tests.bot.test_delivery import settled
from tests.bot.waiting import until
from tests.telegram import Person, Seen

pytestmark = pytest.mark.slow


@pytest.fixture
async def talk(tmp_path: Path) -> AsyncIterator[Scene]:
    async with scene(tmp_path, more=FIRST) as talk:
        yield talk


async def waits(person: Person, count: int = 1) -> Seen:
    """Asks for pictures; what they are told instead of them."""
    await person.says(f"foxes --seed 7 --count {count}")
    return await person.sees(lambda one: "moderator" in one.text or "модератор" in one.text)


async def test_one_that_waits_is_told_and_comes_once_it_is_approved(talk: Scene) -> None:
    told = await waits(talk.anna)
    assert told.text.startswith("A moderator will look at your picture first.")
    assert photos(talk.anna) == []
    await settled(talk.studio.database, DeliveryState.SENT)
    job = await latest(talk, talk.anna)
    await approve(talk, job.withheld[0].id)
    shown = await talk.anna.sees(lambda one: one.photo)
    assert shown.caption.startswith("foxes --seed 7")
    assert shown.caption.endswith("Made by AI")
    assert "🔄 Again" in labels(shown)
    await until(lambda: talk.anna.looks_at(told).deleted)


async def test_some_come_and_the_others_later(talk: Scene) -> None:
    told = await waits(talk.boris, 4)
    assert told.text.startswith("Сначала ваши картинки посмотрит модератор.")
    ids = [one.id for one in (await latest(talk, talk.boris)).withheld]
    await approve(talk, *ids[:2])
    left = await talk.boris.sees(lambda one: "2 картинки из 4" in one.text)
    assert "🔀 2" in labels(left)
    assert len(photos(talk.boris)) == 2
    await approve(talk, ids[2])
    await talk.boris.sees(lambda one: "1 картинку из 4" in one.text)
    await approve(talk, ids[3])
    await until(lambda: len(photos(talk.boris)) == 4)
    await until(lambda: talk.boris.looks_at(left).deleted)
    last = await talk.boris.sees(lambda one: "🔀 4" in labels(one) and "модератор" not in one.text)
    assert {f"🔀 {n}" for n in (1, 2, 3, 4)} <= set(labels(last))
    assert len([one for one in talk.boris.chat.messages if one.buttons]) == 1


async def test_what_was_sent_is_not_sent_again(talk: Scene) -> None:
    await waits(talk.anna, 3)
    job = await latest(talk, talk.anna)
    for one in job.withheld:
        await approve(talk, one.id)
    await until(lambda: len(photos(talk.anna)) == 3)
    await talk.telegram.settled(0.5)
    assert len({one.photo for one in photos(talk.anna)}) == 3


async def test_one_that_waits_may_be_removed_instead(talk: Scene) -> None:
    told = await waits(talk.anna)
    await remove(talk, (await latest(talk, talk.anna)).withheld[0].id)
    notice = await talk.anna.sees(lambda one: "removed a picture of yours" in one.text)
    assert labels(notice) == ["✋ Appeal"]
    assert photos(talk.anna) == []
    now = talk.anna.looks_at(told)
    assert now.deleted or "moderator will look" not in now.text


async def test_one_that_waits_is_not_offered_elsewhere(talk: Scene) -> None:
    await waits(talk.anna)
    results = await talk.anna.asks_inline("")
    assert results is not None
    assert list(results) == []
    await talk.anna.says("/history")
    await talk.anna.sees(lambda one: "Nothing yet" in one.text)


@pytest.fixture
async def checked(tmp_path: Path) -> AsyncIterator[Scene]:
    """Where what is red is taken for blood: the twin's colour is the seed."""
    more = {"check_pictures": True, "classifiers": ("tests.safety_faults:by_colour",)}
    async with scene(tmp_path, more=more) as talk:
        yield talk


async def test_what_the_gate_keeps_back_is_explained_and_appealed(checked: Scene) -> None:
    await checked.anna.says("foxes --seed 255")
    told = await checked.anna.sees(lambda one: "kept back" in one.text)
    assert labels(told) == ["🔄 Try again", "✋ Appeal"]
    await checked.anna.presses(told, "Appeal")
    await checked.anna.sees(lambda one: "Why should this picture stay?" in one.text)
    await checked.anna.says("It is only red.")
    await checked.anna.sees(lambda one: one.text.startswith("Thank you."))
    (gone,) = (await latest(checked, checked.anna)).withheld
    await approve(checked, gone.id)
    shown = await checked.anna.sees(lambda one: one.photo)
    assert shown.caption.startswith("foxes --seed 255")
    await until(lambda: checked.anna.looks_at(told).deleted)


async def test_what_the_gate_keeps_back_of_several_is_told_below(checked: Scene) -> None:
    """Of four, the first are doubtful, and the last are not let through."""
    await checked.boris.says("лисы --seed 203 --count 4")
    below = await checked.boris.sees(lambda one: "удалена" in one.text)
    job = await latest(checked, checked.boris)
    assert job.pictures == ()
    assert "✋ Возразить (3)" in labels(below)
    held = [one for one in job.withheld if one.review == "held"]
    assert f"{len(held)} картин" in below.text
    await approve(checked, held[0].id)
    shown = await checked.boris.sees(lambda one: one.photo)
    assert shown.caption.startswith("лисы")
