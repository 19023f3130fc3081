"""Tells who looks at an account that something of it has changed, not what: that is to be read."""

from __future__ import annotations

from collections.abc import AsyncGenerator

from engine.feed import Feeds, happens

LOOK_AGAIN = 5.0  # seconds until what other processes did is looked for


class News:
    """Of this process's accounts; nothing is kept of one that nobody looks at."""

    def __init__(self) -> None:
        self._feeds = Feeds()
        self._ended = False

    def tell(self, account_id: int) -> None:
        """Wakes those who look at the account."""
        self._feeds.of(str(account_id)).tell(None)

    async def of(self, account_id: int) -> AsyncGenerator[None]:
        """Yields at once, after each change, and every LOOK_AGAIN seconds at least; ends with the
        studio. Changes that come while it is not waited for are one."""
        feed = self._feeds.of(str(account_id))
        while not self._ended:
            change = feed.change
            yield
            await happens(change, LOOK_AGAIN)

    def __len__(self) -> int:
        """How many accounts are looked at."""
        return len(self._feeds)

    def end(self) -> None:
        """Ends it for everybody."""
        self._ended = True
        self._feeds.end()
