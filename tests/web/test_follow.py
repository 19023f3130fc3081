from __future__ import annotations

import asyncio
from contextlib import aclosing

import pytest
from PIL import Image

from engine.events import Queued, Step
from engine.requests import TextToImage
from engine.settings import Settings
from engine.studio import Studio
from engine.texts import Texts
from storage.records import Account, JobState
from tests.twin import Twin
from web.follow import View, follow
from web.fragments import Fragments

SHOW = Fragments(Texts("en"))


@pytest.fixture
def twin() -> Twin:
    return Twin(paused=True)


async def ann(studio: Studio) -> Account:
    return await studio.account("web", "ann", "en")


async def views(studio: Studio, last: str | None = None) -> list[View]:
    async with asyncio.timeout(20):
        return [view async for view in follow(studio, await ann(studio), last, SHOW)]


async def test_a_new_visitor_is_told_what_to_do(studio: Studio) -> None:
    (view,) = await views(studio)
    assert "Your picture will appear here." in view.stage
    assert (view.busy, view.job_id) == (False, None)


async def test_a_job_is_shown_from_the_queue_to_its_picture(studio: Studio, twin: Twin) -> None:
    job = await studio.submit(TextToImage(prompt="a fox"), await ann(studio), "k")
    seen: list[View] = []
    async with asyncio.timeout(20), aclosing(follow(studio, await ann(studio), None, SHOW)) as all:
        running = await twin.job(1)
        running.tell(Queued(3))
        async for view in all:
            seen.append(view)
            if "3 requests are before" in view.stage:
                running.step(1)
            if "Step 1 of 3" in view.stage:
                running.done()
    assert [view.busy for view in seen] == [True] * (len(seen) - 1) + [False]
    assert {view.job_id for view in seen} == {job.id}
    assert seen[-1].ended
    assert "/media/" in seen[-1].stage


async def test_a_preview_stays_until_the_next(studio: Studio, twin: Twin) -> None:
    await studio.submit(TextToImage(prompt="a fox"), await ann(studio), "k")
    running = await twin.job(1)
    following = asyncio.create_task(views(studio))
    for event in (Step(1, 3, Image.new("RGB", (8, 8))), Step(2, 3)):
        await asyncio.sleep(0.1)
        running.tell(event)
    await asyncio.sleep(0.1)
    running.done()
    drawing = [view.stage for view in await following if "progressbar" in view.stage]
    assert ["data:image" in stage for stage in drawing] == [True, True]


async def test_jobs_are_shown_one_after_another_the_oldest_first(
    studio: Studio, twin: Twin
) -> None:
    account = await ann(studio)
    first = await studio.submit(TextToImage(prompt="a fox"), account, "1")
    second = await studio.submit(TextToImage(prompt="an owl"), account, "2")
    twin_jobs = [await twin.job(1), await twin.job(2)]
    following = asyncio.create_task(views(studio))
    for job in twin_jobs:
        await asyncio.sleep(0.1)
        job.done()
    seen = await following
    assert list(dict.fromkeys(view.job_id for view in seen)) == [first.id, second.id]
    assert "1 more request of yours is waiting." in seen[0].stage
    assert [view.busy for view in seen if view.ended] == [True, False]


async def test_a_newer_job_that_ended_meanwhile_is_shown_at_last(
    studio: Studio, twin: Twin
) -> None:
    account = await ann(studio)
    first = await studio.submit(TextToImage(prompt="a fox"), account, "1")
    second = await studio.submit(TextToImage(prompt="an owl"), account, "2")
    (await twin.job(2)).done()
    following = asyncio.create_task(views(studio))
    await asyncio.sleep(0.1)
    await studio.cancel(first.id, account)
    *_, end = await following
    assert end.job_id == second.id
    assert "/media/" in end.stage
    assert (end.busy, end.ended) == (False, True)


async def test_leaving_the_page_cancels_nothing(studio: Studio, twin: Twin) -> None:
    account = await ann(studio)
    job = await studio.submit(TextToImage(prompt="a fox"), account, "k")
    async with aclosing(follow(studio, account, None, SHOW)) as leaving:
        await anext(leaving)
    (await twin.job(1)).done()
    assert "/media/" in (await views(studio, job.id))[-1].stage
    assert (await studio.job(job.id, account)).state is JobState.DONE


async def test_the_last_pictures_come_back_on_a_later_visit(studio: Studio, twin: Twin) -> None:
    job = await studio.submit(TextToImage(prompt="a fox"), await ann(studio), "k")
    (await twin.job(1)).done()
    await views(studio)
    (view,) = await views(studio, last=job.id)
    assert "/media/" in view.stage


async def test_anothers_job_is_not_shown(studio: Studio) -> None:
    bob = await studio.account("web", "bob", "en")
    job = await studio.submit(TextToImage(prompt="a secret"), bob, "k")
    (view,) = await views(studio, last=job.id)
    assert "a secret" not in view.stage
    assert view.job_id is None


async def test_it_ends_when_the_studio_closes(settings: Settings, twin: Twin) -> None:
    async with Studio.open(settings, twin) as studio:
        await studio.submit(TextToImage(prompt="a fox"), await ann(studio), "k")
        following = asyncio.create_task(views(studio))
        await asyncio.sleep(0.1)
    assert all(view.busy for view in await following)
