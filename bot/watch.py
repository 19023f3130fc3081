"""Tells the moderators' chat how much waits for them: numbers and a link, never what it is about.

One message is changed in place. Only what should not wait is said anew, so that phones ring.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from datetime import UTC, datetime, timedelta

from aiogram import Bot, html
from aiogram.exceptions import TelegramAPIError, TelegramBadRequest, TelegramForbiddenError

from engine.errors import UserError
from engine.feed import happens
from engine.texts import Texts
from storage.database import DatabaseAway
from storage.records import Line, View
from storage.states import States

LOOK_AGAIN = 10.0  # seconds until the numbers are looked at again
PAUSE = 60.0  # seconds between changes of the message
LATE = timedelta(hours=1)  # what has waited for so long is said anew
LOUD = (View.REPORTED, View.APPEALS)  # the first of them is said anew
NO_CASES = Line(0, None)

Counts = Mapping[View, Line]

log = logging.getLogger(__name__)


class Watch:
    """Works from `start` to `drain`. `waiting` gives the numbers; `chat` is the id or the @name of
    the chat, `console` the address of the moderators' pages, if it is known."""

    def __init__(
        self,
        bot: Bot,
        waiting: Callable[[], Awaitable[Counts]],
        states: States,
        chat: str,
        console: str,
        *,
        look_again: float = LOOK_AGAIN,
        pause: float = PAUSE,
    ) -> None:
        self._bot = bot
        self._waiting = waiting
        self._states = states
        self._chat = chat
        self._console = console
        self._look_again = look_again
        self._pause = pause
        self._key = f"watch:{bot.id}:{chat}"
        self._closing = asyncio.Event()
        self._changed = -pause  # when the message was changed

    def start(self) -> None:
        self._working = asyncio.create_task(self._work(), name="watch")

    async def drain(self) -> None:
        self._closing.set()
        self._working.cancel()
        await asyncio.gather(self._working, return_exceptions=True)

    async def _work(self) -> None:
        while not self._closing.is_set():
            try:
                await self._look()
            except (TelegramAPIError, DatabaseAway, UserError) as error:
                log.warning("the moderators are not told what waits: %s", error)
            except Exception:
                log.exception("the moderators are not told what waits")
            await happens(self._closing, self._look_again)

    async def _look(self) -> None:
        counts = await self._waiting()
        said, loud = words(counts, self._console), sorted(alarms(counts))
        _, before = await self._states.get(self._key)
        number, known = before.get("message"), before.get("loud", [])
        if not number and not any(line.open for line in counts.values()):
            return
        if not number or set(loud) - set(known):
            sent = await self._bot.send_message(self._chat, said, disable_notification=not loud)
            await self._keep(sent.message_id, said, loud)
            if number:
                await self._take_away(number)
        elif said != before.get("said"):
            await self._change(number, said, loud)
        elif loud != known:
            await self._keep(number, said, loud)

    async def _change(self, number: int, said: str, loud: list[str]) -> None:
        if time.monotonic() < self._changed + self._pause:
            return
        try:
            await self._bot.edit_message_text(said, chat_id=self._chat, message_id=number)
        except TelegramBadRequest:  # somebody deleted it
            sent = await self._bot.send_message(self._chat, said, disable_notification=True)
            number = sent.message_id
        await self._keep(number, said, loud)

    async def _keep(self, number: int, said: str, loud: list[str]) -> None:
        """Remembers it beyond the next start."""
        self._changed = time.monotonic()
        kept = {"message": number, "said": said, "loud": loud}
        await self._states.set_data(self._key, None, kept)

    async def _take_away(self, number: int) -> None:
        with suppress(TelegramBadRequest, TelegramForbiddenError):  # it is too old, or gone
            await self._bot.delete_message(self._chat, number)


def alarms(counts: Counts) -> set[str]:
    """What should not wait: views with something that is said anew, and lateness."""
    loud = {str(view) for view in LOUD if counts.get(view, NO_CASES).open}
    oldest = _oldest(counts)
    if oldest is not None and datetime.now(UTC) - oldest > LATE:
        loud.add("late")
    return loud


def words(counts: Counts, console: str) -> str:
    """The message. HTML; nothing of what people wrote."""
    texts = Texts("en")
    names = {
        View.WAITING: texts.say("Waiting for review"),
        View.HELD: texts.say("Held until reviewed"),
        View.REPORTED: texts.say("Reported"),
        View.APPEALS: texts.say("Appeals"),
    }
    lines = [html.bold(html.quote(texts.say("For the moderators")))]
    lines += [f"{name}: {counts.get(view, NO_CASES).open}" for view, name in names.items()]
    if oldest := _oldest(counts):
        since = f"{oldest.astimezone(UTC):%Y-%m-%d %H:%M} UTC"
        lines.append(texts.say("The oldest has waited since {since}.", since=since))
    else:
        lines.append(texts.say("Nothing waits."))
    return "\n".join([*lines, html.quote(console)]).strip()


def _oldest(counts: Counts) -> datetime | None:
    return min((line.oldest for line in counts.values() if line.oldest), default=None)
