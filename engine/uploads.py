"""Pictures and masks that people send before they ask for anything, kept for a day.

Meanwhile a request may name one by its hash alone; what a job was made from stays with the job.
"""

from __future__ import annotations

from engine.errors import NotFound, SourceMissing
from engine.files import PictureFiles
from engine.refusals import refusing
from engine.sources import Source
from storage import uploads
from storage.database import Database
from storage.gallery import Gallery
from storage.pictures import PictureStore
from storage.records import Account


class Uploads:
    """An account has storage.uploads.COUNT_LIMIT of them and SIZE_LIMIT bytes at a time, at most:
    then the oldest go, before their day has passed."""

    def __init__(
        self, database: Database, gallery: Gallery, store: PictureStore, files: PictureFiles
    ) -> None:
        self._database = database
        self._gallery = gallery
        self._store = store
        self._files = files
        self._uploads = uploads.Uploads(database)

    async def keep(self, source: Source, account: Account) -> None:
        """Stores a picture that was cleaned; sent again, its day begins anew.

        Raises SourceMissing for one without its file.
        """
        if not source.file:
            raise SourceMissing()
        with refusing():
            async with self._files.saved([source]) as (sha256,):
                await self._uploads.put(account.id, sha256, len(source.file))
            surplus = await self._uploads.surplus(account.id)
            async with self._files.removing("upload", surplus):
                await self._uploads.drop(account.id, surplus)

    async def kept(self, sha256: str, account: Account) -> Source:
        """What the account has sent, or a job of it was made from, with its file.

        Raises NotFound, or PictureGone if its file is lost.
        """
        await self._look_up(sha256, account)
        return Source(sha256=sha256, file=await self._files.read(sha256))

    async def thumbnail(self, sha256: str, account: Account) -> bytes:
        """The same, small: a WebP file. Raises NotFound, or PictureGone."""
        await self._look_up(sha256, account)
        return await self._files.small(sha256)

    async def _look_up(self, sha256: str, account: Account) -> None:
        with refusing():
            if sha256 not in await self._gallery.sources([sha256], account.id):
                raise NotFound()
