"""Requests that a gate did not accept, for moderators to see what it does; kept for some days."""

from __future__ import annotations

from sqlalchemy import select

from storage.database import Database
from storage.locked import locked
from storage.records import Refusal
from storage.tables import RefusalRow

WORDS_LIMIT = 2000  # characters that are kept
RULE_LIMIT = 255


class Refusals:
    """The refusals of one database. Every method may raise DatabaseAway."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def add(self, account_id: int, words: str, policy: str, rule: str, score: float) -> None:
        """Raises NoAccount."""
        async with self._database.write() as session:
            await locked(session, account_id, whole=False)
            session.add(
                RefusalRow(
                    account_id=account_id,
                    words=words[:WORDS_LIMIT],
                    policy=policy,
                    rule=rule[:RULE_LIMIT],
                    score=score,
                )
            )

    async def page(self, before: int | None, limit: int) -> list[Refusal]:
        """The newest first; `before` is the last id of the page before."""
        page = select(RefusalRow).order_by(RefusalRow.id.desc()).limit(limit)
        if before is not None:
            page = page.where(RefusalRow.id < before)
        async with self._database.read() as session:
            return [_record(row) for row in await session.scalars(page)]


def _record(row: RefusalRow) -> Refusal:
    return Refusal(
        id=row.id,
        account_id=row.account_id,
        words=row.words,
        policy=row.policy,
        rule=row.rule,
        score=row.score,
        created_at=row.created_at,
    )
