"""What an open page hears of its person's jobs."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncGenerator, AsyncIterator, Callable
from contextlib import AsyncExitStack, aclosing
from typing import Any

import pytest
from PIL import Image

from engine.events import Step
from engine.requests import TextToImage
from engine.studio import Studio
from engine.texts import Texts
from storage.records import Account
from tests.twin import CARD, Twin
from web.fragments import Fragments
from web.live import STREAMS, WATCHED, Live, Streams

pytestmark = pytest.mark.slow

Said = tuple[str, Any]


@pytest.fixture
async def ann(studio: Studio) -> Account:
    return await studio.account("web", "ann", "en")


async def heard(studio: Studio, account: Account) -> AsyncGenerator[Said]:
    """(kind, data) of each event; those of a page that was just opened first."""
    page = Live(studio, account, Fragments(Texts("en"), [CARD]))
    async with aclosing(page.events()) as events:
        async for event in events:
            if event.startswith("event: "):
                kind, _, data = event.removeprefix("event: ").partition("\ndata: ")
                yield kind, json.loads(data)


async def until(events: AsyncIterator[Said], kind: str, fits: Callable[[Any], bool]) -> Any:
    async with asyncio.timeout(10):
        async for said, data in events:
            if said == kind and fits(data):
                return data
    raise AssertionError("the page hears nothing more")


def anything(data: Any) -> bool:
    return True


async def asked(studio: Studio, account: Account, key: str = "k") -> str:
    job = await studio.submit(TextToImage(prompt="a fox", seed=7), account, key)
    return job.id


async def test_a_page_hears_of_a_job_until_its_picture(studio: Studio, ann: Account) -> None:
    async with aclosing(heard(studio, ann)) as events:
        assert await until(events, "strip", anything) == []
        job_id = await asked(studio, ann)
        done = await until(events, "job", lambda job: job["state"] == "done")
        assert done["id"] == job_id
        assert "/media/" in done["tile"]


async def test_steps_come_with_progress_and_preview(
    studio: Studio, twin: Twin, ann: Account
) -> None:
    twin.paused = True
    job_id = await asked(studio, ann)
    job = await twin.job(1)
    async with aclosing(heard(studio, ann)) as events:
        await until(events, "strip", lambda ids: ids == [job_id])
        job.tell(Step(1, 4, Image.new("RGB", (8, 8))))
        step = await until(events, "step", anything)
        assert (step["id"], step["share"], step["line"]) == (job_id, 25.0, "Step 1 of 4")
        assert step["preview"].startswith("data:image/webp;base64,")
        await studio.cancel(job_id, ann)
        await until(events, "job", lambda job: job["state"] == "cancelled")


async def test_a_page_that_comes_back_hears_how_all_is(
    studio: Studio, twin: Twin, ann: Account
) -> None:
    first = await asked(studio, ann, "first")
    async with aclosing(heard(studio, ann)) as events:
        await until(events, "job", lambda job: job["state"] == "done")
    twin.paused = True
    second = await asked(studio, ann, "second")
    async with aclosing(heard(studio, ann)) as events:
        await until(events, "strip", lambda ids: ids == [second, first])


async def test_nobody_hears_of_anothers_jobs(studio: Studio, ann: Account) -> None:
    bob = await studio.account("web", "bob", "en")
    async with aclosing(heard(studio, bob)) as events:
        assert await until(events, "strip", anything) == []
        await asked(studio, ann)
        mine = await asked(studio, bob, "mine")
        assert (await until(events, "job", anything))["id"] == mine


async def test_of_many_pages_the_oldest_hears_no_more(studio: Studio, ann: Account) -> None:
    streams, show = Streams(), Fragments(Texts("en"), [CARD])
    async with AsyncExitStack() as stack:
        pages = [streams.events(Live(studio, ann, show)) for _ in range(STREAMS + 1)]
        for page in pages:
            await stack.enter_async_context(aclosing(page))
            assert (await anext(page)).startswith("retry: ")
        async with asyncio.timeout(10):
            assert [event async for event in pages[0] if event.startswith("event: job")] == []
            assert (await anext(pages[1])).startswith("event: strip")


async def test_of_many_jobs_the_first_are_watched(studio: Studio, twin: Twin, ann: Account) -> None:
    twin.paused = True
    jobs = [await asked(studio, ann, f"k{number}") for number in range(WATCHED + 2)]
    placed = []
    async with aclosing(heard(studio, ann)) as events, asyncio.timeout(10):
        async for kind, data in events:
            placed += [data["id"]] if kind == "place" else []
            if len(set(placed)) == WATCHED:
                break
    assert set(placed) == set(jobs[:WATCHED])


async def test_leaving_stops_nothing(studio: Studio, twin: Twin, ann: Account) -> None:
    twin.paused = True
    job_id = await asked(studio, ann)
    job = await twin.job(1)
    async with aclosing(heard(studio, ann)) as events:
        await until(events, "strip", lambda ids: ids == [job_id])
    assert not job.cancelled
    job.cancel()
