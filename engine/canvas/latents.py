"""The mask at the size of the latents, as the inpainting decoders of Kandinsky 2.1 and 2.2 were
trained on and as diffusers feeds it to them."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from engine.canvas.arrays import Mask, mask_of
from engine.canvas.masks import reduced

# diffusers' prepare_mask: what a hole at (row, column) also clears. Not (-1, 1), not (1, -1).
_NEIGHBOURS = ((-1, 0), (0, -1), (-1, -1), (1, 0), (0, 1), (1, 1))


def latent_mask(
    mask: Mask | Image.Image, height: int, width: int, *, thin: bool = False
) -> NDArray[np.float32]:
    """The mask (H, W) of a picture at its working size, as (height, width) latents: 1.0 is kept and
    0.0 repainted, the opposite of a mask's polarity.

    It equals what `KandinskyInpaintPipeline` and `KandinskyV22InpaintPipeline` concatenate to the
    latents: `prepare_mask_and_masked_image`, then `F.interpolate` to the nearest pixel, then
    `prepare_mask`. That looks at one pixel in 64, so a stroke under 8 pixels may be missed;
    with `thin`, a latent is repainted where any of its pixels is.
    """
    mask = mask_of(mask)
    if thin:
        hole = reduced(mask, height, width) > 0
    else:
        hole = mask[np.ix_(_nearest(mask.shape[0], height), _nearest(mask.shape[1], width))] > 0
    grown = np.pad(hole, 1)
    for down, right in _NEIGHBOURS:
        grown[1 + down : 1 + down + height, 1 + right : 1 + right + width] |= hole
    return np.where(grown[1:-1, 1:-1], np.float32(0), np.float32(1))


def _nearest(size: int, count: int) -> NDArray[np.intp]:
    """Which of `size` pixels torch's "nearest" picks for each of `count`: in single precision."""
    scale = np.float32(size) / np.float32(count)
    picked = np.floor(np.arange(count, dtype=np.float32) * scale).astype(np.intp)
    nearest: NDArray[np.intp] = np.minimum(picked, size - 1)
    return nearest
