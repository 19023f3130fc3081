"""Masks: from a brush or a file, grown, feathered, inverted. 255 is repainted, 0 is kept."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from engine.canvas.arrays import REPAINT, Mask, mask_of
from engine.canvas.distances import highest_within, squared_distance
from engine.canvas.windows import Window

BRUSHED = 32  # of 255: a see-through brush counts, the traces of a lossy or resized layer do not

MOST = 0.98  # of a mask's pixels are black or white; the rest are soft edges


def from_alpha(*layers: Image.Image, threshold: int = BRUSHED) -> Mask:
    """What was brushed on any of the layers: 255 where an RGBA or LA layer's alpha is at least
    `threshold` (1..255). Raises ValueError for no layers, other modes and differing sizes."""
    if not layers or any(layer.mode not in ("RGBA", "LA") for layer in layers):
        raise ValueError(f"brush layers have an alpha channel, not {[one.mode for one in layers]}")
    if len({layer.size for layer in layers}) > 1:
        raise ValueError(f"brush layers of differing sizes: {[one.size for one in layers]}")
    alphas = [np.asarray(layer.getchannel("A")) for layer in layers]
    return _marked(np.maximum.reduce(alphas) >= threshold)


def from_luminance(picture: Image.Image, threshold: int = 128) -> Mask:
    """255 where a mask file of any mode is at least as bright as `threshold` (of 255), as diffusers
    rounds masks. What is transparent counts as black."""
    if picture.mode.startswith("I;16"):  # Pillow would cut off what is over 255
        return _marked(np.asarray(picture) >= threshold * 257)
    if picture.has_transparency_data:
        layer = picture.convert("RGBA")
        picture = Image.alpha_composite(Image.new("RGBA", layer.size, (0, 0, 0, 255)), layer)
    return _marked(np.asarray(picture.convert("L")) >= threshold)


def like_a_mask(picture: Image.Image) -> bool:
    """Whether a picture (RGBA) is a mask rather than a photograph: partly see-through, or black and
    white with next to nothing between."""
    pixels = np.asarray(picture)
    if pixels[..., 3].min() < REPAINT - BRUSHED:
        return True
    colours = pixels[..., :3]
    grey = np.ptp(colours, axis=2) < BRUSHED
    extreme = (colours.max(axis=2) < BRUSHED) | (colours.min(axis=2) >= REPAINT - BRUSHED)
    return float((grey & extreme).mean()) > MOST


def invert(mask: Mask | Image.Image) -> Mask:
    """Repaints what was kept and keeps what was repainted."""
    return REPAINT - mask_of(mask)


def bounds(mask: Mask | Image.Image) -> Window | None:
    """The smallest window that holds all that is repainted; None where nothing is."""
    mask = mask_of(mask)
    rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
    if not len(rows):
        return None
    left, top = int(columns[0]), int(rows[0])
    return Window(left, top, int(columns[-1]) + 1 - left, int(rows[-1]) + 1 - top)


def grow(mask: Mask | Image.Image, pixels: int) -> Mask:
    """The mask widened by a disc of radius `pixels`, or narrowed where `pixels` is negative.

    Narrowing does not start from the picture's border: what lies beyond is not kept.
    """
    mask = mask_of(mask)
    if pixels < 0:
        return REPAINT - grow(REPAINT - mask, -pixels)
    hole = bounds(mask)
    grown = mask.copy()
    if hole and pixels:
        near = hole.grown(pixels).clipped(mask.shape[1], mask.shape[0]).slices
        grown[near] = _marked(squared_distance(mask[near] > 0, pixels) <= pixels**2)
    return grown


def feather(mask: Mask | Image.Image, pixels: int) -> Mask:
    """How much of the painted picture shows, 0..255: 0 where the mask is 0, rising over the
    first `pixels` pixels of the repainted side, 255 from the next. Not a mask any more.

    Where the repainted side is too narrow for that, it rises faster and is 255 along the middle: a
    thin stroke is repainted too. It does not fall towards the picture's border.
    """
    mask = mask_of(mask)
    if pixels < 0:
        raise ValueError(f"a mask is feathered by 0 or more pixels, not {pixels}")
    hole = bounds(mask)
    soft = mask.copy()
    if hole and pixels:
        # All that is nearest to the hole lies in the ring of kept pixels around it.
        near = hole.grown(1).clipped(mask.shape[1], mask.shape[0]).slices
        soft[near] = _ramp(mask[near] == 0, pixels)
    return soft


def reduced(mask: Mask, height: int, width: int) -> Mask:
    """The mask at (height, width), no larger than it was: 255 wherever any of the pixels is."""
    rows = np.arange(height) * mask.shape[0] // height
    columns = np.arange(width) * mask.shape[1] // width
    found: Mask = np.maximum.reduceat(np.maximum.reduceat(mask, rows, axis=0), columns, axis=1)
    return found


def _ramp(kept: NDArray[np.bool_], pixels: int) -> Mask:
    distance = squared_distance(kept, pixels)
    deepest = np.maximum(highest_within(distance, pixels + 1), 1)
    share = np.sqrt(distance.astype(np.float32) / deepest)
    share *= share * (3 - 2 * share)  # smoothstep: no crease where the ramp starts and ends
    ramp: Mask = np.rint(REPAINT * share).astype(np.uint8)
    return ramp


def _marked(repaint: NDArray[np.bool_]) -> Mask:
    return repaint.astype(np.uint8) * np.uint8(REPAINT)
