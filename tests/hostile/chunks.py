"""Files whose parts are wrong, missing or odd."""

from __future__ import annotations

import zlib
from collections.abc import Iterator
from functools import partial
from random import Random

from engine.errors import PictureTooLarge
from tests.hostile.files import (
    BROKEN,
    CLEAN,
    EITHER,
    MB,
    PNG,
    WHATEVER,
    Ends,
    Hostile,
    Make,
    blank,
    chunk,
    extended,
    header,
    jpeg_with,
    lossy,
    png,
    png_with,
    replaced,
    riff,
    segment,
    sound,
    turned,
)


def pictures() -> Iterator[Hostile]:
    for kind in (b"IHDR", b"PLTE", b"tRNS", b"IDAT", b"IEND"):
        ends = EITHER if kind in (b"IDAT", b"IEND") else BROKEN
        yield Hostile(f"wrong sum of {kind.decode()}", partial(_wrong_sum, kind), ends)
    for length in (0, 1, 3, 4, 6, 9, 765, 767, 768, 769, 3000):
        yield Hostile(f"palette of {length} bytes", partial(_of_palette, length), EITHER)
    for name, (make, ends) in (PNGS | TEXTS | JPEGS | WEBPS).items():
        yield Hostile(name, make, ends)


def _wrong_sum(kind: bytes) -> bytes:
    file = bytearray(png_with(chunk(b"tRNS", b"\0\x80"), name="png palette"))
    place = file.index(kind)
    file[place + 4 + int.from_bytes(file[place - 4 : place], "big")] ^= 1
    return bytes(file)


def _of_palette(length: int) -> bytes:
    """Its pixels are 0 to 255, whatever the palette holds."""
    rows = (b"\0" + bytes(range(256))) * 64
    colours = chunk(b"PLTE", Random(length).randbytes(length))
    return png(header(256, 64, 8, 3), colours, chunk(b"IDAT", zlib.compress(rows)))


def _pixels(content: bytes) -> bytes:
    return png(header(96, 80), chunk(b"IDAT", content))


def _headed(*fields: int) -> bytes:
    return PNG + header(96, 80, *fields) + sound("png")[33:]


PNGS: dict[str, tuple[Make, Ends]] = {
    "signature alone": (lambda: PNG, BROKEN),
    "no pixels": (lambda: png(header(96, 80)), BROKEN),
    "empty pixels": (lambda: _pixels(b""), BROKEN),
    "pixels that are noise": (lambda: _pixels(Random(0).randbytes(999)), BROKEN),
    "no palette": (lambda: blank(96, 80, 8, 3), EITHER),
    "two headers": (lambda: png_with(header(60_000, 60_000)), (PictureTooLarge,)),
    "two headers alike": (lambda: png_with(header(96, 80)), EITHER),
    "header at the end": (lambda: blank(9, 9, after=header(60_000, 9)), EITHER),
    "short header": (lambda: png(chunk(b"IHDR", bytes(12))), BROKEN),
    "no header": (lambda: png(chunk(b"IDAT", zlib.compress(bytes(99)))), BROKEN),
    "depth of 3": (lambda: _headed(3), BROKEN),
    "colour of 5": (lambda: _headed(8, 5), BROKEN),
    "interlace of 2": (lambda: _headed(8, 2, 2), EITHER),
    "chunk of 4 GB": (lambda: png_with(b"\xff\xff\xff\xfftEXtabc"), BROKEN),
    "chunk of 2 GB": (lambda: png_with(b"\x7f\xff\xff\xffIDATabc"), BROKEN),
    "chunk with no name": (lambda: png_with(chunk(b"\0\0\0\0")), BROKEN),
    "chunk of Apple": (lambda: png_with(chunk(b"CgBI", b"P\0 \2")), EITHER),
    "long tRNS": (lambda: png_with(chunk(b"tRNS", bytes(9999)), name="png palette"), EITHER),
    "short tRNS": (lambda: png_with(chunk(b"tRNS", b"\0")), BROKEN),
    "short pHYs": (lambda: png_with(chunk(b"pHYs", b"\0")), BROKEN),
    "short gAMA": (lambda: png_with(chunk(b"gAMA")), BROKEN),
    "gamma of 0": (lambda: png_with(chunk(b"gAMA", bytes(4))), CLEAN),
    "odd cHRM": (lambda: png_with(chunk(b"cHRM", bytes(33))), EITHER),
}
TEXTS: dict[str, tuple[Make, Ends]] = {
    "zTXt of no method": (lambda: png_with(chunk(b"zTXt", b"a\0\7abc")), BROKEN),
    "zTXt that is noise": (lambda: png_with(chunk(b"zTXt", b"a\0\0abcdef")), CLEAN),
    "iTXt that is noise": (lambda: png_with(chunk(b"iTXt", b"a\0\1\0\0\0abcdef")), CLEAN),
    "iTXt of no words": (lambda: png_with(chunk(b"iTXt")), CLEAN),
    "iTXt of bad letters": (lambda: png_with(chunk(b"iTXt", b"a\0\0\0\0\0\xff\xfe")), CLEAN),
    "tEXt of no name": (lambda: png_with(chunk(b"tEXt", b"\0value")), CLEAN),
    "tEXt called transparency": (lambda: png_with(chunk(b"tEXt", b"transparency\0x")), EITHER),
    "tEXt called exif": (lambda: png_with(chunk(b"tEXt", b"exif\0" + turned(6))), EITHER),
    "tEXt called icc_profile": (lambda: png_with(chunk(b"tEXt", b"icc_profile\0abc")), EITHER),
    "tEXt called interlace": (lambda: png_with(chunk(b"tEXt", b"interlace\x001")), EITHER),
    "tEXt called bbox": (lambda: png_with(chunk(b"tEXt", b"bbox\0abcd")), EITHER),
}


def _framed(place: int, content: bytes) -> bytes:
    """A JPEG file with this in the header of its frame."""
    return replaced(sound("jpeg"), sound("jpeg").index(b"\xff\xc0") + 4 + place, content)


def _remarked(old: int, new: int) -> bytes:
    return sound("jpeg").replace(bytes([0xFF, old]), bytes([0xFF, new]))


JPEGS: dict[str, tuple[Make, Ends]] = {
    "jpeg of nothing": (lambda: b"\xff\xd8\xff\xd9", BROKEN),
    "jpeg of ends": (lambda: b"\xff\xd8" + b"\xff\xd9" * 9999, BROKEN),
    "jpeg of fill": (lambda: b"\xff\xd8" + b"\xff" * MB, BROKEN),
    "jpeg without Huffman's tables": (lambda: _remarked(0xC4, 0xE4), EITHER),
    "jpeg without quantization": (lambda: _remarked(0xDB, 0xE4), BROKEN),
    "jpeg of no frame": (lambda: _remarked(0xC0, 0xE4), BROKEN),
    "jpeg that is lossless": (lambda: _remarked(0xC0, 0xC3), BROKEN),
    "jpeg of 12 bits": (lambda: _framed(0, b"\x0c"), BROKEN),
    "jpeg of no layers": (lambda: _framed(5, b"\0"), BROKEN),
    "jpeg of 255 layers": (lambda: _framed(5, b"\xff"), BROKEN),
    "jpeg of other samplings": (lambda: _framed(7, b"\x44"), EITHER),
    "jpeg, an empty segment": (lambda: jpeg_with(b"\xff\xe1\0\0"), EITHER),
    "jpeg, a long segment": (lambda: jpeg_with(b"\xff\xe1\xff\xffExif"), BROKEN),
    "jpeg, noise for tables": (lambda: jpeg_with(segment(0xDB, b"\5" * 60)), BROKEN),
}
WEBPS: dict[str, tuple[Make, Ends]] = {
    "webp of nothing": (lambda: riff(), BROKEN),
    "webp of an unknown chunk": (lambda: riff((b"ABCD", b"abcd")), BROKEN),
    "webp of a header": (lambda: riff(extended(96, 80)), BROKEN),
    "webp says it is larger": (lambda: replaced(sound("webp"), 4, b"\xff\xff\xff\x7f"), BROKEN),
    "webp says it is empty": (lambda: replaced(sound("webp"), 4, bytes(4)), BROKEN),
    "webp of broken alpha": (lambda: _with_alpha(b"\1"), BROKEN),
    "webp of alpha that is noise": (lambda: _with_alpha(Random(0).randbytes(999)), EITHER),
    "webp of all flags": (lambda: riff(extended(96, 80, 255), lossy()), WHATEVER),
}


def _with_alpha(content: bytes) -> bytes:
    return riff(extended(96, 80, 16), (b"ALPH", content), lossy())
