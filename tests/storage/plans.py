"""How the database finds what a statement asks for."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from sqlalchemy import event

from storage.database import Database

READING = ("SELECT", "UPDATE", "WITH", "DELETE")
# Not of a whole table: what `take` of the cases has found, some rows.
WHOLE = re.compile(r"SCAN (?!CONSTANT|first\b|\w+ USING)|Seq Scan")


@asynccontextmanager
async def by_indices(database: Database, at_least: int) -> AsyncIterator[None]:
    """Of the statements that are sent inside, at least so many, none reads a whole table."""
    sent: list[tuple[str, Any]] = []

    def note(_: object, __: object, statement: str, parameters: Any, *___: object) -> None:
        if statement.startswith(READING):
            sent.append((statement, parameters))

    event.listen(database.engine.sync_engine, "before_cursor_execute", note)
    yield
    event.remove(database.engine.sync_engine, "before_cursor_execute", note)
    assert len(sent) >= at_least
    for statement, parameters in sent:
        plan = await _plan(database, statement, parameters)
        assert not WHOLE.search(plan), (statement, plan)


async def _plan(database: Database, statement: str, parameters: Any) -> str:
    async with database.engine.connect() as connection:
        if database.sqlite:
            rows = await connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {statement}", parameters)
        else:  # tables as small as these are read whole unless that is forbidden
            await connection.exec_driver_sql("SET LOCAL enable_seqscan = off")
            rows = await connection.exec_driver_sql(f"EXPLAIN {statement}", parameters)
        return "\n".join(str(row) for row in rows)
