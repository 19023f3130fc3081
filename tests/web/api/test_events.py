from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import AsyncExitStack
from typing import Any

import httpx
import pytest
import pytest_asyncio
from PIL import Image

from engine.events import Step
from tests.twin import Twin
from web.api.app import STREAMS
from web.api.stream import EventStream

pytestmark = pytest.mark.asyncio(loop_scope="module")

FOX = {"mode": "text_to_image", "prompt": "a fox", "seed": 7}


@pytest_asyncio.fixture(loop_scope="module")
async def away(address: str, key: str, twin: Twin) -> AsyncIterator[httpx.AsyncClient]:
    """Ann, by a real connection."""
    headers = {"authorization": f"Bearer {key}"}
    async with httpx.AsyncClient(base_url=address, headers=headers, timeout=30) as client:
        yield client


async def told(answer: httpx.Response) -> AsyncGenerator[tuple[str, Any]]:
    """(event, data) as they come."""
    name = ""
    async for line in answer.aiter_lines():
        if line.startswith("event: "):
            name = line.removeprefix("event: ")
        elif line.startswith("data: "):
            yield name, json.loads(line.removeprefix("data: "))


async def submitted(client: httpx.AsyncClient) -> str:
    job: str = (await client.post("/api/jobs", json=FOX)).json()["id"]
    return job


async def test_a_job_is_watched_to_its_end(away: httpx.AsyncClient, twin: Twin) -> None:
    twin.paused = True
    job = await submitted(away)
    working = await twin.job(1)
    async with away.stream("GET", f"/api/jobs/{job}/events", params={"previews": "1"}) as answer:
        assert answer.headers["content-type"].startswith("text/event-stream")
        events = told(answer)
        assert await anext(events) == ("queued", {"position": 0})
        working.tell(Step(1, 3, Image.new("RGB", (8, 8), "red")))
        name, step = await anext(events)
        assert (name, step["step"], step["steps"]) == ("step", 1, 3)
        assert step["preview"].startswith("data:image/webp;base64,")
        working.done()
        (name, finished), *rest = [one async for one in events]
    assert (name, rest) == ("finished", [])
    assert (finished["id"], finished["state"], len(finished["pictures"])) == (job, "done", 1)


async def test_previews_come_only_where_they_are_wanted(
    away: httpx.AsyncClient, twin: Twin
) -> None:
    twin.paused = True
    job = await submitted(away)
    working = await twin.job(1)
    async with away.stream("GET", f"/api/jobs/{job}/events") as answer:
        events = told(answer)
        await anext(events)
        working.tell(Step(1, 3, Image.new("RGB", (8, 8), "red")))
        assert "preview" not in (await anext(events))[1]
    working.done()


async def test_leaving_stops_nothing_and_coming_back_is_told_at_once(
    away: httpx.AsyncClient, twin: Twin
) -> None:
    twin.paused = True
    job = await submitted(away)
    working = await twin.job(1)
    async with away.stream("GET", f"/api/jobs/{job}/events") as answer:
        await anext(told(answer))
    working.step(2)
    async with away.stream("GET", f"/api/jobs/{job}/events") as answer:
        events = told(answer)
        name, step = await anext(events)
        while name == "queued":
            name, step = await anext(events)
        assert (name, step["step"]) == ("step", 2)
    assert not working.cancelled
    working.done()
    async with away.stream("GET", f"/api/jobs/{job}/events") as answer:
        assert [name async for name, _ in told(answer)][-1] == "finished"


async def test_too_many_streams_of_one_account_are_refused(
    away: httpx.AsyncClient, twin: Twin
) -> None:
    twin.paused = True
    address = f"/api/jobs/{await submitted(away)}/events"
    async with AsyncExitStack() as stack:
        for _ in range(STREAMS):
            answer = await stack.enter_async_context(away.stream("GET", address))
            assert answer.status_code == 200
        refused = await away.get(address)
        assert refused.status_code == 429
        assert refused.json()["error"]["code"] == "too_many_at_once"
    (await twin.job(1)).done()
    for _ in range(100):  # the server notices in a moment that they have been left
        again = await away.get(address)
        if again.status_code == 200:
            break
        await asyncio.sleep(0.05)
    assert again.status_code == 200


async def test_a_silent_stream_says_that_it_lives() -> None:
    async def silent() -> AsyncGenerator[bytes]:
        await asyncio.sleep(0.05)
        yield b"event: a\ndata: 1\n\n"

    pieces = [piece async for piece in EventStream(silent(), silence=0.01).events]
    assert pieces[0] == b": still here\n\n"
    assert pieces[-1] == b"event: a\ndata: 1\n\n"


async def test_a_stream_that_is_left_ends_its_events() -> None:
    ended = asyncio.Event()

    async def endless() -> AsyncGenerator[bytes]:
        try:
            while True:
                yield b"x"
                await asyncio.sleep(0.01)
        finally:
            ended.set()

    async def gone() -> dict[str, str]:
        await asyncio.sleep(0.02)
        return {"type": "http.disconnect"}

    async def send(message: object) -> None:
        await asyncio.sleep(0.005)

    lefts: list[str] = []

    async def left() -> None:
        lefts.append("left")

    await EventStream(endless(), left)({"type": "http"}, gone, send)
    assert ended.is_set()
    assert lefts == ["left"]
