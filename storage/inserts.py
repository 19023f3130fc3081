"""INSERT that leaves an existing row alone, in the dialect at hand."""

from __future__ import annotations

from collections.abc import Mapping

from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.ext.asyncio import AsyncSession

from storage.tables import Table


def insert_new(
    session: AsyncSession, table: type[Table], values: Mapping[str, object]
) -> postgresql.Insert | sqlite.Insert:
    """Inserts the row unless a unique constraint already has it; waits for a racing insert."""
    if session.get_bind().dialect.name == "postgresql":
        return postgresql.insert(table).values(values).on_conflict_do_nothing()
    return sqlite.insert(table).values(values).on_conflict_do_nothing()
