"""Joining: what an anonymous visitor of the web has becomes an account's, when they sign in."""

from __future__ import annotations

from uuid import uuid4

from sqlalchemy import delete, func, select, update
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import InstrumentedAttribute

from storage.audit import audit
from storage.database import Database
from storage.erasure import empty, refuse_who_decided
from storage.locked import NoAccount, locked
from storage.quotas import Banned
from storage.tables import (
    WEB,
    AccountRow,
    AppealRow,
    CaseRow,
    DeliveryRow,
    JobRow,
    KeyRow,
    LinkRow,
    NoticeRow,
    PictureRow,
    RefusalRow,
    ReportRow,
    SessionRow,
    UploadRow,
    now,
)

MOVED = (
    JobRow.account_id,
    PictureRow.account_id,
    DeliveryRow.account_id,
    LinkRow.account_id,
    ReportRow.account_id,
    UploadRow.account_id,
    CaseRow.account_id,
    AppealRow.account_id,
    NoticeRow.account_id,
    RefusalRow.account_id,
)


async def join(database: Database, visitor_id: int, account_id: int) -> None:
    """Makes all that the visitor has the account's, in one transaction; the visitor is forgotten.

    Their jobs go on, and count for the account from here on. Their keys and sessions open nothing
    any more: else who was at the same browser before would have kept a key to the account.

    Nothing happens if the visitor has joined already. Raises DatabaseAway, Banned for a visitor
    who is banned, NoAccount if there is no such account, and ValueError for a visitor who is none
    or has decided as a moderator.
    """
    if visitor_id == account_id:
        raise ValueError("An account cannot join itself.")
    async with database.write() as session:
        await _hold_jobs(session, visitor_id)
        found = await _held(session, (visitor_id, account_id))
        if visitor_id not in found:
            return
        if account_id not in found:
            raise NoAccount(account_id)
        visitor, account = found[visitor_id], found[account_id]
        await _refuse(session, visitor)
        await _move_all(session, visitor_id, account_id)
        account.settings = visitor.settings | account.settings
        empty(visitor)
        audit(session, "join", account_id, account_id, {"visitor": visitor_id})


async def _hold_jobs(session: AsyncSession, visitor_id: int) -> None:
    """Jobs before their account, as workers lock them: neither waits for the other in a ring."""
    jobs = select(JobRow.id).where(JobRow.account_id == visitor_id).order_by(JobRow.id)
    await session.execute(jobs.with_for_update())


async def _held(session: AsyncSession, account_ids: tuple[int, int]) -> dict[int, AccountRow]:
    """Those of the accounts that are there, locked in the order of their numbers."""
    found = {}
    for account_id in sorted(account_ids):
        try:
            found[account_id] = await locked(session, account_id, whole=False)
        except NoAccount:
            continue
    return found


async def _refuse(session: AsyncSession, visitor: AccountRow) -> None:
    if visitor.channel != WEB:
        raise ValueError(f"Account {visitor.id} is no visitor of the web.")
    if visitor.banned_until is not None and visitor.banned_until > now():
        raise Banned(visitor.banned_until, visitor.ban_reason or "")
    await refuse_who_decided(session, visitor.id)


async def _move_all(session: AsyncSession, visitor_id: int, account_id: int) -> None:
    await _rename_jobs(session, visitor_id, account_id)
    await _drop(session, ReportRow.picture_id, visitor_id, account_id)
    await _drop(session, UploadRow.sha256, account_id, visitor_id)
    for owner in MOVED:
        await _move(session, owner, visitor_id, account_id)
    revoked = func.coalesce(KeyRow.revoked_at, now())
    await _move(session, KeyRow.account_id, visitor_id, account_id, revoked_at=revoked)
    ended = {"token": None, "expires_at": None}
    await _move(session, SessionRow.account_id, visitor_id, account_id, **ended)


async def _move(
    session: AsyncSession,
    owner: InstrumentedAttribute[int],
    visitor_id: int,
    account_id: int,
    **changes: object,
) -> None:
    own = update(owner.class_).where(owner == visitor_id)
    moved = own.values(account_id=account_id, **changes)
    await session.execute(moved.execution_options(synchronize_session=False))


async def _rename_jobs(session: AsyncSession, visitor_id: int, account_id: int) -> None:
    """Those whose key the account has used, too: each was asked for by itself.

    A key begins with its front end: how its pictures are reviewed goes by that.
    """
    used = select(JobRow.key).where(JobRow.account_id == account_id)
    clashing = select(JobRow.id, JobRow.key).where(
        JobRow.account_id == visitor_id, JobRow.key.in_(used)
    )
    for job_id, key in (await session.execute(clashing)).all():
        front_end, colon, _ = key.partition(":")
        new = f"{front_end}:joined-{uuid4()}" if colon else f"joined-{uuid4()}"
        renamed = update(JobRow).where(JobRow.id == job_id).values(key=new)
        await session.execute(renamed.execution_options(synchronize_session=False))


async def _drop(
    session: AsyncSession, what: InstrumentedAttribute[str], account_id: int, other_id: int
) -> None:
    """The account's rows about what the other one has rows about, too."""
    table = what.class_
    both = what.in_(select(what).where(table.account_id == other_id))
    dropped = delete(table).where(table.account_id == account_id, both)
    await session.execute(dropped.execution_options(synchronize_session=False))
