from __future__ import annotations

import asyncio
import os
import shutil
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import aclosing
from io import BytesIO
from pathlib import Path
from zipfile import ZipFile

import pytest
from PIL import Image, ImageDraw
from sqlalchemy import text

from engine import dispatcher
from engine.errors import (
    Busy,
    Closing,
    EmptyMask,
    NotAPicture,
    NotFound,
    NotTheSamePicture,
    OutOfRange,
    PictureGone,
    SourceMissing,
    TooManyToday,
    TooManyWaiting,
    UnknownModel,
    UnreadableText,
    WentWrong,
)
from engine.events import Done, Failed, Picture, Queued, Step
from engine.preferences import Preferences
from engine.requests import TextToImage, Variations
from engine.settings import Settings
from engine.sources import Source
from engine.studio import Finished, Studio
from storage.accounts import Accounts
from storage.database import Database
from storage.files import files_at
from storage.gallery import Filter
from storage.ledger import Ledger
from storage.pictures import PictureStore, picture_name
from storage.png import read_parameters
from storage.records import Account, JobRecord, JobState, Review
from storage.verify import verify
from tests import postgres
from tests.twin import Twin, TwinJob

pytestmark = pytest.mark.slow

FOX = TextToImage(prompt="a fox", seed=7)
HOSTILE = "🦊‍👩 \u202eنص‎ \u200b'\"\\;--</script>{x}%s\n\t лиса"


@pytest.fixture
def settings(database_url: str, tmp_path: Path) -> Settings:
    return Settings(data=tmp_path, database_url=database_url, lease=2)


async def ann(studio: Studio) -> Account:
    return await studio.account("web", "ann", "en")


async def finished(studio: Studio, job: JobRecord, account: Account) -> JobRecord:
    """How the job ended."""
    async with asyncio.timeout(20):
        events = [event async for event in studio.watch(job.id, account)]
    assert isinstance(events[-1], Finished)
    return events[-1].job


async def handed(twin: Twin, number: int = 1) -> TwinJob:
    """The engine's `number`-th job, once it has it."""
    async with asyncio.timeout(20):
        return await twin.job(number)


async def sound(settings: Settings) -> bool:
    """Whether rows and files fit together."""
    async with Database.open(settings.database) as database:
        return (await verify(database, PictureStore(settings.pictures))).clean


async def test_a_request_becomes_pictures_that_can_be_made_again(settings: Settings) -> None:
    async with Studio.open(settings, Twin()) as studio:
        account = await ann(studio)
        job = await studio.submit(FOX.model_copy(update={"count": 2}), account, "k")
        done = await finished(studio, job, account)
        assert done.state is JobState.DONE
        assert [picture.seed for picture in done.pictures] == [7, 8]
        file = await studio.picture(done.pictures[1].id, account)
        made = read_parameters(file.content)
        assert (file.media_type, file.record) == ("image/png", done.pictures[1])
        assert (made.request, made.seed) == (done.request, 8)
        assert done.request["steps"] == 3  # the model's default, written down
    assert await sound(settings)


async def test_a_seed_is_chosen_once(settings: Settings) -> None:
    async with Studio.open(settings, Twin(room_for=0)) as studio:
        account = await ann(studio)
        job = await studio.submit(TextToImage(prompt="a fox"), account, "k")
        assert job.request["seed"] is not None
        assert await studio.submit(TextToImage(prompt="a fox"), account, "k") == job


async def test_racing_submits_of_one_key_are_one_job(settings: Settings) -> None:
    twin = Twin()
    async with Studio.open(settings, twin) as studio:
        account = await ann(studio)
        jobs = await asyncio.gather(*(studio.submit(FOX, account, "k") for _ in range(8)))
        assert len({job.id for job in jobs}) == 1
        await finished(studio, jobs[0], account)
        assert len(twin.jobs) == 1


@pytest.mark.parametrize(
    ("request_", "error"),
    [
        (TextToImage(prompt="a fox", model="other"), UnknownModel),
        (TextToImage(prompt="a fox", width=1024), OutOfRange),
        (TextToImage(prompt="a fox", count=9), OutOfRange),
    ],
)
async def test_what_no_model_serves_is_refused_before_it_is_stored(
    settings: Settings, request_: TextToImage, error: type[Exception]
) -> None:
    async with Studio.open(settings, Twin()) as studio:
        account = await ann(studio)
        with pytest.raises(error):
            await studio.submit(request_, account, "k")
        assert await studio.history(account) == []


async def test_a_watcher_sees_every_stage(settings: Settings) -> None:
    twin = Twin(paused=True)
    async with Studio.open(settings, twin) as studio:
        account = await ann(studio)
        job = await studio.submit(FOX, account, "k")
        async with aclosing(studio.watch(job.id, account)) as events:
            run = await handed(twin)
            assert await anext(events) == Queued(0)
            run.step(1)
            assert await anext(events) == Step(1, 3)
            run.step(2)
            assert await anext(events) == Step(2, 3)
            run.done()
            last = await anext(events)
        assert isinstance(last, Finished)
        assert last.job.state is JobState.DONE
        assert last.job.started_at is not None


async def test_a_late_watcher_gets_the_latest_event_first(settings: Settings) -> None:
    twin = Twin(paused=True)
    async with Studio.open(settings, twin) as studio:
        account = await ann(studio)
        job = await studio.submit(FOX, account, "k")
        run = await handed(twin)
        async with (
            aclosing(studio.watch(job.id, account)) as early,
            aclosing(studio.watch(job.id, account)) as late,
        ):
            assert await anext(early) == Queued(0)
            run.step(1)
            run.step(2)
            while await anext(early) != Step(2, 3):
                pass
            assert await anext(late) == Step(2, 3)
            run.done()
            assert isinstance(await anext(early), Finished)
            assert isinstance(await anext(late), Finished)
        assert (await finished(studio, job, account)).pictures


async def test_a_finished_job_can_be_watched_after_a_restart(settings: Settings) -> None:
    async with Studio.open(settings, Twin()) as studio:
        account = await ann(studio)
        job = await studio.submit(FOX, account, "k")
        done = await finished(studio, job, account)
    async with Studio.open(settings, Twin()) as studio:
        assert [event async for event in studio.watch(job.id, account)] == [Finished(done)]


async def test_a_waiting_job_tells_its_place(settings: Settings) -> None:
    twin = Twin(room_for=0)
    async with Studio.open(settings, twin) as studio:
        account = await ann(studio)
        first, second = [await studio.submit(FOX, account, key) for key in "ab"]
        async with aclosing(studio.watch(second.id, account)) as events:
            assert await anext(events) == Queued(1)
            await studio.cancel(first.id, account)
            assert await anext(events) == Queued(0)
            twin.room_for = 1
            while not isinstance(event := await anext(events), Finished):
                pass
        assert event.job.state is JobState.DONE


async def test_a_queued_job_is_cancelled_and_never_begins(settings: Settings) -> None:
    twin = Twin(room_for=0)
    async with Studio.open(settings, twin) as studio:
        account = await ann(studio)
        job = await studio.submit(FOX, account, "k")
        await studio.cancel(job.id, account)
        assert (await finished(studio, job, account)).state is JobState.CANCELLED
        twin.room_for = 1
        other = await studio.submit(FOX, account, "l")
        await finished(studio, other, account)
        assert len(twin.jobs) == 1


async def test_a_running_job_is_cancelled_once_and_for_all(settings: Settings) -> None:
    twin = Twin(paused=True)
    async with Studio.open(settings, twin) as studio:
        account = await ann(studio)
        job = await studio.submit(FOX, account, "k")
        run = await handed(twin)
        run.step(1)
        await studio.cancel(job.id, account)
        await studio.cancel(job.id, account)
        assert run.cancelled
        assert (await finished(studio, job, account)).state is JobState.CANCELLED


async def test_a_picture_that_comes_after_the_cancel_is_not_kept(settings: Settings) -> None:
    twin = Twin(paused=True)
    async with Studio.open(settings, twin) as studio:
        account = await ann(studio)
        job = await studio.submit(FOX, account, "k")
        run = await handed(twin)
        async with Database.open(settings.database) as database:  # unheard by the engine
            await Ledger(database).cancel(job.id)
        run.done()
    async with Studio.open(settings, Twin()) as studio:
        ended = await finished(studio, job, account)
    assert (ended.state, ended.pictures) == (JobState.CANCELLED, ())
    assert list(PictureStore(settings.pictures).files()) == []


async def test_another_account_finds_nothing(settings: Settings) -> None:
    async with Studio.open(settings, Twin()) as studio:
        account = await ann(studio)
        bob = await studio.account("web", "bob", "en")
        job = await studio.submit(FOX, account, "k")
        picture = (await finished(studio, job, account)).pictures[0]
        with pytest.raises(NotFound):
            await studio.job(job.id, bob)
        with pytest.raises(NotFound):
            await studio.cancel(job.id, bob)
        with pytest.raises(NotFound):
            await studio.picture(picture.id, bob)
        with pytest.raises(NotFound):
            await anext(studio.watch(job.id, bob))
        assert await studio.history(bob) == []


async def test_another_account_cannot_cancel_or_watch_a_running_job(settings: Settings) -> None:
    twin = Twin(paused=True)
    async with Studio.open(settings, twin) as studio:
        bob = await studio.account("web", "bob", "en")
        job = await studio.submit(FOX, await ann(studio), "k")
        run = await handed(twin)
        with pytest.raises(NotFound):
            await studio.cancel(job.id, bob)
        with pytest.raises(NotFound):
            await anext(studio.watch(job.id, bob))
        assert not run.cancelled


async def test_what_ran_when_the_studio_closed_is_done_by_the_next(settings: Settings) -> None:
    async with Studio.open(settings, twin := Twin(paused=True)) as studio:
        account = await ann(studio)
        job = await studio.submit(FOX, account, "k")
        run = await handed(twin)
        run.step(1)
    assert run.cancelled
    async with Studio.open(settings, Twin()) as studio:
        done = await finished(studio, job, account)
    assert (done.state, done.attempt, done.crashes) == (JobState.DONE, 2, 0)


async def test_an_engine_that_does_not_stop_holds_nothing_up(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(dispatcher, "DRAIN_LIMIT", 0.1)
    async with Studio.open(settings, twin := Twin(paused=True)) as studio:
        account = await ann(studio)
        job = await studio.submit(FOX, account, "k")
        (await handed(twin)).cancelled = True  # deaf to a cancel
    async with Studio.open(settings, Twin()) as studio:
        assert (await finished(studio, job, account)).crashes == 0


async def crash(settings: Settings) -> None:
    """Leaves the first queued job as a process that was killed in the midst of it does."""
    async with Database.open(settings.database) as database:
        ledger = Ledger(database)
        await ledger.expire("WentWrong")
        job = await ledger.claim("gone", lease=-1)
        if job is not None:
            await ledger.start(job.id, job.attempt)


async def queued(settings: Settings) -> tuple[JobRecord, Account]:
    """A job that waits in a closed studio."""
    async with Studio.open(settings, Twin(room_for=0)) as studio:
        account = await ann(studio)
        return await studio.submit(FOX, account, "k"), account


async def test_what_ran_when_the_program_died_is_done_by_the_next(settings: Settings) -> None:
    job, account = await queued(settings)
    await crash(settings)
    async with Studio.open(settings, Twin()) as studio:
        done = await finished(studio, job, account)
    assert (done.state, done.attempt, done.crashes) == (JobState.DONE, 2, 1)


async def test_a_job_that_crashes_thrice_is_quarantined(settings: Settings) -> None:
    job, account = await queued(settings)
    for _ in range(3):
        await crash(settings)
    async with Studio.open(settings, twin := Twin()) as studio:
        found = await finished(studio, job, account)
        other = await studio.submit(FOX, account, "l")
        assert (await finished(studio, other, account)).state is JobState.DONE
    assert (found.state, found.error_key) == (JobState.QUARANTINED, "WentWrong")
    assert len(twin.jobs) == 1


async def test_a_crash_between_file_and_row_leaves_no_stray_file(settings: Settings) -> None:
    job, account = await queued(settings)
    await crash(settings)
    PictureStore(settings.pictures).save(f"{job.id}_1", [b"fox"])
    assert not await sound(settings)
    async with Studio.open(settings, Twin()) as studio:
        await finished(studio, job, account)
    assert await sound(settings)


async def test_a_crash_between_row_and_its_settling_keeps_the_file(settings: Settings) -> None:
    async with Studio.open(settings, Twin()) as studio:
        account = await ann(studio)
        job = await studio.submit(FOX, account, "k")
        picture = (await finished(studio, job, account)).pictures[0]
        file = await studio.picture(picture.id, account)
    store = PictureStore(settings.pictures)
    store.save(f"{job.id}_1", [file.content])
    async with Studio.open(settings, Twin()):
        assert store.notes() == []
    assert await sound(settings)


async def test_a_failed_write_fails_the_job_and_leaves_nothing(settings: Settings) -> None:
    async with Studio.open(settings, twin := Twin(paused=True)) as studio:
        account = await ann(studio)
        job = await studio.submit(FOX, account, "k")
        run = await handed(twin)
        shutil.rmtree(settings.pictures, ignore_errors=True)
        os.close(os.open(settings.pictures, os.O_CREAT))  # a file where the folder should be
        run.done()
        failed = await finished(studio, job, account)
        assert (failed.state, failed.error_key) == (JobState.FAILED, "WentWrong")
        assert failed.pictures == ()
        os.unlink(settings.pictures)
        other = await studio.submit(FOX, account, "l")
        (await handed(twin, 2)).done()
        assert (await finished(studio, other, account)).state is JobState.DONE
    assert await sound(settings)


async def test_an_error_of_the_engine_is_told_in_its_words(settings: Settings) -> None:
    async with Studio.open(settings, twin := Twin(paused=True)) as studio:
        account = await ann(studio)
        job = await studio.submit(FOX, account, "k")
        error = UnknownModel(name=Path("mini"), known="twin")  # a value that JSON does not know
        (await handed(twin)).tell(Failed(error))
        failed = await finished(studio, job, account)
    assert failed.state is JobState.FAILED
    assert failed.error_key == "UnknownModel"
    assert failed.error_values == {"name": "mini", "known": "twin"}


@pytest.mark.parametrize(
    "event",
    [
        ZeroDivisionError(),
        StopAsyncIteration(),
        Done((Picture(None, 7),)),  # type: ignore[arg-type]
    ],
    ids=["breaks", "gives no last event", "gives no picture"],
)
async def test_a_fault_in_the_engine_fails_the_job(
    settings: Settings, event: Exception | Done
) -> None:
    async with Studio.open(settings, twin := Twin(paused=True)) as studio:
        account = await ann(studio)
        job = await studio.submit(FOX, account, "k")
        (await handed(twin)).tell(event)
        failed = await finished(studio, job, account)
    assert (failed.state, failed.error_key) == (JobState.FAILED, "WentWrong")


async def test_a_full_engine_gets_the_job_later(settings: Settings) -> None:
    twin = Twin()
    twin.full = True
    async with Studio.open(settings, twin) as studio:
        account = await ann(studio)
        job = await studio.submit(FOX, account, "k")
        async with aclosing(studio.watch(job.id, account)) as events:
            assert await anext(events) == Queued(0)
        twin.full = False
        done = await finished(studio, job, account)
    assert (done.state, done.crashes) == (JobState.DONE, 0)


async def test_a_request_of_an_older_version_fails_in_words(settings: Settings) -> None:
    job, account = await queued(settings)
    async with Database.open(settings.database) as database, database.write() as session:
        await session.execute(text("""UPDATE jobs SET request = '{"mode": "gone"}'"""))
    async with Studio.open(settings, Twin()) as studio:
        failed = await finished(studio, job, account)
    assert (failed.state, failed.error_key) == (JobState.FAILED, "WentWrong")


async def test_hostile_text_is_kept_verbatim(settings: Settings) -> None:
    async with Studio.open(settings, Twin()) as studio:
        account = await studio.account("web", HOSTILE, "en")
        job = await studio.submit(TextToImage(prompt=HOSTILE), account, "k")
        done = await finished(studio, job, account)
        file = await studio.picture(done.pictures[0].id, account)
    assert account.external_id == HOSTILE
    assert done.request["prompt"] == HOSTILE
    assert read_parameters(file.content).request["prompt"] == HOSTILE


async def test_equal_pictures_of_two_jobs_have_a_file_each(settings: Settings) -> None:
    """So that one can be deleted and the other stays, without either waiting for the other."""
    async with Studio.open(settings, Twin()) as studio:
        account = await ann(studio)
        jobs = await asyncio.gather(*(studio.submit(FOX, account, key) for key in "abcd"))
        done = [await finished(studio, job, account) for job in jobs]
    assert len({job.pictures[0].sha256 for job in done}) == 4
    assert await sound(settings)


async def test_history_is_paged_with_its_pictures(settings: Settings) -> None:
    async with Studio.open(settings, Twin()) as studio:
        account = await ann(studio)
        jobs = [await studio.submit(FOX, account, key) for key in "abc"]
        done = [await finished(studio, job, account) for job in jobs]
        assert await studio.history(account, limit=2) == [done[2], done[1]]
        assert await studio.history(account, before=jobs[1].id) == [done[0]]


async def test_watchers_end_when_the_studio_closes(settings: Settings) -> None:
    async def watch(events: AsyncIterator[object]) -> list[object]:
        return [event async for event in events]

    async with Studio.open(settings, Twin(room_for=0)) as studio:
        account = await ann(studio)
        job = await studio.submit(FOX, account, "k")
        watcher = asyncio.create_task(watch(studio.watch(job.id, account)))
        await asyncio.sleep(0.1)
    assert await asyncio.wait_for(watcher, 5) == [Queued(0)]


async def test_health_knows_models_and_database(settings: Settings) -> None:
    async with Studio.open(settings, Twin()) as studio:
        assert [card.name for card in studio.models()] == ["twin"]
        assert await studio.reachable()


@pytest.mark.system
async def test_while_the_database_is_away_nothing_is_accepted_or_lost(tmp_path: Path) -> None:
    with postgres.serve() as server:
        settings = Settings(data=tmp_path, database_url=server.new_database())
        async with Studio.open(settings, twin := Twin(paused=True)) as studio:
            account = await ann(studio)
            job = await studio.submit(FOX, account, "k")
            run = await handed(twin)
            server.stop()
            assert not await studio.reachable()
            with pytest.raises(WentWrong):
                await studio.submit(FOX, account, "l")
            run.done()
            await asyncio.sleep(0.5)
            server.start()
            assert (await finished(studio, job, account)).state is JobState.DONE
            assert len(await studio.history(account)) == 1
        assert await sound(settings)


def test_the_studio_does_without_torch() -> None:
    code = "import engine.studio, sys; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def a_png(size: tuple[int, int] = (64, 64), colour: str = "red") -> bytes:
    file = BytesIO()
    Image.new("RGB", size, colour).save(file, "PNG")
    return file.getvalue()


async def test_a_picture_to_work_on_is_kept_with_its_job(settings: Settings) -> None:
    twin = Twin(paused=True)
    async with Studio.open(settings, twin) as studio:
        account = await ann(studio)
        source = await studio.take(a_png())
        job = await studio.submit(Variations(picture=source, seed=1), account, "k")
        await handed(twin)
    async with Studio.open(settings, twin := Twin()) as studio:  # after a restart
        await finished(studio, job, account)
        (again,) = twin.jobs[0].request.sources()
    assert again == source
    assert again.picture().getpixel((0, 0)) == (255, 0, 0)
    assert await sound(settings)


async def test_a_source_without_its_file_must_be_ones_own(settings: Settings) -> None:
    async with Studio.open(settings, Twin()) as studio:
        account, bob = await ann(studio), await studio.account("web", "bob", "en")
        source = await studio.take(a_png())
        request = Variations(picture=source, seed=1)
        bare = request.model_copy(update={"picture": Source(sha256=source.sha256)})
        with pytest.raises(SourceMissing):
            await studio.submit(bare, account, "k")
        await studio.submit(request, account, "k")
        again = await studio.submit(bare, account, "l")
        assert (await finished(studio, again, account)).state is JobState.DONE
        with pytest.raises(SourceMissing):
            await studio.submit(bare, bob, "k")
    assert await sound(settings)


async def test_ones_own_picture_can_be_worked_on(settings: Settings) -> None:
    async with Studio.open(settings, Twin()) as studio:
        account, bob = await ann(studio), await studio.account("web", "bob", "en")
        first = await finished(studio, await studio.submit(FOX, account, "k"), account)
        source = await studio.source(first.pictures[0].id, account)
        with pytest.raises(NotFound):
            await studio.source(first.pictures[0].id, bob)
        job = await studio.submit(Variations(picture=source, seed=1), account, "l")
        assert (await finished(studio, job, account)).state is JobState.DONE


async def test_a_picture_can_be_marked_reported_and_deleted(settings: Settings) -> None:
    async with Studio.open(settings, Twin()) as studio:
        account, bob = await ann(studio), await studio.account("web", "bob", "en")
        job = await studio.submit(FOX.model_copy(update={"count": 2}), account, "k")
        one, two = (await finished(studio, job, account)).pictures
        for refused in (
            studio.favour(one.id, bob),
            studio.report(one.id, bob, "not mine"),
            studio.delete([one.id], bob),
        ):
            with pytest.raises(NotFound):
                await refused
        await studio.favour(one.id, account)
        assert await studio.history(account, filter=Filter(favourites=True)) != []
        await studio.report(two.id, account, "odd")
        with pytest.raises(OutOfRange):
            await studio.report(two.id, account, " ")
        small = await studio.thumbnail(one.id, account)
        assert small.media_type == "image/webp"
        assert await studio.delete([one.id, "no such picture"], account) == 1
        with pytest.raises(NotFound):
            await studio.picture(one.id, account)
        left = (await studio.job(job.id, account)).pictures
        assert [(picture.id, picture.review) for picture in left] == [(two.id, Review.WAITING)]
    assert await sound(settings)


async def test_a_lost_file_is_said_to_be_gone(settings: Settings) -> None:
    async with Studio.open(settings, Twin()) as studio:
        account = await ann(studio)
        job = await finished(studio, await studio.submit(FOX, account, "k"), account)
        PictureStore(settings.pictures).path(job.pictures[0].sha256).unlink()
        with pytest.raises(PictureGone):
            await studio.picture(job.pictures[0].id, account)


async def test_pictures_come_in_one_file(settings: Settings, tmp_path: Path) -> None:
    file = tmp_path / "some.zip"
    async with Studio.open(settings, Twin()) as studio:
        account = await ann(studio)
        bob = await studio.account("web", "bob", "en")
        job = await studio.submit(FOX.model_copy(update={"count": 4}), account, "k")
        first, second, deleted, lost = (await finished(studio, job, account)).pictures
        await studio.delete([deleted.id], account)
        files_at(settings.pictures).delete(picture_name(lost.sha256))
        ids = [one.id for one in (second, lost, deleted, first)]
        assert await studio.pack([*ids, first.id, "nothing"], account, file) == 2
        with ZipFile(file) as archive:
            day = f"{first.created_at:%Y-%m-%d}-{job.id[:8]}"
            assert archive.namelist() == [f"{day}-0.png", f"{day}-1.png"]
            original = (await studio.picture(second.id, account)).content
            assert archive.read(f"{day}-1.png") == original
        nowhere = tmp_path / "none.zip"
        with pytest.raises(NotFound):
            await studio.pack(ids, bob, nowhere)
        with pytest.raises(OutOfRange):
            await studio.pack(["x"] * 1001, account, nowhere)
    assert [name for name in os.listdir(tmp_path) if name.endswith(".zip")] == [file.name]


async def test_a_text_that_no_database_keeps_is_refused_in_words(settings: Settings) -> None:
    async with Studio.open(settings, Twin()) as studio:
        account = await ann(studio)
        job = await studio.submit(FOX, account, "k")
        picture = (await finished(studio, job, account)).pictures[0]
        for half in ("\ud83e", "half of \ud83e"):
            with pytest.raises(UnreadableText):
                await studio.report(picture.id, account, half)
            with pytest.raises(UnreadableText):
                await studio.history(account, filter=Filter(search=half))
            with pytest.raises(UnreadableText):
                await studio.picture(half, account)


async def test_one_can_take_ones_things_and_be_forgotten(
    settings: Settings, tmp_path: Path
) -> None:
    twin = Twin(paused=True)
    async with Studio.open(settings, twin) as studio:
        account, bob = await ann(studio), await studio.account("web", "bob", "en")
        done, other, _ = [
            await studio.submit(FOX, who, key)
            for who, key in ((account, "k"), (bob, "k"), (account, "l"))
        ]
        for number in (1, 2):
            (await handed(twin, number)).done()
        await finished(studio, done, account)
        await finished(studio, other, bob)
        run = await handed(twin, 3)
        await studio.export_me(account, tmp_path / "ann.zip")
        await studio.forget_me(account)
        assert run.cancelled
        with pytest.raises(NotFound):
            await studio.job(done.id, account)
        assert (await studio.history(bob))[0].pictures != ()
        assert (await studio.account("web", "ann", "en")).id != account.id
    with ZipFile(tmp_path / "ann.zip") as file:
        assert sum(name.startswith("pictures/") for name in file.namelist()) == 1
    assert await sound(settings)
    assert len(list(PictureStore(settings.pictures).files())) == 1


async def test_a_quota_is_told_in_words(settings: Settings) -> None:
    strict = settings.model_copy(update={"quotas": {"user": (1, 3)}})
    async with Studio.open(strict, twin := Twin(paused=True)) as studio:
        account = await ann(studio)
        first = await studio.submit(FOX, account, "a")
        with pytest.raises(TooManyWaiting, match="at a time: 1"):
            await studio.submit(FOX, account, "b")
        (await handed(twin)).done()
        await finished(studio, first, account)
        with pytest.raises(TooManyToday, match="24 hours: 3"):
            await studio.submit(FOX.model_copy(update={"count": 3}), account, "b")


async def test_a_long_queue_takes_no_more(settings: Settings) -> None:
    short = settings.model_copy(update={"backlog": 1})
    async with Studio.open(short, Twin(room_for=0)) as studio:
        account = await ann(studio)
        await studio.submit(FOX, account, "a")
        with pytest.raises(Busy):
            await studio.submit(FOX, account, "b")


async def test_a_job_is_watched_from_another_process(settings: Settings) -> None:
    """Two studios on one database, one of which has no room: what it sees, it reads there."""
    twin = Twin(paused=True)
    async with (
        Studio.open(settings, twin),
        Studio.open(settings, Twin(room_for=0)) as looking,
    ):
        account = await ann(looking)
        job = await looking.submit(FOX, account, "k")
        run = await handed(twin)
        run.step(2)
        async with asyncio.timeout(20), aclosing(looking.watch(job.id, account)) as events:
            seen = [event async for event in _until(events, Step(2, 3))]
            run.done()
            rest = [event async for event in events]
        assert Step(2, 3) in seen
        assert isinstance(rest[-1], Finished)
        assert rest[-1].job.state is JobState.DONE
        other = await looking.submit(FOX, account, "l")
        run = await handed(twin, 2)
        run.step(1)
        await looking.cancel(other.id, account)
        async with asyncio.timeout(20):
            await run.stopped.wait()  # heard of at the next heartbeat


async def _until(
    events: AsyncIterator[Queued | Step | Finished], last: Step
) -> AsyncIterator[object]:
    async for event in events:
        yield event
        if event == last:
            return


async def test_a_studio_that_closes_takes_nothing(settings: Settings) -> None:
    async with Studio.open(settings, Twin()) as studio:
        account = await ann(studio)
    with pytest.raises(Closing):
        await studio.submit(FOX, account, "k")


async def test_what_a_person_prefers_is_kept_beside_other_settings(settings: Settings) -> None:
    preferences = Preferences(style="anime", aspect="3:2", count=2)
    async with Studio.open(settings, Twin()) as studio:
        account, bob = await ann(studio), await studio.account("web", "bob", "en")
        assert await studio.preferences(account) == Preferences()
        async with Database.open(settings.database) as database:
            await Accounts(database).set(account.id, {"theme": "dark"})
        await studio.prefer(account, preferences)
        assert await studio.preferences(account) == preferences
        assert await studio.preferences(bob) == Preferences()
        assert (await ann(studio)).settings["theme"] == "dark"
        await studio.forget_me(account)
        for refused in (studio.preferences(account), studio.prefer(account, preferences)):
            with pytest.raises(NotFound):
                await refused


async def test_a_person_is_spoken_to_in_a_language_that_there_is(settings: Settings) -> None:
    async with Studio.open(settings, Twin()) as studio:
        account = await ann(studio)
        await studio.speak(account, "ru")
        with pytest.raises(ValueError, match="xx"):
            await studio.speak(account, "xx")
        assert (await ann(studio)).language == "ru"


async def test_a_picture_that_was_painted_over_gives_the_mask(settings: Settings) -> None:
    photo = Image.linear_gradient("L").convert("RGB")
    marked = photo.copy()
    ImageDraw.Draw(marked).line((40, 60, 200, 180), "red", 20)
    async with Studio.open(settings, Twin()) as studio:
        original = await studio.take(a_file(photo, "PNG"))
        mask = (await studio.take_painted(a_file(marked, "JPEG"), original)).picture("L")
        assert mask.size == photo.size
        assert (mask.getpixel((120, 120)), mask.getpixel((40, 180))) == (255, 0)
        for file, error in (
            (a_file(photo, "JPEG"), EmptyMask),
            (a_file(photo.resize((200, 100)), "JPEG"), NotTheSamePicture),
            (b"no picture", NotAPicture),
        ):
            with pytest.raises(error):
                await studio.take_painted(file, original)


def a_file(picture: Image.Image, form: str) -> bytes:
    file = BytesIO()
    picture.save(file, form)
    return file.getvalue()
