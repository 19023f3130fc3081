"""Pictures are of exactly the asked size, in every mode; requests of all modes share batches."""

from __future__ import annotations

import asyncio
import os
import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from engine import (
    Engine,
    ImageToImage,
    Inpaint,
    Mix,
    Outpaint,
    Part,
    Request,
    Settings,
    Source,
    TextToImage,
    Variations,
)
from tests.engine.test_modes import COMMON, blob, photo
from tests.engine.test_parity import opened

pytestmark = pytest.mark.slow

HOW_MANY = int(os.environ.get("KANDINSKY_SIZES", "40"))  # of each mode; more take longer
FEW = COMMON | {"steps": 1, "prior_steps": 2}
Sized = Callable[[int, int], Request]


def _part(seed: int) -> Part:
    return Part(picture=Source.of(photo(64, 64, seed)), weight=0.5)


MODES: dict[str, Sized] = {
    "text_to_image": lambda w, h: TextToImage(prompt="a fox", width=w, height=h, **FEW),
    "image_to_image": lambda w, h: ImageToImage(
        picture=Source.of(photo(90, 70)), width=w, height=h, **FEW
    ),
    "mix": lambda w, h: Mix(parts=(_part(1), _part(2)), width=w, height=h, **FEW),
    "variations": lambda w, h: Variations(
        picture=Source.of(photo(64, 99)), width=w, height=h, **FEW
    ),
    "inpaint": lambda w, h: Inpaint(
        picture=Source.of(photo(3 * w, h)), mask=Source.of(blob(3 * w, h)), **FEW
    ),
    "outpaint": lambda w, h: Outpaint(
        picture=Source.of(photo(64, 64)), left=-w // 3, top=1 - h // 2, width=w, height=h, **FEW
    ),
}


@pytest.mark.parametrize("mode", MODES)
async def test_the_size_is_the_asked_one(mode: str, tiny_model: Path) -> None:
    """Inpainted pictures are three times as wide: many are larger than the model sees at once."""
    order = random.Random(7)
    sizes = [(order.randint(64, 150), order.randint(64, 150)) for _ in range(HOW_MANY)]
    settings = Settings(models=(f"tiny={tiny_model}",), queue_limit=1000, cache=0)
    async with Engine.open(settings) as engine:
        jobs = [engine.submit(MODES[mode](*size), f"person {size[0]}") for size in sizes]
        found = [(await job)[0].image.size for job in jobs]
    wide = 3 if mode == "inpaint" else 1
    assert found == [(wide * width, height) for width, height in sizes]


async def test_modes_of_several_people_share_batches() -> None:
    """Text to image, mixes, changes and fillings at once; each picture as if it were alone."""
    common: dict[str, Any] = dict(seed=5, steps=8, guidance=3.0, prior_steps=3, prior_guidance=2.0)
    size: dict[str, Any] = dict(width=128, height=128)
    picture, mask = Source.of(photo(128, 128)), Source.of(blob(128, 128))
    requests: list[Request] = [
        TextToImage(prompt="a fox", **size, **common),
        TextToImage(prompt="a cake", sampler="dpm++", **size, **common),
        Mix(parts=(Part(words="a fox"), _part(3)), **size, **common),
        ImageToImage(prompt="an owl", picture=picture, strength=0.6, **common),
        Variations(picture=picture, **size, **common),
        Inpaint(prompt="a cat", picture=picture, mask=mask, **common),
        Inpaint(picture=picture, mask=mask, **common),
    ]
    async with opened(cache=0) as engine:
        alone = [await engine.submit(one, "person") for one in requests]
        before = engine.stats()
        jobs = [engine.submit(one, f"person {i}") for i, one in enumerate(requests)]
        together = await asyncio.gather(*jobs)
        after = engine.stats()
    for (one,), (other,) in zip(alone, together, strict=True):
        apart = np.abs(np.asarray(one.image, np.int16) - np.asarray(other.image, np.int16))
        assert apart.max() <= 1
    assert (after.rows - before.rows) / (after.passes - before.passes) > 3
