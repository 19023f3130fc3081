"""How far pixels are from a region, and the largest value near each. Numpy alone, no loops over
pixels."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

Numbers = NDArray[np.unsignedinteger[Any]]

_STRIP = 128  # columns at a time: what a pass reads stays in the processor's cache


def squared_distance(region: NDArray[np.bool_], limit: int) -> Numbers:
    """Squared Euclidean distance in pixels to the nearest pixel of `region` (H, W), which is 0 in
    the region itself and (limit + 1)² wherever it is more than `limit`. A limit of more than both
    sides together counts as that.

    Saito and Toriwaki 1994: the distance along each row, then the least of its square plus that of
    the step between rows. It takes time in proportion to the limit.
    """
    height, width = region.shape
    limit = min(limit, height + width)
    far = (limit + 1) ** 2
    dtype = np.uint16 if 2 * far <= np.iinfo(np.uint16).max else np.uint32
    along = np.minimum(_along_rows(region, limit), limit + 1).astype(dtype) ** 2
    nearest = np.empty_like(along)
    for start in range(0, width, _STRIP):
        strip = np.s_[:, start : start + _STRIP]
        nearest[strip] = _across_rows(np.ascontiguousarray(along[strip]), limit)
    return np.minimum(nearest, far, out=nearest)


def highest_within(values: Numbers, radius: int) -> Numbers:
    """The largest of `values` (H, W) in the square of 2 * radius + 1 pixels around each pixel."""
    return _highest_below(_highest_below(values, radius).T, radius).T


def _along_rows(region: NDArray[np.bool_], limit: int) -> NDArray[np.int32]:
    columns = np.arange(region.shape[1], dtype=np.int32)
    away = region.shape[1] + limit + 1  # further than any pixel of the row
    last = np.maximum.accumulate(np.where(region, columns, -away), axis=1)
    following = np.minimum.accumulate(np.where(region, columns, 2 * away)[:, ::-1], axis=1)
    return np.minimum(columns - last, following[:, ::-1] - columns)


def _across_rows(along: Numbers, limit: int) -> Numbers:
    nearest = along.copy()
    room = np.empty_like(along)
    for step in range(1, min(limit, len(along) - 1) + 1):
        if step * step >= nearest.max():
            break
        there = np.add(along, along.dtype.type(step * step), out=room)
        np.minimum(nearest[step:], there[:-step], out=nearest[step:])
        np.minimum(nearest[:-step], there[step:], out=nearest[:-step])
    return nearest


def _highest_below(values: Numbers, radius: int) -> Numbers:
    """The largest within `radius` rows above and below: windows of doubled length, then two of
    them side by side."""
    rows = len(values)
    radius = min(radius, rows)
    length = 2 * radius + 1
    padded = np.pad(values, ((radius, radius), (0, 0)))
    covered = 1
    while 2 * covered <= length:
        padded = np.maximum(padded[:-covered], padded[covered:])
        covered *= 2
    highest: Numbers = np.maximum(padded[:rows], padded[length - covered :][:rows])
    return highest
