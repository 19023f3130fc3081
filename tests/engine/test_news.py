from __future__ import annotations

import asyncio
import gc
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing, asynccontextmanager
from pathlib import Path

import pytest

from engine import news
from engine.errors import NotFound
from engine.news import News
from engine.requests import TextToImage
from engine.settings import Settings
from engine.studio import Finished, Studio
from storage.records import Account, JobRecord
from tests.twin import Twin

FOX = TextToImage(prompt="a fox", seed=7)


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(data=tmp_path, lease=2)


@pytest.fixture(autouse=True)
def patient(monkeypatch: pytest.MonkeyPatch) -> None:
    """What wakes a listener here is told to it."""
    monkeypatch.setattr(news, "LOOK_AGAIN", 60.0)


async def silent(listener: AsyncGenerator[None]) -> bool:
    """Whether there is no news; ends the listener."""
    try:
        async with asyncio.timeout(0.05):
            await anext(listener)
    except TimeoutError:
        return True
    return False


@asynccontextmanager
async def told(studio: Studio, account: Account) -> AsyncIterator[None]:
    """What is done inside is told to who looks at the account."""
    async with asyncio.timeout(20), aclosing(studio.news(account)) as listener:
        await anext(listener)
        yield
        await anext(listener)


async def ended(studio: Studio, job: JobRecord, account: Account) -> JobRecord:
    async for event in studio.watch(job.id, account):
        if isinstance(event, Finished):
            return event.job
    raise AssertionError("the studio has closed")


async def test_it_is_told_at_once_then_at_each_change() -> None:
    everybody = News()
    async with aclosing(everybody.of(1)) as listener:
        await anext(listener)
        everybody.tell(1)
        everybody.tell(1)
        await anext(listener)
        everybody.tell(2)
        assert await silent(listener)


async def test_what_comes_while_nobody_waits_is_not_missed() -> None:
    everybody = News()
    async with aclosing(everybody.of(1)) as one, aclosing(everybody.of(1)) as other:
        await anext(one)
        await anext(other)
        waiting = asyncio.create_task(anext(one))
        await asyncio.sleep(0)
        everybody.tell(1)
        await waiting
        await anext(other)


async def test_others_are_looked_for_in_any_case(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(news, "LOOK_AGAIN", 0.01)
    async with aclosing(News().of(1)) as listener:
        for _ in range(3):
            await anext(listener)


async def test_it_ends_for_everybody() -> None:
    everybody = News()
    listener = everybody.of(1)
    await anext(listener)
    waiting = asyncio.create_task(anext(listener, "ended"))
    await asyncio.sleep(0)
    everybody.end()
    assert await waiting == "ended"
    assert [one async for one in everybody.of(2)] == []


async def test_nothing_is_kept_of_who_nobody_looks_at() -> None:
    everybody = News()
    for account in range(100):
        listener = everybody.of(account)
        await anext(listener)
        await listener.aclose()
        everybody.tell(account)
    del listener
    gc.collect()
    assert len(everybody) == 0


@pytest.mark.slow
async def test_what_becomes_of_a_job_is_told(settings: Settings) -> None:
    twin = Twin(paused=True)
    async with Studio.open(settings, twin) as studio:
        ann = await studio.account("web", "ann", "en")
        async with told(studio, ann):
            job = await studio.submit(FOX, ann, "k")
        run = await twin.job(1)
        async with told(studio, ann):
            run.done()
        assert (await studio.job(job.id, ann)).state.final
        other = await studio.submit(FOX, ann, "l")
        async with told(studio, ann):
            await studio.cancel(other.id, ann)


@pytest.mark.slow
async def test_what_becomes_of_a_picture_is_told(settings: Settings) -> None:
    async with Studio.open(settings, Twin()) as studio:
        ann = await studio.account("web", "ann", "en")
        job = await ended(studio, await studio.submit(FOX, ann, "k"), ann)
        await asyncio.sleep(0.1)  # the end of the job is told a moment after its watchers know
        picture = job.pictures[0].id
        for change in (
            studio.favour(picture, ann),
            studio.links.share(picture, ann),
            studio.links.unshare(picture, ann),
            studio.delete([picture], ann),
        ):
            async with told(studio, ann):
                await change
        with pytest.raises(NotFound):
            await studio.picture(picture, ann)


@pytest.mark.slow
async def test_both_hear_of_a_joining_and_the_new_owner_of_the_end(settings: Settings) -> None:
    twin = Twin(paused=True)
    async with Studio.open(settings, twin) as studio:
        ann = await studio.account("web", "ann", "en")
        ivan = await studio.account("telegram", "42", "ru")
        job = await studio.submit(FOX, ann, "k")
        run = await twin.job(1)
        async with told(studio, ann), told(studio, ivan):
            await studio.access.join(ann, ivan)
        async with told(studio, ivan):
            run.done()
        assert (await studio.job(job.id, ivan)).state.final


@pytest.mark.slow
async def test_a_studio_that_closes_lets_its_listeners_go(settings: Settings) -> None:
    async with Studio.open(settings, Twin()) as studio:
        ann = await studio.account("web", "ann", "en")

        async def listen() -> int:
            return len([one async for one in studio.news(ann)])

        listening = asyncio.create_task(listen())
        await asyncio.sleep(0)
    assert await listening == 1
