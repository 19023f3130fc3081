"""Waiting for what the bot does in its own time."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

LOOK = 0.01  # seconds


async def until(what: Callable[[], object], seconds: float = 10.0) -> None:
    """Returns once it is so. Raises TimeoutError."""
    async with asyncio.timeout(seconds):
        while not what():  # noqa: ASYNC110 - there is nothing that tells it
            await asyncio.sleep(LOOK)
