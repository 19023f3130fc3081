"""Forgetting an account: every row about it goes, and every file that nobody else's rows need.

What moderators decided, the blocklist and what the audit says stay, without the reasons that were
given; none of them holds anything personal then. So does a ban, until it ends: see storage/bans.py.
"""

from __future__ import annotations

from uuid import uuid4

from sqlalchemy import ColumnElement, Select, and_, delete, or_, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from storage import bans
from storage.audit import audit
from storage.database import Database
from storage.gallery import Gallery, referred
from storage.inbox import settle
from storage.ledger import ACTIVE
from storage.locked import locked
from storage.pictures import PictureStore
from storage.records import JobState, Role
from storage.removal import BATCH, removing
from storage.rights import MODERATING
from storage.tables import (
    FORGOTTEN,
    TELEGRAM,
    AccountRow,
    AppealRow,
    AuditRow,
    CaseRow,
    DecisionRow,
    DeliveryRow,
    FingerprintRow,
    JobRow,
    KeyRow,
    LinkRow,
    MessageRow,
    NoticeRow,
    PictureRow,
    RefusalRow,
    ReportRow,
    SessionRow,
    SourceRow,
    StateRow,
    Table,
    UpdateRow,
    UploadRow,
)


class HasDecided(ValueError):
    """An account cannot be erased: it has decided as a moderator, or may."""


async def forget(
    database: Database, store: PictureStore, account_id: int, *, by: int | None = None
) -> None:
    """Erases the account, its files too. Raises what `erase` and `removing` do."""
    gallery = Gallery(database)
    hashes = await gallery.all_hashes(account_id)
    async with removing(store, gallery, f"forget-{uuid4()}", hashes):
        erased = await erase(database, account_id, by=by)
    late = set(erased).difference(hashes)  # of a job that came or ended in between
    async with removing(store, gallery, f"forget-{uuid4()}", late):
        pass


async def erase(database: Database, account_id: int, *, by: int | None = None) -> list[str]:
    """Removes every row about the account; the hashes of files that no row refers to any more.

    A worker that has a job of the account finds at its end that nobody asked for it. `by` is the
    account of who wanted this, None for a shell. Raises DatabaseAway, and ValueError if there is
    no such account, or HasDecided.
    """
    own = JobRow.account_id == account_id
    jobs = select(JobRow.id).where(own)
    pictures = select(PictureRow.id).where(PictureRow.account_id == account_id)
    about = or_(ReportRow.account_id == account_id, ReportRow.picture_id.in_(pictures))
    showing = or_(MessageRow.job_id.in_(jobs), MessageRow.picture_id.in_(pictures))
    async with database.write() as session:
        await _stop(session, own)
        account = await locked(session, account_id)
        _refuse_who_may(account)
        await refuse_who_decided(session, account_id)
        await _hush(session, account_id, pictures)
        hashes = await _hashes(session, account_id)
        await _delete(session, ReportRow, about)
        await _delete(session, AppealRow, AppealRow.picture_id.in_(pictures))
        await _delete(session, CaseRow, CaseRow.picture_id.in_(pictures))
        await _delete(session, FingerprintRow, FingerprintRow.picture_id.in_(pictures))
        await _delete(session, NoticeRow, NoticeRow.account_id == account_id)
        await _delete(session, RefusalRow, RefusalRow.account_id == account_id)
        await _delete(session, DeliveryRow, DeliveryRow.account_id == account_id)
        await _delete(session, SourceRow, SourceRow.job_id.in_(jobs))
        await _delete(session, MessageRow, showing)
        await _delete(session, LinkRow, LinkRow.picture_id.in_(pictures))
        await _delete(session, UploadRow, UploadRow.account_id == account_id)
        await _delete(session, PictureRow, PictureRow.account_id == account_id)
        await _delete(session, JobRow, own)
        await _delete(session, SessionRow, SessionRow.account_id == account_id)
        await _delete(session, KeyRow, KeyRow.account_id == account_id)
        if account.channel == TELEGRAM:
            await _delete(session, StateRow, StateRow.person == account.external_id)
            await settle(database, session, UpdateRow.person == account.external_id)
        await bans.remember(session, account)
        empty(account)
        audit(session, "erase", account_id, by, {})
        return await _unused(session, hashes)


def empty(account: AccountRow) -> None:
    """Its number stays taken: SQLite would give it to the next person, with what the audit says."""
    account.channel, account.external_id = FORGOTTEN, str(uuid4())
    account.language, account.settings, account.role = "", {}, Role.USER
    account.password = account.banned_until = account.ban_reason = None


async def _stop(session: AsyncSession, own: ColumnElement[bool]) -> None:
    """Jobs before their account, as workers and moderators lock them: nobody waits for the other in
    a ring."""
    await session.execute(select(JobRow.id).where(own).order_by(JobRow.id).with_for_update())
    await session.execute(
        update(JobRow)
        .where(own, JobRow.state.in_(ACTIVE))
        .values(state=JobState.CANCELLED)
        .execution_options(synchronize_session=False)
    )


async def refuse_who_decided(session: AsyncSession, account_id: int) -> None:
    """Raises HasDecided: decisions are kept, and so is who took them."""
    decided = select(DecisionRow.id).where(DecisionRow.account_id == account_id).limit(1)
    if await session.scalar(decided) is not None:
        raise HasDecided(
            f"Account {account_id} has decided about pictures as a moderator, and decisions are"
            " kept: take its role away instead."
        )


def _refuse_who_may(account: AccountRow) -> None:
    if account.role in MODERATING:
        raise HasDecided(
            f"Account {account.id} has the role {account.role}: take it away before the account is"
            " erased."
        )


async def _hush(session: AsyncSession, account_id: int, pictures: Select[str]) -> None:
    """Empties what moderators said, in their own words, of the person and of their pictures."""
    decided = update(DecisionRow).where(
        DecisionRow.picture_id.in_(pictures), DecisionRow.reason != ""
    )
    await session.execute(decided.values(reason="").execution_options(synchronize_session=False))
    about_them = and_(AuditRow.action.in_(("ban", "unban")), AuditRow.subject == str(account_id))
    about_pictures = and_(AuditRow.action == "decide", AuditRow.subject.in_(pictures))
    for which in (about_them, about_pictures):
        for row in await session.scalars(select(AuditRow).where(which)):
            if row.details.get("reason"):
                row.details = row.details | {"reason": ""}


async def _hashes(session: AsyncSession, account_id: int) -> set[str]:
    """The files of the account's pictures, which nobody can report from here on, of its sources
    and of its uploads."""
    pictures = (
        select(PictureRow.sha256)
        .where(PictureRow.account_id == account_id, PictureRow.deleted_at.is_(None))
        .with_for_update()
    )
    sources = (
        select(SourceRow.sha256)
        .join(JobRow, JobRow.id == SourceRow.job_id)
        .where(JobRow.account_id == account_id)
    )
    uploads = select(UploadRow.sha256).where(UploadRow.account_id == account_id)
    found = [await session.scalars(which) for which in (pictures, sources, uploads)]
    return {sha256 for hashes in found for sha256 in hashes}


async def _delete(session: AsyncSession, table: type[Table], which: ColumnElement[bool]) -> None:
    statement = delete(table).where(which)
    await session.execute(statement.execution_options(synchronize_session=False))


async def _unused(session: AsyncSession, hashes: set[str]) -> list[str]:
    """Those of the hashes that no row of anybody refers to."""
    ordered = sorted(hashes)
    used: set[str] = set()
    for start in range(0, len(ordered), BATCH):
        used |= await referred(session, ordered[start : start + BATCH])
    return [sha256 for sha256 in ordered if sha256 not in used]
