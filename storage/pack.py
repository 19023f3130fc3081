"""Some pictures as one zip file."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from pathlib import Path

from storage.pictures import PictureStore
from storage.records import PictureRecord
from storage.zips import Files, picture_name, whole, write_files


async def pack(store: PictureStore, pictures: Sequence[PictureRecord], file: Path) -> int:
    """Writes the original files, named by day, job and place in it; how many there are.

    Those that the store has lost are left out. Raises OSError if either disk fails.
    """
    files = _named(pictures)
    async with whole(file) as archive:
        missing = await asyncio.to_thread(write_files, archive, store, files)
    return len(files) - len(missing)


def _named(pictures: Sequence[PictureRecord]) -> Files:
    files: Files = {}
    for one in pictures:
        name = picture_name(one)
        files[name if name not in files else f"{one.id}.png"] = one.sha256
    return files
