"""Pictures go some time after they were made, and so do the pictures that they were made from.

Jobs and the rows of the pictures stay: what was asked, and what was decided about it. Uploads,
removed pictures, refused requests, failed sign-ins, and what the bot keeps to work, and not for
people, go after a time of their own.
"""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from datetime import datetime
from uuid import uuid4

from sqlalchemy import ColumnElement, and_, delete, exists, func, not_, select, true, tuple_

from storage.audit import FAILED_SIGN_IN
from storage.cases import is_open
from storage.database import Database
from storage.gallery import Gallery, let_go
from storage.pictures import PictureStore
from storage.records import Review
from storage.removal import removing
from storage.sweep import DAY, older, sweep
from storage.tables import (
    AuditRow,
    BanRow,
    DecisionRow,
    JobRow,
    PictureRow,
    RefusalRow,
    SourceRow,
    StateRow,
    UpdateRow,
    UploadRow,
)

BATCH = 500  # rows changed at a time
UPLOADS_KEPT = 1  # day after they were sent the last time
UPDATES_KEPT = 2  # days after they were handled; Telegram sends one again for a day at most
STATES_KEPT = 90  # days after the last word of a conversation
REMOVED_KEPT = 30  # days after the last decision about a removed picture, for an appeal
REFUSALS_KEPT = 30  # days
TRIES_KEPT = 30  # days after somebody failed to sign in


@dataclass(frozen=True, slots=True)
class Outdated:
    """How many pictures, and how many sources of jobs, are older than one keeps them.

    And how many updates that the bot has handled, conversations that were left alone, and uploads
    that nobody may name any more; removed pictures that were not appealed, requests that were
    refused, bans that have ended of people who were forgotten, and tries to sign in that failed.
    """

    pictures: int
    sources: int
    updates: int = 0
    states: int = 0
    uploads: int = 0
    removed: int = 0
    refusals: int = 0
    bans: int = 0
    tries: int = 0


async def outdated(database: Database, before: datetime, keep_favourites: bool) -> Outdated:
    """What `prune` would remove now. Raises DatabaseAway."""
    pictures = select(func.count()).where(_old_picture(before, keep_favourites))
    sources = select(func.count()).where(_old_source(before))
    updates = select(func.count()).where(_old_update(database))
    states = select(func.count()).where(_old_state(database))
    uploads = select(func.count()).where(_old_upload(database))
    removed = select(func.count()).where(_old_removed(database))
    refusals = select(func.count()).where(_old_refusal(database))
    bans = select(func.count()).where(_old_ban(database))
    tries = select(func.count()).where(_old_try(database))
    every = (pictures, sources, updates, states, uploads, removed, refusals, bans, tries)
    async with database.read() as session:
        counts = [await session.scalar(one) or 0 for one in every]
    return Outdated(*counts)


async def prune(
    database: Database, store: PictureStore, before: datetime, keep_favourites: bool
) -> Outdated:
    """Removes the pictures and the sources, rows and files, of jobs that ended before `before`.

    A picture that is a case for moderators stays until it is decided. Raises what `removing` does.
    """
    return Outdated(
        pictures=await _prune_pictures(database, store, _old_picture(before, keep_favourites)),
        sources=await _prune_sources(database, store, _old_source(before)),
        updates=await sweep(database, UpdateRow, _old_update(database)),
        states=await sweep(database, StateRow, _old_state(database)),
        uploads=await prune_uploads(database, store),
        removed=await _prune_pictures(database, store, _old_removed(database)),
        refusals=await sweep(database, RefusalRow, _old_refusal(database)),
        bans=await sweep(database, BanRow, _old_ban(database)),
        tries=await sweep(database, AuditRow, _old_try(database)),
    )


async def prune_lapsed(database: Database, store: PictureStore) -> None:
    """Removes what goes by itself, whatever else an operator keeps: uploads, removed pictures,
    refusals and failed sign-ins of their age, and bans of people who were forgotten.

    Raises what `removing` does.
    """
    await prune_uploads(database, store)
    await _prune_pictures(database, store, _old_removed(database))
    await sweep(database, RefusalRow, _old_refusal(database))
    await sweep(database, BanRow, _old_ban(database))
    await sweep(database, AuditRow, _old_try(database))


async def prune_uploads(database: Database, store: PictureStore) -> int:
    """Removes the uploads, rows and files, of more than UPLOADS_KEPT days; how many there were.

    Raises what `removing` does.
    """
    count, old = 0, _old_upload(database)
    key = tuple_(UploadRow.account_id, UploadRow.sha256)
    while True:
        batch = select(UploadRow.account_id, UploadRow.sha256).where(old).limit(BATCH)
        async with database.read() as session:
            found = (await session.execute(batch)).all()
        if not found:
            return count
        gone = (
            delete(UploadRow)
            .where(key.in_([tuple(one) for one in found]), old)
            .returning(UploadRow.sha256)
            .execution_options(synchronize_session=False)
        )
        hashes = [sha256 for _, sha256 in found]
        async with _removing(database, store, hashes), database.write() as session:
            count += len((await session.scalars(gone)).all())


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
        async with _removing(database, store, found.values()), database.write() as session:
            count += len(await let_go(session, and_(PictureRow.id.in_(found), old)))
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
        PictureRow.review.not_in((Review.WAITING, Review.HELD)),
        not_(is_open()),
        not_(PictureRow.favourite) if keep_favourites else true(),
    )


def _old_removed(database: Database) -> ColumnElement[bool]:
    moment = select(database.moment(-REMOVED_KEPT * DAY)).scalar_subquery()
    recent = exists().where(
        DecisionRow.picture_id == PictureRow.id, DecisionRow.created_at >= moment
    )
    there = and_(PictureRow.review == Review.REMOVED, PictureRow.deleted_at.is_(None))
    return and_(there, not_(recent), not_(is_open()))


def _old_source(before: datetime) -> ColumnElement[bool]:
    return SourceRow.job_id.in_(select(JobRow.id).where(JobRow.finished_at < before))


def _old_upload(database: Database) -> ColumnElement[bool]:
    return older(database, UploadRow.created_at, UPLOADS_KEPT)


def _old_update(database: Database) -> ColumnElement[bool]:
    return older(database, UpdateRow.handled_at, UPDATES_KEPT)


def _old_state(database: Database) -> ColumnElement[bool]:
    return older(database, StateRow.changed_at, STATES_KEPT)


def _old_refusal(database: Database) -> ColumnElement[bool]:
    return older(database, RefusalRow.created_at, REFUSALS_KEPT)


def _old_ban(database: Database) -> ColumnElement[bool]:
    return older(database, BanRow.until, 0)


def _old_try(database: Database) -> ColumnElement[bool]:
    failed = AuditRow.action == FAILED_SIGN_IN
    return and_(failed, older(database, AuditRow.created_at, TRIES_KEPT))
