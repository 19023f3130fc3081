"""Where the database and the pictures are, as every command takes it: options, else environment."""

from __future__ import annotations

import argparse
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from storage.database import Database, parse_url


def database_argument(parser: argparse.ArgumentParser) -> None:
    sqlite = f"sqlite+aiosqlite:///{_data().resolve() / 'studio.sqlite3'}"
    default = os.environ.get("KANDINSKY_DATABASE_URL") or sqlite
    parser.add_argument("--database", metavar="URL", default=default)


def pictures_argument(parser: argparse.ArgumentParser) -> None:
    default = os.environ.get("KANDINSKY_PICTURES_URL") or str(_data() / "pictures")
    parser.add_argument(
        "--pictures",
        metavar="PLACE",
        default=default,
        help="a folder or s3://bucket/prefix; default: %(default)s",
    )


@asynccontextmanager
async def existing_database(url: str) -> AsyncIterator[Database]:
    """The database as it is, not migrated. Raises ValueError if there is no such SQLite file."""
    _must_exist(url)
    database = Database(url)
    try:
        yield database
    finally:
        await database.close()


def _must_exist(url: str) -> None:
    parsed = parse_url(url)
    if parsed.get_backend_name() == "sqlite" and not Path(parsed.database or "").is_file():
        raise ValueError(f"There is no {parsed.database}. `python -m storage migrate` makes it.")


def _data() -> Path:
    return Path(os.environ.get("KANDINSKY_DATA") or "data")
