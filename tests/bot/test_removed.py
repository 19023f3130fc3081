"""Pictures that moderators remove: gone from the chat, told with the reason, appealed."""

from __future__ import annotations

import asyncio
import time

import pytest

from storage.records import Review
from tests.bot.reviewing import REASON, account_of, latest, moderator, photos, remove
from tests.bot.scene import Scene, labels
from tests.bot.test_results import album, drawn
from tests.bot.waiting import until
from tests.telegram import ChatKind, Person, Seen
from tests.telegram.editing import DELETABLE

pytestmark = pytest.mark.slow

SOON = 2.0  # seconds within which a removed picture is gone


def ages(person: Person, message: Seen) -> None:
    """The message is as old as Telegram lets no bot delete."""
    person.chat.log[message.id].date -= DELETABLE + 60


async def test_one_of_an_album_is_gone_within_seconds(talk: Scene) -> None:
    below = await album(talk.anna)
    await talk.telegram.settled(0.3)
    job = await latest(talk, talk.anna)
    before = photos(talk.anna)
    began = time.monotonic()
    await remove(talk, job.pictures[0].id)
    await until(lambda: talk.anna.looks_at(before[0]).deleted)
    assert time.monotonic() - began < SOON
    assert [one.id for one in photos(talk.anna)] == [one.id for one in before[1:]]
    told = await talk.anna.sees(lambda one: "removed a picture of yours" in one.text)
    assert REASON in told.text
    assert labels(told) == ["✋ Appeal"]
    left = talk.anna.looks_at(below)
    assert "Picture 1 was removed" in left.text
    assert {"🔀 2", "🔀 3"} <= set(labels(left))
    assert "🔀 1" not in labels(left)
    await until(lambda: photos(talk.anna)[0].caption.startswith("foxes"))
    await talk.anna.presses(left, "🔀 3")
    await talk.twin.job(2)


async def test_in_russian_with_the_name_of_the_policy(talk: Scene) -> None:
    await drawn(talk.boris)
    await remove(talk, (await latest(talk, talk.boris)).pictures[0].id, policy="hate")
    told = await talk.boris.sees(lambda one: "Модераторы удалили вашу картинку: " in one.text)
    policies = {one.key: one for one in await talk.studio.moderation.policies()}
    assert policies["hate"].names["ru"] in told.text
    assert labels(told) == ["✋ Возразить"]
    assert photos(talk.boris) == []


async def test_what_telegram_keeps_shows_something_grey(talk: Scene) -> None:
    shown = await drawn(talk.anna)
    ages(talk.anna, shown)
    await remove(talk, (await latest(talk, talk.anna)).pictures[0].id)
    grey = await talk.anna.sees(lambda one: one.caption.startswith("This picture was removed"))
    assert grey.id == shown.id
    assert grey.photo != shown.photo
    assert labels(grey) == []


async def test_its_file_is_gone_too(talk: Scene) -> None:
    shown = await drawn(talk.anna)
    await talk.anna.presses(shown, "As file")
    file = await talk.anna.sees(lambda one: one.document)
    await remove(talk, (await latest(talk, talk.anna)).pictures[0].id)
    await until(lambda: talk.anna.looks_at(file).deleted and talk.anna.looks_at(shown).deleted)


async def test_in_a_group_it_is_gone_and_told_in_private(talk: Scene) -> None:
    await talk.anna.says("/start")
    group = talk.telegram.group("Painters", [talk.anna], ChatKind.SUPERGROUP)
    await talk.anna.says("@kandinsky_test_bot a fox", chat=group)
    shown = await talk.anna.sees(lambda one: one.photo, chat=group)
    await remove(talk, (await latest(talk, talk.anna)).pictures[0].id)
    await talk.anna.sees(lambda one: "removed a picture of yours" in one.text)
    assert group.log[shown.id].deleted
    assert not [one for one in group.messages if "removed" in one.words]


async def test_who_has_blocked_the_bot_holds_up_nobody(talk: Scene) -> None:
    await drawn(talk.anna)
    await drawn(talk.boris)
    talk.anna.blocks_bot()
    await remove(talk, (await latest(talk, talk.anna)).pictures[0].id)
    await remove(talk, (await latest(talk, talk.boris)).pictures[0].id)
    await talk.boris.sees(lambda one: "Модераторы удалили" in one.text)
    account = await account_of(talk, talk.anna)
    (left,) = await talk.studio.notices.all(account)
    assert left.policy == "gore"


async def test_it_is_offered_inline_no_more(talk: Scene) -> None:
    await drawn(talk.anna)
    first = await talk.anna.asks_inline("")
    assert first is not None
    assert len(first) == 1
    await remove(talk, (await latest(talk, talk.anna)).pictures[0].id)
    second = await talk.anna.asks_inline("")
    assert second is not None
    assert len(second) == 0


@pytest.mark.parametrize("upheld", [True, False])
async def test_an_appeal_is_answered(talk: Scene, upheld: bool) -> None:
    await drawn(talk.anna, "a fox --seed 7")
    picture = (await latest(talk, talk.anna)).pictures[0].id
    await remove(talk, picture)
    told = await talk.anna.sees(lambda one: "removed a picture of yours" in one.text)
    await talk.anna.presses(told, "Appeal")
    await talk.anna.sees(lambda one: "Why should this picture stay?" in one.text)
    await talk.anna.says("It is only a fox.")
    thanks = await talk.anna.sees(lambda one: "Somebody else will look at it" in one.text)
    decision = Review.APPROVED if upheld else Review.REMOVED
    other = await moderator(talk.studio, "pavel")
    await talk.studio.moderation.decide(
        other, decision, pictures=[picture], policy="" if upheld else "gore", reason="Seen again."
    )
    if upheld:
        await talk.anna.sees(lambda one: "is back" in one.text, after=thanks)
        back = await talk.anna.sees(lambda one: one.photo, after=thanks)
        assert back.caption.startswith("a fox --seed 7")
    else:
        await talk.anna.sees(lambda one: "it stays removed" in one.text, after=thanks)
        assert photos(talk.anna) == []
        await talk.anna.presses(told, "Appeal")
        await talk.anna.says("But it is!", reply_to=None)
        await talk.anna.sees(lambda one: "already" in one.text)


async def test_an_appeal_of_another_person_counts_for_nothing(talk: Scene) -> None:
    await drawn(talk.anna)
    picture = (await latest(talk, talk.anna)).pictures[0].id
    await remove(talk, picture)
    told = await talk.anna.sees(lambda one: "removed a picture of yours" in one.text)
    keyboard = talk.anna.chat.log[told.id].keyboard
    assert keyboard is not None
    data = keyboard["inline_keyboard"][0][0]["callback_data"]
    own = await drawn(talk.boris)
    forged = talk.boris.chat.log[own.id].keyboard
    assert forged is not None
    forged["inline_keyboard"][0][0]["callback_data"] = data.replace(
        str(talk.anna.id), str(talk.boris.id)
    )
    await talk.boris.presses(own, data.replace(str(talk.anna.id), str(talk.boris.id)))
    await talk.boris.sees(lambda one: "Почему картинку стоит вернуть?" in one.text)
    await talk.boris.says("Это моё.")
    await talk.boris.sees(lambda one: one.text.startswith("Такой картинки"))
    await talk.boris.says("a whale")
    await talk.twin.job(3)


async def test_a_picture_that_is_removed_while_it_is_sent_does_not_stay(talk: Scene) -> None:
    fault = talk.telegram.faults.slow(1.0, method="sendPhoto", times=1)
    await talk.anna.says("a fox")
    await until(lambda: fault.hits)
    job = await latest(talk, talk.anna)
    await remove(talk, job.pictures[0].id)
    await talk.anna.sees(lambda one: "removed a picture of yours" in one.text)
    await asyncio.sleep(0.5)
    await until(lambda: not photos(talk.anna))


async def test_nor_does_its_file(talk: Scene) -> None:
    shown = await drawn(talk.anna)
    fault = talk.telegram.faults.slow(1.0, method="sendDocument", times=1)
    pressed = asyncio.create_task(talk.anna.presses(shown, "As file"))
    await until(lambda: fault.hits)
    await remove(talk, (await latest(talk, talk.anna)).pictures[0].id)
    file = await talk.anna.sees(lambda one: one.document)
    await pressed
    await until(lambda: talk.anna.looks_at(file).deleted)


async def test_nor_when_it_is_shown_again(talk: Scene) -> None:
    await drawn(talk.anna)
    await talk.anna.says("/history")
    page = await talk.anna.sees(lambda one: "1. " in one.caption)
    fault = talk.telegram.faults.slow(1.0, method="sendPhoto", times=1)
    pressed = asyncio.create_task(talk.anna.presses(page, "1"))
    await until(lambda: fault.hits)
    await remove(talk, (await latest(talk, talk.anna)).pictures[0].id)
    result = await talk.anna.sees(lambda one: one.photo, after=page)
    await pressed
    await until(lambda: talk.anna.looks_at(result).deleted)
