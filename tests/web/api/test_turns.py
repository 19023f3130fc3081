from __future__ import annotations

import asyncio

import pytest

from engine.errors import TooManyAtOnce
from web.api.turns import WAITING, Places, Turns

ANN, BOB = 1, 2


def test_each_account_has_its_places() -> None:
    places = Places(1)
    with places.taken(ANN), places.taken(BOB), pytest.raises(TooManyAtOnce), places.taken(ANN):
        pass
    with places.taken(ANN):
        pass


async def test_an_accounts_turns_come_one_after_another() -> None:
    turns, begun = Turns(), list[int]()
    may_end = asyncio.Event()

    async def take(account: int) -> None:
        async with turns.turn(account):
            begun.append(account)
            await may_end.wait()

    working = [asyncio.create_task(take(ANN)) for _ in range(1 + WAITING)]
    await asyncio.sleep(0)
    with pytest.raises(TooManyAtOnce):
        await take(ANN)
    working.append(asyncio.create_task(take(BOB)))
    await asyncio.sleep(0)
    assert begun == [ANN, BOB]
    working[1].cancel()
    may_end.set()
    await asyncio.gather(*working, return_exceptions=True)
    assert begun.count(ANN) == WAITING
