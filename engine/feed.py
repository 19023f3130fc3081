"""The latest event of each job, for any number of watchers: slow ones skip, nobody is held up."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from weakref import WeakValueDictionary

from engine.events import Queued, Step


class Feed:
    """`latest` is None while this process does not work on the job: then the ledger knows."""

    def __init__(self) -> None:
        self.latest: Queued | Step | None = None
        self.watchers = 0  # who look on now
        self._change = asyncio.Event()

    @property
    def change(self) -> asyncio.Event:
        """Set at the next `tell`. Take it before looking, so that no change is missed."""
        return self._change

    @contextmanager
    def watched(self) -> Iterator[None]:
        """While somebody looks on."""
        self.watchers += 1
        try:
            yield
        finally:
            self.watchers -= 1

    def tell(self, latest: Queued | Step | None) -> None:
        """Replaces the latest event and wakes the watchers; None sends them to the ledger."""
        self.latest = latest
        self._change.set()
        self._change = asyncio.Event()


class Feeds:
    """The feeds by job id; each lives as long as somebody holds it."""

    def __init__(self) -> None:
        self._feeds: WeakValueDictionary[str, Feed] = WeakValueDictionary()

    def of(self, job_id: str) -> Feed:
        return self._feeds.setdefault(job_id, Feed())

    def __len__(self) -> int:
        return len(self._feeds)

    def end(self) -> None:
        """Wakes every watcher, the last time."""
        for feed in list(self._feeds.values()):
            feed.tell(None)


async def happens(change: asyncio.Event, seconds: float) -> None:
    """Waits until the change, for so many seconds at most."""
    with suppress(TimeoutError):
        await asyncio.wait_for(change.wait(), seconds)
