"""Pictures and masks that people send before they ask for anything, kept for a day.

Meanwhile a request may name one by its hash alone; what a job was made from stays with the job.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from engine.errors import NotFound, SourceMissing
from engine.feed import happens
from engine.files import PictureFiles
from engine.refusals import refusing
from engine.sources import Source
from storage import uploads
from storage.database import Database, DatabaseAway
from storage.gallery import Gallery
from storage.pictures import PictureStore
from storage.records import Account
from storage.retention import prune_uploads

PRUNE_EVERY = 600.0  # seconds

log = logging.getLogger(__name__)


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

    @asynccontextmanager
    async def pruned(self) -> AsyncIterator[None]:
        """Inside, the uploads whose day has passed go, a few minutes later at most."""
        await prune_uploads(self._database, self._store)
        ending = asyncio.Event()
        pruning = asyncio.create_task(self._prune(ending), name="uploads")
        try:
            yield
        finally:
            ending.set()
            await pruning

    async def _prune(self, ending: asyncio.Event) -> None:
        while True:
            await happens(ending, PRUNE_EVERY)
            if ending.is_set():
                return
            try:
                await prune_uploads(self._database, self._store)
            except (DatabaseAway, OSError) as error:
                log.warning("old uploads stay for now: %s", error)
            except Exception:
                log.exception("old uploads stay")

    async def _look_up(self, sha256: str, account: Account) -> None:
        with refusing():
            if sha256 not in await self._gallery.sources([sha256], account.id):
                raise NotFound()
