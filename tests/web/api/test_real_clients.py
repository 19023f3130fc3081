"""OpenAI's package and webuiapi, as they are, against the real program with the mini model."""

from __future__ import annotations

import asyncio
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import openai
import pytest
import webuiapi  # type: ignore[import-untyped]
from openai import OpenAI
from PIL import Image

from engine.settings import Settings
from storage.accounts import Accounts
from storage.database import Database
from storage.keys import Keys
from tests.e2e.program import Program, running
from tests.web.api.people import mask, opened, png

pytestmark = pytest.mark.slow

SIDE = 64


async def new_key(data: Path) -> str:
    """A key in the program's own database."""
    async with Database.open(Settings(data=data).database) as database:
        account = await Accounts(database).get_or_create("web", "programs", "en")
        return await Keys(database).make(account.id, "tests")


@pytest.fixture(scope="module")
def program(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Program]:
    data = tmp_path_factory.mktemp("studio")
    # What comes of plain red and blue looks like bare skin to the check of pictures.
    with running(data, deterministic="1", nsfw="1,1") as program:
        yield program


@pytest.fixture(scope="module")
def key(program: Program) -> str:
    return asyncio.run(new_key(program.data))


@pytest.fixture(scope="module")
def client(program: Program, key: str) -> Iterator[OpenAI]:
    with OpenAI(base_url=f"{program.address}/v1", api_key=key, max_retries=0) as client:
        yield client


@pytest.fixture(scope="module")
def api(program: Program, key: str) -> webuiapi.WebUIApi:
    base = f"{program.address}/sdapi/v1"
    return webuiapi.WebUIApi(baseurl=base, username="me", password=key)


def pictures(answer: openai.types.ImagesResponse) -> list[Image.Image]:
    assert answer.data is not None
    return [opened(one.b64_json or "") for one in answer.data]


def test_the_same_seed_is_the_same_picture_by_every_api(
    client: OpenAI, api: webuiapi.WebUIApi
) -> None:
    one, two = pictures(
        client.images.generate(
            prompt="a fox",
            n=2,
            size="64x64",
            extra_body={"seed": 7, "steps": 10},
        )
    )
    again = api.txt2img(
        prompt="a fox",
        seed=8,
        width=SIDE,
        height=SIDE,
        steps=10,
        cfg_scale=3,
    )
    assert one.size == (SIDE, SIDE)
    assert one.tobytes() != two.tobytes() == again.image.tobytes()
    assert api.png_info(again.image).parameters["seed"] == 8


def test_a_link_opens_without_a_key(client: OpenAI) -> None:
    answer = client.images.generate(prompt="a fox", size="64x64", response_format="url")
    assert answer.data is not None
    with urllib.request.urlopen(answer.data[0].url or "") as file:  # noqa: S310
        assert opened(file.read()).size == (SIDE, SIDE)


def test_a_stream_shows_the_picture_taking_shape(client: OpenAI) -> None:
    stream = client.images.generate(
        prompt="a fox", size="128x128", stream=True, partial_images=3, extra_body={"steps": 250}
    )
    events = list(stream)
    kinds = [event.type.removeprefix("image_generation.") for event in events]
    assert kinds[-1] == "completed"
    assert 1 <= kinds.count("partial_image") <= 3
    assert opened(events[-1].b64_json).size == (128, 128)


def test_pictures_are_edited_mixed_and_varied(client: OpenAI) -> None:
    red, blue = png("red"), png("blue")
    (part,) = pictures(client.images.edit(image=red, mask=mask(), prompt="a fox"))
    assert part.convert("RGB").getpixel((63, 0)) == (255, 0, 0)  # kept, bit for bit
    (whole,) = pictures(client.images.edit(image=red, prompt="a fox", size="64x64"))
    (mixed,) = pictures(client.images.edit(image=[red, blue], prompt="a fox", size="64x64"))
    with pytest.deprecated_call():
        answer = client.images.create_variation(image=red, size="256x256")
    assert [whole.size, mixed.size, pictures(answer)[0].size] == [(64, 64), (64, 64), (256, 256)]


def test_the_models_are_listed(client: OpenAI, api: webuiapi.WebUIApi) -> None:
    assert [model.id for model in client.models.list()] == ["mini"]
    assert api.util_get_current_model() == "Kandinsky mini"
    assert api.util_get_sampler_names() == ["DDIM", "DDPM", "DPM++ 2M"]


def test_a_picture_is_changed(api: webuiapi.WebUIApi) -> None:
    red = opened(png("red"))
    changed = api.img2img(images=[red], prompt="a fox", width=SIDE, height=SIDE, steps=5)
    assert changed.image.size == (SIDE, SIDE)
    white = Image.new("L", (SIDE, SIDE))
    white.paste(255, (0, 0, 32, SIDE))
    part = api.img2img(images=[red], mask_image=white, prompt="a fox", steps=5)
    assert part.image.convert("RGB").getpixel((63, 0)) == (255, 0, 0)
    api.util_wait_for_ready(0.1)


def test_what_is_too_large_for_the_model_says_its_limits(api: webuiapi.WebUIApi) -> None:
    with pytest.raises(RuntimeError, match="must be from 64 to 256, not 512"):
        api.txt2img(prompt="a fox")  # whose size is 512 x 512, unless said otherwise


async def test_drawing_is_interrupted(api: webuiapi.WebUIApi) -> None:
    size = {"width": 128, "height": 128, "steps": 250}
    drawing = asyncio.create_task(asyncio.to_thread(api.txt2img, prompt="a fox", **size))
    progress: list[float] = [0.0]
    while not progress[-1] and not drawing.done():
        progress.append((await asyncio.to_thread(api.get_progress))["progress"])
    await asyncio.to_thread(api.interrupt)
    assert (await drawing).images == []
    assert 0 < progress[-1] < 1
