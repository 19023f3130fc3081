"""The engine's pictures are those of plain diffusers: same weights, settings, seed; fp32 on CPU."""

from __future__ import annotations

import warnings
from collections.abc import AsyncIterator

import numpy as np
import pytest
import pytest_asyncio
import torch
from diffusers import (
    DDIMScheduler,
    DDPMScheduler,
    DPMSolverMultistepScheduler,
    KandinskyV22CombinedPipeline,
    KandinskyV22Pipeline,
    KandinskyV22PriorPipeline,
)

from engine import Engine, Settings, TextToImage
from engine.weights import MINI

pytestmark = pytest.mark.slow

Pixels = np.ndarray[tuple[int, ...], np.dtype[np.int16]]


@pytest.fixture(scope="module")
def diffusers() -> KandinskyV22CombinedPipeline:
    """Plain diffusers on the mini model's weights."""
    torch.set_num_threads(1)
    prior = KandinskyV22PriorPipeline.from_pretrained(MINI / "prior", dtype=torch.float32)
    decoder = KandinskyV22Pipeline.from_pretrained(MINI / "decoder", dtype=torch.float32)
    pipeline = KandinskyV22CombinedPipeline(
        **decoder.components,
        **{f"prior_{name}": part for name, part in prior.components.items()},
    )
    pipeline.set_progress_bar_config(disable=True)
    return pipeline


@pytest_asyncio.fixture
async def engine() -> AsyncIterator[Engine]:
    async with Engine.open(Settings(models=("mini",), threads=1)) as engine:
        yield engine


def plain(pipeline: KandinskyV22CombinedPipeline, request: TextToImage, seed: int) -> Pixels:
    pipeline.decoder_pipe.scheduler = _scheduler(pipeline, request.sampler)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FutureWarning)  # the pipeline's own callback_steps
        image = pipeline(
            request.prompt,
            negative_prompt=request.negative_prompt or None,
            num_inference_steps=request.steps,
            guidance_scale=request.guidance,
            prior_num_inference_steps=request.prior_steps,
            prior_guidance_scale=request.prior_guidance,
            width=128,
            height=128,
            generator=torch.Generator("cpu").manual_seed(seed),
        ).images[0]
    return np.asarray(image, dtype=np.int16)


def _scheduler(pipeline: KandinskyV22CombinedPipeline, sampler: str | None) -> object:
    """As a user of diffusers swaps it; without the learned variance, on which others stumble."""
    config = DDPMScheduler.from_pretrained(MINI / "decoder" / "scheduler").config
    fixed = {name: value for name, value in config.items() if name != "variance_type"}
    if sampler == "ddim":
        return DDIMScheduler.from_config(fixed)
    if sampler == "dpm++":
        return DPMSolverMultistepScheduler.from_config(fixed)
    return DDPMScheduler.from_config(config)


ASKED = [
    {"prompt": "a fox on a blue background", "seed": 7},
    {"prompt": "лиса на синем фоне", "seed": 2**31, "steps": 25, "prior_steps": 25},
    {"prompt": "two cats", "seed": 0, "guidance": 1.0, "prior_guidance": 1.0},
    {"prompt": "a rocket", "seed": 3, "guidance": 1.0, "prior_guidance": 4.0},
    {"prompt": "an apple", "seed": 4, "sampler": "ddim"},
    {"prompt": "an owl", "seed": 6, "sampler": "dpm++", "steps": 20},
    {"prompt": "a cake " * 140, "seed": 5, "guidance": 7.5},
    {
        "prompt": "a car",
        "seed": 11,
        "negative_prompt": "red background",
        "negative_decoder_prompt": "red background",
    },
]


@pytest.mark.parametrize("fields", ASKED, ids=lambda fields: str(fields["prompt"])[:20])
async def test_a_picture_is_that_of_diffusers(
    fields: dict[str, object], diffusers: KandinskyV22CombinedPipeline, engine: Engine
) -> None:
    defaults = {"steps": 10, "guidance": 3.0, "prior_steps": 5, "prior_guidance": 2.0}
    request = TextToImage.model_validate(defaults | fields)
    (picture,) = await engine.submit(request, "parity")
    expected = plain(diffusers, request, picture.seed)
    assert np.abs(np.asarray(picture.image, dtype=np.int16) - expected).max() <= 1


async def test_picture_i_is_that_of_seed_plus_i(
    diffusers: KandinskyV22CombinedPipeline, engine: Engine
) -> None:
    request = TextToImage(
        prompt="a panda", seed=40, count=3, steps=8, guidance=3.0, prior_steps=5, prior_guidance=2.0
    )
    for picture in await engine.submit(request, "parity"):
        expected = plain(diffusers, request, picture.seed)
        assert np.abs(np.asarray(picture.image, dtype=np.int16) - expected).max() <= 1
