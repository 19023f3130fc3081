"""Where conversations are, in SQL, as aiogram's storage of states."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from aiogram.fsm.state import State
from aiogram.fsm.storage.base import BaseStorage, DefaultKeyBuilder, StateType, StorageKey

from storage.states import States

LASTS = 3 * 3600.0  # seconds without a word, after which nobody remembers what they were asked

_KEYS = DefaultKeyBuilder(prefix="bot", with_bot_id=True, with_destiny=True)


class SqlStorage(BaseStorage):
    """Every method may raise DatabaseAway; the update is then handled again."""

    def __init__(self, states: States) -> None:
        self._states = states

    async def set_state(self, key: StorageKey, state: StateType = None) -> None:
        name = state.state if isinstance(state, State) else state
        await self._states.set_state(_KEYS.build(key), str(key.user_id), name)

    async def get_state(self, key: StorageKey) -> str | None:
        state, _ = await self._states.get(_KEYS.build(key), within=LASTS)
        return state

    async def set_data(self, key: StorageKey, data: Mapping[str, Any]) -> None:
        await self._states.set_data(_KEYS.build(key), str(key.user_id), dict(data))

    async def get_data(self, key: StorageKey) -> dict[str, Any]:
        _, data = await self._states.get(_KEYS.build(key), within=LASTS)
        return data

    async def close(self) -> None:
        """The database is closed by who opened it."""
