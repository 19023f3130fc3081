"""Paste-back: what was painted, into the original, with kept pixels kept and no seam to see."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from engine.canvas import masks
from engine.canvas.arrays import REPAINT, Mask, Pixels, mask_for, rgb
from engine.canvas.distances import squared_distance

FEATHER = 8  # pixels, about what a latent covers
REACH = 128  # pixels: shorter fades of a strong tint leave a spot to see
_BAND = 4  # pixels beside the seam: what a decoder, too, repaints along with the hole
_CONTENT = 24  # of 255 levels: more than a decoder drifts
_CELL = 4  # pixels a side: the shift is smooth, so it is worked out for cells
_TRUST = 64.0  # pixels measured before a cell's own mean outweighs that around it

Field = NDArray[np.float32]


def paste(
    original: Image.Image,
    painted: Image.Image,
    mask: Mask | Image.Image,
    feather: int = FEATHER,
) -> Image.Image:
    """The original (RGB) where the mask is 0, bit for bit; what was painted (of the same size) on
    the other side, blended into the original over the first `feather` pixels."""
    mask = mask_for(mask, original, painted)
    hole = masks.bounds(mask)
    result = rgb(original).copy()
    if hole:
        share = masks.feather(mask, feather)[hole.slices][..., None].astype(np.uint16)
        kept = result[hole.slices] * (REPAINT - share)
        mixed = rgb(painted)[hole.slices] * share + kept  # at most 255 * 255: fits with the half
        result[hole.slices] = (mixed + REPAINT // 2) // REPAINT
    return Image.fromarray(result)


def match_colour(
    original: Image.Image,
    painted: Image.Image,
    mask: Mask | Image.Image,
    reach: int = REACH,
) -> Image.Image:
    """What was painted (RGB), shifted in colour on the repainted side so that it continues the
    original at the seam; the shift fades out over `reach` pixels.

    The shift is the mean of original minus painted over the kept pixels next to the seam, so
    `painted` is the model's whole picture, not yet pasted: a decoder's latents reach past the mask,
    and what it made of those pixels shows its drift in colour. Comparing the two sides of the seam
    instead would take an object's outline along the seam for a drift.
    """
    mask = mask_for(mask, original, painted)
    hole = masks.bounds(mask)
    if hole is None or reach < 1:
        return painted.copy()
    near = hole.grown(_BAND).clipped(*painted.size)
    before, after = rgb(original)[near.slices], rgb(painted)[near.slices]
    sums, counts = _drift(before, after, mask[near.slices])
    if not counts.any():
        return painted.copy()
    shift = _spread(sums, counts) * _fade(mask[near.slices], reach)[..., None]
    result = rgb(painted).copy()
    result[near.slices] = _shifted(after, shift, mask[near.slices])
    return Image.fromarray(result)


def _drift(before: Pixels, after: Pixels, mask: Mask) -> tuple[Field, Field]:
    """Sums (h, w, 3) and counts (h, w, 1), by cell, of before - after along the kept side of the
    seam. A cell that differs by much shows another thing, not the same in another tint: it counts,
    but as no drift, so that a few cells alike by chance among such do not set the tint."""
    rows, columns = np.nonzero(masks.grow(mask, _BAND) > mask)
    drift = before[rows, columns].astype(np.float32) - after[rows, columns]
    height, width = (-(-side // _CELL) for side in mask.shape)
    cells = rows // _CELL * width + columns // _CELL
    counts = np.bincount(cells, minlength=height * width)
    totals = [np.bincount(cells, channel, minlength=height * width) for channel in drift.T]
    sums = np.stack(totals, axis=1, dtype=np.float32)
    sums[np.abs(sums).max(axis=1) > _CONTENT * counts] = 0
    return sums.reshape(height, width, 3), counts.astype(np.float32).reshape(height, width, 1)


def _spread(sums: Field, counts: Field) -> Field:
    """The mean at each cell (h, w, 3), that of ever wider surroundings where there are few counts:
    the push-pull of Gortler et al. 1996 (The Lumigraph)."""
    height, width = counts.shape[:2]
    mean: Field
    if height == width == 1:
        mean = sums / counts
        return mean
    wider = _enlarged(_spread(_halved(sums), _halved(counts)), 2)[:height, :width]
    mean = (sums + _TRUST * wider) / (counts + _TRUST)
    return mean


def _fade(mask: Mask, reach: int) -> Field:
    """1 at the seam to 0 `reach` pixels inside, by cell: (h, w)."""
    high, wide = (-(-side // _CELL) * _CELL for side in mask.shape)
    kept = np.zeros((high, wide), bool)
    kept[: mask.shape[0], : mask.shape[1]] = mask == 0
    blocks = kept.reshape(high // _CELL, _CELL, wide // _CELL, _CELL)
    steps = -(-reach // _CELL)
    distance = squared_distance(np.any(blocks, axis=(1, 3)), steps)
    share = (np.sqrt(distance) / (steps + 1)).astype(np.float32)
    fade: Field = 1 - share * share * (3 - 2 * share)
    return fade


def _shifted(after: Pixels, shift: Field, mask: Mask) -> Pixels:
    height, width = mask.shape
    moved = after.copy()
    for channel in range(3):
        amount = _enlarged(shift[..., channel : channel + 1], _CELL)[:height, :width, 0]
        amount = np.rint(amount + after[..., channel]).clip(0, 255)
        np.copyto(moved[..., channel], amount.astype(np.uint8), where=mask > 0)
    return moved


def _halved(cells: Field) -> Field:
    """Sums over 2 x 2 cells, (h, w, c) to half of each side, rounded up."""
    height, width, channels = cells.shape
    even = np.pad(cells, ((0, height % 2), (0, width % 2), (0, 0)))
    blocks = even.reshape((height + 1) // 2, 2, (width + 1) // 2, 2, channels)
    halved: Field = blocks.sum(axis=(1, 3))
    return halved


def _enlarged(cells: Field, times: int) -> Field:
    """(h, w, c) to `times` of each side, smoothly."""
    height, width, channels = cells.shape
    layers = [
        Image.fromarray(np.ascontiguousarray(cells[..., channel])).resize(
            (width * times, height * times), Image.Resampling.BILINEAR
        )
        for channel in range(channels)
    ]
    return np.stack([np.asarray(layer) for layer in layers], axis=2)
