"""Nobody's order holds up those of others."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator, Sequence
from threading import Event, Semaphore

import pytest

from engine.safety.prompts.batches import PIECE, WEIGHT, Batches

MANY = 5000


class Press:
    """Makes words large, a piece for each time that it is let go on. `pieces` are what it got."""

    def __init__(self) -> None:
        self.pieces: list[list[str]] = []
        self.turns = Semaphore(0)
        self.free = Event()

    def __call__(self, words: Sequence[str]) -> list[str]:
        self.pieces.append(list(words))
        while not self.free.is_set() and not self.turns.acquire(timeout=0.01):
            pass
        if "bad" in words:
            raise ValueError("no such word")
        return [word.upper() for word in words]


@pytest.fixture
def press() -> Iterator[Press]:
    press = Press()
    yield press
    press.free.set()


@pytest.fixture
async def batches(press: Press) -> AsyncIterator[Batches[str, str]]:
    batches: Batches[str, str] = Batches(lambda: press, "press", len)
    batches.start()
    yield batches
    batches.stop()


async def asked(batches: Batches[str, str], words: Sequence[str]) -> asyncio.Task[Sequence[str]]:
    """An order that waits already."""
    order = asyncio.create_task(_do(batches, words))
    await asyncio.sleep(0)
    return order


async def _do(batches: Batches[str, str], words: Sequence[str]) -> Sequence[str]:
    return await batches.do(words)


async def begun(press: Press, pieces: int) -> None:
    async with asyncio.timeout(5):
        while len(press.pieces) < pieces:  # noqa: ASYNC110 - nothing tells it
            await asyncio.sleep(0.01)


async def test_a_large_order_does_not_hold_up_a_small_one(
    batches: Batches[str, str], press: Press
) -> None:
    large = await asked(batches, ["a"] * MANY)
    await begun(press, 1)
    small = await asked(batches, ["b", "c"])
    for _ in range(2):  # the piece at work, and one more
        press.turns.release()
    async with asyncio.timeout(5):
        assert await small == ["B", "C"]
    assert not large.done()
    press.free.set()
    assert await large == ["A"] * MANY
    assert max(map(len, press.pieces)) == PIECE


async def test_all_that_wait_are_in_each_piece(batches: Batches[str, str], press: Press) -> None:
    first = await asked(batches, ["first"])
    await begun(press, 1)
    orders = [await asked(batches, [word] * MANY) for word in "abcd"]
    press.turns.release()
    await first
    await begun(press, 2)
    assert sorted(press.pieces[1]) == sorted("abcd" * (PIECE // 4))
    for order in orders:
        order.cancel()


async def test_a_cancelled_order_stops(batches: Batches[str, str], press: Press) -> None:
    gone = await asked(batches, ["a"] * MANY)
    await begun(press, 1)
    gone.cancel()
    await asyncio.sleep(0)
    press.free.set()
    assert await batches.do(["b"]) == ["B"]
    assert sum(map(len, press.pieces)) == PIECE + 1


async def test_one_that_takes_too_long_stops(batches: Batches[str, str], press: Press) -> None:
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.1):
            await batches.do(["a"] * MANY)
    press.free.set()
    assert await batches.do(["b"]) == ["B"]
    assert sum(map(len, press.pieces)) == PIECE + 1


async def test_heavy_items_make_smaller_pieces(batches: Batches[str, str], press: Press) -> None:
    press.free.set()
    words = ["a" * (WEIGHT // 3), "b" * (2 * WEIGHT), "c"] * 4
    assert await batches.do(words) == [word.upper() for word in words]
    assert all(len(piece) == 1 or sum(map(len, piece)) <= WEIGHT for piece in press.pieces)


async def test_an_order_that_fails_is_not_gone_on_with(
    batches: Batches[str, str], press: Press
) -> None:
    press.free.set()
    with pytest.raises(ValueError, match="no such word"):
        await batches.do(["bad", *["a"] * MANY])
    assert await batches.do(["b"]) == ["B"]
    assert sum(map(len, press.pieces)) == PIECE + 1
