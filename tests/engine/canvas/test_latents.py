from __future__ import annotations

import numpy as np
import torch
import torch.nn.functional as F
from diffusers.pipelines.kandinsky import pipeline_kandinsky_inpaint as v21
from diffusers.pipelines.kandinsky2_2 import pipeline_kandinsky2_2_inpainting as v22
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from PIL import Image

from engine import canvas
from engine.canvas import Mask, Window
from tests.engine.canvas import drawn

latents = st.integers(1, 12)


def from_diffusers(mask: Mask, height: int, width: int) -> NDArray[np.float32]:
    """What both inpainting pipelines do to a mask in `__call__`."""
    size = Image.fromarray(mask).size
    found = []
    for pipeline in (v21, v22):
        prepared, _ = pipeline.prepare_mask_and_masked_image(
            Image.new("RGB", size), Image.fromarray(mask), size[1], size[0]
        )
        prepared = F.interpolate(prepared, (height, width), mode="nearest")
        found.append(pipeline.prepare_mask(prepared)[0, 0].numpy())
    assert np.array_equal(found[0], found[1])
    agreed: NDArray[np.float32] = found[0]
    return agreed


@settings(max_examples=30, deadline=None)
@given(latents, latents, drawn.seeds)
def test_the_latents_mask_is_that_of_diffusers(height: int, width: int, seed: int) -> None:
    mask = drawn.mask(8 * width, 8 * height, seed)
    made = canvas.latent_mask(mask, height, width)
    assert made.dtype == np.float32
    assert np.array_equal(made, from_diffusers(mask, height, width))


@settings(max_examples=30, deadline=None)
@given(drawn.masks, latents, latents)
def test_so_it_is_for_sizes_that_are_no_multiple_of_eight(
    mask: Mask, height: int, width: int
) -> None:
    made = canvas.latent_mask(mask, height, width)
    assert np.array_equal(made, from_diffusers(mask, height, width))


@given(st.integers(1, 2048), st.integers(1, 300))
def test_the_pixels_picked_are_those_of_torch(size: int, count: int) -> None:
    columns = torch.arange(size, dtype=torch.float32)
    picked = F.interpolate(columns[None, None], count, mode="nearest")[0, 0]
    holes = np.zeros((1, size), np.uint8)
    holes[0, picked.int().numpy()[:: count + 1]] = 255  # the first that is picked
    expected = (picked == picked[0]).numpy()
    expected[1:] |= expected[:-1].copy()
    assert np.array_equal(canvas.latent_mask(holes, 1, count)[0] == 0, expected)


def test_a_stroke_that_diffusers_misses_is_seen_when_asked_for() -> None:
    mask = drawn.box(64, 64, Window(17, 0, 6, 64))
    assert canvas.latent_mask(mask, 8, 8).all()
    assert not canvas.latent_mask(mask, 8, 8, thin=True)[:, 1:4].any()


@given(latents, latents, drawn.seeds)
def test_no_pixel_to_repaint_is_missed_then(height: int, width: int, seed: int) -> None:
    mask = drawn.mask(8 * width, 8 * height, seed)
    thin = canvas.latent_mask(mask, height, width, thin=True)
    assert (thin <= canvas.latent_mask(mask, height, width)).all()
    assert not np.kron(thin, np.ones((8, 8)))[mask > 0].any()
