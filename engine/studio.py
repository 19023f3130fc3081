"""The durable service that front ends talk to: accepts work, remembers it, shows what became of it.

It knows nothing of models. What it promises survives a restart, because it is in the ledger.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Collection
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from PIL import Image

from engine.access import Access
from engine.canvas import like_a_mask, painted
from engine.cards import ModelCard, resolve
from engine.contract import EngineLike
from engine.dispatcher import Dispatcher
from engine.errors import (
    Closing,
    DecisionsKept,
    NotFound,
    OutOfRange,
    PictureGone,
    SourceMissing,
)
from engine.events import Queued, Step
from engine.feed import Feeds, happens
from engine.files import PictureFile, PictureFiles
from engine.intake import Intake
from engine.lapsing import lapsing
from engine.links import Links
from engine.moderation import Moderation
from engine.news import News
from engine.notices import Notices
from engine.preferences import KEY, Preferences
from engine.recall import Recalled, recall
from engine.refusals import refusing
from engine.requests import Mix, Request
from engine.safety.safety import Safety
from engine.settings import Settings
from engine.sources import Source
from engine.texts import LANGUAGES
from engine.uploads import Uploads
from storage.accounts import Accounts
from storage.database import Database, DatabaseAway
from storage.erasure import HasDecided, forget
from storage.export import export
from storage.gallery import ALL, Filter, Gallery
from storage.ledger import ACTIVE, Ledger
from storage.pack import pack
from storage.pictures import PictureStore
from storage.records import Account, JobRecord, JobState, PictureRecord, Quota, Role

LOOK_AGAIN = 1.0  # seconds until a watcher reads the ledger again
REASON_LIMIT = 1000  # characters of a report
DELETE_LIMIT = 1000  # pictures at a time, also of a zip file
OPENED = 2  # pictures that people sent, at a time

__all__ = ["Finished", "PictureFile", "Studio"]


@dataclass(frozen=True, slots=True)
class Finished:
    """The job reached its end: `job.state` says which one, `job.pictures` are its pictures."""

    job: JobRecord


class Studio:
    """Open it with `async with Studio.open(settings, engine)`.

    Every verb checks the account's rights, and raises WentWrong while the database is away.
    """

    def __init__(
        self,
        engine: EngineLike,
        database: Database,
        intake: Intake,
        safety: Safety,
        settings: Settings,
    ) -> None:
        self._engine = engine
        self._database = database
        self._intake = intake
        self._safety = safety
        self._quotas = {Role(role): Quota(*most) for role, most in settings.quotas.items()}
        self._backlog = settings.backlog
        self._accounts = Accounts(database)
        self._ledger = Ledger(database)
        self._gallery = Gallery(database)
        self._store = PictureStore(settings.pictures)
        self._files = PictureFiles(self._store, self._gallery)
        self._feeds, self._news = Feeds(), News()
        self._dispatcher = Dispatcher(
            engine,
            self._ledger,
            self._gallery,
            self._store,
            self._feeds,
            self._news,
            safety,
            settings.lease,
        )
        self._closing = False
        self.uploads = Uploads(database, self._gallery, self._store, self._files)
        self.links = Links(database, self._files, self._news)
        self.access = Access(database, self._dispatcher, self._news)
        self.notices = Notices(database, self._news)
        self.moderation = Moderation(database, self._files, intake, self._news)

    @classmethod
    @asynccontextmanager
    async def open(cls, settings: Settings, engine: EngineLike) -> AsyncIterator[Studio]:
        """Migrates the tables, undoes what a crash left half, and works until the end.

        At the end, running jobs stop at their next step and wait in the queue for the next start.
        """
        async with AsyncExitStack() as stack:
            database = await stack.enter_async_context(Database.open(settings.database))
            safety = await stack.enter_async_context(Safety.open(settings, database))
            intake = await stack.enter_async_context(Intake.open(OPENED, safety.marker))
            studio = cls(engine, database, intake, safety, settings)
            await studio._files.tidy()
            await stack.enter_async_context(lapsing(database, studio._store))
            await studio._dispatcher.start()
            try:
                yield studio
            finally:
                studio._closing = True
                studio._feeds.end()
                studio._news.end()
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
        with refusing():
            return await self._accounts.get_or_create(channel, external_id, language)

    async def owner(self, account_id: int) -> Account:
        """The account as it is now. Raises NotFound, once it is forgotten."""
        with refusing():
            account = await self._accounts.account(account_id)
        if account is None:
            raise NotFound()
        return account

    async def unfinished(self, channel: str) -> list[JobRecord]:
        """What people of a channel have asked for and not got yet, the oldest first."""
        with refusing():
            return await self._ledger.active(channel)

    async def preferences(self, account: Account) -> Preferences:
        """What the person has set for all their requests. Raises NotFound."""
        return Preferences.of((await self.owner(account.id)).settings)

    async def prefer(self, account: Account, preferences: Preferences) -> None:
        """Sets it, from the next request on. Raises NotFound."""
        settings = (await self.owner(account.id)).settings
        preferred = {KEY: preferences.model_dump(mode="json")}
        with refusing():
            await self._accounts.set(account.id, settings | preferred)

    async def speak(self, account: Account, language: str) -> None:
        """The language that the person is spoken to in. Raises ValueError for one we lack."""
        if language not in LANGUAGES:
            raise ValueError(f"nobody here speaks “{language}”")
        with refusing():
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
        return await asyncio.to_thread(Source.of_file, file.content)

    async def submit(self, request: Request, account: Account, key: str) -> JobRecord:
        """Accepts the request durably; the same `key` again is the same job.

        A source without a file must be one that the account sent or worked on before.
        Raises UnknownModel, NotOffered or OutOfRange for what the models here do not serve,
        SourceMissing, PromptRefused, UploadRefused, AccountBanned, AccountGone, TooManyWaiting,
        TooManyToday, Busy or Closing.
        """
        if self._closing:
            raise Closing()
        request = await self._whole(request, account)
        whole = await asyncio.to_thread(resolve, request, self._engine.models())
        findings = await self._safety.asked(whole, account)
        with refusing():
            async with self._files.saved(whole.sources()) as hashes:
                job = await self._ledger.submit(
                    account.id,
                    key,
                    whole.mode,
                    whole.model or "",
                    whole.model_dump(mode="json"),
                    count=whole.count,
                    words=_words(whole),
                    sources=hashes,
                    findings=findings,
                    session_id=await self._accounts.visit(account.id, account.channel),
                    quotas=self._quotas,
                    queue_limit=self._backlog,
                )
        self._dispatcher.nudge()
        self._news.tell(account.id)
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
        with refusing():
            await self._ledger.cancel(job_id)
        self._dispatcher.stop(job_id)
        self._feeds.of(job_id).tell(None)
        self._news.tell(account.id)

    def news(self, account: Account) -> AsyncGenerator[None]:
        """Yields at once, and when a job of the account was accepted or has ended, or one of its
        pictures changed; every few seconds at least. Ends when the studio closes."""
        return self._news.of(account.id)

    async def job(self, job_id: str, account: Account) -> JobRecord:
        """The account's job as it is now, with its pictures. Raises NotFound."""
        with refusing():
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
        with refusing():
            return await self._gallery.history(account.id, limit, before, filter)

    async def picture(self, picture_id: str, account: Account) -> PictureFile:
        """The account's picture. Raises NotFound, or PictureGone if its file is lost."""
        return await self._files.picture(await self._record(picture_id, account))

    async def thumbnail(self, picture_id: str, account: Account) -> PictureFile:
        """The account's picture, small. Raises NotFound, or PictureGone if its file is lost."""
        return await self._files.thumbnail(await self._record(picture_id, account))

    async def favour(self, picture_id: str, account: Account, favourite: bool = True) -> None:
        """Marks the account's picture, or takes the mark off. Raises NotFound."""
        with refusing():
            if not await self._gallery.favour(picture_id, account.id, favourite):
                raise NotFound()
        self._news.tell(account.id)

    async def delete(self, picture_ids: Collection[str], account: Account) -> int:
        """Deletes the account's pictures, files too, and says how many.

        Raises NotFound if none of them is there, and OutOfRange for more than DELETE_LIMIT.
        """
        _limit(picture_ids)
        with refusing():
            hashes = await self._gallery.hashes(picture_ids, account.id)
            if not hashes:
                raise NotFound()
            async with self._files.removing("delete", hashes):
                deleted = await self._gallery.delete(picture_ids, account.id)
        self._news.tell(account.id)
        return len(deleted)

    async def pack(self, picture_ids: Collection[str], account: Account, file: Path) -> int:
        """Writes the account's pictures, as they were made, into a zip file; how many there are.

        Raises NotFound if none of them is there, and OutOfRange for more than DELETE_LIMIT.
        """
        _limit(picture_ids)
        with refusing():
            pictures = await self._gallery.pictures(picture_ids, account.id)
            if not pictures:
                raise NotFound()
            return await pack(self._store, pictures, file)

    async def report(self, picture_id: str, account: Account, reason: str) -> None:
        """The account's word that a picture should not be. Raises NotFound or OutOfRange."""
        if not 0 < len(reason.strip()) <= REASON_LIMIT:
            raise OutOfRange(name="reason", low=1, high=REASON_LIMIT, value=len(reason))
        await self._record(picture_id, account)
        with refusing():
            if not await self._gallery.report(picture_id, account.id, reason.strip()):
                raise NotFound()

    async def forget_me(self, account: Account) -> None:
        """Removes all that is kept about the account; what it has running is stopped.

        Raises DecisionsKept for one that has decided as a moderator.
        """
        with refusing():
            active = await self._gallery.history(account.id, limit=10_000, filter=_UNFINISHED)
            for job in active:
                await self.cancel(job.id, account)
            try:
                await forget(self._database, self._store, account.id)
            except HasDecided as error:
                raise DecisionsKept() from error
        self._news.tell(account.id)

    async def export_me(self, account: Account, file: Path) -> None:
        """Writes all that is kept about the account, its pictures too, into a zip file."""
        with refusing():
            await export(self._database, self._store, account.id, file)

    async def _record(self, picture_id: str, account: Account) -> PictureRecord:
        with refusing():
            record = await self._gallery.picture(picture_id, account.id)
        if record is None:
            raise NotFound()
        return record

    async def _whole(self, request: Request, account: Account) -> Request:
        """The request with the files of sources that the account sent or worked on before."""
        missing = {source.sha256 for source in request.sources() if not source.file}
        if not missing:
            return request
        with refusing():
            if missing - await self._gallery.sources(missing, account.id):
                raise SourceMissing()
        try:
            files = {one: await self._files.read(one) for one in missing}
        except PictureGone as error:
            raise SourceMissing() from error
        return request.with_files(files)

    async def _place(self, job: JobRecord) -> Queued | Step | None:
        """Where a job is by the ledger: in the queue, or at a step in some process."""
        if job.state is JobState.RUNNING:
            return Step(job.step, job.steps) if job.steps else None
        if job.state is not JobState.QUEUED:
            return None
        with refusing():
            return Queued(await self._ledger.position(job.id))


_UNFINISHED = Filter(states=ACTIVE)


def _limit(picture_ids: Collection[str]) -> None:
    if len(picture_ids) > DELETE_LIMIT:
        raise OutOfRange(name="pictures", low=1, high=DELETE_LIMIT, value=len(picture_ids))


def _is_mask(marked: Source, original: Source) -> bool:
    """Whether a picture says by itself what is marked, and is not of the kind of the original."""
    return like_a_mask(marked.picture("RGBA")) and not like_a_mask(original.picture("RGBA"))


def _painted(original: Source, marked: Source) -> Source:
    return Source.of(Image.fromarray(painted(original.picture(), marked.picture())))


def _words(request: Request) -> str:
    """What the request is found by later."""
    parts = [part.words for part in request.parts] if isinstance(request, Mix) else []
    return " ".join(filter(None, [request.prompt, *parts]))
