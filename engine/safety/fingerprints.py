"""What a picture looks like, in 256 bits: pictures that look alike differ in few of them.

pHash (Zauner 2010, as in the package ImageHash): which of a picture's lowest frequencies are
stronger than their median. Resizing, compression, a little noise, brightness or cropping change few
bits, flips and turns many: these are looked for one by one. What somebody draws anew, or a part cut
out of a picture, is not found.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from PIL import Image

SIDE = 64  # pixels of what is left of a picture
LOWEST = 16  # frequencies in each direction
BITS = LOWEST * LOWEST
SAME = 48  # bits at most by which copies of a picture differ: tests/safety/test_fingerprints.py
FLAT = 100.0  # the median distance from the median below which chance decides on the bits

Floats = NDArray[np.float64]


def _waves() -> Floats:
    """(LOWEST, SIDE): the discrete cosine transform, type II."""
    frequency, place = np.arange(LOWEST)[:, None], np.arange(SIDE)
    return 2 * np.cos(np.pi * frequency * (2 * place + 1) / (2 * SIDE))


WAVES = _waves()


def fingerprint(image: Image.Image) -> str:
    """64 hex digits; "" for a picture so flat, or so regular, that many others would be like it."""
    return _bits(_pixels(image))


def turned(image: Image.Image) -> list[str]:
    """The fingerprints of a picture however it is flipped and turned, itself first; none of a flat
    one."""
    pixels = _pixels(image)
    every = [np.rot90(side, quarter) for side in (pixels, pixels.T) for quarter in range(4)]
    return [found for found in map(_bits, every) if found]


def packed(fingerprints: Sequence[str]) -> NDArray[np.uint64]:
    """(count, 4): for `distances`. Raises ValueError for what is no fingerprint."""
    whole = b"".join(bytes.fromhex(one) for one in fingerprints)
    return np.frombuffer(whole, np.uint64).reshape(len(fingerprints), BITS // 64)


def distances(hashes: NDArray[np.uint64], wanted: Sequence[str]) -> NDArray[np.int64]:
    """In how many bits (0 to 256) each of the packed fingerprints differs from the nearest of the
    wanted ones; up to SAME, they are of one picture. 256 where none is wanted."""
    nearest = np.full(len(hashes), BITS, np.int64)
    for one in packed(wanted):
        apart = np.bitwise_count(hashes ^ one).sum(axis=1, dtype=np.int64)
        np.minimum(nearest, apart, out=nearest)
    return nearest


def _pixels(image: Image.Image) -> Floats:
    small = image.convert("L").resize((SIDE, SIDE), Image.Resampling.LANCZOS)
    return np.asarray(small, np.float64)


def _bits(pixels: Floats) -> str:
    strengths = (WAVES @ pixels @ WAVES.T).ravel()
    middle = np.median(strengths)
    if np.median(np.abs(strengths - middle)) < FLAT:
        return ""
    return np.packbits(strengths > middle).tobytes().hex()
