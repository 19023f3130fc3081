"""What goes by itself when its time has passed: uploads, removed pictures, refusals."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from engine.feed import happens
from storage.database import Database, DatabaseAway
from storage.pictures import PictureStore
from storage.retention import prune_lapsed

PRUNE_EVERY = 600.0  # seconds

log = logging.getLogger(__name__)


@asynccontextmanager
async def lapsing(database: Database, store: PictureStore) -> AsyncIterator[None]:
    """Inside, what has lapsed goes, a few minutes later at most."""
    await prune_lapsed(database, store)
    ending = asyncio.Event()
    pruning = asyncio.create_task(_prune(database, store, ending), name="lapsing")
    try:
        yield
    finally:
        ending.set()
        await pruning


async def _prune(database: Database, store: PictureStore, ending: asyncio.Event) -> None:
    while True:
        await happens(ending, PRUNE_EVERY)
        if ending.is_set():
            return
        try:
            await prune_lapsed(database, store)
        except (DatabaseAway, OSError) as error:
            log.warning("what has lapsed stays for now: %s", error)
        except Exception:
            log.exception("what has lapsed stays")
