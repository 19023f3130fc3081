"""Hands queued jobs to the engine, follows them, and writes down how each one ended.

The ledger and the picture store are its memory; the front ends' verbs are in engine/studio.py.
Several processes may do this on one ledger: each holds its jobs by a lease that it keeps putting
off, and what a dead one held goes back to the queue when its lease ends.
"""

from __future__ import annotations

import asyncio
import logging
import os
import re
import secrets
import socket
import time
from collections.abc import Callable, Collection, Coroutine
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import TypeVar

from PIL import Image

from engine.contract import EngineLike, JobLike
from engine.errors import Busy, UserError, WentWrong
from engine.events import Done, Event, Failed, Picture, Queued, Step
from engine.feed import Feed, Feeds, happens
from engine.news import News
from engine.requests import Request, read
from engine.safety.safety import Checked, Safety
from storage.database import DatabaseAway
from storage.gallery import Gallery
from storage.ledger import SUSPECT, Ledger
from storage.pictures import PictureLost, PictureStore
from storage.records import JobRecord, NewPicture, Review
from storage.removal import removing

LOOK_AGAIN = 1.0  # seconds until queue and engine are looked at again without a nudge
BEAT_LIMIT = 2.0  # seconds between heartbeats, at most; at least ten of them in a lease
RETRY_LIMIT = 5.0  # seconds between attempts to reach a database that is away, at most
CLAIM_LIMIT, DRAIN_LIMIT = 5.0, 20.0  # seconds at the end: to stop claiming, to stop the jobs

SAVE = re.compile(r"([0-9a-f-]{36})_(\d+)")  # the note of a save: a job and its attempt

Result = TypeVar("Result")

log = logging.getLogger(__name__)


@dataclass(slots=True, eq=False)
class _Run:
    """A claimed job in the engine, and how far it is."""

    job: JobRecord
    engine: JobLike
    sources: tuple[bytes, ...] = ()  # the files of what it works on
    step: int = 0
    steps: int = 0
    looking: asyncio.Task[None] | None = None  # at a preview, before anybody sees it


class Dispatcher:
    """Runs from `start` to `drain`."""

    def __init__(
        self,
        engine: EngineLike,
        ledger: Ledger,
        gallery: Gallery,
        store: PictureStore,
        feeds: Feeds,
        news: News,
        safety: Safety,
        lease: float,
    ) -> None:
        """`lease` in seconds."""
        self._engine = engine
        self._ledger = ledger
        self._gallery = gallery
        self._store = store
        self._feeds = feeds
        self._news = news
        self._safety = safety
        self._lease = lease
        self.worker = f"{socket.gethostname()[:32]}:{os.getpid()}:{secrets.token_hex(4)}"
        self._runs: dict[tuple[str, int], _Run] = {}  # by job id and attempt
        self._tasks: set[asyncio.Task[None]] = set()  # one follows each of them
        self._nudge = asyncio.Event()
        self._closing = False

    async def start(self) -> None:
        """Undoes what a crash left half, and begins to work."""
        notes = map(SAVE.fullmatch, await asyncio.to_thread(self._store.notes))
        saves = [(saved[1], int(saved[2])) for saved in notes if saved]
        running = await self._ledger.running({job_id for job_id, _ in saves})
        for job_id, attempt in saves:
            if job_id not in running:  # else it is another process's, which may be alive
                await self._settle(job_id, attempt)
        self._working = [
            asyncio.create_task(self._dispatch(), name="dispatcher"),
            asyncio.create_task(self._beat(), name="heartbeat"),
        ]

    def nudge(self) -> None:
        """Says that the queue or the engine's room has changed."""
        self._nudge.set()

    def stop(self, job_id: str) -> None:
        """Stops a job, if the engine has it, at its next step; the ledger must say so already."""
        for run in list(self._runs.values()):
            if run.job.id == job_id:
                run.engine.cancel()

    def moved(self, account_id: int, to: int) -> None:
        """What the one account had asked for is the other's now, as the ledger says already."""
        for run in self._runs.values():
            if run.job.account_id == account_id:
                run.job = replace(run.job, account_id=to)

    async def drain(self) -> None:
        """Stops handing out; running jobs stop at their next step and go back to the queue."""
        self._closing = True
        self.nudge()
        dispatching, beating = self._working
        await asyncio.wait([dispatching], timeout=CLAIM_LIMIT)
        dispatching.cancel()
        for run in list(self._runs.values()):
            run.engine.cancel()
        if self._tasks:
            await asyncio.wait(list(self._tasks), timeout=DRAIN_LIMIT)
        late = [*self._tasks, beating]
        for task in late:
            task.cancel()
        await asyncio.gather(dispatching, *late, return_exceptions=True)

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

    async def _beat(self) -> None:
        """Keeps the leases of this process, stops what it has lost, and frees what others lost.

        While the database is away nobody can keep a lease: for one more after that, none is ended.
        """
        judging = time.monotonic()
        while True:
            await asyncio.sleep(min(BEAT_LIMIT, self._lease / 10))
            try:
                await self._hold()
                if time.monotonic() >= judging and await self._ledger.expire(WentWrong.__name__):
                    log.warning("jobs of a process that is gone go on")
                    self.nudge()
            except DatabaseAway as error:
                log.warning("the database is away: %s", error)
                judging = time.monotonic() + self._lease
            except Exception:
                log.exception("no heartbeat")

    async def _hold(self) -> None:
        told = {key: (run.step, run.steps) for key, run in self._runs.items()}
        held = await self._ledger.beat(self.worker, self._lease, told)
        for key in told.keys() - held:
            if run := self._runs.get(key):  # cancelled by another process, or somebody else's now
                run.engine.cancel()

    async def _hand_out(self) -> bool:
        """Gives the next queued job to the engine; False if none waits or there is no room."""
        if self._closing or self._engine.room() <= 0 or self._suspects():
            return False
        job = await self._ledger.claim(self.worker, self._lease, alone=not self._runs)
        if job is None:
            return False
        try:
            request = await self._whole(read(job.request))
            sources = tuple(source.file for source in request.sources())
            run = _Run(job, self._engine.submit(request, owner=str(job.account_id)), sources)
        except Busy:
            await self._persist(lambda: self._ledger.release(job.id, job.attempt))
            return False
        except Exception as error:
            await self._fail(job, error)
            self._feeds.of(job.id).tell(None)
            self._news.tell(job.account_id)
            return True
        self._runs[job.id, job.attempt] = run
        task = asyncio.create_task(self._attend(run), name=f"job {job.id}")
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return True

    def _suspects(self) -> bool:
        """Whether a job runs alone because it may be the one that takes the program down."""
        return any(run.job.crashes >= SUSPECT for run in self._runs.values())

    async def _whole(self, request: Request) -> Request:
        """The request with its pictures' files; one that is lost is for the engine to tell."""
        files = {}
        for sha256 in {source.sha256 for source in request.sources()}:
            with suppress(PictureLost):
                files[sha256] = await asyncio.to_thread(self._store.read, sha256)
        return request.with_files(files) if files else request

    async def _attend(self, run: _Run) -> None:
        """Follows a job in the engine to its end, and writes down how it ended."""
        job, feed = run.job, self._feeds.of(run.job.id)
        try:
            await self._end(run, await self._follow(run, feed))
        except asyncio.CancelledError:  # the end of `drain`
            with suppress(DatabaseAway):
                await self._ledger.release(job.id, job.attempt)
            raise
        except Exception as error:
            run.engine.cancel()
            await self._fail(job, error)
        finally:
            self._runs.pop((job.id, job.attempt), None)
            if run.looking is not None:
                run.looking.cancel()
            feed.tell(None)
            self._news.tell(run.job.account_id)
            self.nudge()

    async def _follow(self, run: _Run, feed: Feed) -> Event:
        """Passes on the job's events; returns the last one."""
        job = run.job
        async for event in run.engine:
            if not isinstance(event, Queued | Step):
                return event
            run.engine.previews = feed.watchers > 0 and self._safety.previews(job)
            if isinstance(event, Step):
                first = run.steps == 0
                run.step, run.steps = event.index, event.total
                if first and not await self._persist(
                    lambda: self._ledger.start(job.id, job.attempt)
                ):
                    run.engine.cancel()  # its owner cancelled before the engine had it
                event = self._checking(run, feed, event)
            feed.tell(event)
        raise RuntimeError("the engine gave no last event")

    def _checking(self, run: _Run, feed: Feed, step: Step) -> Step:
        """The step without its preview, which follows when it has been looked at."""
        if step.preview is not None and (run.looking is None or run.looking.done()):
            run.looking = asyncio.create_task(self._look(step.preview, feed), name="preview")
        return replace(step, preview=None)

    async def _look(self, preview: Image.Image, feed: Feed) -> None:
        if await self._safety.shows(preview) and isinstance(feed.latest, Step):
            feed.tell(replace(feed.latest, preview=preview))

    async def _end(self, run: _Run, event: Event) -> None:
        job = run.job
        match event:
            case Done(pictures):
                await self._keep(run, pictures)
            case Failed(error):
                await self._fail(job, error)
            case _:  # cancelled: by its owner, as the ledger says already, or as the engine ends
                await self._persist(lambda: self._ledger.release(job.id, job.attempt))

    async def _keep(self, run: _Run, pictures: tuple[Picture, ...]) -> None:
        """Checked first, then files, then rows."""
        job = run.job
        checked = await self._safety.drawn(job, [one.image for one in pictures])
        files = await asyncio.to_thread(self._safety.files, job, pictures, run.sources)
        try:
            hashes = await asyncio.to_thread(self._store.save, _save(job.id, job.attempt), files)
            rows = list(map(_row, pictures, files, hashes, checked))
            await self._persist(lambda: self._ledger.finish(job.id, job.attempt, rows))
        except Exception:
            await self._persist(lambda: self._settle(job.id, job.attempt))
            raise
        await self._persist(lambda: self._settle(job.id, job.attempt))
        await self._persist(lambda: self._sweep(f"late_{_save(job.id, job.attempt)}", hashes))

    async def _settle(self, job_id: str, attempt: int) -> None:
        """Ends the saves of a job up to this attempt: files without a row go, the others stay.

        While another attempt runs, its files may be the same, and all is left to it.
        """
        running = await self._ledger.running([job_id])
        if running.get(job_id, attempt) != attempt:
            return
        for note in (_save(job_id, number) for number in range(1, attempt + 1)):
            if hashes := await asyncio.to_thread(self._store.noted, note):
                keep = await self._gallery.stored(hashes)
                await asyncio.to_thread(self._store.settle, note, keep)

    async def _sweep(self, note: str, hashes: Collection[str]) -> None:
        """Removes those that have no row after all, which the end of their save cannot have seen.

        They were deleted while it read the rows; or this process was frozen in the midst of the
        save, and another one has settled that, before the last files were there.
        """
        if late := set(hashes) - await self._gallery.stored(hashes):
            async with removing(self._store, self._gallery, note, late):
                pass

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


def _row(picture: Picture, file: bytes, sha256: str, checked: Checked) -> NewPicture:
    width, height = picture.image.size
    return NewPicture(
        picture.seed,
        sha256,
        width,
        height,
        bytes=len(file),
        review=checked.review,
        score=checked.verdict.score,
        fingerprint=checked.verdict.fingerprint,
        policy=checked.verdict.policy if checked.review is Review.REMOVED else "",
        case=checked.case,
    )


def _save(job_id: str, attempt: int) -> str:
    return f"{job_id}_{attempt}"


def _plain(value: object) -> object:
    return value if isinstance(value, str | int | float | None) else str(value)
