from __future__ import annotations

import asyncio
from contextlib import suppress
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path

import alembic.command
import alembic.config
import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import Connection, select, text
from sqlalchemy.exc import DBAPIError, IntegrityError

from storage.accounts import Accounts
from storage.database import MIGRATIONS, BadText, Database, DatabaseAway, parse_url
from storage.gallery import Filter, Gallery
from storage.ledger import Ledger
from storage.records import JobState
from storage.tables import AccountRow, SessionRow, Table
from tests import postgres

FIRST_ROWS = (
    "INSERT INTO accounts (id, channel, external_id, language, role, created_at)"
    " VALUES (1, 'web', 'ann', 'en', 'user', '2026-01-01 00:00:00')",
    "INSERT INTO jobs"
    " (id, account_id, key, mode, model, request, state, attempt, crashes, created_at) VALUES"
    " ('j', 1, 'k', 'mix', 'mini', '{\"prompt\": \"A Fox\"}', 'done', 1, 0,"
    " '2026-01-01 00:00:00')",
    'INSERT INTO pictures (id, job_id, account_id, "index", seed, sha256, width, height,'
    " media_type, bytes, created_at) VALUES"
    " ('p', 'j', 1, 0, 7, 'ab', 8, 8, 'image/png', 9, '2026-01-01 00:00:00')",
)


async def test_migrations_build_what_the_tables_say(database: Database) -> None:
    def differences(connection: Connection) -> list[object]:
        context = MigrationContext.configure(
            connection, opts={"include_object": lambda _, name, *__: name not in elsewhere}
        )
        return list(compare_metadata(context, Table.metadata))

    elsewhere = () if database.sqlite else ("ix_jobs_created_at_id_words",)
    async with database.engine.connect() as connection:
        assert await connection.run_sync(differences) == []


async def test_a_database_of_the_first_version_keeps_what_is_in_it(database_url: str) -> None:
    database = Database(database_url)

    def upgrade(connection: Connection) -> None:
        config = alembic.config.Config()
        config.set_main_option("script_location", str(MIGRATIONS))
        config.set_main_option("path_separator", "os")
        config.attributes["connection"] = connection
        alembic.command.upgrade(config, "0001")

    async with database.engine.execution_options(write=True).begin() as connection:
        await connection.run_sync(upgrade)
        for statement in FIRST_ROWS:
            await connection.exec_driver_sql(statement)
    await database.migrate()
    (job,) = await Gallery(database).history(1, filter=Filter(search="fox"))
    assert (job.id, job.state, len(job.pictures)) == ("j", JobState.DONE, 1)
    again = await Ledger(database).submit(1, "l", "mix", "mini", {})
    assert (await Ledger(database).claim("w", 60)) is not None
    assert again.id != job.id
    await database.close()


async def test_processes_that_start_at_once_migrate_once(database_url: str) -> None:
    databases = [Database(database_url) for _ in range(3)]
    await asyncio.gather(*(database.migrate() for database in databases))
    async with databases[0].read() as session:
        versions = list(await session.scalars(text("SELECT version_num FROM alembic_version")))
    assert len(versions) == 1
    for database in databases:
        await database.close()


async def test_times_come_back_aware_and_in_utc(database: Database) -> None:
    account = await Accounts(database).get_or_create("web", "ann", "en")
    moscow = datetime(2030, 1, 1, 3, tzinfo=timezone(timedelta(hours=3)))
    async with database.write() as session:
        session.add(SessionRow(id="x", account_id=account.id, front_end="web", expires_at=moscow))
    async with database.read() as session:
        assert await session.scalar(select(SessionRow.expires_at)) == moscow
        early = select(SessionRow.id).where(
            SessionRow.expires_at < datetime(2030, 1, 1, 1, tzinfo=UTC)
        )
        assert await session.scalar(early) == "x"
    assert account.created_at.tzinfo is UTC


async def test_rows_cannot_refer_to_nothing(database: Database) -> None:
    with pytest.raises(IntegrityError):
        async with database.write() as session:
            session.add(SessionRow(id="x", account_id=1, front_end="web"))


async def test_half_a_character_is_no_database_away(database: Database) -> None:
    with pytest.raises(BadText):
        async with database.write() as session:
            session.add(AccountRow(channel="web", external_id="half of \ud83e", language="en"))
    with pytest.raises(BadText):
        async with database.read() as session:
            await session.scalar(select(AccountRow).where(AccountRow.external_id == "\ud83e"))


async def test_the_character_of_number_0_is_found_nowhere(database: Database) -> None:
    with suppress(BadText):  # SQLite knows it
        async with database.read() as session:
            row = await session.scalar(select(AccountRow).where(AccountRow.external_id == "\0"))
        assert row is None


@pytest.mark.system
async def test_a_value_that_is_too_long_is_no_database_away(
    postgres_server: postgres.Server,
) -> None:
    async with Database.open(postgres_server.new_database()) as database:
        with pytest.raises(DBAPIError):
            async with database.write() as session:
                session.add(AccountRow(channel="x" * 33, external_id="ann", language="en"))


async def test_an_error_undoes_the_whole_write(database: Database) -> None:
    async def write() -> None:
        async with database.write() as session:
            session.add(AccountRow(channel="web", external_id="ann", language="en"))
            await session.flush()
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        await write()
    async with database.read() as session:
        assert await session.scalar(select(AccountRow)) is None


async def test_sqlite_is_opened_durable_and_strict(tmp_path: Path) -> None:
    async with (
        Database.open(f"sqlite+aiosqlite:///{tmp_path}/new/studio.sqlite3") as database,
        database.read() as session,
    ):
        pragmas = ("journal_mode", "synchronous", "busy_timeout", "foreign_keys")
        values = [await session.scalar(text(f"PRAGMA {pragma}")) for pragma in pragmas]
    assert values == ["wal", 2, 5000, 1]


@pytest.mark.system
async def test_a_stopped_postgresql_is_away_and_comes_back() -> None:
    with postgres.serve() as server:
        async with Database.open(server.new_database()) as database:
            server.stop()
            for _ in range(2):  # on a connection it had, and on a new one
                with pytest.raises(DatabaseAway):
                    await Accounts(database).get_or_create("web", "ann", "en")
            server.start()
            assert (await Accounts(database).get_or_create("web", "ann", "en")).language == "en"


@pytest.mark.parametrize(
    ("url", "driver"),
    [
        ("sqlite:////data/a.sqlite3", "sqlite+aiosqlite"),
        ("sqlite+aiosqlite:////data/a.sqlite3", "sqlite+aiosqlite"),
        ("postgresql://ann@db/studio", "postgresql+asyncpg"),
        ("postgresql+asyncpg://ann@db/studio", "postgresql+asyncpg"),
        ("postgres://ann@db/studio", "postgresql+asyncpg"),
    ],
)
def test_urls_get_their_async_driver(url: str, driver: str) -> None:
    assert parse_url(url).drivername == driver


@pytest.mark.parametrize(
    "url", ["sqlite://", "sqlite:///:memory:", "mysql://ann:pw@db/x", "nonsense"]
)
def test_other_databases_are_refused_without_telling_the_password(url: str) -> None:
    with pytest.raises(ValueError, match=r"SQLite|database") as refusal:
        parse_url(url)
    assert "pw" not in str(refusal.value)


async def test_what_is_urgent_waits_for_the_write_under_way_alone(tmp_path: Path) -> None:
    order: list[str] = []
    async with Database.open(f"sqlite:///{tmp_path / 'studio.sqlite3'}") as database:

        async def write(name: str, urgent: bool) -> None:
            async with database.write(urgent=urgent):
                order.append(name)
                await asyncio.sleep(0.01)

        writes = [("first", False), ("second", False), ("third", False), ("urgent", True)]
        async with asyncio.TaskGroup() as group:
            for name, urgent in writes:
                group.create_task(write(name, urgent))
                await asyncio.sleep(0)
    assert order == ["first", "urgent", "second", "third"]
