"""What happened, waiting for the bot to hear of it."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass, field
from itertools import islice

from tests.telegram.chats import Pulse
from tests.telegram.messages import Wire
from tests.telegram.refusals import Refused

UNASKED = frozenset({"chat_member", "message_reaction", "message_reaction_count"})
LONGEST_POLL = 50.0  # seconds
ACTIVE = (
    "can't use getUpdates method while webhook is active; "
    "use deleteWebhook to delete the webhook first"
)
TWO_BOTS = "terminated by other getUpdates request; make sure that only one bot instance is running"


@dataclass(frozen=True, slots=True)
class Update:
    """One update as JSON. Those of one `queue` reach a webhook one after another."""

    id: int
    queue: int
    text: str
    made: float = field(default_factory=time.monotonic)


@dataclass(eq=False, slots=True)
class _Poll:
    """A call that waits for updates, and why it is to stop."""

    ended: str = ""


class Updates:
    """Those that the bot has not confirmed yet."""

    def __init__(self, first: int) -> None:
        self._next = first
        self._pending: dict[int, Update] = {}
        self._allowed: frozenset[str] | None = None
        self._pulse = Pulse()
        self._poll: _Poll | None = None
        self.waits: list[float] = []  # seconds until the bot had acknowledged each
        self.taker: Callable[[Update], None] | None = None  # the webhook, while there is one

    def __len__(self) -> int:
        return len(self._pending)

    @property
    def allowed(self) -> list[str] | None:
        return None if self._allowed is None else sorted(self._allowed)

    def allow(self, kinds: Iterable[str] | None) -> None:
        """From now on only these; all usual ones for an empty list, no change for None."""
        if kinds is not None:
            self._allowed = frozenset(kinds) or None

    def put(self, kind: str, what: Wire, queue: int) -> None:
        if not self._wanted(kind):
            return
        wire = {"update_id": self._next, kind: what}
        update = Update(self._next, queue, json.dumps(wire, ensure_ascii=False))
        self._pending[update.id] = update
        self._next += 1
        self._pulse.beat()
        if self.taker:
            self.taker(update)

    def pending(self) -> list[Update]:
        return list(self._pending.values())

    def done(self, update: Update) -> None:
        if self._pending.pop(update.id, None):
            self.waits.append(time.monotonic() - update.made)

    def clear(self) -> None:
        self._pending.clear()

    async def get(self, offset: int, limit: int, seconds: float) -> list[Update]:
        """The first updates from `offset` on; those before it are confirmed and gone.

        Waits up to `seconds` for one. Raises Refused while there is a webhook, and in the
        call that waits when another one comes.
        """
        if self.taker:
            raise _conflict(ACTIVE)
        self.end_poll(TWO_BOTS)
        self._confirm(offset)
        poll = self._poll = _Poll()
        await self._any(poll, min(seconds, LONGEST_POLL))
        if poll.ended:
            raise _conflict(poll.ended)
        self._poll = None
        return list(islice(self._pending.values(), max(1, min(limit, 100))))

    def end_poll(self, why: str) -> None:
        """Whoever waits for updates waits no longer."""
        if self._poll:
            self._poll.ended = why
            self._poll = None
            self._pulse.beat()

    async def _any(self, poll: _Poll, seconds: float) -> None:
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                while not self._pending and not poll.ended:
                    await self._pulse.next()

    def _wanted(self, kind: str) -> bool:
        return kind not in UNASKED if self._allowed is None else kind in self._allowed

    def _confirm(self, offset: int) -> None:
        if offset < 0:
            offset = max(self._next + offset, 0)
        for update in self.pending():
            if update.id >= offset:
                break
            self.done(update)


def _conflict(what: str) -> Refused:
    return Refused(409, f"Conflict: {what}")
