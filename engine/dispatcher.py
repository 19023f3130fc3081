"""Hands queued jobs to the engine, follows them, and writes down how each one ended.

The ledger and the picture store are its memory; the front ends' verbs are in engine/studio.py.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Coroutine
from contextlib import suppress
from typing import TypeVar

from engine.contract import EngineLike, JobLike
from engine.errors import Busy, UserError, WentWrong
from engine.events import Done, Event, Failed, Picture, Queued, Step
from engine.feed import Feed, Feeds, happens
from engine.requests import read
from storage.database import DatabaseAway
from storage.ledger import Ledger
from storage.pictures import PictureStore
from storage.png import encode_png
from storage.records import JobRecord, NewPicture

LOOK_AGAIN = 1.0  # seconds until queue and engine are looked at again without a nudge
RETRY_LIMIT = 5.0  # seconds between attempts to reach a database that is away, at most
CLAIM_LIMIT, DRAIN_LIMIT = 5.0, 20.0  # seconds at the end: to stop claiming, to stop the jobs

Result = TypeVar("Result")

log = logging.getLogger(__name__)


class Dispatcher:
    """Runs from `start` to `drain`."""

    def __init__(
        self, engine: EngineLike, ledger: Ledger, store: PictureStore, feeds: Feeds
    ) -> None:
        self._engine = engine
        self._ledger = ledger
        self._store = store
        self._feeds = feeds
        self._runs: dict[str, JobLike] = {}  # what the engine has, by job id
        self._tasks: set[asyncio.Task[None]] = set()  # one follows each of them
        self._nudge = asyncio.Event()
        self._saving = asyncio.Lock()  # equal pictures share a file: one save at a time
        self._closing = False

    async def start(self) -> None:
        """Undoes what a crash left half, queues again what was running, and begins to work."""
        for job_id in await asyncio.to_thread(self._store.notes):
            await self._settle(job_id)
        await self._ledger.requeue_all(WentWrong.__name__)
        self._claiming = asyncio.create_task(self._dispatch(), name="dispatcher")

    def nudge(self) -> None:
        """Says that the queue or the engine's room has changed."""
        self._nudge.set()

    def stop(self, job_id: str) -> None:
        """Stops a job, if the engine has it, at its next step; the ledger must say so already."""
        if run := self._runs.get(job_id):
            run.cancel()

    async def drain(self) -> None:
        """Stops handing out; running jobs stop at their next step and go back to the queue."""
        self._closing = True
        self.nudge()
        await asyncio.wait([self._claiming], timeout=CLAIM_LIMIT)
        self._claiming.cancel()
        for run in list(self._runs.values()):
            run.cancel()
        if self._tasks:
            await asyncio.wait(list(self._tasks), timeout=DRAIN_LIMIT)
        late = list(self._tasks)
        for task in late:
            task.cancel()
        await asyncio.gather(self._claiming, *late, return_exceptions=True)

    async def _dispatch(self) -> None:
        while not self._closing:
            self._nudge.clear()
            try:
                while await self._hand_out():
                    pass
            except DatabaseAway as error:
                log.warning("the database is away: %s", error)
            except Exception:
                log.exception("the queue could not be read")
            await happens(self._nudge, LOOK_AGAIN)

    async def _hand_out(self) -> bool:
        """Gives the next queued job to the engine; False if none waits or there is no room."""
        if self._closing or self._engine.room() <= 0:
            return False
        job = await self._ledger.claim()
        if job is None:
            return False
        try:
            run = self._engine.submit(read(job.request), owner=str(job.account_id))
        except Busy:
            await self._persist(lambda: self._ledger.release(job.id, job.attempt))
            return False
        except Exception as error:
            await self._fail(job, error)
            self._feeds.of(job.id).tell(None)
            return True
        self._runs[job.id] = run
        task = asyncio.create_task(self._attend(job, run), name=f"job {job.id}")
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return True

    async def _attend(self, job: JobRecord, run: JobLike) -> None:
        """Follows a job in the engine to its end, and writes down how it ended."""
        feed = self._feeds.of(job.id)
        try:
            await self._end(job, await self._follow(job, run, feed))
        except asyncio.CancelledError:  # the end of `drain`
            with suppress(DatabaseAway):
                await self._ledger.release(job.id, job.attempt)
            raise
        except Exception as error:
            run.cancel()
            await self._fail(job, error)
        finally:
            self._runs.pop(job.id, None)
            feed.tell(None)
            self.nudge()

    async def _follow(self, job: JobRecord, run: JobLike, feed: Feed) -> Event:
        """Passes on the job's events; returns the last one."""
        started = False
        async for event in run:
            if not isinstance(event, Queued | Step):
                return event
            run.previews = feed.watchers > 0
            if not started and isinstance(event, Step):
                started = True
                if not await self._persist(lambda: self._ledger.start(job.id, job.attempt)):
                    run.cancel()  # its owner cancelled before the engine had it
            feed.tell(event)
        raise RuntimeError("the engine gave no last event")

    async def _end(self, job: JobRecord, event: Event) -> None:
        match event:
            case Done(pictures):
                await self._keep(job, pictures)
            case Failed(error):
                await self._fail(job, error)
            case _:  # cancelled: by its owner, as the ledger says already, or as the engine ends
                await self._persist(lambda: self._ledger.release(job.id, job.attempt))

    async def _keep(self, job: JobRecord, pictures: tuple[Picture, ...]) -> None:
        """Files first, rows after."""
        files = await asyncio.to_thread(_encode, job, pictures)
        async with self._saving:
            try:
                hashes = await asyncio.to_thread(self._store.save, job.id, files)
                rows = list(map(_row, pictures, files, hashes))
                await self._persist(lambda: self._ledger.finish(job.id, job.attempt, rows))
            except Exception:
                await self._persist(lambda: self._settle(job.id))
                raise
            await self._persist(lambda: self._settle(job.id))

    async def _settle(self, job_id: str) -> None:
        """Ends a save: its files that no row refers to go, the others stay."""
        hashes = await asyncio.to_thread(self._store.noted, job_id)
        keep = await self._ledger.stored(hashes)
        await asyncio.to_thread(self._store.settle, job_id, keep)

    async def _fail(self, job: JobRecord, error: Exception) -> None:
        """Writes down why the job failed, in words for its owner."""
        if not isinstance(error, UserError):
            log.error("job %s failed", job.id, exc_info=error)
            error = WentWrong()
        key = type(error).__name__
        values = {name: _plain(value) for name, value in error.values.items()}
        await self._persist(lambda: self._ledger.fail(job.id, job.attempt, key, values))

    async def _persist(self, write: Callable[[], Coroutine[None, None, Result]]) -> Result:
        """Does what must not be lost, again and again while the database is away."""
        pause = 0.1
        while True:
            try:
                return await write()
            except DatabaseAway as error:
                log.warning("the database is away, trying again: %s", error)
            await asyncio.sleep(pause)
            pause = min(2 * pause, RETRY_LIMIT)


def _encode(job: JobRecord, pictures: tuple[Picture, ...]) -> list[bytes]:
    return [encode_png(picture.image, job.request, picture.seed) for picture in pictures]


def _row(picture: Picture, file: bytes, sha256: str) -> NewPicture:
    width, height = picture.image.size
    return NewPicture(picture.seed, sha256, width, height, bytes=len(file))


def _plain(value: object) -> object:
    return value if isinstance(value, str | int | float | None) else str(value)
