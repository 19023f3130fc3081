"""The files of pictures, as Studio reads, saves and removes them: files first, rows after."""

from __future__ import annotations

import asyncio
import logging
import secrets
import time
from collections.abc import AsyncIterator, Callable, Collection
from contextlib import AbstractAsyncContextManager, asynccontextmanager, suppress
from dataclasses import dataclass

from engine.errors import PictureGone, WentWrong
from engine.sources import Source
from storage.database import DatabaseAway
from storage.gallery import Gallery
from storage.pictures import PictureLost, PictureStore
from storage.records import PictureRecord
from storage.removal import finish, removing

SAVE_LIMIT = 3600.0  # seconds from the save of a source to its rows, at most

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class PictureFile:
    """A stored picture's file, or its thumbnail, and its row."""

    content: bytes
    media_type: str
    record: PictureRecord


class PictureFiles:
    """One store, and the rows that say which of its files are needed.

    Where a crash leaves a save or a removal half, `tidy` ends it. Reading raises WentWrong while
    the store is away.
    """

    def __init__(self, store: PictureStore, gallery: Gallery) -> None:
        self._store = store
        self._gallery = gallery

    async def picture(self, record: PictureRecord) -> PictureFile:
        """The picture as it was made. Raises PictureGone if its file is lost."""
        return PictureFile(await self.read(record.sha256), record.media_type, record)

    async def thumbnail(self, record: PictureRecord) -> PictureFile:
        """The picture, small. Raises PictureGone if its file is lost."""
        return PictureFile(await self.small(record.sha256), "image/webp", record)

    async def read(self, sha256: str) -> bytes:
        """A PNG file. Raises PictureGone."""
        return await _found(self._store.read, sha256)

    async def small(self, sha256: str) -> bytes:
        """Its thumbnail, a WebP file. Raises PictureGone."""
        return await _found(self._store.thumbnail, sha256)

    @asynccontextmanager
    async def saved(self, sources: Collection[Source]) -> AsyncIterator[list[str]]:
        """The hashes of the sources, whose files are stored while their rows are written."""
        if not sources:
            yield []
            return
        note = _note("source")
        try:
            files = [source.file for source in sources]
            yield await asyncio.to_thread(self._store.save, note, files)
        finally:
            with suppress(DatabaseAway, OSError):  # then a start of a later hour settles it
                await self._settle(note)

    def removing(self, why: str, hashes: Collection[str]) -> AbstractAsyncContextManager[None]:
        """Change the rows inside; at the end, files that no row refers to any more are gone."""
        return removing(self._store, self._gallery, _note(why), hashes)

    async def tidy(self) -> None:
        """Ends what a process that died left half: removals, and saves of sources."""
        for note in await asyncio.to_thread(self._store.leaving):
            await finish(self._store, self._gallery, note)
        for note in await asyncio.to_thread(self._store.notes):
            if note.startswith("source_") and time.time() - _moment(note) > SAVE_LIMIT:
                await self._settle(note)

    async def _settle(self, note: str) -> None:
        hashes = await asyncio.to_thread(self._store.noted, note)
        keep = await self._gallery.stored(hashes)
        await asyncio.to_thread(self._store.settle, note, keep)


async def _found(read: Callable[[str], bytes], sha256: str) -> bytes:
    try:
        return await asyncio.to_thread(read, sha256)
    except PictureLost as error:
        log.error("the file of a picture is lost: %s", sha256)
        raise PictureGone() from error
    except OSError as error:
        log.exception("the pictures cannot be read")
        raise WentWrong() from error


def _note(kind: str) -> str:
    """The name of a save or a removal: what it is, since when, and which."""
    return f"{kind}_{int(time.time())}_{secrets.token_hex(8)}"


def _moment(note: str) -> float:
    return float(note.split("_")[1])
