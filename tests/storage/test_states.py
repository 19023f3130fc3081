from __future__ import annotations

import asyncio
from datetime import timedelta

import pytest
from sqlalchemy import update

from storage.database import Database
from storage.states import States
from storage.tables import StateRow, now
from tests.storage.rows import count


@pytest.fixture
def states(database: Database) -> States:
    return States(database)


async def test_nothing_is_known_of_a_new_conversation(states: States) -> None:
    assert await states.get("k") == (None, {})


async def test_state_and_data_are_changed_each_by_itself(states: States) -> None:
    await states.set_state("k", "42", "asked")
    await states.set_data("k", "42", {"prompt": "лиса 🦊", "sizes": [512, None]})
    assert await states.get("k") == ("asked", {"prompt": "лиса 🦊", "sizes": [512, None]})
    await states.set_state("k", "42", "answered")
    assert (await states.get("k"))[1] == {"prompt": "лиса 🦊", "sizes": [512, None]}
    await states.set_data("k", "42", {"seed": 7})
    assert await states.get("k") == ("answered", {"seed": 7})
    assert await states.get("l") == (None, {})


async def test_one_with_neither_is_not_kept(database: Database, states: States) -> None:
    await states.set_state("k", None, None)
    assert await count(database, StateRow) == 0
    await states.set_state("k", None, "asked")
    await states.set_data("k", None, {"seed": 7})
    await states.set_state("k", None, None)
    assert await states.get("k") == (None, {"seed": 7})
    await states.set_data("k", None, {})
    assert await count(database, StateRow) == 0


async def test_racing_first_words_make_one_conversation(database: Database, states: States) -> None:
    await asyncio.gather(
        *(states.set_state("k", "42", "asked") for _ in range(5)),
        *(states.set_data("k", "42", {"seed": 7}) for _ in range(5)),
    )
    assert await states.get("k") == ("asked", {"seed": 7})
    assert await count(database, StateRow) == 1


async def test_one_that_was_left_alone_is_forgotten(database: Database, states: States) -> None:
    for key in ("old", "young", "touched"):
        await states.set_state(key, "42", "asked")
    async with database.write() as session:
        for key, days in (("old", 91), ("young", 89), ("touched", 91)):
            left = update(StateRow).where(StateRow.key == key)
            await session.execute(left.values(changed_at=now() - timedelta(days=days)))
    await states.set_data("touched", "42", {"seed": 7})
    assert await states.prune(90) == 1
    assert await states.get("old") == (None, {})
    assert await count(database, StateRow) == 2
