"""What moderators find: any picture that was not deleted, whatever became of it."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import asdict
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Select, and_, func, or_, select, tuple_

from storage.database import Database
from storage.gallery import has_words
from storage.records import Account, Found, PictureRecord, Search
from storage.rows import account_record, asked, picture_record
from storage.tables import AccountRow, JobRow, PictureRow

Row = tuple[PictureRow, JobRow, AccountRow]


async def picture(database: Database, picture_id: str) -> PictureRecord | None:
    """The picture in any state; None if there is none, or it was deleted. Raises DatabaseAway."""
    there = PictureRow.id == picture_id, PictureRow.deleted_at.is_(None)
    async with database.read() as session:
        row = await session.scalar(select(PictureRow).where(*there))
        return None if row is None else picture_record(row)


async def owned(
    database: Database, picture_ids: Collection[str]
) -> dict[str, tuple[PictureRecord, Account]]:
    """Those of the pictures that are there, with their owners. Raises DatabaseAway."""
    there = PictureRow.id.in_(picture_ids), PictureRow.deleted_at.is_(None)
    found = select(PictureRow, AccountRow).join(AccountRow, AccountRow.id == PictureRow.account_id)
    async with database.read() as session:
        rows = await session.execute(found.where(*there))
        return {one.id: (picture_record(one), account_record(owner)) for one, owner in rows}


async def search(database: Database, wanted: Search, before: str | None, limit: int) -> list[Found]:
    """Those asked for last first; `before` is the last picture of the page before.

    Raises DatabaseAway.
    """
    page = (
        _joined()
        .where(*_conditions(database, wanted))
        .order_by(JobRow.created_at.desc(), JobRow.id.desc(), PictureRow.index)
        .limit(limit)
    )
    async with database.read() as session:
        if before is not None:
            place = (await session.execute(_joined().where(PictureRow.id == before))).one_or_none()
            if place is None:
                return []
            last, job, _ = place
            page = page.where(_after(last, job))
        rows = (await session.execute(page)).all()
    return [
        Found(picture_record(one), asked(job), account_record(account))
        for one, job, account in rows
    ]


def told(wanted: Search) -> dict[str, Any]:
    """What a search was for, as the audit keeps it."""
    return {
        name: value.isoformat() if isinstance(value, datetime) else value
        for name, value in asdict(wanted).items()
        if value not in ("", None)
    }


def _joined() -> Select[*Row]:
    return (
        select(PictureRow, JobRow, AccountRow)
        .join(JobRow, JobRow.id == PictureRow.job_id)
        .join(AccountRow, AccountRow.id == JobRow.account_id)
    )


def _after(last: PictureRow, job: JobRow) -> ColumnElement[bool]:
    earlier = tuple_(JobRow.created_at, JobRow.id) < (job.created_at, job.id)
    rest = and_(JobRow.id == job.id, PictureRow.index > last.index)
    return and_(JobRow.created_at <= job.created_at, or_(earlier, rest))  # an index finds the first


def _has_words(database: Database, search: str) -> ColumnElement[bool]:
    """As `has_words` for everybody's jobs: PostgreSQL's LIKE takes twice as long."""
    if database.sqlite:
        return has_words(search)
    return func.strpos(JobRow.words, search.strip().casefold()) > 0


def _conditions(database: Database, wanted: Search) -> list[ColumnElement[bool]]:
    found: list[ColumnElement[bool]] = [PictureRow.deleted_at.is_(None)]
    if wanted.text.strip():
        found.append(_has_words(database, wanted.text))
    if wanted.account is not None:
        found.append(JobRow.account_id == wanted.account)
    if wanted.since is not None:
        found.append(JobRow.created_at >= wanted.since)
    if wanted.until is not None:
        found.append(JobRow.created_at < wanted.until)
    if wanted.model is not None:
        found.append(JobRow.model == wanted.model)
    if wanted.mode is not None:
        found.append(JobRow.mode == wanted.mode)
    if wanted.review is not None:
        found.append(PictureRow.review == wanted.review)
    if wanted.front_end is not None:
        found.append(AccountRow.channel == wanted.front_end)
    return found
