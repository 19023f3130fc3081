"""Conversations are kept in SQL, as aiogram expects of a storage."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
from aiogram.fsm.context import FSMContext
from aiogram.fsm.state import State, StatesGroup
from aiogram.fsm.storage.base import StorageKey

from bot.states import SqlStorage
from storage.database import Database
from storage.states import States

pytestmark = pytest.mark.slow


class Cooking(StatesGroup):
    stirring = State()


@pytest.fixture
async def storage(database_url: str) -> AsyncIterator[SqlStorage]:
    async with Database.open(database_url) as database:
        yield SqlStorage(States(database))


def talk(storage: SqlStorage, person: int, chat: int = 1, bot: int = 7) -> FSMContext:
    return FSMContext(storage, StorageKey(bot_id=bot, chat_id=chat, user_id=person))


async def test_a_conversation_is_where_it_was_left(storage: SqlStorage) -> None:
    anna = talk(storage, 5)
    assert (await anna.get_state(), await anna.get_data()) == (None, {})
    await anna.set_state(Cooking.stirring)
    await anna.set_data({"soup": "борщ 🍲", "minutes": [1, 2]})
    again = talk(storage, 5)
    assert await again.get_state() == "Cooking:stirring"
    assert await again.get_data() == {"soup": "борщ 🍲", "minutes": [1, 2]}
    await again.update_data(salt=True)
    assert (await anna.get_data())["salt"] is True
    await anna.clear()
    assert (await again.get_state(), await again.get_data()) == (None, {})


async def test_conversations_do_not_mix(storage: SqlStorage) -> None:
    others = [talk(storage, 6), talk(storage, 5, chat=-1), talk(storage, 5, bot=8)]
    await talk(storage, 5).set_state("busy")
    assert [await other.get_state() for other in others] == [None] * 3
    await others[0].set_data({"a": 1})
    assert await talk(storage, 5).get_data() == {}
