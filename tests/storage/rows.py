"""Jobs with stored files, and what is in the tables, for the tests of what is kept and removed."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta

from sqlalchemy import func, select, update

from storage.database import Database
from storage.gallery import Gallery
from storage.ledger import Ledger
from storage.pictures import PictureStore
from storage.records import Account, JobRecord, NewPicture
from storage.tables import JobRow, Table, now
from storage.uploads import Uploads


async def done(
    database: Database,
    store: PictureStore,
    account: Account,
    key: str,
    pictures: Sequence[bytes],
    sources: Sequence[bytes] = (),
    words: str = "",
) -> JobRecord:
    """A job that is done, its files in the store; nothing else may wait."""
    ledger, gallery = Ledger(database), Gallery(database)
    hashes = store.save(key, [*pictures, *sources])
    job = await ledger.submit(
        account.id,
        key,
        "image_to_image",
        "mini",
        {"prompt": words},
        words=words,
        sources=hashes[len(pictures) :],
    )
    held = await ledger.claim("worker", lease=60)
    assert held is not None
    assert held.id == job.id
    rows = [
        NewPicture(seed, sha256, width=8, height=8, bytes=99)
        for seed, sha256 in enumerate(hashes[: len(pictures)])
    ]
    assert await ledger.finish(held.id, held.attempt, rows)
    store.settle(key, keep=hashes)
    found = await gallery.job(job.id, account.id)
    assert found is not None
    return found


async def upload(database: Database, store: PictureStore, account: Account, picture: bytes) -> str:
    """Keeps it as the account's, and returns its hash."""
    (sha256,) = store.save("upload", [picture])
    await Uploads(database).put(account.id, sha256, len(picture))
    store.settle("upload", keep=[sha256])
    return sha256


async def age(database: Database, job: JobRecord, days: int) -> None:
    """Lets the job have ended so many days ago."""
    moment = now() - timedelta(days=days)
    async with database.write() as session:
        await session.execute(update(JobRow).where(JobRow.id == job.id).values(finished_at=moment))


async def count(database: Database, table: type[Table]) -> int:
    async with database.read() as session:
        return await session.scalar(select(func.count()).select_from(table)) or 0


async def dump(database: Database) -> str:
    """All that is in any column of any table."""
    async with database.read() as session:
        rows = [
            str(row)
            for table in Table.metadata.sorted_tables
            for row in await session.execute(select(table))
        ]
    return "\n".join(rows)
