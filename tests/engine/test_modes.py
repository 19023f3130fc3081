"""Every mode of 2.2 with every sampler and shape gives diffusers' pictures (fp32, within 1/255).

Where diffusers itself is wrong, tests/engine/test_better.py says how; here it is helped.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import numpy as np
import pytest
import pytest_asyncio
from PIL import Image

from engine import (
    Engine,
    ImageToImage,
    Inpaint,
    Mix,
    Outpaint,
    Part,
    Picture,
    Request,
    Settings,
    Source,
    TextToImage,
    Variations,
)
from engine.canvas import Window, place
from engine.kandinsky.pictures import Pixels
from engine.kandinsky.v22 import Kandinsky22
from engine.requests import Sampler
from engine.runtime.denoising import Noise
from engine.runtime.device import Device
from engine.runtime.stages import Way, travel
from engine.weights import MINI
from tests.engine import plain

pytestmark = pytest.mark.slow

SHAPES = {"square": (64, 64), "tall": (64, 128), "wide": (128, 64)}
SAMPLERS: tuple[Sampler, ...] = ("ddpm", "ddim", "dpm++")
COMMON: dict[str, Any] = dict(seed=5, steps=6, guidance=3.0, prior_steps=3, prior_guidance=2.0)

each_sampler = pytest.mark.parametrize("sampler", SAMPLERS)
each_shape = pytest.mark.parametrize("size", SHAPES.values(), ids=SHAPES)


@pytest.fixture(scope="module")
def diffusers() -> plain.Plain:
    return plain.Plain()


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def engine() -> AsyncIterator[Engine]:
    async with Engine.open(Settings(models=("mini",), cache=64)) as engine:
        yield engine


def photo(width: int, height: int, seed: int = 1) -> Image.Image:
    """A picture with large and small things in it."""
    rng = np.random.default_rng(seed)
    small = Image.fromarray(rng.integers(0, 255, (5, 5, 3), dtype=np.uint8))
    return small.resize((width, height), Image.Resampling.BICUBIC)


def blob(width: int, height: int) -> Image.Image:
    """A mask: a third of the picture, not in its middle."""
    mask = np.zeros((height, width), np.uint8)
    mask[height // 4 : height // 2 + 8, width // 8 : width // 2 + 3] = 255
    return Image.fromarray(mask)


async def ask(engine: Engine, request: Request, owner: str = "person") -> Picture:
    (picture,) = await engine.submit(request, owner)
    return picture


def differs(picture: Picture, expected: plain.Pixels) -> int:
    """The largest difference in 1/255."""
    return int(np.abs(plain.pixels(picture.image) - expected).max())


@pytest.mark.asyncio(loop_scope="module")
@each_sampler
@each_shape
async def test_text_to_image(
    sampler: Sampler, size: tuple[int, int], diffusers: plain.Plain, engine: Engine
) -> None:
    request = TextToImage(prompt="a fox", sampler=sampler, width=size[0], height=size[1], **COMMON)
    assert differs(await ask(engine, request), diffusers.text_to_image(request)) <= 1


@pytest.mark.asyncio(loop_scope="module")
@each_sampler
@each_shape
@pytest.mark.parametrize("strength", [0.3, 0.7, 1.0])
async def test_image_to_image(
    sampler: Sampler, size: tuple[int, int], strength: float, diffusers: plain.Plain, engine: Engine
) -> None:
    source = Source.of(photo(*size))
    fields = COMMON | {"steps": 10}
    request = ImageToImage(
        prompt="a fox", picture=source, strength=strength, sampler=sampler, **fields
    )
    assert differs(await ask(engine, request), diffusers.image_to_image(request)) <= 1


@pytest.mark.asyncio(loop_scope="module")
@each_sampler
@each_shape
async def test_variations(
    sampler: Sampler, size: tuple[int, int], diffusers: plain.Plain, engine: Engine
) -> None:
    source = Source.of(photo(80, 120))
    request = Variations(picture=source, sampler=sampler, width=size[0], height=size[1], **COMMON)
    assert differs(await ask(engine, request), diffusers.variations(request)) <= 1


MIXES: dict[str, dict[str, Any]] = {
    "two pictures": {"parts": (Part(picture=Source.of(photo(64, 64, 2)), weight=0.3),) * 2},
    "words and a picture": {
        "parts": (
            Part(words="a fox", weight=0.6),
            Part(picture=Source.of(photo(90, 64, 3)), weight=0.4),
        )
    },
    "away from words": {
        "parts": (
            Part(words="a fox", weight=1.2),
            Part(words="red", weight=-0.3),
            Part(picture=Source.of(photo(64, 64, 4)), weight=0.1),
        )
    },
    "with negatives": {
        "parts": (Part(words="a fox"), Part(words="a cake", weight=0.5)),
        "negative_prompt": "dark",
        "negative_decoder_prompt": "blue",
    },
}


@pytest.mark.asyncio(loop_scope="module")
@each_sampler
@pytest.mark.parametrize("fields", MIXES.values(), ids=MIXES)
async def test_mix(
    sampler: Sampler, fields: dict[str, Any], diffusers: plain.Plain, engine: Engine
) -> None:
    request = Mix(sampler=sampler, width=128, height=64, **fields, **COMMON)
    assert differs(await ask(engine, request), diffusers.mix(request)) <= 1


@pytest.mark.asyncio(loop_scope="module")
@each_sampler
@each_shape
async def test_inpaint(sampler: Sampler, size: tuple[int, int], engine: Engine) -> None:
    picture, mask = photo(*size), blob(*size)
    request = Inpaint(
        prompt="a fox", picture=Source.of(picture), mask=Source.of(mask), sampler=sampler, **COMMON
    )
    found = plain.pixels((await ask(engine, request)).image)
    hole = np.asarray(mask) > 0
    assert np.array_equal(found[~hole], plain.pixels(picture)[~hole])
    assert not np.array_equal(found[hole], plain.pixels(picture)[hole])


@each_sampler
@each_shape
def test_inpaint_before_it_is_put_back(
    sampler: Sampler, size: tuple[int, int], diffusers: plain.Plain
) -> None:
    picture, mask = photo(*size), blob(*size)
    device = Device(Settings(device="cpu"))
    model = Kandinsky22(MINI, device, cache_limit=0, side_limit=256)
    request = Inpaint(
        prompt="a fox", picture=Source.of(picture), mask=Source.of(mask), sampler=sampler, **COMMON
    )

    def way() -> Way[Pixels]:
        noise = Noise(COMMON["seed"], device)
        toward, away = yield from model.meaning(request, noise)
        hole = np.asarray(mask)
        return (yield from model.repaint(request, picture, hole, toward, away, noise))

    (found,) = travel([way()])
    assert np.abs(found.astype(np.int16) - diffusers.inpaint(request)).max() <= 1


@pytest.mark.asyncio(loop_scope="module")
@each_sampler
async def test_outpaint(sampler: Sampler, engine: Engine) -> None:
    """Outpainting is inpainting of the frame."""
    picture = photo(64, 64)
    frame = Window(-32, 0, 128, 64)
    canvas, hole = place(picture, frame)
    common = COMMON | {"prompt": "a fox", "sampler": sampler}
    out = await ask(
        engine,
        Outpaint(picture=Source.of(picture), left=-32, top=0, width=128, height=64, **common),
    )
    filled = Inpaint(picture=Source.of(canvas), mask=Source.of(Image.fromarray(hole)), **common)
    again = (await ask(engine, filled)).image
    assert np.array_equal(plain.pixels(out.image), plain.pixels(again))
    assert np.array_equal(plain.pixels(out.image)[:, 32:96], plain.pixels(picture))
