"""Where diffusers is wrong or weak on Kandinsky 2.x: what it does, and what we do.

The places of Kandinsky 3 are in tests/engine/kandinsky/test_v3.py.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import pytest
import pytest_asyncio
import torch
from diffusers import DDPMScheduler, UniPCMultistepScheduler
from PIL import Image
from torch.utils._python_dispatch import TorchDispatchMode

from engine import Engine, ImageToImage, Inpaint, Settings, Source, TextToImage
from engine.mini import parts
from engine.runtime import samplers
from tests.engine import plain
from tests.engine.test_modes import COMMON, ask, blob, photo

pytestmark = pytest.mark.slow
in_module = pytest.mark.asyncio(loop_scope="module")


@pytest.fixture(scope="module")
def diffusers() -> plain.Plain:
    return plain.Plain()


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def engine() -> AsyncIterator[Engine]:
    async with Engine.open(Settings(models=("mini",), cache=64)) as engine:
        yield engine


def embeddings(diffusers: plain.Plain, *seeds: int) -> dict[str, Any]:
    """Made-up conditions for the decoders."""
    draws = [torch.randn(1, parts.EMBEDDING, generator=_from(seed)) for seed in seeds]
    toward = torch.cat(draws)
    return {"image_embeds": toward, "negative_image_embeds": torch.zeros_like(toward)}


def _from(seed: int) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


@in_module
async def test_1_image_to_image_is_not_transposed(diffusers: plain.Plain, engine: Engine) -> None:
    picture = photo(128, 64)
    theirs = diffusers.changer(
        image=picture, width=128, height=64, num_inference_steps=4, **embeddings(diffusers, 1)
    ).images[0]
    assert theirs.size == (64, 128)
    request = ImageToImage(prompt="a fox", picture=Source.of(picture), **COMMON)
    assert (await ask(engine, request)).image.size == (128, 64)


@in_module
async def test_2_any_size_is_that_size(diffusers: plain.Plain, engine: Engine) -> None:
    conditions = embeddings(diffusers, 1)
    theirs = diffusers.decoder(width=100, height=90, num_inference_steps=2, **conditions).images[0]
    assert theirs.size == (128, 128)
    with pytest.raises(RuntimeError, match="size"):
        diffusers.inpainter(
            image=photo(96, 96),
            mask_image=blob(96, 96),
            width=96,
            height=96,
            num_inference_steps=2,
            **conditions,
        )
    request = TextToImage(prompt="a fox", width=100, height=90, **COMMON)
    assert (await ask(engine, request)).image.size == (100, 90)
    hole = Inpaint(picture=Source.of(photo(96, 96)), mask=Source.of(blob(96, 96)), **COMMON)
    assert (await ask(engine, hole)).image.size == (96, 96)


@in_module
async def test_3_each_picture_of_a_batch_has_its_own_mask(
    diffusers: plain.Plain, engine: Engine
) -> None:
    pictures, masks = [photo(64, 64, 1), photo(64, 64, 2)], [blob(64, 64), _border(64)]
    together = diffusers.inpainter(
        image=pictures, mask_image=masks, **_small(diffusers, 1, 2)
    ).images[1]
    alone = diffusers.inpainter(
        image=pictures[1], mask_image=masks[1], **_small(diffusers, 2)
    ).images[0]
    assert np.abs(plain.pixels(together) - plain.pixels(alone)).max() > 50
    requests = [
        Inpaint(prompt="a fox", picture=Source.of(a), mask=Source.of(b), **COMMON)
        for a, b in zip(pictures, masks, strict=True)
    ]
    singly = [await ask(engine, one) for one in requests]
    jobs = [engine.submit(one, f"person {i}") for i, one in enumerate(requests)]
    for one, job in zip(singly, jobs, strict=True):
        (picture,) = await job
        assert np.abs(plain.pixels(picture.image) - plain.pixels(one.image)).max() <= 1


@in_module
async def test_5_kept_pixels_stay_through_ten_edits(diffusers: plain.Plain, engine: Engine) -> None:
    """tests/engine/canvas has place 4, the mask of seven neighbours, against diffusers' loop."""
    original, mask = photo(128, 128), blob(128, 128)
    kept = np.asarray(mask) == 0
    theirs = ours = original
    for seed in range(10):
        theirs = diffusers.inpainter(
            image=theirs, mask_image=mask, **_small(diffusers, seed, side=128)
        ).images[0]
        request = Inpaint(
            prompt="a fox",
            picture=Source.of(ours),
            mask=Source.of(mask),
            **(COMMON | {"seed": seed}),
        )
        ours = (await ask(engine, request)).image
    assert np.array_equal(plain.pixels(ours)[kept], plain.pixels(original)[kept])
    error = (plain.pixels(theirs) - plain.pixels(original))[kept].astype(float)
    assert 10 * np.log10(255**2 / np.square(error).mean()) < 30  # dB, and falling with each edit


@in_module
async def test_7_white_is_painted(engine: Engine) -> None:
    """As in diffusers since 0.19; the first code of 2.x had it the other way round."""
    picture, mask = photo(64, 64), np.zeros((64, 64), np.uint8)
    mask[:, 32:] = 255
    request = Inpaint(picture=Source.of(picture), mask=Source.of(Image.fromarray(mask)), **COMMON)
    found = plain.pixels((await ask(engine, request)).image)
    same = (found == plain.pixels(picture)).all(axis=2)
    assert same[:, :32].all()
    assert not same[:, 40:].all()


def test_8_a_sampler_that_does_not_work_is_refused(diffusers: plain.Plain) -> None:
    config = DDPMScheduler(**parts.DECODER_SCHEDULER).config
    fixed = {name: value for name, value in config.items() if name != "variance_type"}
    diffusers.decoder.scheduler = UniPCMultistepScheduler.from_config(fixed)
    with pytest.raises(TypeError, match="generator"):
        diffusers.decoder(**_small(diffusers, 1))
    with pytest.raises(ValueError, match="sampler"):
        TextToImage.model_validate({"prompt": "a fox", "sampler": "unipc"})


def test_9_a_step_does_not_wait_for_the_device() -> None:
    scheduler = DDPMScheduler(**parts.DECODER_SCHEDULER)
    table = samplers.decoder_table(scheduler, "ddpm", 10)
    x, out = torch.randn(1, 4, 8, 8), torch.randn(1, 8, 8, 8)
    with _waits() as theirs:
        scheduler.step(out, scheduler.timesteps[3], x)
    with _waits() as ours:
        rows = table.rows[3][None]
        samplers.step(rows, x, out[:, :4], out[:, 4:], x, x, samplers.Threshold.of(scheduler))
    assert len(theirs) >= 5
    assert ours == []


class _Waits(TorchDispatchMode):  # type: ignore[no-untyped-call]
    """Notes the operations that bring a number from the device to the host."""

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.found: list[str] = []

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        if func.overloadpacket.__name__ in ("_local_scalar_dense", "nonzero", "is_nonzero"):
            self.found.append(str(func))
        return func(*args, **(kwargs or {}))


@contextmanager
def _waits() -> Iterator[list[str]]:
    with _Waits() as mode:
        yield mode.found


def _border(side: int) -> Image.Image:
    """A mask of all but the middle."""
    mask = np.full((side, side), 255, np.uint8)
    mask[16:-16, 16:-16] = 0
    return Image.fromarray(mask)


def _small(diffusers: plain.Plain, *seeds: int, side: int = 64) -> dict[str, Any]:
    return embeddings(diffusers, *seeds) | {
        "width": side,
        "height": side,
        "num_inference_steps": 4,
        "generator": _from(seeds[0]),
    }
