"""Statistics of the review: how long people wait, who decides how much, and how well the gate does.

Decisions that were undone count as overturned, and nowhere else.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from math import ceil
from typing import Any

from sqlalchemy import ColumnElement, Integer, and_, case, cast, func, or_, select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import aliased

from storage.database import Database
from storage.records import VIEWS, ReportState, Review, View
from storage.tables import AppealRow, CaseRow, DecisionRow, now

BINS = 20  # of the gate's score, from 0 to 1


@dataclass(frozen=True, slots=True)
class Waiting:
    """How many cases are open, and for how many seconds half of them, and 19 of 20, are at most."""

    open: int
    p50: float | None
    p95: float | None


@dataclass(frozen=True, slots=True)
class Decided:
    """What a moderator (None: the gate) decided on a day (UTC), and in an hour in which any was."""

    day: date
    account_id: int | None
    count: int
    per_hour: float


@dataclass(frozen=True, slots=True)
class Overturned:
    """How many removals there were, and how many of them were undone or appealed with success."""

    removed: int
    overturned: int

    @property
    def share(self) -> float:
        """From 0 to 1."""
        return self.overturned / self.removed if self.removed else 0.0


@dataclass(frozen=True, slots=True)
class Bin:
    """What moderators made of pictures to which the gate gave a score from `low` to `high`."""

    low: float
    high: float
    approved: int
    removed: int


@dataclass(frozen=True, slots=True)
class Statistics:
    waiting: dict[View, Waiting]
    decided: tuple[Decided, ...]  # the latest day first
    overturned: Overturned
    scores: tuple[Bin, ...]  # BINS of them, the lowest first
    policies: dict[str, int]  # removals under each


async def statistics(
    database: Database, since: datetime | None = None, until: datetime | None = None
) -> Statistics:
    """Of the decisions from `since` to before `until`, and of what is open now.

    Raises DatabaseAway.
    """
    meant: list[ColumnElement[bool]] = [DecisionRow.undoes.is_(None)]
    if since is not None:
        meant.append(DecisionRow.created_at >= since)
    if until is not None:
        meant.append(DecisionRow.created_at < until)
    within = and_(*meant)
    async with database.read() as session:
        return Statistics(
            waiting=await _waiting(session),
            decided=await _decided(database, session, within),
            overturned=await _overturned(session, within),
            scores=await _scores(database, session, within),
            policies=await _policies(session, within),
        )


async def _waiting(session: AsyncSession) -> dict[View, Waiting]:
    counts = select(CaseRow.why, func.count()).where(CaseRow.closed_at.is_(None))
    open_ = dict((await session.execute(counts.group_by(CaseRow.why))).all())
    found = {}
    for view, reasons in VIEWS.items():
        count = sum(open_.get(why, 0) for why in reasons)
        ages = [await _age(session, view, share, count) for share in (0.5, 0.95)]
        found[view] = Waiting(count, *ages)
    return found


async def _age(session: AsyncSession, view: View, share: float, count: int) -> float | None:
    """For how long that share of the view's cases is open at most."""
    if not count:
        return None
    older = count - ceil(share * count)  # so many are open for longer
    cases = CaseRow.closed_at.is_(None), CaseRow.why.in_(VIEWS[view])
    nth = select(CaseRow.opened_at).where(*cases).order_by(CaseRow.opened_at).offset(older).limit(1)
    opened = await session.scalar(nth)
    return None if opened is None else max((now() - opened).total_seconds(), 0.0)


async def _decided(
    database: Database, session: AsyncSession, within: ColumnElement[bool]
) -> tuple[Decided, ...]:
    hour = _hour(database)
    hours = (
        select(hour.label("hour"), DecisionRow.account_id, func.count().label("count"))
        .where(within, not_undone())
        .group_by(hour, DecisionRow.account_id)
        .subquery()
    )
    day = func.substr(hours.c.hour, 1, 10)
    days = (
        select(day, hours.c.account_id, func.sum(hours.c.count), func.count())
        .group_by(day, hours.c.account_id)
        .order_by(day.desc(), hours.c.account_id)
    )
    return tuple(
        Decided(date.fromisoformat(on), account_id, int(count), float(count) / worked)
        for on, account_id, count, worked in await session.execute(days)
    )


async def _overturned(session: AsyncSession, within: ColumnElement[bool]) -> Overturned:
    appealed = (
        select(AppealRow.id)
        .where(AppealRow.removal_id == DecisionRow.id, AppealRow.state == ReportState.UPHELD)
        .exists()
    )
    overturned = case((or_(~not_undone(), appealed), 1), else_=0)
    removed = select(func.count(), func.sum(overturned)).where(
        within, DecisionRow.decision == Review.REMOVED
    )
    count, wrong = (await session.execute(removed)).one()
    return Overturned(count, int(wrong or 0))


async def _scores(
    database: Database, session: AsyncSession, within: ColumnElement[bool]
) -> tuple[Bin, ...]:
    scaled = DecisionRow.score * BINS
    place = cast(scaled if database.sqlite else func.floor(scaled), Integer)  # it rounds, else
    counts = (
        select(place, DecisionRow.decision, func.count())
        .where(
            within,
            not_undone(),
            DecisionRow.account_id.is_not(None),
            DecisionRow.score.is_not(None),
        )
        .group_by(place, DecisionRow.decision)
    )
    bins = [{Review.APPROVED: 0, Review.REMOVED: 0} for _ in range(BINS)]
    for number, decision, count in await session.execute(counts):
        if decision in (Review.APPROVED, Review.REMOVED):
            bins[min(max(number, 0), BINS - 1)][decision] += count
    return tuple(
        Bin(number / BINS, (number + 1) / BINS, found[Review.APPROVED], found[Review.REMOVED])
        for number, found in enumerate(bins)
    )


async def _policies(session: AsyncSession, within: ColumnElement[bool]) -> dict[str, int]:
    counts = (
        select(DecisionRow.policy, func.count())
        .where(within, not_undone(), DecisionRow.decision == Review.REMOVED)
        .group_by(DecisionRow.policy)
        .order_by(func.count().desc(), DecisionRow.policy)
    )
    return dict((await session.execute(counts)).all())


def not_undone() -> ColumnElement[bool]:
    """That no later decision undoes this one; few do."""
    later = aliased(DecisionRow)
    return DecisionRow.id.not_in(select(later.undoes).where(later.undoes.is_not(None)))


def _hour(database: Database) -> ColumnElement[Any]:
    """When it was decided, to the hour: 2026-01-31 09, in UTC."""
    if database.sqlite:  # where a moment is a text
        return func.substr(DecisionRow.created_at, 1, 13)
    return func.to_char(func.timezone("UTC", DecisionRow.created_at), "YYYY-MM-DD HH24")
