"""INSERT that leaves existing rows alone, or changes them, in the dialect at hand."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any

from sqlalchemy import Select, inspect
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.ext.asyncio import AsyncSession

from storage.tables import Table


def insert_new(
    session: AsyncSession, table: type[Table], values: Mapping[str, object]
) -> postgresql.Insert | sqlite.Insert:
    """Inserts the row unless a unique constraint already has it; waits for a racing insert."""
    return _insert(session, table).values(values).on_conflict_do_nothing()


def insert_each(session: AsyncSession, table: type[Table]) -> postgresql.Insert | sqlite.Insert:
    """The same for any number of rows, which are given to `execute`."""
    return _insert(session, table).on_conflict_do_nothing()


def insert_or_change(
    session: AsyncSession, table: type[Table], change: Collection[str]
) -> postgresql.Insert | sqlite.Insert:
    """Inserts rows, given to `execute`; of one that is there, changes these columns."""
    statement = _insert(session, table)
    return statement.on_conflict_do_update(
        index_elements=list(inspect(table).primary_key),
        set_={column: statement.excluded[column] for column in change},
    )


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
