"""Decisions, cases and the audit as tables (CSV) in a zip file, for admins; no pictures."""

from __future__ import annotations

import asyncio
import csv
import io
from collections.abc import AsyncIterator
from datetime import datetime
from pathlib import Path
from typing import Any
from zipfile import ZIP_DEFLATED, ZipFile

from sqlalchemy import ColumnElement, Row, and_, inspect, select, true
from sqlalchemy.orm import InstrumentedAttribute

from storage.database import Database
from storage.tables import AuditRow, CaseRow, DecisionRow, Table
from storage.zips import entry, whole

PAGE = 2000  # rows read at a time
FILES: dict[str, tuple[type[Table], InstrumentedAttribute[datetime]]] = {
    "decisions.csv": (DecisionRow, DecisionRow.created_at),
    "cases.csv": (CaseRow, CaseRow.opened_at),
    "audit.csv": (AuditRow, AuditRow.created_at),
}
FORMULA = ("=", "+", "-", "@", "\t", "\r")  # what a spreadsheet would work out


async def write_records(
    database: Database, file: Path, since: datetime | None, until: datetime | None
) -> int:
    """Writes what was written down from `since` to before `until`; how many rows.

    `file` is whole or not there. Raises DatabaseAway, and OSError if the disk fails.
    """
    count = 0
    async with whole(file) as archive:
        for name, (table, moment) in FILES.items():
            within = and_(
                true() if since is None else moment >= since,
                true() if until is None else moment < until,
            )
            count += await _write(database, archive, name, table, within)
    return count


async def _write(
    database: Database,
    archive: ZipFile,
    name: str,
    table: type[Table],
    within: ColumnElement[bool],
) -> int:
    count = 0
    with archive.open(entry(name, ZIP_DEFLATED), "w", force_zip64=True) as out:
        header = [column.name for column in inspect(table).columns]
        await asyncio.to_thread(out.write, _lines([header]))
        async for rows in _pages(database, table, within):
            lines = await asyncio.to_thread(_lines, [list(map(_cell, row)) for row in rows])
            await asyncio.to_thread(out.write, lines)
            count += len(rows)
    return count


async def _pages(
    database: Database, table: type[Table], within: ColumnElement[bool]
) -> AsyncIterator[list[Row[Any]]]:
    columns = inspect(table).columns
    last = 0
    while True:
        page = select(*columns).where(columns.id > last, within).order_by(columns.id).limit(PAGE)
        async with database.read() as session:
            rows = list((await session.execute(page)).all())
        if rows:
            yield rows
        if len(rows) < PAGE:
            return
        last = rows[-1].id


def _lines(rows: list[list[str]]) -> bytes:
    text = io.StringIO()
    csv.writer(text).writerows(rows)
    return text.getvalue().encode()


def _cell(value: object) -> str:
    """As text that no spreadsheet takes for a formula."""
    if isinstance(value, datetime):
        return value.isoformat()
    text = "" if value is None else str(value)
    return f"'{text}" if isinstance(value, str) and text.startswith(FORMULA) else text
