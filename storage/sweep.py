"""Deletes what is older than one keeps it, some rows at a time, so that others write in between."""

from __future__ import annotations

from datetime import datetime, timedelta

from sqlalchemy import ColumnElement, delete, inspect, select, tuple_
from sqlalchemy.orm import InstrumentedAttribute

from storage.database import Database
from storage.tables import Table

BATCH = 1000  # rows deleted at a time
DAY = timedelta(days=1).total_seconds()


async def sweep(database: Database, table: type[Table], old: ColumnElement[bool]) -> int:
    """Deletes those rows; how many there were. Raises DatabaseAway."""
    key = inspect(table).primary_key
    some = select(*key).where(old).limit(BATCH)
    gone = (
        delete(table)
        .where(tuple_(*key).in_(some))
        .returning(key[0])
        .execution_options(synchronize_session=False)
    )
    count = 0
    while True:
        async with database.write() as session:
            batch = len((await session.scalars(gone)).all())
        count += batch
        if batch < BATCH:
            return count


def older(
    database: Database,
    column: InstrumentedAttribute[datetime] | InstrumentedAttribute[datetime | None],
    days: float,
) -> ColumnElement[bool]:
    """That a time is so many days ago, or more; read once, so that an index serves."""
    return column < select(database.moment(-days * DAY)).scalar_subquery()
