"""Each kind of finding is found where it was planted, and nothing where nothing is wrong."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

import pytest
from sqlalchemy import text

from engine.requests import TextToImage
from engine.settings import Settings
from engine.studio import Studio
from storage.database import Database
from storage.pictures import PictureStore
from storage.records import JobRecord
from tests.chaos.checker import Finding, Kind, check
from tests.chaos.desk import ended
from tests.chaos.program import Painter

pytestmark = pytest.mark.slow


@pytest.fixture
def settings(database_url: str, tmp_path: Path) -> Settings:
    return Settings(data=tmp_path, database_url=database_url)


@pytest.fixture
async def job(settings: Settings) -> JobRecord:
    """Done, with two pictures, for somebody on Telegram."""
    async with Studio.open(settings, Painter(places=1)) as studio:
        account = await studio.account("telegram", "ann", "en")
        request = TextToImage(prompt="a fox", seed=1, count=2)
        return await ended(studio, await studio.submit(request, account, "k"), account)


@pytest.fixture
async def database(settings: Settings) -> AsyncIterator[Database]:
    async with Database.open(settings.database) as database:
        yield database


async def findings(database: Database, settings: Settings, *acknowledged: str) -> list[Finding]:
    return await check(database, settings.pictures, acknowledged)


async def test_nothing_is_found_where_nothing_is_wrong(
    database: Database, settings: Settings, job: JobRecord
) -> None:
    assert await findings(database, settings, job.id) == []


async def test_what_was_accepted_and_is_not_there_is_lost(
    database: Database, settings: Settings, job: JobRecord
) -> None:
    assert await findings(database, settings, job.id, "x") == [Finding(Kind.LOST, "x")]


async def test_a_job_is_accepted_once(
    database: Database, settings: Settings, job: JobRecord
) -> None:
    found = await findings(database, settings, job.id, job.id)
    assert found == [Finding(Kind.ACCEPTED_TWICE, job.id)]


ROWS = {
    "UPDATE jobs SET state = 'running'": {Kind.UNFINISHED, Kind.PICTURES, Kind.ANNOUNCED},
    "UPDATE jobs SET attempt = 0": {Kind.NEVER_TRIED},
    "UPDATE jobs SET crashes = 3": {Kind.QUARANTINE},
    "UPDATE jobs SET crashes = 4, state = 'quarantined'": {Kind.TOO_MANY_CRASHES, Kind.PICTURES},
    "UPDATE jobs SET state = 'quarantined'": {Kind.QUARANTINE, Kind.PICTURES},
    "UPDATE jobs SET count = 3": {Kind.PICTURES},
    "UPDATE jobs SET state = 'cancelled'": {Kind.PICTURES},
    'DELETE FROM pictures WHERE "index" = 1': {Kind.PICTURES, Kind.NO_ROW},
    "UPDATE pictures SET seed = 1": {Kind.MADE_TWICE},
    "DELETE FROM deliveries": {Kind.ANNOUNCED},
    "UPDATE accounts SET channel = 'web'": {Kind.ANNOUNCED},
}


@pytest.mark.parametrize("statement", ROWS)
async def test_rows_that_cannot_be_are_found(
    database: Database, settings: Settings, job: JobRecord, statement: str
) -> None:
    async with database.write() as session:
        await session.execute(text(statement))
    assert {one.kind for one in await findings(database, settings, job.id)} == ROWS[statement]


Plant = Callable[[PictureStore, Path, str], Awaitable[object] | object]

FILES: dict[Kind, Plant] = {
    Kind.NO_FILE: lambda store, folder, sha256: store.path(sha256).unlink(),
    Kind.NO_ROW: lambda store, folder, sha256: (folder / "stray").write_bytes(b"fox"),
    Kind.WRONG_HASH: lambda store, folder, sha256: store.path(sha256).write_bytes(b"fox"),
    Kind.NOT_SETTLED: lambda store, folder, sha256: store.save("note", [store.read(sha256)]),
    Kind.NOT_REMOVED: lambda store, folder, sha256: store.remove("note", [sha256]),
    Kind.HALF_FILE: lambda store, folder, sha256: (folder / "temporary" / "x").write_bytes(b"f"),
}


@pytest.mark.parametrize("kind", FILES)
async def test_files_that_cannot_be_are_found(
    database: Database, settings: Settings, job: JobRecord, kind: Kind
) -> None:
    store = PictureStore(settings.pictures)
    FILES[kind](store, Path(settings.pictures), job.pictures[0].sha256)
    assert [one.kind for one in await findings(database, settings, job.id)] == [kind]
