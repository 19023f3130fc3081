"""Links by which others see a picture, without an account: off until its owner makes one."""

from __future__ import annotations

from engine.errors import NotFound, OutOfRange
from engine.files import PictureFile, PictureFiles
from engine.news import News
from engine.refusals import refusing
from storage import links
from storage.database import Database
from storage.gallery import Gallery
from storage.records import Account, PictureRecord, Share

REASON_LIMIT = 1000  # characters of a report


class Links:
    """A picture that was deleted, or removed by a moderator, is seen by no link."""

    def __init__(self, database: Database, files: PictureFiles, news: News) -> None:
        self._links = links.Links(database)
        self._gallery = Gallery(database)
        self._files = files
        self._news = news

    async def share(self, picture_id: str, account: Account) -> str:
        """The token of the account's picture, the same one while it is shared. Raises NotFound."""
        with refusing():
            token = await self._links.share(picture_id, account.id)
        if token is None:
            raise NotFound()
        self._news.tell(account.id)
        return token

    async def unshare(self, picture_id: str, account: Account) -> None:
        """From now on the token opens nothing. Raises NotFound if the account has no such link."""
        with refusing():
            if not await self._links.unshare(picture_id, account.id):
                raise NotFound()
        self._news.tell(account.id)

    async def check(self, token: str) -> None:
        """Raises NotFound for a token that opens nothing."""
        await self._record(token)

    async def shared(self, token: str) -> PictureFile:
        """What the token opens. Raises NotFound, or PictureGone if its file is lost."""
        return await self._files.picture(await self._record(token))

    async def thumbnail(self, token: str) -> PictureFile:
        """The picture, small. Raises what `shared` does."""
        return await self._files.thumbnail(await self._record(token))

    async def report(self, token: str, account: Account, reason: str) -> None:
        """A stranger's word that the picture should not be. Raises NotFound or OutOfRange."""
        if not 0 < len(reason.strip()) <= REASON_LIMIT:
            raise OutOfRange(name="reason", low=1, high=REASON_LIMIT, value=len(reason))
        record = await self._record(token)
        with refusing():
            if not await self._gallery.report(record.id, account.id, reason.strip()):
                raise NotFound()

    async def all(self, account: Account) -> list[Share]:
        """The account's links, the newest first."""
        with refusing():
            return await self._links.all(account.id)

    async def _record(self, token: str) -> PictureRecord:
        with refusing():
            record = await self._links.picture(token)
        if record is None:
            raise NotFound()
        return record
