"""What people sent, to be named in requests by its hash; retention.py says for how long."""

from __future__ import annotations

from collections.abc import Collection

from sqlalchemy import delete, select
from sqlalchemy.ext.asyncio import AsyncSession

from storage.database import Database
from storage.inserts import insert_or_change
from storage.locked import locked
from storage.tables import UploadRow

COUNT_LIMIT = 200  # uploads of an account; the oldest go first
SIZE_LIMIT = 200 * 2**20  # bytes of them


class Uploads:
    """The uploads of one database. Every method may raise DatabaseAway."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def put(self, account_id: int, sha256: str, length: int) -> None:
        """Its file of `length` bytes is stored; sent again, it is as new. Raises NoAccount."""
        row = {"account_id": account_id, "sha256": sha256, "bytes": length}
        moment = {"created_at": self._database.moment()}
        async with self._database.write() as session:
            await locked(session, account_id, whole=False)
            again = insert_or_change(session, UploadRow, ["created_at"])
            await session.execute(again.values(row | moment))

    async def surplus(self, account_id: int) -> list[str]:
        """The hashes of the oldest uploads, those beyond what an account may have at a time."""
        async with self._database.read() as session:
            return await _surplus(session, account_id)

    async def drop(self, account_id: int, hashes: Collection[str]) -> None:
        """Removes the rows of those that are still surplus. Raises NoAccount."""
        if not hashes:
            return
        async with self._database.write() as session:
            await locked(session, account_id, whole=False)
            doomed = set(hashes).intersection(await _surplus(session, account_id))
            await session.execute(
                delete(UploadRow)
                .where(UploadRow.account_id == account_id, UploadRow.sha256.in_(doomed))
                .execution_options(synchronize_session=False)
            )


async def _surplus(session: AsyncSession, account_id: int) -> list[str]:
    newest = (
        select(UploadRow.sha256, UploadRow.bytes)
        .where(UploadRow.account_id == account_id)
        .order_by(UploadRow.created_at.desc(), UploadRow.sha256)
    )
    found, count, size = [], 0, 0
    for sha256, length in await session.execute(newest):
        count, size = count + 1, size + length
        if count > COUNT_LIMIT or size > SIZE_LIMIT:
            found.append(sha256)
    return found
