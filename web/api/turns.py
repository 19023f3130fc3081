"""How much one account may have going on at once, so that others do not wait for it."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from weakref import WeakValueDictionary

from engine.errors import TooManyAtOnce

WAITING = 16  # pictures of an account, besides the one that is being opened


class Places:
    """So many for each account, and nothing is kept of those that take none."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._taken = Counter[int]()

    @contextmanager
    def taken(self, account_id: int) -> Iterator[None]:
        """One is taken inside. Raises TooManyAtOnce where all are."""
        if self._taken[account_id] >= self._limit:
            raise TooManyAtOnce(limit=self._limit)
        self._taken[account_id] += 1
        try:
            yield
        finally:
            self._taken[account_id] -= 1
            if not self._taken[account_id]:
                del self._taken[account_id]


class Turns:
    """One of each account at a time, in the order they come; WAITING more may wait."""

    def __init__(self) -> None:
        self._places = Places(1 + WAITING)
        self._locks = WeakValueDictionary[int, asyncio.Lock]()

    @asynccontextmanager
    async def turn(self, account_id: int) -> AsyncIterator[None]:
        """It is the account's turn inside. Raises TooManyAtOnce."""
        with self._places.taken(account_id):
            lock = self._locks.setdefault(account_id, asyncio.Lock())
            async with lock:
                yield
