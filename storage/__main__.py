"""`python -m storage migrate | verify`: the tables and the picture files from a shell."""

from __future__ import annotations

import argparse
import asyncio
import os
import sys
from pathlib import Path

from storage.database import Database, DatabaseAway, parse_url
from storage.pictures import PictureStore
from storage.verify import Findings, verify


def main(arguments: list[str] | None = None) -> int:
    """0: all is well; 1: verify found mismatches; 2: the database cannot be used."""
    options = _parser().parse_args(arguments)
    try:
        if options.command == "migrate":
            return asyncio.run(_migrate(options.database))
        _must_exist(options.database)
        return asyncio.run(_verify(options.database, options.pictures))
    except (DatabaseAway, ValueError) as error:
        print(error, file=sys.stderr)
        return 2


def _parser() -> argparse.ArgumentParser:
    folder = Path(os.environ.get("KANDINSKY_DATA") or "data")
    sqlite = f"sqlite+aiosqlite:///{folder.resolve() / 'studio.sqlite3'}"
    pictures = os.environ.get("KANDINSKY_PICTURES_URL") or folder / "pictures"
    parser = argparse.ArgumentParser(prog="python -m storage", description=__doc__)
    parser.add_argument("command", choices=("migrate", "verify"))
    parser.add_argument("--database", default=os.environ.get("KANDINSKY_DATABASE_URL") or sqlite)
    parser.add_argument("--pictures", type=Path, default=Path(pictures))
    return parser


async def _migrate(url: str) -> int:
    async with Database.open(url):
        print("The tables are at their newest form.")
    return 0


async def _verify(url: str, pictures: Path) -> int:
    database = Database(url)
    try:
        findings = await verify(database, PictureStore(pictures))
    finally:
        await database.close()
    _report(findings)
    return 0 if findings.clean else 1


def _must_exist(url: str) -> None:
    parsed = parse_url(url)
    if parsed.get_backend_name() == "sqlite" and not Path(parsed.database or "").is_file():
        raise ValueError(f"There is no {parsed.database}. `python -m storage migrate` makes it.")


def _report(findings: Findings) -> None:
    for picture_id in findings.rows_without_file:
        print(f"row without file: {picture_id}")
    for path in findings.files_without_row:
        print(f"file without row: {path}")
    for path in findings.hash_mismatches:
        print(f"content does not match its hash: {path}")
    print(f"{findings.rows} pictures checked: {'all is well' if findings.clean else 'see above'}")


if __name__ == "__main__":
    sys.exit(main())
