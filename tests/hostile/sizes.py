"""Files whose headers declare other sizes than they have, and sizes at the limits."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from struct import pack

from tests.hostile.files import (
    BROKEN,
    CLEAN,
    COLOURS,
    EITHER,
    LARGE,
    PNG,
    Hostile,
    blank,
    extended,
    header,
    interlaced,
    lossy,
    palette,
    plain,
    replaced,
    riff,
    saved,
    scene,
    sound,
)

TOO_LARGE = {
    "png": [
        *((60_000, 60_000), (2**31 - 1, 2**31 - 1), (2**31, 2**31), (2**32 - 1, 2**32 - 1)),
        *((2**32 - 1, 1), (1, 2**31), (4097, 4096), (5000, 4000), (2**24 + 1, 1)),
    ],
    "jpeg": [(65_535, 65_535), (65_500, 257), (4097, 4096), (5000, 4000)],
    "webp": [(16_384, 16_384), (2**24, 255), (4097, 4097), (2**24, 2**24)],
}
OF_OTHERS = {
    "png": [(0, 0), (0, 80), (96, 0), (96, 81), (97, 80), (192, 160), (65_536, 1), (1, 2**24)],
    "jpeg": [(0, 0), (0, 80), (96, 0), (97, 80), (96, 5000), (4096, 4096)],
    "webp": [(1, 1), (95, 80), (97, 80), (4096, 4096)],
}
SMALL = [(1, 1), (1, 5000), (5000, 1), (7, 3), (8, 9), (1, 2), (5, 1)]


def pictures() -> Iterator[Hostile]:
    for sizes, ends in ((TOO_LARGE, LARGE), (OF_OTHERS, EITHER)):
        for name in sizes:
            for size in sizes[name]:
                declaring = partial(_declaring, name, *size)
                yield Hostile("{} that declares {}x{}".format(name, *size), declaring, ends)
    for name in ("webp", "webp lossless"):
        for side in (1, 5000, 16_383):
            ends = LARGE if side > 4096 else EITHER
            yield Hostile(f"{name}, a frame of {side}", partial(_framed, name, side), ends)
    for name, (depth, colour) in COLOURS.items():
        file = partial(blank, 65, 67, depth, colour, palette(colour))
        yield Hostile(f"png of {name}", file, CLEAN)
    for form in ("JPEG", "WEBP"):
        yield Hostile(f"{form} of a pixel", partial(plain, form, 1, 1), CLEAN)
    for width, height in SMALL:
        yield Hostile(f"png of {width}x{height}", partial(blank, width, height), CLEAN)
        yield Hostile(f"interlaced {width}x{height}", partial(interlaced, width, height), CLEAN)
    yield Hostile("png of the longest line", partial(blank, 65_535, 1, 1, 0), CLEAN)
    yield Hostile("png of a line too long", partial(blank, 65_536, 1, 1, 0), BROKEN)
    yield Hostile("png of a line too tall", partial(blank, 1, 2**24, 1, 0), BROKEN)
    yield Hostile("jpeg of the longest line", partial(plain, "JPEG", 65_500, 1), CLEAN)
    yield Hostile("webp of the longest line", partial(plain, "WEBP", 16_383, 1), CLEAN)


def _declaring(name: str, width: int, height: int) -> bytes:
    file = sound(name)
    if name == "png":
        return PNG + header(width, height) + file[33:]
    if name == "jpeg":
        return replaced(file, file.index(b"\xff\xc0") + 5, pack(">HH", height, width))
    return riff(extended(width, height), lossy())


def _framed(name: str, side: int) -> bytes:
    """A WebP file without a canvas, whose only frame declares that size."""
    file = saved(scene(), "WEBP", lossless=name == "webp lossless")
    if file[12:16] == b"VP8L":
        return replaced(file, 21, pack("<I", side - 1 | side - 1 << 14 | 1 << 28))
    return replaced(file, 26, pack("<HH", side, side))
