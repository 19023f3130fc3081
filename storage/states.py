"""Where conversations of the bot are, and what it was told in them; the bot makes the keys."""

from __future__ import annotations

from typing import Any

from sqlalchemy import delete, select

from storage.database import Database
from storage.inserts import insert_or_change
from storage.sweep import older, sweep
from storage.tables import StateRow


class States:
    """The conversations of one database. Every method may raise DatabaseAway.

    `person` is the external id of the account whose conversation it is: with the account, the
    conversation is forgotten. One with neither a state nor data is not kept.
    """

    def __init__(self, database: Database) -> None:
        self._database = database

    async def get(self, key: str, within: float | None = None) -> tuple[str | None, dict[str, Any]]:
        """The state, and the data; None and nothing of a conversation that is not known, or was
        left alone for longer than `within` seconds."""
        row = select(StateRow.state, StateRow.data).where(StateRow.key == key)
        if within is not None:
            row = row.where(StateRow.changed_at > self._database.moment(-within))
        async with self._database.read() as session:
            found = (await session.execute(row)).one_or_none()
        return (None, {}) if found is None else (found.state, found.data)

    async def set_state(self, key: str, person: str | None, state: str | None) -> None:
        """Changes the state and leaves the data."""
        await self._set(key, person, {"state": state})

    async def set_data(self, key: str, person: str | None, data: dict[str, Any]) -> None:
        """Changes the data, all of it, and leaves the state."""
        await self._set(key, person, {"data": data})

    async def prune(self, days: float) -> int:
        """Forgets the conversations that were left alone for so long."""
        return await sweep(
            self._database, StateRow, older(self._database, StateRow.changed_at, days)
        )

    async def _set(self, key: str, person: str | None, change: dict[str, Any]) -> None:
        moment = self._database.moment()
        row = {"key": key, "person": person, "changed_at": moment, **change}
        async with self._database.write() as session:
            left = (
                insert_or_change(session, StateRow, ["person", "changed_at", *change])
                .values(row)
                .returning(StateRow.state, StateRow.data)
            )
            state, data = (await session.execute(left)).one()
            if state is None and not data:
                await session.execute(delete(StateRow).where(StateRow.key == key))
