"""OpenAI's own package, as it is, against the APIs in front of the twin engine."""

from __future__ import annotations

import asyncio
import io
from collections.abc import AsyncIterator
from typing import Any

import httpx
import openai
import pytest
import pytest_asyncio
from openai import AsyncOpenAI, ConflictError
from openai.types.image_gen_completed_event import ImageGenCompletedEvent
from openai.types.image_gen_partial_image_event import ImageGenPartialImageEvent
from PIL import Image

from engine import requests
from engine.errors import Overflowed
from engine.events import Failed, Step
from engine.studio import Studio
from storage.records import Account
from tests.twin import Twin
from tests.web.api.people import mask, opened, png

pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest_asyncio.fixture(loop_scope="module")
async def client(address: str, key: str, twin: Twin) -> AsyncIterator[AsyncOpenAI]:
    async with AsyncOpenAI(base_url=f"{address}/v1", api_key=key, max_retries=0) as client:
        yield client


def asked(twin: Twin) -> requests.Request:
    """The engine's newest request."""
    return twin.jobs[-1].request


async def test_pictures_are_generated(client: AsyncOpenAI, twin: Twin) -> None:
    answer = await client.images.generate(
        prompt="a fox",
        model="gpt-image-1",
        n=2,
        size="128x64",
        quality="high",
        user="somebody",
        extra_body={"seed": 7, "negative_prompt": "rain", "guidance": 3, "style": "anime"},
    )
    assert answer.data is not None
    pictures = [opened(one.b64_json or "") for one in answer.data]
    assert [one.size for one in pictures] == [(128, 64)] * 2
    assert (answer.size, answer.output_format) == ("128x64", "png")
    assert answer.created > 1_600_000_000
    request = asked(twin)
    assert isinstance(request, requests.TextToImage)
    assert (request.model, request.seed, request.steps) == ("twin", 7, 6)
    assert (request.negative_prompt, request.guidance, request.style) == ("rain", 3, "anime")


async def test_a_url_is_a_link_that_anybody_can_open(
    client: AsyncOpenAI, studio: Studio, account: Account, address: str
) -> None:
    answer = await client.images.generate(prompt="a fox", response_format="url", size="auto")
    assert answer.data is not None
    url = answer.data[0].url or ""
    assert url.startswith(f"{address}/s/")
    token = url.rpartition("/")[2].removesuffix(".png")
    assert (await studio.links.shared(token)).record.account_id == account.id


async def test_nothing_is_shared_unless_asked_for(
    client: AsyncOpenAI, studio: Studio, account: Account
) -> None:
    await client.images.generate(prompt="a fox")
    assert list(await studio.links.all(account)) == []


async def test_a_stream_shows_the_picture_taking_shape(client: AsyncOpenAI, twin: Twin) -> None:
    twin.paused = True
    stream = await client.images.generate(prompt="a fox", stream=True, partial_images=2)
    working = await twin.job(1)
    events = aiter(stream)
    for index in (1, 2):
        working.tell(Step(index, 3, Image.new("RGB", (8, 8), "red")))
        partial = await anext(events)
        assert isinstance(partial, ImageGenPartialImageEvent)
        assert partial.partial_image_index == index - 1
        assert opened(partial.b64_json).size == (8, 8)
    working.tell(Step(3, 3, Image.new("RGB", (8, 8), "red")))
    working.done()
    (completed,) = [event async for event in events]
    assert isinstance(completed, ImageGenCompletedEvent)
    assert opened(completed.b64_json).size == (64, 64)
    assert completed.usage.total_tokens == 0


async def test_a_stream_says_what_goes_wrong(client: AsyncOpenAI, twin: Twin) -> None:
    twin.paused = True
    stream = await client.images.generate(prompt="a fox", stream=True)
    (await twin.job(1)).tell(Failed(Overflowed()))
    with pytest.raises(openai.APIError, match="Try another seed"):
        async for _ in stream:
            pass


async def test_a_part_of_a_picture_is_edited(client: AsyncOpenAI, twin: Twin) -> None:
    await client.images.edit(image=png(), mask=mask(), prompt="a hat")
    request = asked(twin)
    assert isinstance(request, requests.Inpaint)
    painted = request.mask.picture("L")
    assert (painted.getpixel((0, 0)), painted.getpixel((63, 0))) == (255, 0)


async def test_a_whole_picture_is_edited(client: AsyncOpenAI, twin: Twin) -> None:
    await client.images.edit(
        image=("a.png", io.BytesIO(png()), "image/png"),
        prompt="snow",
        extra_body={"strength": 0.5, "seed": 3},
    )
    request = asked(twin)
    assert isinstance(request, requests.ImageToImage)
    assert (request.strength, request.seed, request.prompt) == (0.5, 3, "snow")


async def test_several_pictures_are_mixed_with_the_words(client: AsyncOpenAI, twin: Twin) -> None:
    answer = await client.images.edit(image=[png(), png("blue")], prompt="glass", n=2)
    request = asked(twin)
    assert isinstance(request, requests.Mix)
    assert [part.words for part in request.parts] == ["", "", "glass"]
    assert answer.data is not None
    assert len(answer.data) == 2


async def test_an_edit_is_streamed(client: AsyncOpenAI) -> None:
    stream = await client.images.edit(image=png(), prompt="snow", stream=True)
    assert [event.type async for event in stream] == ["image_edit.completed"]


@pytest.mark.filterwarnings("ignore:deprecated:DeprecationWarning")
async def test_a_picture_is_varied(client: AsyncOpenAI, twin: Twin) -> None:
    answer = await client.images.create_variation(
        image=png(), n=3, size="256x256", response_format="b64_json"
    )
    assert answer.data is not None
    assert [opened(one.b64_json or "").size for one in answer.data] == [(256, 256)] * 3
    assert isinstance(asked(twin), requests.Variations)


async def test_the_models_are_listed(client: AsyncOpenAI, twin: Twin) -> None:
    assert [model.id async for model in client.models.list()] == ["twin", "other"]
    assert (await client.models.retrieve("other")).id == "other"
    assert (await client.models.retrieve("dall-e-3")).id == "twin"
    with pytest.raises(openai.NotFoundError):
        await client.models.retrieve("sora")
    await client.images.generate(prompt="a fox", model="other")
    assert asked(twin).model == "other"


@pytest.mark.parametrize(
    ("fields", "param"),
    [
        ({"prompt": ""}, "prompt"),
        ({"prompt": "x", "n": 99}, "n"),
        ({"prompt": "x", "size": "large"}, "size"),
        ({"prompt": "x", "size": "4000x64"}, "size"),
        ({"prompt": "x", "model": "sora"}, "model"),
        ({"prompt": "x", "style": "nice"}, "style"),
        ({"prompt": "x", "output_format": "webp"}, "output_format"),
        ({"prompt": "x", "partial_images": 9}, "partial_images"),
        ({"prompt": "x", "extra_body": {"seed": "seven"}}, "seed"),
    ],
)
async def test_refusals_have_openais_form(
    client: AsyncOpenAI, fields: dict[str, Any], param: str
) -> None:
    with pytest.raises((openai.BadRequestError, openai.NotFoundError)) as refused:
        await client.images.generate(**fields)
    assert refused.value.status_code == (404 if param == "model" else 400)
    assert refused.value.param == param
    assert refused.value.type == "invalid_request_error"


async def test_edits_are_refused_likewise(client: AsyncOpenAI) -> None:
    for fields, param in (
        ({"image": b"GIF89a", "prompt": "x"}, None),
        ({"image": [png(), png("blue")], "mask": mask(), "prompt": "x"}, "mask"),
        ({"image": png(), "prompt": "x", "n": 99}, "n"),
        ({"image": [], "prompt": "x"}, "image"),
    ):
        with pytest.raises(openai.BadRequestError) as refused:
            await client.images.edit(**fields)
        assert refused.value.param == param


async def test_a_wrong_key_is_openais_error(address: str) -> None:
    async with AsyncOpenAI(base_url=f"{address}/v1", api_key="ks_forged", max_retries=0) as nobody:
        with pytest.raises(openai.AuthenticationError) as refused:
            await nobody.images.generate(prompt="a fox")
    assert refused.value.code == "invalid_api_key"


async def test_what_fails_says_why(client: AsyncOpenAI, twin: Twin) -> None:
    twin.paused = True
    call = asyncio.create_task(client.images.generate(prompt="a fox"))
    (await twin.job(1)).tell(Failed(Overflowed()))
    with pytest.raises(openai.BadRequestError, match="Try another seed"):
        await call


@pytest.mark.parametrize("stream", [False, True])
async def test_a_client_that_goes_away_stops_its_job(
    client: AsyncOpenAI, twin: Twin, stream: bool
) -> None:
    twin.paused = True
    call = asyncio.create_task(client.images.generate(prompt="a fox", stream=stream))
    working = await twin.job(1)
    if stream:
        await (await call).close()  # type: ignore[union-attr]
    else:
        call.cancel()
    async with asyncio.timeout(10):
        await working.stopped.wait()


async def test_with_a_key_it_can_come_back(
    client: AsyncOpenAI, twin: Twin, ann: httpx.AsyncClient
) -> None:
    twin.paused = True
    same: dict[str, Any] = {"prompt": "a fox", "extra_headers": {"Idempotency-Key": "k"}}
    call = asyncio.create_task(client.images.generate(**same))
    working = await twin.job(1)
    call.cancel()
    await asyncio.gather(call, return_exceptions=True)
    working.done()
    answer = await client.images.generate(**same)
    assert answer.data is not None
    assert len(answer.data) == 1
    assert len(twin.jobs) == 1
    assert not working.cancelled


async def test_a_key_is_of_one_request(client: AsyncOpenAI, twin: Twin) -> None:
    same = {"Idempotency-Key": "k"}
    for _ in range(2):
        await client.images.edit(image=png(), prompt="a fox", extra_headers=same)
    assert len(twin.jobs) == 1
    with pytest.raises(ConflictError, match="another request"):
        await client.images.edit(image=png("blue"), prompt="a fox", extra_headers=same)
