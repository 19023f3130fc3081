"""Wrong passwords, counted by who tries: after some, each makes the next wait longer."""

from __future__ import annotations

import time
from collections import OrderedDict
from collections.abc import Callable
from math import ceil

from engine.errors import TooManyTries

FREE = 5  # wrong ones before the first pause
FIRST, LONGEST = 15.0, 3600.0  # seconds of a pause; each is twice the one before
FORGOTTEN = 24 * 3600.0  # seconds after the last one, nothing counts any more
KNOWN = 10_000  # names or addresses at a time; the ones that tried longest ago go first


class Tries:
    """Those of one process, by name or by address; an empty name is nobody's.

    `free` are allowed before the first pause, and no pause is longer than `longest` seconds.
    """

    def __init__(
        self,
        clock: Callable[[], float] = time.monotonic,
        *,
        free: int = FREE,
        longest: float = LONGEST,
    ) -> None:
        self._clock = clock
        self._free = free
        self._longest = longest
        self._wrong: OrderedDict[str, tuple[int, float]] = OrderedDict()  # how many, the last when

    def permit(self, who: str) -> None:
        """Raises TooManyTries while they have to wait."""
        count, last = self._wrong.get(who, (0, 0.0))
        if count < self._free:
            return
        pause = min(FIRST * 2.0 ** min(count - self._free, 30), self._longest)
        left = last + pause - self._clock()
        if left > 0:
            raise TooManyTries(seconds=ceil(left))

    def count(self, who: str) -> None:
        """One more was wrong."""
        if not who:
            return
        count, last = self._wrong.pop(who, (0, 0.0))
        moment = self._clock()
        if moment - last > FORGOTTEN:
            count = 0
        self._wrong[who] = count + 1, moment
        while len(self._wrong) > KNOWN:
            self._wrong.popitem(last=False)

    def forget(self, who: str) -> None:
        """One was right."""
        self._wrong.pop(who, None)
