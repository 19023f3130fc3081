"""Compares the picture rows with the picture files, and reports every mismatch.

Rows and notes are read before the files and after them: what a working studio saves or removes
meanwhile is no mismatch.
"""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from sqlalchemy import select

from storage.database import Database
from storage.pictures import PictureLost, PictureStore, picture_name, thumbnail_name
from storage.tables import PictureRow, SourceRow, UploadRow

READERS = 8  # files read at a time: a bucket answers slowly, but many at once


@dataclass(frozen=True, slots=True)
class Findings:
    """What does not fit together; all empty when everything does."""

    rows: int
    rows_without_file: tuple[str, ...]  # ids of pictures, or which source or upload
    files_without_row: tuple[str, ...]  # paths or URLs; thumbnails and unknown files, too
    hash_mismatches: tuple[str, ...]  # paths or URLs
    unsettled_saves: tuple[str, ...]  # the next start settles them
    unfinished_removals: tuple[str, ...]  # the next start finishes them

    @property
    def clean(self) -> bool:
        return not (
            self.rows_without_file
            or self.files_without_row
            or self.hash_mismatches
            or self.unsettled_saves
            or self.unfinished_removals
        )


@dataclass(frozen=True, slots=True)
class _Expected:
    """What rows and notes say at one moment."""

    rows: dict[str, str]  # the hash of each row
    saves: dict[str, list[str]]  # the hashes of each note
    removals: dict[str, list[str]]

    def hashes(self) -> set[str]:
        return set(self.rows.values()).union(*self.saves.values(), *self.removals.values())


async def verify(database: Database, store: PictureStore) -> Findings:
    """Reads every row and every file. Raises DatabaseAway, and OSError if the store is away."""
    before = await _expect(database, store)
    strays = await asyncio.to_thread(_strays, store, before.hashes())
    read = await asyncio.to_thread(_read, store, set(before.rows.values()))
    after = await _expect(database, store)
    rows = dict(before.rows.items() & after.rows.items())
    lost = [row for row, sha256 in rows.items() if read[sha256] is None]
    broken = {sha256 for sha256 in rows.values() if read[sha256] not in (None, sha256)}
    return Findings(
        rows=len(before.rows),
        rows_without_file=tuple(sorted(lost)),
        files_without_row=_addresses(store, strays - _names(after.hashes())),
        hash_mismatches=_addresses(store, map(picture_name, broken)),
        unsettled_saves=tuple(sorted(before.saves.keys() & after.saves)),
        unfinished_removals=tuple(sorted(before.removals.keys() & after.removals)),
    )


async def _expect(database: Database, store: PictureStore) -> _Expected:
    """Notes on both sides of the rows: a save's end after its rows, a removal's begin before."""
    saves, removals = await asyncio.to_thread(_notes, store)
    rows = await _rows(database)
    later_saves, later_removals = await asyncio.to_thread(_notes, store)
    return _Expected(rows, saves | later_saves, removals | later_removals)


async def _rows(database: Database) -> dict[str, str]:
    pictures = select(PictureRow.id, PictureRow.sha256).where(PictureRow.deleted_at.is_(None))
    sources = select(SourceRow.job_id, SourceRow.sha256)
    uploads = select(UploadRow.account_id, UploadRow.sha256)
    async with database.read() as session:
        rows = dict((await session.execute(pictures)).all())
        for job_id, sha256 in await session.execute(sources):
            rows[f"source {sha256} of job {job_id}"] = sha256
        for account_id, sha256 in await session.execute(uploads):
            rows[f"upload {sha256} of account {account_id}"] = sha256
    return rows


def _notes(store: PictureStore) -> tuple[dict[str, list[str]], dict[str, list[str]]]:
    saves = {note: store.noted(note) for note in store.notes()}
    removals = {note: store.marked(note) for note in store.leaving()}
    return saves, removals


def _strays(store: PictureStore, known: set[str]) -> set[str]:
    return set(store.strays(known))


def _read(store: PictureStore, hashes: set[str]) -> dict[str, str | None]:
    """The hash that the content of each file really has; None where there is no file."""

    def read(sha256: str) -> str | None:
        try:
            return hashlib.sha256(store.read(sha256)).hexdigest()
        except PictureLost:
            return None

    with ThreadPoolExecutor(READERS) as pool:
        return dict(zip(hashes, pool.map(read, hashes), strict=True))


def _names(hashes: set[str]) -> set[str]:
    return {name(sha256) for sha256 in hashes for name in (picture_name, thumbnail_name)}


def _addresses(store: PictureStore, names: Iterable[str]) -> tuple[str, ...]:
    return tuple(sorted(map(store.address, names)))
