"""The durable service that front ends talk to: accepts work, remembers it, shows what became of it.

It knows nothing of models. What it promises survives a restart, because it is in the ledger.
"""

from __future__ import annotations

import asyncio
import logging
import secrets
import time
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Collection, Iterator
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager, suppress
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path

from PIL import Image

from engine.canvas import like_a_mask, painted
from engine.cards import ModelCard, resolve
from engine.contract import EngineLike
from engine.dispatcher import Dispatcher
from engine.errors import (
    AccountBanned,
    Busy,
    Closing,
    DecisionsKept,
    NotFound,
    OutOfRange,
    PictureGone,
    SourceMissing,
    TooManyToday,
    TooManyWaiting,
    WentWrong,
)
from engine.events import Queued, Step
from engine.feed import Feeds, happens
from engine.intake import Intake
from engine.preferences import KEY, Preferences
from engine.recall import Recalled, recall
from engine.requests import Mix, Request
from engine.settings import Settings
from engine.sources import Source
from engine.texts import LANGUAGES
from storage import quotas
from storage.accounts import Accounts
from storage.database import Database, DatabaseAway
from storage.erasure import HasDecided, forget
from storage.export import export
from storage.gallery import ALL, Filter, Gallery
from storage.ledger import ACTIVE, Ledger
from storage.pictures import PictureLost, PictureStore
from storage.records import Account, JobRecord, JobState, PictureRecord, Quota, Role
from storage.removal import finish, removing

LOOK_AGAIN = 1.0  # seconds until a watcher reads the ledger again
REASON_LIMIT = 1000  # characters of a report
DELETE_LIMIT = 1000  # pictures at a time
UPLOADS = 2  # pictures that are opened at a time
UPLOAD_LIMIT = 3600.0  # seconds from the save of a source to its job, at most

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Finished:
    """The job reached its end: `job.state` says which one, `job.pictures` are its pictures."""

    job: JobRecord


@dataclass(frozen=True, slots=True)
class PictureFile:
    """A stored picture's file, or its thumbnail, and its row."""

    content: bytes
    media_type: str
    record: PictureRecord


class Studio:
    """Open it with `async with Studio.open(settings, engine)`.

    Every verb checks the account's rights, and raises WentWrong while the database is away.
    """

    def __init__(
        self, engine: EngineLike, database: Database, intake: Intake, settings: Settings
    ) -> None:
        self._engine = engine
        self._database = database
        self._intake = intake
        self._quotas = {Role(role): Quota(*most) for role, most in settings.quotas.items()}
        self._backlog = settings.backlog
        self._accounts = Accounts(database)
        self._ledger = Ledger(database)
        self._gallery = Gallery(database)
        self._store = PictureStore(settings.pictures)
        self._feeds = Feeds()
        self._dispatcher = Dispatcher(
            engine, self._ledger, self._gallery, self._store, self._feeds, settings.lease
        )
        self._closing = False

    @classmethod
    @asynccontextmanager
    async def open(cls, settings: Settings, engine: EngineLike) -> AsyncIterator[Studio]:
        """Migrates the tables, undoes what a crash left half, and works until the end.

        At the end, running jobs stop at their next step and wait in the queue for the next start.
        """
        async with AsyncExitStack() as stack:
            database = await stack.enter_async_context(Database.open(settings.database))
            intake = await stack.enter_async_context(Intake.open(UPLOADS))
            studio = cls(engine, database, intake, settings)
            await studio._tidy()
            await studio._dispatcher.start()
            try:
                yield studio
            finally:
                studio._closing = True
                studio._feeds.end()
                await studio._dispatcher.drain()

    @property
    def database(self) -> Database:
        """For what a front end keeps of its own: the bot's updates, states and messages."""
        return self._database

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

    async def owner(self, account_id: int) -> Account:
        """The account as it is now. Raises NotFound, once it is forgotten."""
        with _refusing():
            account = await self._accounts.account(account_id)
        if account is None:
            raise NotFound()
        return account

    async def unfinished(self, channel: str) -> list[JobRecord]:
        """What people of a channel have asked for and not got yet, the oldest first."""
        with _refusing():
            return await self._ledger.active(channel)

    async def preferences(self, account: Account) -> Preferences:
        """What the person has set for all their requests. Raises NotFound."""
        return Preferences.of((await self.owner(account.id)).settings)

    async def prefer(self, account: Account, preferences: Preferences) -> None:
        """Sets it, from the next request on. Raises NotFound."""
        settings = (await self.owner(account.id)).settings
        preferred = {KEY: preferences.model_dump(mode="json")}
        with _refusing():
            await self._accounts.set(account.id, settings | preferred)

    async def speak(self, account: Account, language: str) -> None:
        """The language that the person is spoken to in. Raises ValueError for one we lack."""
        if language not in LANGUAGES:
            raise ValueError(f"nobody here speaks “{language}”")
        with _refusing():
            await self._accounts.speak(account.id, language)

    async def take(self, file: bytes) -> Source:
        """A picture that a person sent, cleaned. Raises what Intake.take does."""
        return await self._intake.take(file)

    async def take_mask(self, file: bytes) -> Source:
        """A mask that a person sent. Raises what Intake.take does."""
        return await self._intake.take_mask(file)

    async def take_painted(self, file: bytes, original: Source) -> Source:
        """The mask (L) of what a person painted over that picture, or a mask that they sent.

        Raises what Intake.take, Source.picture and canvas.painted do.
        """
        marked = await self._intake.take(file)
        if await asyncio.to_thread(_is_mask, marked, original):
            return await self._intake.take_mask(file)
        return await asyncio.to_thread(_painted, original, marked)

    async def recall(self, file: bytes) -> Recalled:
        """The request of a picture that a person sent. Raises what Intake.take and `recall` do."""
        return recall(await self._intake.texts(file))

    async def source(self, picture_id: str, account: Account) -> Source:
        """The account's picture, to work on. Raises NotFound or PictureGone."""
        file = await self.picture(picture_id, account)
        return await asyncio.to_thread(_source, file.content)

    async def submit(self, request: Request, account: Account, key: str) -> JobRecord:
        """Accepts the request durably; the same `key` again is the same job.

        A source of the request without a file must be one that the account worked on before.
        Raises UnknownModel, NotOffered or OutOfRange for what the models here do not serve,
        SourceMissing, AccountBanned, TooManyWaiting, TooManyToday, Busy or Closing.
        """
        if self._closing:
            raise Closing()
        request = await self._whole(request, account)
        whole = await asyncio.to_thread(resolve, request, self._engine.models())
        with _refusing():
            async with self._saved(whole.sources()) as hashes:
                job = await self._ledger.submit(
                    account.id,
                    key,
                    whole.mode,
                    whole.model or "",
                    whole.model_dump(mode="json"),
                    count=whole.count,
                    words=_words(whole),
                    sources=hashes,
                    session_id=await self._accounts.visit(account.id, account.channel),
                    quotas=self._quotas,
                    queue_limit=self._backlog,
                )
        self._dispatcher.nudge()
        return job

    async def watch(
        self, job_id: str, account: Account
    ) -> AsyncGenerator[Queued | Step | Finished, None]:
        """The latest event at once, then what follows, and Finished as the last one.

        Works for jobs of other processes too, without previews. Ends without Finished only when
        the studio closes. Raises NotFound.
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
            job = await self._gallery.job(job_id, account.id)
        if job is None:
            raise NotFound()
        return job

    async def history(
        self,
        account: Account,
        limit: int = 50,
        before: str | None = None,
        filter: Filter = ALL,
    ) -> list[JobRecord]:
        """The account's jobs, newest first; `before` is the id of the last one already shown."""
        with _refusing():
            return await self._gallery.history(account.id, limit, before, filter)

    async def picture(self, picture_id: str, account: Account) -> PictureFile:
        """The account's picture. Raises NotFound, or PictureGone if its file is lost."""
        record = await self._record(picture_id, account)
        content = await self._file(record, self._store.read)
        return PictureFile(content, record.media_type, record)

    async def thumbnail(self, picture_id: str, account: Account) -> PictureFile:
        """The account's picture, small. Raises NotFound, or PictureGone if its file is lost."""
        record = await self._record(picture_id, account)
        return PictureFile(await self._file(record, self._store.thumbnail), "image/webp", record)

    async def favour(self, picture_id: str, account: Account, favourite: bool = True) -> None:
        """Marks the account's picture, or takes the mark off. Raises NotFound."""
        with _refusing():
            if not await self._gallery.favour(picture_id, account.id, favourite):
                raise NotFound()

    async def delete(self, picture_ids: Collection[str], account: Account) -> int:
        """Deletes the account's pictures, files too, and says how many.

        Raises NotFound if none of them is there, and OutOfRange for more than DELETE_LIMIT.
        """
        if len(picture_ids) > DELETE_LIMIT:
            raise OutOfRange(name="pictures", low=1, high=DELETE_LIMIT, value=len(picture_ids))
        with _refusing():
            hashes = await self._gallery.hashes(picture_ids, account.id)
            if not hashes:
                raise NotFound()
            async with removing(self._store, self._gallery, _note("delete"), hashes):
                return len(await self._gallery.delete(picture_ids, account.id))

    async def report(self, picture_id: str, account: Account, reason: str) -> None:
        """The account's word that a picture should not be. Raises NotFound or OutOfRange."""
        if not 0 < len(reason.strip()) <= REASON_LIMIT:
            raise OutOfRange(name="reason", low=1, high=REASON_LIMIT, value=len(reason))
        await self._record(picture_id, account)
        with _refusing():
            if not await self._gallery.report(picture_id, account.id, reason.strip()):
                raise NotFound()

    async def forget_me(self, account: Account) -> None:
        """Removes all that is kept about the account; what it has running is stopped.

        Raises DecisionsKept for one that has decided as a moderator.
        """
        with _refusing():
            active = await self._gallery.history(account.id, limit=10_000, filter=_UNFINISHED)
            for job in active:
                await self.cancel(job.id, account)
            try:
                await forget(self._database, self._store, account.id)
            except HasDecided as error:
                raise DecisionsKept() from error

    async def export_me(self, account: Account, file: Path) -> None:
        """Writes all that is kept about the account, its pictures too, into a zip file."""
        with _refusing():
            await export(self._database, self._store, account.id, file)

    async def _record(self, picture_id: str, account: Account) -> PictureRecord:
        with _refusing():
            record = await self._gallery.picture(picture_id, account.id)
        if record is None:
            raise NotFound()
        return record

    async def _file(self, record: PictureRecord, read: Callable[[str], bytes]) -> bytes:
        try:
            return await asyncio.to_thread(read, record.sha256)
        except PictureLost as error:
            log.error("the file of picture %s is lost: %s", record.id, record.sha256)
            raise PictureGone() from error

    async def _whole(self, request: Request, account: Account) -> Request:
        """The request with the files of sources that the account worked on before."""
        missing = {source.sha256 for source in request.sources() if not source.file}
        if not missing:
            return request
        with _refusing():
            if missing - await self._gallery.sources(missing, account.id):
                raise SourceMissing()
        try:
            files = {one: await asyncio.to_thread(self._store.read, one) for one in missing}
        except PictureLost as error:
            raise SourceMissing() from error
        return request.with_files(files)

    @asynccontextmanager
    async def _saved(self, sources: Collection[Source]) -> AsyncIterator[list[str]]:
        """The hashes of the sources, whose files are stored while the job's rows are written."""
        if not sources:
            yield []
            return
        note = _note("source")
        try:
            files = [source.file for source in sources]
            yield await asyncio.to_thread(self._store.save, note, files)
        finally:
            with suppress(DatabaseAway, OSError):  # then a start of a later hour settles it
                await self._settle(note)

    async def _settle(self, note: str) -> None:
        hashes = await asyncio.to_thread(self._store.noted, note)
        keep = await self._gallery.stored(hashes)
        await asyncio.to_thread(self._store.settle, note, keep)

    async def _tidy(self) -> None:
        """Ends what a process that died left half: removals, and saves of sources."""
        for note in await asyncio.to_thread(self._store.leaving):
            await finish(self._store, self._gallery, note)
        for note in await asyncio.to_thread(self._store.notes):
            if note.startswith("source_") and time.time() - _moment(note) > UPLOAD_LIMIT:
                await self._settle(note)

    async def _place(self, job: JobRecord) -> Queued | Step | None:
        """Where a job is by the ledger: in the queue, or at a step in some process."""
        if job.state is JobState.RUNNING:
            return Step(job.step, job.steps) if job.steps else None
        if job.state is not JobState.QUEUED:
            return None
        with _refusing():
            return Queued(await self._ledger.position(job.id))


_UNFINISHED = Filter(states=ACTIVE)


def _note(kind: str) -> str:
    """The name of a save or a removal: what it is, since when, and which."""
    return f"{kind}_{int(time.time())}_{secrets.token_hex(8)}"


def _moment(note: str) -> float:
    return float(note.split("_")[1])


def _source(file: bytes) -> Source:
    with Image.open(BytesIO(file), formats=["PNG"]) as picture:
        return Source.of(picture)


def _is_mask(marked: Source, original: Source) -> bool:
    """Whether a picture says by itself what is marked, and is not of the kind of the original."""
    return like_a_mask(marked.picture("RGBA")) and not like_a_mask(original.picture("RGBA"))


def _painted(original: Source, marked: Source) -> Source:
    return Source.of(Image.fromarray(painted(original.picture(), marked.picture())))


def _words(request: Request) -> str:
    """What the request is found by later."""
    parts = [part.words for part in request.parts] if isinstance(request, Mix) else []
    return " ".join(filter(None, [request.prompt, *parts]))


@contextmanager
def _refusing() -> Iterator[None]:
    """What the ledger refuses, and a database or a disk that fails, in words for a person."""
    try:
        yield
    except DatabaseAway as error:
        raise WentWrong() from error
    except OSError as error:
        log.exception("the pictures cannot be written")
        raise WentWrong() from error
    except quotas.Banned as error:
        until = f"{error.until:%Y-%m-%d %H:%M} UTC"
        raise AccountBanned(until=until, reason=error.reason) from error
    except quotas.TooManyWaiting as error:
        raise TooManyWaiting(limit=error.limit) from error
    except quotas.TooManyToday as error:
        raise TooManyToday(limit=error.limit) from error
    except quotas.QueueFull as error:
        raise Busy() from error
