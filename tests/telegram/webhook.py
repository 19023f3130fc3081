"""Brings updates to the bot's own address, as Telegram does: in order for each chat, with its
secret, again and again until it is answered with success."""

from __future__ import annotations

import asyncio
import logging
import time
from collections import deque
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from aiohttp import (
    ClientConnectorError,
    ClientError,
    ClientResponse,
    ClientSession,
    ClientTimeout,
    TCPConnector,
)

from tests.telegram.faults import Faults
from tests.telegram.messages import Wire
from tests.telegram.updates import Update, Updates

SECRET_HEADER = "X-Telegram-Bot-Api-Secret-Token"
BACKOFF = (1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 60.0)  # Telegram's seconds
ANSWER_LIMIT = 60.0  # Telegram's seconds

Reply = Callable[[ClientResponse], Awaitable[None]]

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Address:
    """Where updates go."""

    url: str
    secret: str | None = None
    connections: int = 40


class Webhook:
    """One at a time. `reply` does what the bot asks for in its answer to an update."""

    def __init__(self, updates: Updates, faults: Faults, speed: float) -> None:
        self._updates = updates
        self._faults = faults
        self._speed = speed
        self.reply: Reply | None = None
        self._address: Address | None = None
        self._pushes: asyncio.Task[None] | None = None
        self._error: tuple[int, str] | None = None
        self.tries = 0  # pushes of all updates, with those that failed

    async def set(self, address: Address) -> None:
        await self.delete()
        self._address = address
        ready: asyncio.Queue[deque[Update]] = asyncio.Queue()
        queues: dict[int, deque[Update]] = {}

        def take(update: Update) -> None:
            queue = queues.setdefault(update.queue, deque())
            queue.append(update)
            if len(queue) == 1:
                ready.put_nowait(queue)

        for update in self._updates.pending():
            take(update)
        self._updates.taker = take
        self._pushes = asyncio.create_task(self._push_all(address, ready))

    async def delete(self) -> None:
        """Nothing is brought any more; what was not, waits for getUpdates."""
        self._address, self._error = None, None
        self._updates.taker = None
        pushes, self._pushes = self._pushes, None
        if pushes:
            pushes.cancel()
            await asyncio.wait([pushes])

    def wire(self) -> Wire:
        """As WebhookInfo."""
        address = self._address
        wire: Wire = {
            "url": address.url if address else "",
            "has_custom_certificate": False,
            "pending_update_count": len(self._updates),
        }
        if address:
            wire["max_connections"] = address.connections
        if self._error:
            wire["last_error_date"], wire["last_error_message"] = self._error
        if self._updates.allowed is not None:
            wire["allowed_updates"] = self._updates.allowed
        return wire

    async def _push_all(self, address: Address, ready: asyncio.Queue[deque[Update]]) -> None:
        timeout = ClientTimeout(total=ANSWER_LIMIT / self._speed)
        connector = TCPConnector(limit=address.connections)
        async with (
            ClientSession(connector=connector, timeout=timeout) as session,
            asyncio.TaskGroup() as group,
        ):
            for _ in range(address.connections):
                group.create_task(self._push_each(session, address, ready))

    async def _push_each(
        self, session: ClientSession, address: Address, ready: asyncio.Queue[deque[Update]]
    ) -> None:
        """Brings the first of a queue; the others of that queue wait until it has arrived."""
        while True:
            queue = await ready.get()
            await self._push(session, address, queue[0])
            self._updates.done(queue.popleft())
            if queue:
                ready.put_nowait(queue)

    async def _push(self, session: ClientSession, address: Address, update: Update) -> None:
        attempt = 0
        while not await self._pushed(session, address, update):
            await asyncio.sleep(BACKOFF[min(attempt, len(BACKOFF) - 1)] / self._speed)
            attempt += 1

    async def _pushed(self, session: ClientSession, address: Address, update: Update) -> bool:
        while (silence := self._faults.silence_left) > 0:  # noqa: ASYNC110
            await asyncio.sleep(silence)
        self.tries += 1
        headers = {"Content-Type": "application/json"}
        if address.secret:
            headers[SECRET_HEADER] = address.secret
        try:
            async with session.post(
                address.url, data=update.text.encode(), headers=headers
            ) as answer:
                if not 200 <= answer.status < 300:
                    what = f"{answer.status} {answer.reason}"
                    return self._failed(f"Wrong response from the webhook: {what}")
                if self.reply:
                    await self.reply(answer)
        except TimeoutError:
            return self._failed("Read timeout expired")
        except ClientConnectorError:
            return self._failed("Connection refused")
        except (ClientError, OSError):
            return self._failed("Connection reset by peer")
        return True

    def _failed(self, why: str) -> bool:
        self._error = int(time.time()), why
        log.info("Webhook: %s", why)
        return False
