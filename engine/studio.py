"""The durable service that front ends talk to: accepts work, remembers it, shows what became of it.

It knows nothing of models. What it promises survives a restart, because it is in the ledger.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from pathlib import Path

from engine.cards import ModelCard, resolve
from engine.contract import EngineLike
from engine.dispatcher import Dispatcher
from engine.errors import NotFound, WentWrong
from engine.events import Queued, Step
from engine.feed import Feeds, happens
from engine.requests import Request
from engine.settings import Settings
from storage.accounts import Accounts
from storage.database import Database, DatabaseAway
from storage.ledger import Ledger
from storage.pictures import PictureStore
from storage.records import Account, JobRecord, JobState, PictureRecord

LOOK_AGAIN = 1.0  # seconds until a watcher reads the ledger again


@dataclass(frozen=True, slots=True)
class Finished:
    """The job reached its end: `job.state` says which one, `job.pictures` are its pictures."""

    job: JobRecord


@dataclass(frozen=True, slots=True)
class PictureFile:
    """A stored picture's file and its row."""

    path: Path
    media_type: str
    record: PictureRecord


class Studio:
    """Open it with `async with Studio.open(settings, engine)`.

    Every verb checks the account's rights, and raises WentWrong while the database is away.
    """

    def __init__(self, engine: EngineLike, database: Database, pictures: Path) -> None:
        self._engine = engine
        self._database = database
        self._accounts = Accounts(database)
        self._ledger = Ledger(database)
        self._store = PictureStore(pictures)
        self._feeds = Feeds()
        self._dispatcher = Dispatcher(engine, self._ledger, self._store, self._feeds)
        self._closing = False

    @classmethod
    @asynccontextmanager
    async def open(cls, settings: Settings, engine: EngineLike) -> AsyncIterator[Studio]:
        """Migrates the tables, undoes what a crash left half, and works until the end.

        At the end, running jobs stop at their next step and wait in the queue for the next start.
        """
        async with Database.open(settings.database) as database:
            studio = cls(engine, database, settings.pictures)
            await studio._dispatcher.start()
            try:
                yield studio
            finally:
                studio._closing = True
                studio._feeds.end()
                await studio._dispatcher.drain()

    def models(self) -> list[ModelCard]:
        """What can be asked of the engine now; the first card is the default model."""
        return self._engine.models()

    async def reachable(self) -> bool:
        """Whether the database answers: without it nothing is accepted."""
        try:
            await self._database.ping()
        except DatabaseAway:
            return False
        return True

    async def account(self, channel: str, external_id: str, language: str) -> Account:
        """The account of that person, made at first sight with that language."""
        with _refusing():
            return await self._accounts.get_or_create(channel, external_id, language)

    async def submit(self, request: Request, account: Account, key: str) -> JobRecord:
        """Accepts the request durably; the same `key` again is the same job.

        Raises UnknownModel, NotOffered or OutOfRange for what the models here do not serve.
        """
        whole = resolve(request, self._engine.models())
        with _refusing():
            job = await self._ledger.submit(
                account.id, key, whole.mode, whole.model or "", whole.model_dump(mode="json")
            )
        self._dispatcher.nudge()
        return job

    async def watch(
        self, job_id: str, account: Account
    ) -> AsyncGenerator[Queued | Step | Finished, None]:
        """The latest event at once, then what follows, and Finished as the last one.

        Ends without Finished only when the studio closes. Raises NotFound.
        """
        feed = self._feeds.of(job_id)
        job = await self.job(job_id, account)
        told: Queued | Step | None = None
        with feed.watched():
            while not self._closing:
                change, event = feed.change, feed.latest
                if event is None:
                    job = await self.job(job_id, account)
                    event = await self._place(job)
                if job.state.final:
                    yield Finished(job)
                    return
                if event is not None and event != told:
                    yield event
                    told = event
                await happens(change, LOOK_AGAIN)

    async def cancel(self, job_id: str, account: Account) -> None:
        """Ends the job if it has not ended; the engine stops at its next step. Raises NotFound."""
        await self.job(job_id, account)
        with _refusing():
            await self._ledger.cancel(job_id)
        self._dispatcher.stop(job_id)
        self._feeds.of(job_id).tell(None)

    async def job(self, job_id: str, account: Account) -> JobRecord:
        """The account's job as it is now, with its pictures. Raises NotFound."""
        with _refusing():
            job = await self._ledger.job(job_id, account.id)
        if job is None:
            raise NotFound()
        return job

    async def history(
        self, account: Account, limit: int = 50, before: str | None = None
    ) -> list[JobRecord]:
        """The account's jobs, newest first; `before` is the id of the last one already shown."""
        with _refusing():
            return await self._ledger.history(account.id, limit, before)

    async def picture(self, picture_id: str, account: Account) -> PictureFile:
        """The account's picture. Raises NotFound."""
        with _refusing():
            record = await self._ledger.picture(picture_id, account.id)
        if record is None:
            raise NotFound()
        return PictureFile(self._store.path(record.sha256), record.media_type, record)

    async def _place(self, job: JobRecord) -> Queued | None:
        """Where a job waits in the ledger's queue; None when it does not."""
        if job.state is not JobState.QUEUED:
            return None
        with _refusing():
            return Queued(await self._ledger.position(job.id))


@contextmanager
def _refusing() -> Iterator[None]:
    """While the database is away, says so in words for a person."""
    try:
        yield
    except DatabaseAway as error:
        raise WentWrong() from error
