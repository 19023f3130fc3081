from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.bot.scene import Scene, scene


@pytest.fixture
async def talk(tmp_path: Path) -> AsyncIterator[Scene]:
    """The bot at work in Telegram, over an engine in memory that draws at once."""
    async with scene(tmp_path) as talk:
        yield talk


@pytest.fixture
async def slow(tmp_path: Path) -> AsyncIterator[Scene]:
    """The same, over an engine whose jobs a test steps by hand."""
    async with scene(tmp_path, paused=True) as talk:
        yield talk
