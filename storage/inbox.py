"""The inbox: updates of Telegram, durable before they are acknowledged, handled afterwards.

Those who write at the same time share a transaction: while one is being committed, what arrives
waits for the next. So hundreds of updates a second need no more of the disk than a few.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from sqlalchemy import ColumnElement, and_, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from storage.database import Database, DatabaseAway
from storage.inserts import insert_each
from storage.records import Received
from storage.rows import received
from storage.sweep import older, sweep
from storage.tables import UpdateRow

BATCH = 500  # ids in one statement

EMPTY = {"lane": "", "album": None, "person": None, "body": None}  # what is left of a handled one


@dataclass(frozen=True, slots=True)
class _Wish:
    """What one caller wants written, and where it waits for those updates that were new."""

    put: tuple[Received, ...] = ()
    handled: tuple[int, ...] = ()
    answer: asyncio.Future[list[Received]] = field(
        default_factory=lambda: asyncio.get_running_loop().create_future()
    )

    def grant(self, new: set[int]) -> None:
        """Answers with those of the new ones that are its own, and takes them out of `new`."""
        own = []
        for one in self.put:
            if one.id in new:
                new.remove(one.id)
                own.append(one)
        self.answer.set_result(own)

    def refuse(self, error: Exception) -> None:
        if not self.answer.done():
            self.answer.set_exception(error)


class Inbox:
    """The updates of one bot. Every method may raise DatabaseAway.

    Who was cancelled in `put`, or got DatabaseAway, cannot know whether the updates are stored. If
    they are, `waiting` has them, and to a second `put` they are not new.
    """

    def __init__(self, database: Database, bot: int) -> None:
        self._database = database
        self._bot = bot
        self._wishes: list[_Wish] = []
        self._writing: asyncio.Task[None] | None = None

    async def put(self, updates: Sequence[Received]) -> list[Received]:
        """Stores them, if it has not done so before; those that are new, each to one caller."""
        return await self._written(_Wish(put=tuple(updates))) if updates else []

    async def waiting(self) -> list[Received]:
        """Those that were not handled, in the order in which they were sent."""
        unhandled = (
            select(UpdateRow)
            .where(UpdateRow.bot == self._bot, UpdateRow.handled_at.is_(None))
            .order_by(UpdateRow.id)
        )
        async with self._database.read() as session:
            return [received(row) for row in await session.scalars(unhandled)]

    async def handled(self, ids: Sequence[int]) -> None:
        """They are done with: only their numbers stay, so that they are not taken for new."""
        if ids:
            await self._written(_Wish(handled=tuple(ids)))

    async def prune(self, days: float) -> int:
        """Forgets those that were handled so long ago; Telegram does not send them again."""
        old = and_(UpdateRow.bot == self._bot, older(self._database, UpdateRow.handled_at, days))
        return await sweep(self._database, UpdateRow, old)

    async def _written(self, wish: _Wish) -> list[Received]:
        self._wishes.append(wish)
        if self._writing is None or self._writing.done():
            self._writing = asyncio.create_task(self._write())
        return await wish.answer

    async def _write(self) -> None:
        """Until nobody wishes anything any more."""
        while self._wishes:
            wishes, self._wishes = self._wishes, []
            try:
                await self._answer(wishes)
            finally:
                for wish in wishes:
                    wish.answer.cancel()  # nobody waits in vain where the program ends

    async def _answer(self, wishes: Sequence[_Wish]) -> None:
        try:
            new = await self._commit(wishes)
        except DatabaseAway as error:
            for wish in wishes:
                wish.refuse(DatabaseAway(str(error)))
        except Exception as error:  # an update that cannot be stored does not take others with it
            if len(wishes) == 1:
                wishes[0].refuse(error)
                return
            for wish in wishes:
                await self._answer([wish])
        else:
            for wish in wishes:
                if not wish.answer.done():  # else another one that has put the same gets them
                    wish.grant(new)

    async def _commit(self, wishes: Iterable[_Wish]) -> set[int]:
        """One transaction; the ids of the updates that were not known before it."""
        put = [one for wish in wishes for one in wish.put]
        done = {one for wish in wishes for one in wish.handled}
        async with self._database.write(urgent=True) as session:
            new = await self._insert(session, put) if put else set()
            await self._mark(session, sorted(done))
        return new

    async def _insert(self, session: AsyncSession, put: Iterable[Received]) -> set[int]:
        """In the order of their ids: two processes with the same ones do not lock each other."""
        rows = [self._row(one) for one in sorted(put, key=lambda one: one.id)]
        new = insert_each(session, UpdateRow).returning(UpdateRow.id)
        return set(await session.scalars(new, rows))

    async def _mark(self, session: AsyncSession, ids: Sequence[int]) -> None:
        for start in range(0, len(ids), BATCH):
            own = and_(UpdateRow.bot == self._bot, UpdateRow.id.in_(ids[start : start + BATCH]))
            await settle(self._database, session, own)

    def _row(self, one: Received) -> dict[str, object]:
        return {
            "bot": self._bot,
            "id": one.id,
            "lane": one.lane,
            "album": one.album,
            "person": one.person,
            "body": one.body,
            "received_at": one.received_at,
        }


async def settle(database: Database, session: AsyncSession, which: ColumnElement[bool]) -> None:
    """Of these updates, those that were not handled count as such, and their content goes."""
    await session.execute(
        update(UpdateRow)
        .where(which, UpdateRow.handled_at.is_(None))
        .values(**EMPTY, handled_at=database.moment())
        .execution_options(synchronize_session=False)
    )
