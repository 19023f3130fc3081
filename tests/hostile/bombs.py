"""Small files of much work, or of much more than they declare."""

from __future__ import annotations

import zlib
from collections.abc import Iterator
from functools import partial
from random import Random
from struct import pack

from PIL import Image

from engine.intake import FILE_LIMIT
from tests.hostile.files import (
    BROKEN,
    CLEAN,
    COLOURS,
    EITHER,
    LARGE,
    MB,
    Ends,
    Hostile,
    Make,
    blank,
    chunk,
    header,
    interlaced,
    jpeg_with,
    palette,
    plain,
    png,
    png_with,
    saved,
    segment,
    turned,
    with_exif,
)
from tests.hostile.profiles import srgb


def pictures() -> Iterator[Hostile]:
    for name, (depth, colour) in COLOURS.items():
        for width, height, ends in ((4000, 3975, CLEAN), (4250, 4000, LARGE)):
            file = partial(blank, width, height, depth, colour, palette(colour))
            yield Hostile(f"png of {name}, {width}x{height}", file, ends)
    for form in ("JPEG", "WEBP"):
        yield Hostile(f"{form}, 4000x3975", partial(plain, form, 4000, 3975), CLEAN)
        yield Hostile(f"{form}, 4250x4000", partial(plain, form, 4250, 4000), LARGE)
    for form in ("PNG", "JPEG", "WEBP"):
        yield Hostile(f"{form}, EXIF that multiplies", partial(_multiplying, form), EITHER)
    for name, (make, ends) in BOMBS.items():
        yield Hostile(name, make, ends)


def scans(count: int, side: int = 4096) -> bytes:
    """A JPEG file whose last scan comes again and again, each time over all of its pixels."""
    picture = Image.new("RGB", (side, side), (9, 99, 199))
    file = saved(picture, "JPEG", quality=50, progressive=True)
    last = file.rindex(b"\xff\xda")
    return (file[:last] + file[last:-2] * count)[: FILE_LIMIT - 2] + b"\xff\xd9"


def noise(**options: object) -> bytes:
    """A JPEG file of 15.9 megapixels that hardly any compression makes smaller."""
    picture = Image.frombytes("RGB", (4000, 3975), Random(0).randbytes(4000 * 3975 * 3))
    return saved(picture, "JPEG", **options)


def _heaviest() -> bytes:
    """All that an honest picture can ask for at once."""
    rest = dict(progressive=True, subsampling=0, icc_profile=srgb())
    return noise(quality=60, exif=b"Exif\0\0" + turned(6), **rest)


def _multiplying(form: str) -> bytes:
    """Each of thousands of values in its EXIF is the whole block: to read them takes gigabytes."""
    parts, length = (60, 65_000) if form == "JPEG" else (1, 4 * MB)
    count = 5000 if form == "JPEG" else 65_535
    value = pack(">LL", parts * length - 4096, 8)
    entries = b"".join(pack(">HH", tag, 7) + value for tag in range(count))
    block = (b"MM\0*" + pack(">LH", 8, count) + entries).ljust(length, b"\0")
    if form != "JPEG":
        return with_exif(form, block)
    more = [segment(0xE1, b"Exif\0\0" + bytes(length))] * (parts - 1)
    return jpeg_with(segment(0xE1, b"Exif\0\0" + block), *more)


def _overfull(length: int) -> bytes:
    """More pixels than the header declares."""
    return png(header(8, 8), chunk(b"IDAT", zlib.compress(bytes(length), 1)))


def _swollen_texts(count: int) -> Iterator[bytes]:
    swollen = zlib.compress(b" " * (MB - 1))
    for number in range(count):
        yield chunk(b"zTXt", f"text {number}".encode() + b"\0\0" + swollen)


def _swollen() -> bytes:
    return zlib.compress(b" " * (50 * MB), 1)


def _late_text() -> bytes:
    return blank(9, 9, after=chunk(b"zTXt", b"a\0\0" + _swollen()))


BOMBS: dict[str, tuple[Make, Ends]] = {
    "noise of 15.9 megapixels": (partial(noise, quality=50), CLEAN),
    "noise, turned, with a profile": (_heaviest, CLEAN),
    "interlaced, 4 megapixels": (partial(interlaced, 2000, 2000), CLEAN),
    "more pixels than declared": (partial(_overfull, 10_000), EITHER),
    "200 MB in 200 kB": (partial(_overfull, 200 * MB), EITHER),
    "a scan 3,000 times": (partial(scans, 3000), BROKEN),
    "a small scan 300,000 times": (partial(scans, 300_000, 64), EITHER),
    "a million empty chunks": (lambda: png_with(chunk(b"abCd") * 1_000_000), EITHER),
    "two million empty segments": (lambda: jpeg_with(segment(0xE5, b"") * 2_000_000), EITHER),
    "zTXt of 50 MB": (lambda: png_with(chunk(b"zTXt", b"a\0\0" + _swollen())), BROKEN),
    "iTXt of 50 MB": (lambda: png_with(chunk(b"iTXt", b"a\0\1\0\0\0" + _swollen())), BROKEN),
    "late zTXt of 50 MB": (_late_text, BROKEN),
    "100 texts of 1 MB": (lambda: png_with(*_swollen_texts(100)), BROKEN),
    "60 texts of 1 MB": (lambda: png_with(*_swollen_texts(60)), EITHER),
    "10,000 texts": (lambda: png_with(chunk(b"tEXt", b"key\0value") * 10_000), EITHER),
    "tEXt of 10 MB": (lambda: png_with(chunk(b"tEXt", b"a\0" + b"x" * 10 * MB)), EITHER),
    "300 comments of 60 kB": (lambda: jpeg_with(segment(0xFE, b"x" * 60_000) * 300), EITHER),
}
