"""Work that may never end, in threads: what does not end in time is left behind, and others go on.

Nothing can stop a thread. So only so many may be left behind, and they end with the program.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import suppress
from threading import Thread
from time import monotonic
from typing import TypeVar

Result = TypeVar("Result")


class Hangs(Exception):
    """The work did not end in time, or was not even begun because too much else has not."""


class Patience:
    """At most `threads` pieces of work at a time, `seconds` for each; while `most` are left behind
    that have still not ended, no more is begun."""

    def __init__(self, seconds: float, threads: int, most: int) -> None:
        self._seconds = seconds
        self._most = most
        self._places = asyncio.Semaphore(threads)
        self._begun: dict[Thread, float] = {}  # when, of those that have not ended

    async def wait(self, work: Callable[[], Result]) -> Result:
        """What the work returns. Raises what it raises, and Hangs."""
        async with self._places:
            if self._left_behind() >= self._most:
                raise Hangs
            done = asyncio.get_running_loop().create_future()
            thread = Thread(target=_run, args=(work, done), name="patience", daemon=True)
            self._begun[thread] = monotonic()
            thread.start()
            await asyncio.wait([done], timeout=self._seconds)
            if not done.done():
                raise Hangs
            result: Result = done.result()
            return result

    def _left_behind(self) -> int:
        """Whoever waited for them may have given up before their time was over."""
        self._begun = {one: began for one, began in self._begun.items() if one.is_alive()}
        return sum(monotonic() - began >= self._seconds for began in self._begun.values())


def _run(work: Callable[[], Result], done: asyncio.Future[Result]) -> None:
    try:
        result = work()
    except BaseException as error:  # an exit, too: it is the work's, not the program's
        _tell(done, done.set_exception, RuntimeError(f"{type(error).__name__}: {error}"))
    else:
        _tell(done, done.set_result, result)


def _tell(done: asyncio.Future[Result], how: Callable[..., None], what: object) -> None:
    def tell() -> None:
        if not done.done():
            how(what)

    with suppress(RuntimeError):  # the program has ended meanwhile
        done.get_loop().call_soon_threadsafe(tell)
