"""INSERT that leaves existing rows alone, in the dialect at hand."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import Select
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.ext.asyncio import AsyncSession

from storage.tables import Table


def insert_new(
    session: AsyncSession, table: type[Table], values: Mapping[str, object]
) -> postgresql.Insert | sqlite.Insert:
    """Inserts the row unless a unique constraint already has it; waits for a racing insert."""
    return _insert(session, table).values(values).on_conflict_do_nothing()


def insert_from(
    session: AsyncSession,
    table: type[Table],
    columns: Sequence[str],
    rows: Select[*tuple[Any, ...]],
) -> postgresql.Insert | sqlite.Insert:
    """The same for the rows that a SELECT finds."""
    return _insert(session, table).from_select(columns, rows).on_conflict_do_nothing()


def _insert(session: AsyncSession, table: type[Table]) -> postgresql.Insert | sqlite.Insert:
    if session.get_bind().dialect.name == "postgresql":
        return postgresql.insert(table)
    return sqlite.insert(table)
