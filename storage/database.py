"""One database, SQLite or PostgreSQL, opened with the settings that keep the ledger's promises."""

from __future__ import annotations

import asyncio
import json
import sqlite3
import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import alembic.command
import alembic.config
from sqlalchemy import (
    URL,
    ColumnElement,
    Connection,
    Interval,
    event,
    func,
    literal,
    make_url,
    select,
)
from sqlalchemy.exc import ArgumentError, DataError, DBAPIError, IntegrityError, ProgrammingError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from sqlalchemy.ext.asyncio import (
    AsyncEngine,
    AsyncSession,
    async_sessionmaker,
    create_async_engine,
)

from storage.tables import Moment, now

MIGRATIONS = Path(__file__).parent / "migrations"
BUSY_TIMEOUT = 5  # seconds that SQLite waits for another process's write
CONNECTIONS = 15  # to a SQLite file; all are kept, for each opens with a thread of its own
BUSY_PAUSE = 0.05  # seconds until the write-ahead log is asked for again
STATEMENT_TIMEOUT, LOCK_TIMEOUT, CONNECT_TIMEOUT = 10, 5, 5  # seconds, PostgreSQL
DATA_EXCEPTION = "22"  # how PostgreSQL's codes of such errors begin
NO_CHARACTER = "22021"
MIGRATION_LOCK = 0x6B616E64  # any number of ours: PostgreSQL's advisory lock around migrations


class DatabaseAway(Exception):
    """The database cannot be reached or is too busy; whether the write was kept is unknown."""


class BadText(ValueError):
    """A text holds what no text can: half of a character, or the character of number 0."""


class Database:
    """Sessions on one database; `read` sees committed rows, `write` commits all or nothing."""

    def __init__(self, url: str) -> None:
        self.url = parse_url(url)
        self.engine = _engine(self.url)
        self.sqlite = self.engine.dialect.name == "sqlite"
        self._readers = async_sessionmaker(self.engine, expire_on_commit=False)
        self._writers = async_sessionmaker(
            self.engine.execution_options(write=True), expire_on_commit=False
        )
        self._line = asyncio.Lock()  # SQLite has one writer; in line, none waits in vain
        self._turn = asyncio.Lock()  # whose it is to write; what is urgent does not stand in line

    @classmethod
    @asynccontextmanager
    async def open(cls, url: str) -> AsyncIterator[Database]:
        """The database at its newest schema, closed at the end."""
        database = cls(url)
        try:
            await database.migrate()
            yield database
        finally:
            await database.close()

    async def migrate(self) -> None:
        """Brings the tables to the newest schema; safe when several processes start at once."""
        engine = self.engine.execution_options(write=True)
        async with _telling(), engine.begin() as connection:
            if not self.sqlite:
                await connection.execute(select(func.pg_advisory_xact_lock(MIGRATION_LOCK)))
            await connection.run_sync(_upgrade)

    @asynccontextmanager
    async def read(self) -> AsyncIterator[AsyncSession]:
        """One transaction of reads. Raises DatabaseAway."""
        async with _telling(), self._readers.begin() as session:
            yield session

    @asynccontextmanager
    async def write(self, *, urgent: bool = False) -> AsyncIterator[AsyncSession]:
        """One transaction of writes, committed at the end; one that is urgent waits for no more
        than the one under way. Raises DatabaseAway."""
        async with AsyncExitStack() as stack:
            await stack.enter_async_context(_telling())
            if self.sqlite and not urgent:
                await stack.enter_async_context(self._line)
            if self.sqlite:
                await stack.enter_async_context(self._turn)
            yield await stack.enter_async_context(self._writers.begin())

    def moment(self, seconds: float = 0) -> ColumnElement[datetime]:
        """That long from now, by the clock of the database: machines need not agree on the time."""
        if self.sqlite:
            return literal(now() + timedelta(seconds=seconds), Moment)
        return func.clock_timestamp() + literal(timedelta(seconds=seconds), Interval)

    async def ping(self) -> None:
        """Raises DatabaseAway unless the database answers."""
        async with self.read() as session:
            await session.execute(select(1))

    async def close(self) -> None:
        await self.engine.dispose()


def parse_url(url: str) -> URL:
    """The SQLAlchemy URL with its async driver. Raises ValueError for other databases."""
    try:
        parsed = make_url(url)
    except ArgumentError as error:
        raise ValueError("This is not the URL of a database") from error
    match parsed.get_backend_name():
        case "postgresql" | "postgres":
            return parsed.set(drivername="postgresql+asyncpg")
        case "sqlite" if parsed.database not in (None, "", ":memory:"):
            return parsed.set(drivername="sqlite+aiosqlite")
    raise ValueError(f"Use a SQLite file or PostgreSQL, not {parsed.render_as_string()}")


def _engine(url: URL) -> AsyncEngine:
    if url.get_backend_name() == "sqlite":
        Path(url.database or "").parent.mkdir(parents=True, exist_ok=True)
        engine = create_async_engine(
            url, json_serializer=_json, pool_size=CONNECTIONS, max_overflow=0
        )
        event.listen(engine.sync_engine, "connect", _prepare_sqlite)
        event.listen(engine.sync_engine, "begin", _begin_sqlite)
        return engine
    limits = {
        "statement_timeout": f"{STATEMENT_TIMEOUT}s",
        "lock_timeout": f"{LOCK_TIMEOUT}s",
        "idle_in_transaction_session_timeout": f"{STATEMENT_TIMEOUT}s",
    }
    return create_async_engine(
        url,
        json_serializer=_json,
        pool_pre_ping=True,
        connect_args={"server_settings": limits, "timeout": CONNECT_TIMEOUT},
    )


def _json(value: object) -> str:
    return json.dumps(value, ensure_ascii=False)


def _prepare_sqlite(connection: Any, _: object) -> None:
    connection.isolation_level = None  # the driver's own BEGIN is deferred; we send ours
    cursor = connection.cursor()
    cursor.execute(f"PRAGMA busy_timeout={BUSY_TIMEOUT * 1000}")
    _write_ahead(cursor)
    cursor.execute("PRAGMA synchronous=FULL")
    cursor.execute("PRAGMA foreign_keys=ON")
    cursor.close()


def _write_ahead(cursor: Any) -> None:
    """Turn the log on; SQLite does not wait by itself for others who are just doing that."""
    for _ in range(round(BUSY_TIMEOUT / BUSY_PAUSE)):
        try:
            cursor.execute("PRAGMA journal_mode=WAL")
            return
        except sqlite3.OperationalError as error:
            if "locked" not in str(error):
                raise
        time.sleep(BUSY_PAUSE)
    cursor.execute("PRAGMA journal_mode=WAL")


def _begin_sqlite(connection: Connection) -> None:
    write = connection.get_execution_options().get("write", False)
    connection.exec_driver_sql("BEGIN IMMEDIATE" if write else "BEGIN")


def _upgrade(connection: Connection) -> None:
    config = alembic.config.Config()
    config.set_main_option("script_location", str(MIGRATIONS).replace("%", "%%"))
    config.set_main_option("path_separator", "os")
    config.attributes["connection"] = connection
    alembic.command.upgrade(config, "head")


@asynccontextmanager
async def _telling() -> AsyncIterator[None]:
    """Turns what drivers raise into DatabaseAway when the database is away, or into BadText."""
    try:
        yield
    except UnicodeEncodeError as error:
        raise BadText(str(error)) from error
    except (IntegrityError, DataError, ProgrammingError):
        raise
    except (DBAPIError, PoolTimeout, OSError) as error:
        if _unreadable(error):
            raise BadText(str(error)) from error
        if _code(error).startswith(DATA_EXCEPTION):  # it is there, and takes no such value
            raise
        raise DatabaseAway(str(error)) from error


def _unreadable(error: Exception) -> bool:
    """Whether PostgreSQL, or its driver, cannot encode a text."""
    driver = error.orig if isinstance(error, DBAPIError) else None
    half = driver is not None and isinstance(_first(driver), UnicodeEncodeError)
    return half or _code(error) == NO_CHARACTER


def _first(error: BaseException) -> BaseException:
    """What the error began with."""
    while error.__cause__ is not None:
        error = error.__cause__
    return error


def _code(error: Exception) -> str:
    """What PostgreSQL calls the error; nothing if it is not its own."""
    driver = error.orig if isinstance(error, DBAPIError) else None
    return str(getattr(driver, "sqlstate", ""))
