"""The brightness and contrast that a picture got on its way, given to its original as well."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import combinations

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from engine.canvas.arrays import rgb

SAMPLES = 10_000  # pixels, at about which tones are compared
BAND = 16  # levels that are taken together
FEW = 1 / 200  # of the pixels: a band with less says nothing
GAIN = 1.25  # times the contrast, at most
STRANGE = 10.0  # levels: pixels that are off by more do not say by how much

Levels = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Line:
    """What becomes of levels, which are cut off at 0 and 255."""

    gain: float
    shift: float

    def of(self, old: Levels) -> Levels:
        new: Levels = np.clip(self.gain * old + self.shift, 0, 255)
        return new

    def off(self, old: Levels, new: Levels) -> float:
        """By how much it misses the new levels, on average."""
        return float(np.minimum(np.abs(new - self.of(old)), STRANGE).mean())


def toned(before: Image.Image, after: Image.Image) -> Image.Image:
    """`before` with the tones of `after`, which shows the same in most places. Both RGB, of one
    size."""
    step = max(1, int(np.sqrt(before.width * before.height / SAMPLES)))
    old, new = _levels(before, step), _levels(after, step)
    every = np.arange(256, dtype=np.float32)
    table: list[int] = []
    for channel in range(3):
        line = _line(old[:, channel], new[:, channel])
        table += [round(float(level)) for level in line.of(every)]
    return before.point(table)


def _levels(picture: Image.Image, step: int) -> Levels:
    """(N, 3)"""
    return rgb(picture)[::step, ::step].reshape(-1, 3).astype(np.float32)


def _line(old: Levels, new: Levels) -> Line:
    """Of all lines through what became of two bands of levels, and of those that keep the contrast,
    the one that misses the new levels by least."""
    lines = [Line(1.0, 0.0), Line(1.0, float(np.median(new - old)))]
    for (low, of_low), (high, of_high) in combinations(_bands(old, new), 2):
        gain = (of_high - of_low) / (high - low)
        if 1 / GAIN <= gain <= GAIN:
            lines.append(Line(gain, of_low - gain * low))
    return min(lines, key=lambda line: line.off(old, new))


def _bands(old: Levels, new: Levels) -> Iterator[tuple[float, float]]:
    """The middle of each band, before and after: strokes over less than half of it do not show."""
    for start in range(0, 256, BAND):
        within = (old >= start) & (old < start + BAND)
        if within.mean() > FEW:
            yield float(np.median(old[within])), float(np.median(new[within]))
