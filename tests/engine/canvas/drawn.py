"""Random masks, pictures and windows for the canvas's tests."""

from __future__ import annotations

import numpy as np
from hypothesis import strategies as st
from PIL import Image

from engine.canvas import Mask, Window


def mask(width: int, height: int, seed: int) -> Mask:
    """Specks, boxes, both, nothing or all, as the seed has it."""
    rng = np.random.default_rng(seed)
    hole = rng.random((height, width)) < rng.choice([0, 0, 0.01, 0.5, 0.99])
    for _ in range(rng.integers(0, 4)):
        left, top = rng.integers(0, width), rng.integers(0, height)
        hole[top : top + rng.integers(1, height + 1), left : left + rng.integers(1, width + 1)] = 1
    if rng.random() < 0.2:
        hole = ~hole
    made: Mask = hole.astype(np.uint8) * np.uint8(255)
    return made


def picture(width: int, height: int, seed: int) -> Image.Image:
    """Noise: any change of any pixel shows."""
    rng = np.random.default_rng(seed)
    return Image.fromarray(rng.integers(0, 256, (height, width, 3), dtype=np.uint8))


def pixels(shown: Image.Image) -> Mask:
    return np.asarray(shown)


def box(width: int, height: int, window: Window) -> Mask:
    """The mask that repaints the window."""
    made = np.zeros((height, width), np.uint8)
    made[window.slices] = 255
    return made


seeds = st.integers(0, 2**32 - 1)
sides = st.integers(1, 40)
masks = st.builds(mask, sides, sides, seeds)
windows = st.builds(
    Window, st.integers(-60, 60), st.integers(-60, 60), st.integers(1, 60), st.integers(1, 60)
)
