"""/queue and /cancel: what is being drawn for somebody, and how to stop it."""

from __future__ import annotations

import asyncio
from contextlib import aclosing
from enum import StrEnum
from uuid import UUID

from aiogram import Router, html
from aiogram.filters import Command
from aiogram.filters.callback_data import CallbackData
from aiogram.types import CallbackQuery, InlineKeyboardButton, InlineKeyboardMarkup, Message

from bot.answering import answer, rewrite
from bot.talk import Talk
from bot.wording import in_short, waiting
from engine.events import Queued, Step
from engine.studio import Finished
from storage.gallery import Filter
from storage.ledger import ACTIVE
from storage.records import JobRecord

SHOWN = 8  # requests in the message
ALL = 1000  # more, nobody may have waiting
PATIENCE = 0.3  # seconds for a request to say where it is
WORDS_LIMIT = 30  # characters on a button


class Turn(StrEnum):
    """What is done about unfinished requests."""

    LOOK = "look"  # how far they are by now
    STOP = "stop"  # one of them
    ALL = "all"  # stops all of them


class OnQueue(CallbackData, prefix="q"):
    do: Turn
    job: UUID | None = None
    owner: int


def router() -> Router:
    router = Router(name="queue")
    router.message.register(queue, Command("queue"))
    router.message.register(cancel, Command("cancel"))
    router.callback_query.register(turn, OnQueue.filter())
    return router


async def queue(message: Message, talk: Talk) -> None:
    said, buttons = await _shown(await _unfinished(talk), talk)
    await answer(message, said, buttons)


async def cancel(message: Message, talk: Talk) -> None:
    """Whatever it is that goes on: a conversation first, then a request, if it is the only one."""
    say = talk.texts.say
    if await talk.state.get_state() is not None:
        await answer(message, say("All right, never mind. Write what to draw."))
        await talk.state.clear()  # last: handled again, it would stop a request
        return
    jobs = await _unfinished(talk)
    if len(jobs) > 1:
        said, buttons = await _shown(jobs, talk)
        await answer(message, said, buttons)
    elif jobs:
        await talk.studio.cancel(jobs[0].id, talk.account)
        await answer(message, say("It stops at the next step."))
    else:
        await answer(message, say("There is nothing to stop."))


async def turn(press: CallbackQuery, callback_data: OnQueue, talk: Talk) -> None:
    """Raises NotFound for a request of somebody else."""
    if callback_data.do is Turn.STOP and callback_data.job is not None:
        await talk.studio.cancel(str(callback_data.job), talk.account)
    elif callback_data.do is Turn.ALL:
        for job in await _unfinished(talk):
            await talk.studio.cancel(job.id, talk.account)
    said, buttons = await _shown(await _unfinished(talk), talk)
    await rewrite(press, said, buttons)
    await press.answer()


async def _unfinished(talk: Talk) -> list[JobRecord]:
    """The person's, the oldest first."""
    jobs = await talk.studio.history(talk.account, ALL, filter=Filter(states=ACTIVE))
    return jobs[::-1]


async def _shown(jobs: list[JobRecord], talk: Talk) -> tuple[str, InlineKeyboardMarkup | None]:
    """The message about them, HTML, and its buttons."""
    texts = talk.texts
    if not jobs:
        said = texts.say("Nothing is being drawn for you now. Write what to draw.")
        return said, None
    events = await asyncio.gather(*(_now(job, talk) for job in jobs[:SHOWN]))
    parts = [html.bold(texts.say("⏳ Your requests"))]
    for n, (job, event) in enumerate(zip(jobs, events, strict=False), 1):
        parts.append(f"{n}. {waiting(job, event, None, texts)}")
    more = len(jobs) - SHOWN
    if more > 0:
        left = texts.count(
            "{n} more request of yours is waiting.",
            "{n} more requests of yours are waiting.",
            more,
        )
        parts.append(left)
    return "\n\n".join(parts), _buttons(jobs, talk)


async def _now(job: JobRecord, talk: Talk) -> Queued | Step | None:
    """How far it is: as the engine says, or as the ledger does if that takes long."""
    try:
        async with (
            asyncio.timeout(PATIENCE),
            aclosing(talk.studio.watch(job.id, talk.account)) as events,
        ):
            event = await anext(events, None)
    except TimeoutError:
        return Step(job.step, job.steps) if job.steps else None
    return None if isinstance(event, Finished) else event


def _buttons(jobs: list[JobRecord], talk: Talk) -> InlineKeyboardMarkup:
    say = talk.texts.say

    def button(label: str, do: Turn, job: JobRecord | None = None) -> InlineKeyboardButton:
        press = OnQueue(do=do, job=UUID(job.id) if job else None, owner=talk.person)
        return InlineKeyboardButton(text=label, callback_data=press.pack())

    rows = [
        [button(f"✖ {n}. {in_short(job, talk.texts, WORDS_LIMIT)}", Turn.STOP, job)]
        for n, job in enumerate(jobs[:SHOWN], 1)
    ]
    last = [button(say("🔄 Refresh"), Turn.LOOK)]
    if len(jobs) > 1:
        last.append(button(say("✖ Stop all"), Turn.ALL))
    return InlineKeyboardMarkup(inline_keyboard=[*rows, last])
