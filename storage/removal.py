"""Deletes files with the rows that refer to them: what is to go is noted first, then the rows go.

A crash in between leaves the note, and `finish` ends it at the next start: files that a row still
refers to stay, and so do those that somebody is just saving again.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Collection
from contextlib import asynccontextmanager
from itertools import islice

from storage.gallery import Gallery
from storage.pictures import PictureStore

BATCH = 500  # hashes asked for at a time: a statement takes only so many


@asynccontextmanager
async def removing(
    store: PictureStore, gallery: Gallery, note: str, hashes: Collection[str]
) -> AsyncIterator[None]:
    """Change the rows inside; at the end the files that no row refers to any more are gone.

    `note` names the removal. Raises DatabaseAway or OSError; the next start then ends it.
    """
    if not hashes:
        yield
        return
    await asyncio.to_thread(store.remove, note, hashes)
    try:
        yield
    finally:
        if not await asyncio.to_thread(store.marked, note):  # a start took it for left over
            await asyncio.to_thread(store.remove, note, hashes)
        await finish(store, gallery, note)


async def finish(store: PictureStore, gallery: Gallery, note: str) -> None:
    """Ends a removal, whatever became of its rows."""
    hashes = await asyncio.to_thread(store.marked, note)
    saving = await asyncio.to_thread(_saving, store) if hashes else set()
    keep = saving.intersection(hashes)  # read before the rows, which a save writes before its end
    left = iter(hashes)
    while batch := list(islice(left, BATCH)):
        keep |= await gallery.stored(batch)
    await asyncio.to_thread(store.finish_removal, note, keep)


def _saving(store: PictureStore) -> set[str]:
    """What is being saved; if it gets no row after all, the end of the save removes it."""
    return {sha256 for note in store.notes() for sha256 in store.noted(note)}
