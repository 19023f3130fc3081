"""Pictures as the gates leave them, and moderators, for the tests of the review."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import select

from storage.accounts import Accounts
from storage.database import Database
from storage.ledger import Ledger
from storage.records import Account, NewCase, NewPicture, NoticeKind, Review, Role, Why
from storage.rights import Rights
from storage.tables import JobRow, NoticeRow, PictureRow

DOUBTFUL = NewCase(Why.DOUBT, "sexual", 0.5)


async def moderator(database: Database, name: str, role: Role = Role.MODERATOR) -> int:
    """The id of a moderator, who has no password."""
    account = await Accounts(database).get_or_create("moderator", name, "en")
    await Rights(database).role(account.id, role, by=None)
    return account.id


def drawn(
    number: int, review: Review = Review.NONE, case: NewCase | None = None, policy: str = ""
) -> NewPicture:
    return NewPicture(
        seed=number,
        sha256=f"{number:064x}",
        width=8,
        height=8,
        bytes=99,
        review=review,
        score=0.5,
        fingerprint=f"{number:064x}",
        policy=policy,
        case=case,
    )


async def ended(
    database: Database, account: Account, pictures: Sequence[NewPicture], key: str = "k"
) -> list[str]:
    """The ids of the pictures of a job that has just ended with them."""
    ledger = Ledger(database)
    job = await ledger.submit(account.id, key, "mix", "mini", {"prompt": "a fox"}, words="a fox")
    held = await ledger.claim("w", 60)
    assert held is not None
    assert held.id == job.id
    assert await ledger.finish(job.id, held.attempt, pictures)
    ids = select(PictureRow.id).where(PictureRow.job_id == job.id).order_by(PictureRow.index)
    async with database.read() as session:
        return list(await session.scalars(ids))


async def held_one(database: Database, account: Account, key: str = "k") -> str:
    """A picture that is held until a moderator approves it."""
    number = sum(map(ord, key))
    (one,) = await ended(database, account, [drawn(number, Review.HELD, DOUBTFUL)], key)
    return one


async def state(database: Database, picture_id: str) -> tuple[Review, str]:
    async with database.read() as session:
        row = (await session.scalars(select(PictureRow).where(PictureRow.id == picture_id))).one()
        return row.review, row.policy


async def job_of(database: Database, picture_id: str) -> JobRow:
    of_picture = select(PictureRow.job_id).where(PictureRow.id == picture_id)
    async with database.read() as session:
        return (await session.scalars(select(JobRow).where(JobRow.id.in_(of_picture)))).one()


async def told(database: Database, account: Account) -> list[NoticeKind]:
    """All that the account was told or is to be told."""
    kinds = select(NoticeRow.kind).where(NoticeRow.account_id == account.id)
    async with database.read() as session:
        return list(await session.scalars(kinds.order_by(NoticeRow.id)))
