"""Connected regions of a mask. Numpy alone, no loops over pixels."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Region = NDArray[np.bool_]  # (H, W)
Parts = NDArray[np.intp]  # (H, W): a number for each part, 0 for what is in none
Runs = NDArray[np.intp]


def labels(region: Region, *, corners: bool) -> Parts:
    """(H, W): 0 off the region, and 1, 2, ... in each of its connected parts. Pixels connect by
    their sides and, with `corners`, by their corners.

    Rosenfeld and Pfaltz 1966 by runs: those of neighbouring rows that touch are of one part.
    """
    height, width = region.shape
    padded = np.zeros((height, width + 2), np.int8)
    padded[:, 1:-1] = region
    turns = np.flatnonzero(np.diff(padded.ravel()))
    starts, ends = turns[::2], turns[1::2]  # of runs, `end` is not in it; the sides are padded
    parts = _parents(len(starts), *_touching(starts, ends, width + 2, int(corners)))
    numbers = np.unique(parts, return_inverse=True)[1] + 1
    found = np.zeros(region.shape, np.intp)
    found[region] = np.repeat(numbers, ends - starts)
    return found


def filled(region: Region) -> Region:
    """The region with its holes: what it encloses, and the border of the picture does not reach."""
    off = np.pad(~region, 1, constant_values=True)
    parts = labels(off, corners=False)
    kept: Region = parts[1:-1, 1:-1] != parts[0, 0]
    return kept


def areas(parts: Parts) -> NDArray[np.intp]:
    """How many pixels have each label."""
    return np.bincount(parts.ravel())


def _touching(starts: Runs, ends: Runs, stride: int, reach: int) -> tuple[Runs, Runs]:
    """Pairs of runs, one of a row and one of the next."""
    first = np.searchsorted(ends, starts + stride - reach, side="right")
    last = np.searchsorted(starts, ends + stride + reach, side="left")
    counts = np.maximum(last - first, 0)
    upper = np.repeat(np.arange(len(starts)), counts)
    before = np.repeat(np.cumsum(counts) - counts, counts)
    return upper, np.arange(len(upper)) - before + np.repeat(first, counts)


def _parents(count: int, one: Runs, other: Runs) -> Runs:
    """Of each run, one that all runs connected with it share."""
    parents = np.arange(count)
    while True:
        of_one, of_other = parents[one], parents[other]
        if np.array_equal(of_one, of_other):
            return parents
        np.minimum.at(parents, np.maximum(of_one, of_other), np.minimum(of_one, of_other))
        while not np.array_equal(parents, parents[parents]):
            parents = parents[parents]
