"""What people see of their jobs and pictures: one job, the history, and what they do to a picture.

Nothing here changes where a job is; that is storage/ledger.py.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import ColumnElement, Select, and_, delete, select, true, tuple_, update
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import selectinload

from storage.cases import close_deleted, report_case
from storage.database import Database
from storage.inserts import insert_new
from storage.locked import NoAccount, locked
from storage.records import JobRecord, JobState, PictureRecord, Review
from storage.rows import HIDDEN, job_record, picture_record
from storage.tables import JobRow, LinkRow, PictureRow, ReportRow, SourceRow, UploadRow, now


@dataclass(frozen=True, slots=True)
class Filter:
    """Which jobs of a history are meant; each field that is set narrows it."""

    search: str = ""  # in the words, in any case
    mode: str | None = None
    model: str | None = None
    states: tuple[JobState, ...] = ()  # none: any
    favourites: bool = False  # with a picture that was marked
    since: datetime | None = None
    until: datetime | None = None


ALL = Filter()


class Gallery:
    """The pictures of one database. Every method may raise DatabaseAway."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def job(self, job_id: str, account_id: int) -> JobRecord | None:
        """The account's job with its pictures; None if it has no such job."""
        async with self._database.read() as session:
            row = await session.scalar(
                select(JobRow)
                .where(JobRow.id == job_id, JobRow.account_id == account_id)
                .options(selectinload(JobRow.pictures))
            )
            return None if row is None else job_record(row)

    async def history(
        self, account_id: int, limit: int = 50, before: str | None = None, filter: Filter = ALL
    ) -> list[JobRecord]:
        """The account's jobs, newest first; `before` is the last job id of the page before."""
        page = (
            select(JobRow)
            .where(JobRow.account_id == account_id, *_conditions(filter, account_id))
            .order_by(JobRow.created_at.desc(), JobRow.id.desc())
            .limit(limit)
            .options(selectinload(JobRow.pictures))
        )
        async with self._database.read() as session:
            if before is not None:
                place = select(JobRow.created_at).where(
                    JobRow.id == before, JobRow.account_id == account_id
                )
                moment = await session.scalar(place)
                if moment is None:
                    return []
                page = page.where(tuple_(JobRow.created_at, JobRow.id) < (moment, before))
            return [job_record(row) for row in await session.scalars(page)]

    async def picture(self, picture_id: str, account_id: int) -> PictureRecord | None:
        """The account's picture; None if it has none of that id, or it was deleted or removed."""
        async with self._database.read() as session:
            row = await session.scalar(select(PictureRow).where(_own(picture_id, account_id)))
            return None if row is None else picture_record(row)

    async def pictures(self, picture_ids: Collection[str], account_id: int) -> list[PictureRecord]:
        """Those of the pictures that `picture` would find, the oldest first."""
        found = (
            select(PictureRow)
            .where(PictureRow.id.in_(picture_ids), visible(), PictureRow.account_id == account_id)
            .order_by(PictureRow.created_at, PictureRow.job_id, PictureRow.index)
        )
        async with self._database.read() as session:
            return [picture_record(row) for row in await session.scalars(found)]

    async def favour(self, picture_id: str, account_id: int, favourite: bool) -> bool:
        """Marks the account's picture, or takes the mark off; False if it has no such picture."""
        marked = (
            update(PictureRow)
            .where(_own(picture_id, account_id))
            .values(favourite=favourite)
            .returning(PictureRow.id)
            .execution_options(synchronize_session=False)
        )
        async with self._database.write() as session:
            return await session.scalar(marked) is not None

    async def delete(self, picture_ids: Collection[str], account_id: int) -> list[str]:
        """Deletes those of the pictures that the account sees; the hashes of their files.

        Their rows stay, without a file: what was decided about them must not get lost.
        """
        own = PictureRow.id.in_(picture_ids), PictureRow.account_id == account_id, visible()
        async with self._database.write() as session:
            return list((await let_go(session, and_(*own))).values())

    async def hashes(self, picture_ids: Collection[str], account_id: int) -> list[str]:
        """The files of those of the pictures that the account sees."""
        return await self._hashes(and_(PictureRow.id.in_(picture_ids), visible()), account_id)

    async def all_hashes(self, account_id: int) -> list[str]:
        """The files of all that the account made, and made it from, and of its uploads."""
        async with self._database.read() as session:
            given = await _given(session, account_id, true(), true())
        return [*given, *await self._hashes(true(), account_id)]

    async def sources(self, hashes: Collection[str], account_id: int) -> set[str]:
        """Those of the hashes that a job of the account was made from, or that it uploaded; but not
        those of pictures that are withheld."""
        used, sent = SourceRow.sha256.in_(hashes), UploadRow.sha256.in_(hashes)
        async with self._database.read() as session:
            given = await _given(session, account_id, used, sent)
            return given - await withheld(session, hashes)

    async def report(self, picture_id: str, account_id: int, reason: str) -> bool:
        """Somebody's word that a picture should not be; the first one of a person counts.

        Moderators look at it, also if they have before. False if there is no such picture to be
        seen any more, or no such account.
        """
        values = {"picture_id": picture_id, "account_id": account_id, "reason": reason}
        owner = select(PictureRow.account_id).where(PictureRow.id == picture_id, visible())
        seen = select(PictureRow).where(PictureRow.id == picture_id, visible())
        try:
            async with self._database.write() as session:
                for one in sorted({account_id, *await session.scalars(owner)}):
                    await locked(session, one, whole=False)
                picture = await session.scalar(seen.with_for_update(of=PictureRow))
                if picture is None:
                    return False
                new = insert_new(session, ReportRow, values).returning(ReportRow.id)
                if await session.scalar(new) is not None:
                    await report_case(session, picture)
                    if picture.review is Review.NONE:
                        picture.review = Review.WAITING
        except NoAccount:  # its owner, or who reports, was forgotten just now
            return False
        return True

    async def stored(self, hashes: Collection[str]) -> set[str]:
        """Those of the hashes that a picture, a source or an upload refers to."""
        async with self._database.read() as session:
            return await referred(session, hashes)

    async def _hashes(self, which: ColumnElement[bool], account_id: int) -> list[str]:
        own = and_(PictureRow.account_id == account_id, PictureRow.deleted_at.is_(None))
        async with self._database.read() as session:
            return list(await session.scalars(select(PictureRow.sha256).where(which, own)))


def has_words(search: str) -> ColumnElement[bool]:
    """That a job was asked for with these words among others, in any case."""
    return JobRow.words.contains(search.strip().casefold(), autoescape=True)


async def referred(session: AsyncSession, hashes: Collection[str]) -> set[str]:
    """Those of the hashes that a row of anybody refers to, so that their files stay."""
    # Uploads first: one that a request has named since is found among the sources then.
    sent = await session.scalars(select(UploadRow.sha256).where(UploadRow.sha256.in_(hashes)))
    used = await session.scalars(select(SourceRow.sha256).where(SourceRow.sha256.in_(hashes)))
    present = PictureRow.sha256.in_(hashes), PictureRow.deleted_at.is_(None)
    pictures = await session.scalars(select(PictureRow.sha256).where(*present))
    return {*sent, *used, *pictures}


async def withheld(session: AsyncSession, hashes: Collection[str]) -> set[str]:
    """Those of the hashes that are of a picture, of anybody, that is held or was removed."""
    hidden = PictureRow.sha256.in_(hashes), PictureRow.review.in_(HIDDEN)
    return set(await session.scalars(select(PictureRow.sha256).where(*hidden)))


async def let_go(session: AsyncSession, which: ColumnElement[bool]) -> dict[str, str]:
    """Deletes those of the pictures that are there, their links too; the hashes, by picture.

    Nobody has to look at them any more.
    """
    deleted = (
        update(PictureRow)
        .where(which, PictureRow.deleted_at.is_(None))
        .values(deleted_at=now(), favourite=False)
        .returning(PictureRow.id, PictureRow.sha256)
        .execution_options(synchronize_session=False)
    )
    gone = dict((await session.execute(deleted)).all())
    links = delete(LinkRow).where(LinkRow.picture_id.in_(gone))
    await session.execute(links.execution_options(synchronize_session=False))
    await close_deleted(session, gone)
    return gone


async def _given(
    session: AsyncSession, account_id: int, used: ColumnElement[bool], sent: ColumnElement[bool]
) -> set[str]:
    """The files that the account gave: sources of its jobs, and uploads."""
    sources = (
        select(SourceRow.sha256)
        .join(JobRow, JobRow.id == SourceRow.job_id)
        .where(JobRow.account_id == account_id, used)
    )
    uploads = select(UploadRow.sha256).where(UploadRow.account_id == account_id, sent)
    return {*await session.scalars(uploads), *await session.scalars(sources)}


def visible() -> ColumnElement[bool]:
    """That a picture was neither deleted by its owner, nor removed, nor is held."""
    return and_(PictureRow.deleted_at.is_(None), PictureRow.review.not_in(HIDDEN))


def _own(picture_id: str, account_id: int) -> ColumnElement[bool]:
    return and_(PictureRow.id == picture_id, PictureRow.account_id == account_id, visible())


def _conditions(filter: Filter, account_id: int) -> list[ColumnElement[bool]]:
    found: list[ColumnElement[bool]] = []
    if filter.search.strip():
        found.append(has_words(filter.search))
    if filter.mode is not None:
        found.append(JobRow.mode == filter.mode)
    if filter.model is not None:
        found.append(JobRow.model == filter.model)
    if filter.since is not None:
        found.append(JobRow.created_at >= filter.since)
    if filter.until is not None:
        found.append(JobRow.created_at < filter.until)
    if filter.states:
        found.append(JobRow.state.in_(filter.states))
    if filter.favourites:
        found.append(JobRow.id.in_(_favourites(account_id)))
    return found


def _favourites(account_id: int) -> Select[str]:
    return select(PictureRow.job_id).where(
        PictureRow.account_id == account_id, PictureRow.favourite
    )
