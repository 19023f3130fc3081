"""What the bot sent to people, as they see it, against what it wrote down about that in SQL."""

from __future__ import annotations

from collections import Counter
from collections.abc import AsyncIterator, Iterator, Mapping
from dataclasses import dataclass

from sqlalchemy import func, select

from bot.presses import Do, OnResult
from storage.database import Database
from storage.records import DeliveryState, JobState, MessageKind
from storage.tables import AccountRow, DeliveryRow, JobRow, MessageRow, UpdateRow
from tests.telegram import Emulator
from tests.telegram.messages import Message

Place = tuple[int, int]  # a chat, and the number of a message in it

PREFIX = f"{OnResult.__prefix__}{OnResult.__separator__}"


@dataclass(frozen=True, slots=True)
class Letters:
    """The messages about jobs that are in the chats, and the jobs that their buttons name."""

    results: frozenset[Place]
    statuses: frozenset[Place]
    jobs: frozenset[str]


def letters(telegram: Emulator) -> Letters:
    """Pictures and what has their buttons are results; the rest tells how a job goes."""
    results, statuses, jobs = set(), set(), set()
    for message in _by_the_bot(telegram):
        place, press = (message.chat.id, message.id), _press(message)
        jobs |= {str(press.job)} if press else set()
        if press and press.do is Do.CANCEL:
            statuses.add(place)
        elif press or message.content.photo:
            results.add(place)
    return Letters(frozenset(results), frozenset(statuses), frozenset(jobs))


async def not_noted(telegram: Emulator, database: Database) -> set[Place]:
    """The messages about jobs that people see and the bot knows nothing of."""
    seen = letters(telegram)
    async with database.read() as session:
        noted = await session.execute(select(MessageRow.chat_id, MessageRow.message_id))
        return {*seen.results, *seen.statuses} - {(chat, number) for chat, number in noted}


async def wrong(
    telegram: Emulator, database: Database, in_flight: set[Place], asked: Mapping[int, int]
) -> list[str]:
    """What is not as it should be when all has come to its end, in words.

    `in_flight`: what was sent and not noted at a kill. `asked`: for each person, the jobs that they
    asked for.
    """
    return [
        *(f"{place} came twice" for place in await not_noted(telegram, database) - in_flight),
        *[one async for one in _delivered(telegram, database)],
        *[one async for one in _asked(database, asked)],
    ]


async def _delivered(telegram: Emulator, database: Database) -> AsyncIterator[str]:
    """Each job was delivered, and is noted as delivered once."""
    seen = letters(telegram)
    async with database.read() as session:
        jobs = (await session.scalars(select(JobRow))).all()
        noted = (await session.scalars(select(MessageRow))).all()
        sent = {row.job_id: row.state for row in await session.scalars(select(DeliveryRow))}
    kinds = Counter((row.job_id, row.kind) for row in noted)
    for row in noted:
        if (row.chat_id, row.message_id) not in seen.results:
            yield f"{row.kind} {row.chat_id, row.message_id} of {row.job_id} is not there"
    for job in jobs:
        done = job.state is JobState.DONE
        pictures, buttons = (job.count, int(job.count > 1)) if done else (0, 1)
        if sent.get(job.id) is not DeliveryState.SENT:
            yield f"{job.id} was not delivered"
        if kinds[job.id, MessageKind.PICTURE] != pictures:
            yield f"{job.id} has {kinds[job.id, MessageKind.PICTURE]} of {pictures} pictures"
        if kinds[job.id, MessageKind.ACTIONS] != buttons:
            yield f"{job.id} has its buttons {kinds[job.id, MessageKind.ACTIONS]} times"


async def _asked(database: Database, asked: Mapping[int, int]) -> AsyncIterator[str]:
    """Each wish of each person was made a job once."""
    jobs = (
        select(AccountRow.external_id, func.count(JobRow.id))
        .join(JobRow, JobRow.account_id == AccountRow.id)
        .group_by(AccountRow.external_id)
    )
    async with database.read() as session:
        made = {int(person): number for person, number in await session.execute(jobs)}
        left = await session.scalar(select(func.count()).where(UpdateRow.handled_at.is_(None)))
    if left:
        yield f"{left} updates were not handled"
    for person, number in asked.items():
        if made.get(person, 0) != number:
            yield f"{person} asked for {number} and has {made.get(person, 0)} jobs"


async def updates(database: Database) -> int:
    """How many the bot has heard."""
    async with database.read() as session:
        return await session.scalar(select(func.count()).select_from(UpdateRow)) or 0


def _by_the_bot(telegram: Emulator) -> Iterator[Message]:
    for person in telegram.people:
        for message in person.chat.log.values():
            if message.sender.is_bot and not message.deleted:
                yield message


def _press(message: Message) -> OnResult | None:
    """What the first button under a result or a status says."""
    rows = (message.keyboard or {}).get("inline_keyboard", [])
    for button in (button for row in rows for button in row):
        if button.get("callback_data", "").startswith(PREFIX):
            return OnResult.unpack(button["callback_data"])
    return None
