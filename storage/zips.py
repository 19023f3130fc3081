"""Zip files for people: whole or not there, and only theirs to read."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from uuid import uuid4
from zipfile import ZIP_DEFLATED, ZIP_STORED, ZipFile, ZipInfo

from storage.pictures import PictureLost, PictureStore
from storage.records import PictureRecord
from storage.tables import PictureRow, now

Files = dict[str, str]  # from a name in the zip file to the hash of what it is


@asynccontextmanager
async def whole(file: Path) -> AsyncIterator[ZipFile]:
    """Fill it inside; `file` is there once that has ended without an error."""
    temporary = file.with_name(f".{uuid4().hex}.part")
    try:
        await asyncio.to_thread(temporary.touch, mode=0o600)
        with await asyncio.to_thread(ZipFile, temporary, "w") as archive:
            yield archive
        await asyncio.to_thread(temporary.replace, file)
    finally:
        await asyncio.to_thread(temporary.unlink, missing_ok=True)


def write(archive: ZipFile, name: str, content: bytes, kind: int = ZIP_DEFLATED) -> None:
    archive.writestr(entry(name, kind), content)


def write_files(archive: ZipFile, store: PictureStore, files: Files) -> list[str]:
    """Writes them, one at a time in memory; the names of those that the store has lost."""
    missing = []
    for name, sha256 in files.items():
        try:
            content = store.read(sha256)
        except PictureLost:
            missing.append(name)
        else:
            write(archive, name, content, ZIP_STORED)  # a PNG file does not get smaller
    return missing


def entry(name: str, kind: int) -> ZipInfo:
    moment = now()
    entry = ZipInfo(name, (moment.year, *moment.timetuple()[1:6]))
    entry.compress_type = kind
    entry.external_attr = 0o644 << 16  # else who unpacks it may not read it
    return entry


def picture_name(picture: PictureRow | PictureRecord) -> str:
    return f"{picture.created_at:%Y-%m-%d}-{picture.job_id[:8]}-{picture.index}.png"
