"""Links: who has a picture's token may see it, until its owner takes the link back."""

from __future__ import annotations

import re
import secrets

from sqlalchemy import and_, delete, select

from storage.database import Database
from storage.gallery import visible
from storage.inserts import insert_new
from storage.locked import locked
from storage.records import PictureRecord, Share
from storage.rows import picture_record
from storage.tables import LinkRow, PictureRow

TOKEN = re.compile(r"[\w-]{22}", re.ASCII)


class Links:
    """The links of one database. Every method may raise DatabaseAway.

    A picture that was deleted or removed is seen by no link.
    """

    def __init__(self, database: Database) -> None:
        self._database = database

    async def share(self, picture_id: str, account_id: int) -> str | None:
        """The token of the account's picture, the same one while it is shared; None if it has no
        such picture. Raises NoAccount."""
        own = and_(PictureRow.id == picture_id, PictureRow.account_id == account_id, visible())
        picture = select(PictureRow.id).where(own).with_for_update()
        link = {"picture_id": picture_id, "account_id": account_id}
        token = select(LinkRow.token).where(LinkRow.picture_id == picture_id)
        async with self._database.write() as session:
            await locked(session, account_id, whole=False)
            if await session.scalar(picture) is None:
                return None
            new = {"token": secrets.token_urlsafe(16), **link}
            await session.execute(insert_new(session, LinkRow, new))
            return await session.scalar(token)

    async def unshare(self, picture_id: str, account_id: int) -> bool:
        """From now on the token opens nothing; False if the account has no such shared picture."""
        gone = (
            delete(LinkRow)
            .where(LinkRow.picture_id == picture_id, LinkRow.account_id == account_id)
            .returning(LinkRow.token)
            .execution_options(synchronize_session=False)
        )
        async with self._database.write() as session:
            return await session.scalar(gone) is not None

    async def picture(self, token: str) -> PictureRecord | None:
        """The picture that the token opens; None if it opens none, or no longer."""
        if not TOKEN.fullmatch(token):
            return None
        shared = (
            select(PictureRow)
            .join(LinkRow, LinkRow.picture_id == PictureRow.id)
            .where(LinkRow.token == token, visible())
        )
        async with self._database.read() as session:
            row = await session.scalar(shared)
            return None if row is None else picture_record(row)

    async def all(self, account_id: int) -> list[Share]:
        """The account's links, the newest first."""
        links = (
            select(LinkRow)
            .join(PictureRow, PictureRow.id == LinkRow.picture_id)
            .where(LinkRow.account_id == account_id, visible())
            .order_by(LinkRow.created_at.desc(), LinkRow.token)
        )
        async with self._database.read() as session:
            rows = await session.scalars(links)
            return [Share(row.picture_id, row.token, row.created_at) for row in rows]
