"""What follows from a decision, in its transaction, and what becomes of that when it is undone."""

from __future__ import annotations

from collections.abc import Collection

from sqlalchemy import ColumnElement, delete, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from storage import fingerprints
from storage.affected import Affected
from storage.notices import tell
from storage.outbox import PUSHED, announce
from storage.records import JobState, NoticeKind, ReportState, Review, Why
from storage.removers import removal
from storage.rows import HIDDEN
from storage.tables import (
    AccountRow,
    AppealRow,
    CaseRow,
    DecisionRow,
    LinkRow,
    NoticeRow,
    PictureRow,
    ReportRow,
    now,
)

REFUSED = "PictureRefused"  # the error of a job of which every picture was removed by the gate


async def follow(session: AsyncSession, one: Affected, row: DecisionRow) -> set[int]:
    """Does what the decision says; the accounts of which something has changed."""
    one.picture.review, one.picture.policy = row.decision, row.policy
    appealed = one.case is not None and one.case.why is Why.APPEAL
    if one.case is not None:
        one.case.closed_at, one.case.decision_id = now(), row.id
    if appealed:
        await _answer_appeal(session, one, row)
    if row.decision is Review.REMOVED:
        await _remove(session, one, row, appealed)
    else:
        await _approve(session, one, row)
    return {one.owner.id, *await _answer_reports(session, one, row)}


async def take_back(
    session: AsyncSession, one: Affected, row: DecisionRow, back: DecisionRow
) -> set[int]:
    """Makes all what it was before the decision `row`, which `back` undoes; the accounts.

    An appeal is answered where the picture is not removed any more; else it goes on.
    """
    one.picture.review, one.picture.policy = back.decision, back.policy
    await fingerprints.unblock(session, back.id, fingerprints.blocked_by(row.id))
    await fingerprints.block_again(session, row.id)
    seen = await _unsay(session, row)
    if (
        row.decision is Review.REMOVED
        and back.decision not in HIDDEN
        and NoticeKind.REMOVED in seen
    ):
        tell(session, one.owner, NoticeKind.RESTORED, picture=one.picture, decision_id=back.id)
    if back.decision is Review.REMOVED and NoticeKind.RESTORED in seen:
        _tell_removed(session, one, back)
    if one.case is not None and one.case.why is Why.APPEAL:
        await _settle_appeal(session, one, one.case, back)
    if one.case is None or one.case.closed_at is not None:
        again = {"closed_at": None, "decision_id": None, "holder": None, "held_until": None}
        await _change(session, CaseRow, CaseRow.decision_id == row.id, **again)
    of_picture = AppealRow.picture_id == one.picture.id
    unanswered = {"state": ReportState.OPEN, "decision_id": None}
    appeal = unanswered | {"answer": "", "decided_by": None}
    await _change(session, AppealRow, of_picture & (AppealRow.decision_id == row.id), **appeal)
    await _change(
        session, ReportRow, _reported(one) & (ReportRow.decision_id == row.id), **unanswered
    )
    if back.decision is Review.REMOVED:
        await _block_job(session, one, back)
    return {one.owner.id}


async def _remove(session: AsyncSession, one: Affected, row: DecisionRow, appealed: bool) -> None:
    await fingerprints.unblock(session, row.id, fingerprints.blocked_for(one.picture.id))
    await fingerprints.block(session, row)
    links = delete(LinkRow).where(LinkRow.picture_id == one.picture.id)
    await session.execute(links.execution_options(synchronize_session=False))
    if not appealed and row.before is not Review.REMOVED:
        _tell_removed(session, one, row)


async def _approve(session: AsyncSession, one: Affected, row: DecisionRow) -> None:
    await fingerprints.unblock(session, row.id, fingerprints.blocked_for(one.picture.id))
    blocked = one.job.state is JobState.BLOCKED
    if blocked:
        one.job.state, one.job.error_key, one.job.error_values = JobState.DONE, None, None
    if row.before is Review.REMOVED:
        _tell(session, one.owner, NoticeKind.RESTORED, one.picture, row)
    elif row.before is Review.HELD and one.owner.channel not in PUSHED:
        tell(session, one.owner, NoticeKind.RELEASED, picture=one.picture, decision_id=row.id)
    if blocked or row.before is Review.HELD:
        await session.flush()
        await announce(session, [one.job.id], again=True)


async def _settle_appeal(
    session: AsyncSession, one: Affected, case: CaseRow, back: DecisionRow
) -> None:
    """Upholds the appeal against what is undone, or turns it against the removal that stands."""
    if back.decision is not Review.REMOVED:
        case.closed_at, case.decision_id = now(), back.id
        await session.flush()  # before an earlier case is open again: one is at a time
        await _answer_appeal(session, one, back)
        return
    against = await removal(session, one.picture.id)
    case.removed_by = None if against is None else against.account_id
    await _change(
        session,
        AppealRow,
        (AppealRow.picture_id == one.picture.id) & (AppealRow.state == ReportState.OPEN),
        removal_id=None if against is None else against.id,
    )


async def _answer_appeal(session: AsyncSession, one: Affected, row: DecisionRow) -> None:
    """Its owner reads the answer: here of a rejection, else with the picture."""
    upheld = row.decision is not Review.REMOVED
    await _change(
        session,
        AppealRow,
        (AppealRow.picture_id == one.picture.id) & (AppealRow.state == ReportState.OPEN),
        state=ReportState.UPHELD if upheld else ReportState.REJECTED,
        answer=row.reason,
        decided_by=row.account_id,
        decision_id=row.id,
    )
    if not upheld:
        _tell(session, one.owner, NoticeKind.APPEAL_REJECTED, one.picture, row)


async def _answer_reports(session: AsyncSession, one: Affected, row: DecisionRow) -> set[int]:
    """Those who reported the picture are told what became of it; its owner knows."""
    upheld = row.decision is Review.REMOVED
    kind = NoticeKind.REPORT_UPHELD if upheld else NoticeKind.REPORT_REJECTED
    answered = await _change(
        session,
        ReportRow,
        _reported(one) & (ReportRow.state == ReportState.OPEN),
        state=ReportState.UPHELD if upheld else ReportState.REJECTED,
        decision_id=row.id,
    )
    if not answered:
        return set()
    reporters = select(AccountRow).join(ReportRow, ReportRow.account_id == AccountRow.id)
    told = set()
    for account in await session.scalars(reporters.where(ReportRow.id.in_(answered))):
        if account.id != one.owner.id:
            _tell(session, account, kind, one.picture, row)
            told.add(account.id)
    return told


async def _unsay(session: AsyncSession, row: DecisionRow) -> set[NoticeKind]:
    """Drops what nobody was told yet of a decision; the kinds of what its owner was."""
    unseen = delete(NoticeRow).where(NoticeRow.decision_id == row.id, NoticeRow.seen_at.is_(None))
    await session.execute(unseen.execution_options(synchronize_session=False))
    seen = select(NoticeRow.kind).where(NoticeRow.decision_id == row.id)
    return set(await session.scalars(seen))


async def _block_job(session: AsyncSession, one: Affected, back: DecisionRow) -> None:
    """If the gate had removed every picture of the job, it is again as it was then."""
    others = select(PictureRow.id).where(
        PictureRow.job_id == one.job.id, PictureRow.review != Review.REMOVED
    )
    by_gate = select(DecisionRow.id).where(
        DecisionRow.picture_id == one.picture.id, DecisionRow.account_id.is_(None)
    )
    await session.flush()
    if await session.scalar(others.limit(1)) is None and await session.scalar(by_gate.limit(1)):
        one.job.state, one.job.error_key = JobState.BLOCKED, REFUSED
        one.job.error_values = {"policy": back.policy}


async def _change(
    session: AsyncSession,
    table: type[CaseRow | AppealRow | ReportRow],
    which: ColumnElement[bool],
    **values: object,
) -> Collection[int]:
    """Changes those rows; their ids."""
    changed = update(table).where(which).values(**values).returning(table.id)
    return (await session.scalars(changed.execution_options(synchronize_session=False))).all()


def _reported(one: Affected) -> ColumnElement[bool]:
    return ReportRow.picture_id == one.picture.id


def _tell_removed(session: AsyncSession, one: Affected, row: DecisionRow) -> None:
    _tell(session, one.owner, NoticeKind.REMOVED, one.picture, row)


def _tell(
    session: AsyncSession,
    account: AccountRow,
    kind: NoticeKind,
    picture: PictureRow,
    row: DecisionRow,
) -> None:
    """What the person reads of the decision. Who reported a picture is not told the reason, which
    is its owner's."""
    own = account.id == picture.account_id
    tell(
        session,
        account,
        kind,
        picture=picture if own else None,
        policy=row.policy,
        reason=row.reason if own else "",
        decision_id=row.id,
    )
