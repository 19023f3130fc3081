"""Compares the picture rows with the picture files, and reports every mismatch."""

from __future__ import annotations

import asyncio
import hashlib
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy import select

from storage.database import Database
from storage.pictures import PictureStore
from storage.tables import PictureRow


@dataclass(frozen=True, slots=True)
class Findings:
    """What does not fit together; all empty when everything does."""

    rows: int
    rows_without_file: tuple[str, ...]  # picture ids
    files_without_row: tuple[Path, ...]
    hash_mismatches: tuple[Path, ...]

    @property
    def clean(self) -> bool:
        return not (self.rows_without_file or self.files_without_row or self.hash_mismatches)


async def verify(database: Database, store: PictureStore) -> Findings:
    """Reads every row and every file. Raises DatabaseAway."""
    async with database.read() as session:
        found = await session.execute(select(PictureRow.id, PictureRow.sha256))
        rows = dict(found.all())
    return await asyncio.to_thread(_compare, rows, store)


def _compare(rows: dict[str, str], store: PictureStore) -> Findings:
    expected = {store.path(sha256): sha256 for sha256 in rows.values()}
    files = set(store.files())
    return Findings(
        rows=len(rows),
        rows_without_file=tuple(
            sorted(i for i, sha in rows.items() if store.path(sha) not in files)
        ),
        files_without_row=tuple(sorted(files - expected.keys())),
        hash_mismatches=tuple(
            sorted(path for path in files & expected.keys() if _hash(path) != expected[path])
        ),
    )


def _hash(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
