"""Pictures go some time after they were made, and so do the pictures that they were made from.

Jobs and the rows of the pictures stay: what was asked, and what was decided about it. What the bot
keeps to work, and not for people, goes after a time of its own.
"""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from datetime import datetime
from uuid import uuid4

from sqlalchemy import ColumnElement, and_, delete, func, not_, select, true, update

from storage.database import Database
from storage.gallery import Gallery
from storage.pictures import PictureStore
from storage.records import Review
from storage.removal import removing
from storage.sweep import older, sweep
from storage.tables import JobRow, PictureRow, SourceRow, StateRow, UpdateRow, now

BATCH = 500  # rows changed at a time
UPDATES_KEPT = 2  # days after they were handled; Telegram sends one again for a day at most
STATES_KEPT = 90  # days after the last word of a conversation


@dataclass(frozen=True, slots=True)
class Outdated:
    """How many pictures, and how many sources of jobs, are older than one keeps them.

    And how many updates that the bot has handled, and conversations that were left alone.
    """

    pictures: int
    sources: int
    updates: int = 0
    states: int = 0


async def outdated(database: Database, before: datetime, keep_favourites: bool) -> Outdated:
    """What `prune` would remove now. Raises DatabaseAway."""
    pictures = select(func.count()).where(_old_picture(before, keep_favourites))
    sources = select(func.count()).where(_old_source(before))
    updates = select(func.count()).where(_old_update(database))
    states = select(func.count()).where(_old_state(database))
    async with database.read() as session:
        counts = [await session.scalar(one) or 0 for one in (pictures, sources, updates, states)]
    return Outdated(*counts)


async def prune(
    database: Database, store: PictureStore, before: datetime, keep_favourites: bool
) -> Outdated:
    """Removes the pictures and the sources, rows and files, of jobs that ended before `before`.

    A picture that waits for a moderator stays until it is decided. Raises what `removing` does.
    """
    return Outdated(
        pictures=await _prune_pictures(database, store, _old_picture(before, keep_favourites)),
        sources=await _prune_sources(database, store, _old_source(before)),
        updates=await sweep(database, UpdateRow, _old_update(database)),
        states=await sweep(database, StateRow, _old_state(database)),
    )


async def _prune_pictures(database: Database, store: PictureStore, old: ColumnElement[bool]) -> int:
    count, last = 0, ""
    while True:
        batch = (
            select(PictureRow.id, PictureRow.sha256)
            .where(old, PictureRow.id > last)
            .order_by(PictureRow.id)
            .limit(BATCH)
        )
        async with database.read() as session:
            found = dict((await session.execute(batch)).all())
        if not found:
            return count
        gone = (
            update(PictureRow)
            .where(PictureRow.id.in_(found), old)
            .values(deleted_at=now(), favourite=False)
            .returning(PictureRow.id)
            .execution_options(synchronize_session=False)
        )
        async with _removing(database, store, found.values()), database.write() as session:
            count += len((await session.scalars(gone)).all())
        last = list(found)[-1]


async def _prune_sources(database: Database, store: PictureStore, old: ColumnElement[bool]) -> int:
    count = 0
    while True:
        batch = select(SourceRow.job_id).where(old).distinct().limit(BATCH)
        async with database.read() as session:
            jobs = (await session.scalars(batch)).all()
            hashes = select(SourceRow.sha256).where(SourceRow.job_id.in_(jobs))
            found = (await session.scalars(hashes)).all()
        if not jobs:
            return count
        gone = (
            delete(SourceRow)
            .where(SourceRow.job_id.in_(jobs))
            .returning(SourceRow.sha256)
            .execution_options(synchronize_session=False)
        )
        async with _removing(database, store, found), database.write() as session:
            count += len((await session.scalars(gone)).all())


def _removing(
    database: Database, store: PictureStore, hashes: Iterable[str]
) -> AbstractAsyncContextManager[None]:
    return removing(store, Gallery(database), f"prune-{uuid4()}", sorted(set(hashes)))


def _old_picture(before: datetime, keep_favourites: bool) -> ColumnElement[bool]:
    return and_(
        PictureRow.job_id.in_(select(JobRow.id).where(JobRow.finished_at < before)),
        PictureRow.deleted_at.is_(None),
        PictureRow.review != Review.WAITING,
        not_(PictureRow.favourite) if keep_favourites else true(),
    )


def _old_source(before: datetime) -> ColumnElement[bool]:
    return SourceRow.job_id.in_(select(JobRow.id).where(JobRow.finished_at < before))


def _old_update(database: Database) -> ColumnElement[bool]:
    return older(database, UpdateRow.handled_at, UPDATES_KEPT)


def _old_state(database: Database) -> ColumnElement[bool]:
    return older(database, StateRow.changed_at, STATES_KEPT)
