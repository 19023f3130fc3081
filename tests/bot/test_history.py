"""/history: pages of small pictures, and the way from them to the pictures themselves."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from storage.gallery import Filter
from storage.records import JobRecord, JobState
from tests.bot.scene import Scene, labels
from tests.telegram import Person, Seen

pytestmark = pytest.mark.slow

DONE = Filter(states=(JobState.DONE,))


def starting(words: str) -> Callable[[Seen], bool]:
    """That a picture was made of these words."""
    return lambda message: message.caption.startswith(words)


async def drawn(person: Person, *words: str) -> None:
    """Asks for each, one after the other."""
    for one in words:
        await person.says(one)
        await person.sees(starting(one))


async def jobs(talk: Scene, person: Person) -> list[JobRecord]:
    account = await talk.studio.account("telegram", str(person.id), "en")
    return await talk.studio.history(account, filter=DONE)


async def shown(person: Person, command: str = "/history") -> Seen:
    said = await person.says(command)
    return await person.sees(lambda message: message.photo and "1. " in message.caption, after=said)


async def test_it_pages_in_one_message_and_opens_a_result(talk: Scene) -> None:
    await drawn(talk.anna, *(f"fox {n}" for n in range(1, 9)))
    page = await shown(talk.anna)
    assert page.caption.startswith("My pictures · 1\n1. fox 8")
    assert labels(page) == ["1", "2", "3", "4", "5", "6", "Older →", "☆ Favourites only"]
    await talk.anna.presses(page, "Older →")
    older = talk.anna.looks_at(page)
    assert older.caption == "My pictures · 2\n1. fox 2\n2. fox 1"
    assert older.photo != page.photo
    await talk.anna.presses(page, "2")
    result = await talk.anna.sees(lambda message: message.caption.startswith("fox 1"), after=older)
    assert any("Again" in label for label in labels(result))
    assert result.reply_to == page.id
    await talk.anna.presses(older, "← Newer")
    assert talk.anna.looks_at(page).caption == page.caption


async def test_favourites_alone(talk: Scene) -> None:
    await drawn(talk.boris, "лиса", "сова")
    page = await shown(talk.boris)
    assert page.caption == "Мои картинки · 1\n1. сова\n2. лиса"
    answer = await talk.boris.presses(page, "☆ Только избранное")
    assert answer is not None
    assert answer.show_alert
    assert "пока пусто" in answer.text
    account = await talk.studio.account("telegram", str(talk.boris.id), "ru")
    fox = (await jobs(talk, talk.boris))[1].pictures[0]
    await talk.studio.favour(fox.id, account)
    await talk.boris.presses(page, "☆ Только избранное")
    assert talk.boris.looks_at(page).caption == "★ Избранное · 1\n1. лиса"
    await talk.boris.presses(page, "Все картинки")
    assert talk.boris.looks_at(page).caption == page.caption


async def test_words_are_searched_for_on_every_page(talk: Scene) -> None:
    await drawn(talk.anna, *(f"<b>fox</b> {n}" for n in range(1, 8)), "an owl")
    page = await shown(talk.anna, "/history <b>fox")
    assert "🔎 <b>fox\n1. <b>fox</b> 7" in page.caption
    await talk.anna.presses(page, "Older →")
    assert talk.anna.looks_at(page).caption.endswith("🔎 <b>fox\n1. <b>fox</b> 1")
    await talk.anna.says("/history cat")
    await talk.anna.sees(lambda message: "Nothing was asked for" in message.text)


async def test_at_first_there_is_a_hint(talk: Scene) -> None:
    await talk.boris.says("/history")
    hint = await talk.boris.sees(lambda message: "Пока пусто" in message.text)
    assert "/start" in hint.text


async def test_what_was_deleted_is_not_shown_and_cannot_be_opened(talk: Scene) -> None:
    await drawn(talk.anna, "a fox", "an owl")
    page = await shown(talk.anna)
    account = await talk.studio.account("telegram", str(talk.anna.id), "en")
    owl = (await jobs(talk, talk.anna))[0]
    await talk.studio.delete([owl.pictures[0].id], account)
    answer = await talk.anna.presses(page, "1")
    assert answer is not None
    assert answer.show_alert
    again = await shown(talk.anna)
    assert again.caption == "My pictures · 1\n1. a fox"


async def test_a_group_does_not_see_it(talk: Scene) -> None:
    await drawn(talk.anna, "a fox")
    group = talk.telegram.group("Painters", [talk.anna, talk.boris])
    await talk.anna.says("/history", chat=group)
    said = await talk.anna.sees(lambda message: "for your eyes only" in message.text, chat=group)
    assert labels(said) == ["Our private chat"]
    assert not [message for message in group.messages if message.photo]
