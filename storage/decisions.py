"""Decisions of moderators about pictures, with all that follows from them, in one transaction.

What a decision does is in storage/consequences.py. A decision never changes: to undo it is a
further one that names it.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import timedelta

from sqlalchemy import exists, select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import aliased

from storage import consequences, rows
from storage.affected import Affected, NoPicture, affected
from storage.audit import audit
from storage.database import Database
from storage.records import Decision, Review, Why
from storage.removers import has_removed
from storage.tables import CaseRow, DecisionRow, now

UNDONE_WITHIN = timedelta(minutes=30)  # by who decided

__all__ = [
    "HeldByAnother",
    "NoPicture",
    "NotOwn",
    "NotSenior",
    "Outcome",
    "OwnRemoval",
    "TooLate",
    "decide",
    "last",
    "undo",
]


class HeldByAnother(Exception):
    """Another moderator holds a case, or has decided it."""


class OwnRemoval(Exception):
    """The appeal is against the moderator's own removal."""


class NotSenior(Exception):
    """The moderator may not decide about appeals."""


class NotOwn(Exception):
    """The decision is another moderator's."""


class TooLate(Exception):
    """The moderator's decision is older than UNDONE_WITHIN."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What was decided, and the accounts of which something has changed."""

    decisions: tuple[Decision, ...]
    told: frozenset[int]


async def decide(
    database: Database,
    by: int,
    decision: Review,
    *,
    cases: Collection[int] = (),
    pictures: Collection[str] = (),
    policy: str = "",
    reason: str = "",
    appeals: bool = False,
) -> Outcome:
    """Approves or removes the pictures, and those of the cases, all or none.

    What is so already, by the same moderator or without a case, stays as it is. `appeals` says
    whether the moderator may decide about them. Raises DatabaseAway, ValueError for what is no
    decision, NoPicture, HeldByAnother, OwnRemoval and NotSenior.
    """
    if decision not in (Review.APPROVED, Review.REMOVED):
        raise ValueError(f"{decision} is no decision")
    made: list[DecisionRow] = []
    told: set[int] = set()
    async with database.write() as session:
        for one in await affected(database, session, cases, pictures):
            await _permit(session, one, by, appeals)
            row = await _same(session, one, by, decision, policy)
            if row is None:
                if one.gone:
                    raise NoPicture(one.picture.id)
                row = await _decide(session, one, by, decision, policy, reason)
                told |= await consequences.follow(session, one, row)
            made.append(row)
    return Outcome(tuple(map(rows.decision, made)), frozenset(told))


async def undo(database: Database, by: int, decision_id: int, *, any_: bool = False) -> Outcome:
    """Makes the picture, its case, its reports and its appeal what they were before.

    Whoever decided may within UNDONE_WITHIN, who may undo `any_` always; the answer to an appeal is
    for the latter alone, and not for who removed the picture. Done again, it changes nothing.
    Raises DatabaseAway, NoPicture, NotOwn, TooLate, OwnRemoval, NotSenior, and HeldByAnother if the
    picture was decided again since.
    """
    async with database.write() as session:
        row = await session.get(DecisionRow, decision_id)
        if row is None or row.undoes is not None:
            raise NoPicture(str(decision_id))
        if not any_ and row.account_id != by:
            raise NotOwn()
        if not any_ and now() - row.created_at > UNDONE_WITHIN:
            raise TooLate()
        (one,) = await affected(database, session, (), [row.picture_id])
        latest = await _latest(session, row.picture_id)
        if latest is not None and latest.undoes == row.id:
            return Outcome((rows.decision(latest),), frozenset())
        if latest is not row or one.holder not in (None, by):
            raise HeldByAnother()
        await _permit_undo(session, row, by, any_)
        back = DecisionRow(
            picture_id=row.picture_id,
            account_id=by,
            decision=row.before,
            policy=row.before_policy,
            reason="",
            undoes=row.id,
            before=row.decision,
            before_policy=row.policy,
            score=row.score,
        )
        session.add(back)
        await session.flush()
        audit(session, "undo", row.picture_id, by, {"decision": row.id})
        told = await consequences.take_back(session, one, row, back)
        return Outcome((rows.decision(back),), frozenset(told))


async def last(database: Database, by: int) -> Decision | None:
    """The moderator's last decision that is not undone, as long as it may be."""
    later = aliased(DecisionRow)
    newest = (
        select(DecisionRow)
        .where(
            DecisionRow.account_id == by,
            DecisionRow.undoes.is_(None),
            DecisionRow.created_at > now() - UNDONE_WITHIN,
            ~exists().where(later.picture_id == DecisionRow.picture_id, later.id > DecisionRow.id),
        )
        .order_by(DecisionRow.id.desc())
        .limit(1)
    )
    async with database.read() as session:
        row = await session.scalar(newest)
        return None if row is None else rows.decision(row)


async def _permit(session: AsyncSession, one: Affected, by: int, appeals: bool) -> None:
    if one.holder not in (None, by):
        raise HeldByAnother()
    if one.case is None or one.case.why is not Why.APPEAL:
        return
    if one.case.removed_by == by or await has_removed(session, one.picture.id, by):
        raise OwnRemoval()
    if not appeals:
        raise NotSenior()


async def _permit_undo(session: AsyncSession, row: DecisionRow, by: int, senior: bool) -> None:
    """The answer to an appeal is nothing for who removed the picture, nor for moderators."""
    appeals = CaseRow.decision_id == row.id, CaseRow.why == Why.APPEAL
    answered = await session.scalar(select(CaseRow).where(*appeals).limit(1))
    if answered is None:
        return
    if answered.removed_by == by or await has_removed(session, row.picture_id, by, row.id):
        raise OwnRemoval()
    if not senior:
        raise NotSenior()


async def _same(
    session: AsyncSession, one: Affected, by: int, decision: Review, policy: str
) -> DecisionRow | None:
    """The decision that is this one already, the gate's apart. Raises HeldByAnother where another
    moderator closed the case with another one."""
    if one.case is not None:
        return None
    latest = await _latest(session, one.picture.id)
    same = one.picture.review is decision and one.picture.policy == policy
    if same and latest is not None and latest.account_id is not None:
        return latest
    if one.decided_by is not None and one.decided_by != by:
        raise HeldByAnother()
    return None


async def _decide(
    session: AsyncSession, one: Affected, by: int, decision: Review, policy: str, reason: str
) -> DecisionRow:
    row = DecisionRow(
        picture_id=one.picture.id,
        account_id=by,
        decision=decision,
        policy=policy,
        reason=reason,
        before=one.picture.review,
        before_policy=one.picture.policy,
        score=one.picture.score,
    )
    session.add(row)
    await session.flush()
    details = {"decision": row.id, "made": decision, "policy": policy, "reason": reason}
    audit(session, "decide", one.picture.id, by, details)
    return row


async def _latest(session: AsyncSession, picture_id: str) -> DecisionRow | None:
    decided = select(DecisionRow).where(DecisionRow.picture_id == picture_id)
    return await session.scalar(decided.order_by(DecisionRow.id.desc()).limit(1))
