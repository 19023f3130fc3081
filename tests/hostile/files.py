"""Sound files, and the pieces that hostile ones are made of."""

from __future__ import annotations

import zlib
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from io import BytesIO
from random import Random
from struct import pack

from PIL import Image

from engine.errors import (
    MovingPicture,
    NotAPicture,
    PictureBroken,
    PictureTooLarge,
    UserError,
)
from engine.sources import Source

MB = 2**20
PNG = b"\x89PNG\r\n\x1a\n"
BITS = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}  # samples of a pixel, by PNG's type of colour
COLOURS = {  # the depth and type of all that a PNG file can hold
    "1 bit": (1, 0),
    "2 bits": (2, 0),
    "grey": (8, 0),
    "grey of 16 bits": (16, 0),
    "colour": (8, 2),
    "colour of 16 bits": (16, 2),
    "palette": (8, 3),
    "small palette": (1, 3),
    "grey and alpha": (8, 4),
    "grey and alpha of 16 bits": (16, 4),
    "colour and alpha": (8, 6),
    "colour and alpha of 16 bits": (16, 6),
}
ADAM7 = [  # left, top, and steps to the right and down of each pass
    *((0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4)),
    *((0, 2, 2, 4), (1, 0, 2, 2), (0, 1, 1, 2)),
]

Make = Callable[[], bytes]
End = type[Source] | type[UserError]
Ends = tuple[End, ...]

CLEAN: Ends = (Source,)
BROKEN: Ends = (PictureBroken,)
EITHER: Ends = (Source, PictureBroken)
LARGE: Ends = (PictureTooLarge,)
WHATEVER: Ends = (Source, PictureBroken, PictureTooLarge, MovingPicture, NotAPicture)


@dataclass(frozen=True, slots=True)
class Hostile:
    """A file, and what may become of it."""

    name: str
    make: Make
    ends: Ends


def scene(mode: str = "RGB", size: tuple[int, int] = (96, 80), seed: int = 0) -> Image.Image:
    """A picture of some noise over a gradient, the same each time."""
    gradient = Image.linear_gradient("L").resize(size)
    bands = Image.getmodebands(mode)
    noise = Image.frombytes(mode, size, Random(seed).randbytes(size[0] * size[1] * bands))
    smooth = Image.merge(mode, [gradient] * bands) if bands > 1 else gradient
    return Image.blend(noise, smooth, 0.8)


def saved(picture: Image.Image, form: str, **options: object) -> bytes:
    file = BytesIO()
    picture.save(file, form, **options)
    return file.getvalue()


SOUND: dict[str, Make] = {
    "png": lambda: saved(scene(), "PNG"),
    "png rgba": lambda: saved(scene("RGBA"), "PNG"),
    "png palette": lambda: saved(scene().quantize(40), "PNG"),
    "png interlaced": lambda: interlaced(96, 80),
    "jpeg": lambda: saved(scene(), "JPEG"),
    "jpeg progressive": lambda: saved(scene(), "JPEG", progressive=True),
    "jpeg cmyk": lambda: saved(scene("CMYK"), "JPEG"),
    "webp": lambda: saved(scene(), "WEBP"),
    "webp rgba": lambda: saved(scene("RGBA"), "WEBP"),
    "webp lossless": lambda: saved(scene("RGBA"), "WEBP", lossless=True),
}


@cache
def sound(name: str) -> bytes:
    """One of SOUND, 96 wide and 80 high."""
    return SOUND[name]()


def replaced(file: bytes, place: int, content: bytes) -> bytes:
    return file[:place] + content + file[place + len(content) :]


def opened(file: bytes) -> Image.Image:
    with Image.open(BytesIO(file)) as picture:
        picture.load()
        return picture


def plain(form: str, width: int, height: int) -> bytes:
    """A file of one colour."""
    return saved(Image.new("RGB", (width, height), (9, 99, 199)), form, quality=50)


# PNG


def chunk(kind: bytes, content: bytes = b"") -> bytes:
    return pack(">I", len(content)) + kind + content + pack(">I", zlib.crc32(kind + content))


def header(width: int, height: int, depth: int = 8, colour: int = 2, interlace: int = 0) -> bytes:
    return chunk(b"IHDR", pack(">IIBBBBB", width, height, depth, colour, 0, 0, interlace))


def png(*chunks: bytes) -> bytes:
    return PNG + b"".join(chunks) + chunk(b"IEND")


def png_with(*chunks: bytes, name: str = "png") -> bytes:
    """A sound file with these after its header."""
    file = sound(name)
    return file[:33] + b"".join(chunks) + file[33:]


def blank(
    width: int,
    height: int,
    depth: int = 8,
    colour: int = 2,
    before: bytes = b"",
    after: bytes = b"",
) -> bytes:
    """A file of zeros, hard compressed; `before` and `after` are chunks around its pixels."""
    rows = bytes(height * (1 + (width * depth * BITS[colour] + 7) // 8))
    pixels = chunk(b"IDAT", zlib.compress(rows))
    return png(header(width, height, depth, colour), before, pixels, after)


def palette(colour: int) -> bytes:
    """The chunk that pictures of that type of colour need before their pixels."""
    return chunk(b"PLTE", b"\1\2\3\4\5\6") if colour == 3 else b""


def interlaced(width: int, height: int) -> bytes:
    """A grey file in the seven passes of Adam7."""
    random, rows = Random(0), b""
    for left, top, right, down in ADAM7:
        columns = len(range(left, width, right))
        lines = len(range(top, height, down)) if columns else 0
        rows += b"".join(b"\0" + random.randbytes(columns) for _ in range(lines))
    return png(header(width, height, 8, 0, 1), chunk(b"IDAT", zlib.compress(rows)))


# JPEG


def segment(marker: int, content: bytes) -> bytes:
    return bytes([0xFF, marker]) + pack(">H", len(content) + 2) + content


def jpeg_with(*segments: bytes) -> bytes:
    """A sound file with these first."""
    return sound("jpeg")[:2] + b"".join(segments) + sound("jpeg")[2:]


# WebP


def riff(*chunks: tuple[bytes, bytes]) -> bytes:
    body = b"WEBP"
    for kind, content in chunks:
        body += kind + pack("<I", len(content)) + content + b"\0" * (len(content) % 2)
    return b"RIFF" + pack("<I", len(body)) + body


def extended(width: int, height: int, flags: int = 0) -> tuple[bytes, bytes]:
    """The header of a file of the extended kind."""
    return b"VP8X", bytes([flags, 0, 0, 0]) + little(width - 1) + little(height - 1)


def little(number: int) -> bytes:
    """Of 24 bits."""
    return number.to_bytes(3, "little")


def lossy() -> tuple[bytes, bytes]:
    """The chunk of a sound file's pixels."""
    return b"VP8 ", sound("webp")[20:]


def webp_with(flags: int, *chunks: tuple[bytes, bytes]) -> bytes:
    """A sound file with these after its pixels."""
    return riff(extended(96, 80, flags), lossy(), *chunks)


# EXIF


def tiff(
    *entries: tuple[int, int, int, bytes], order: str = ">", after: int = 0, tail: bytes = b""
) -> bytes:
    """A block of one directory of (tag, type, count, four bytes); `after` is the place of the
    next."""
    body = pack(f"{order}H", len(entries))
    for tag, kind, count, value in entries:
        body += pack(f"{order}HHL", tag, kind, count) + value
    mark = b"MM\0*" if order == ">" else b"II*\0"
    return mark + pack(f"{order}L", 8) + body + pack(f"{order}L", after) + tail


def turned(orientation: int, order: str = ">") -> bytes:
    return tiff((0x112, 3, 1, pack(f"{order}HH", orientation, 0)), order=order)


def with_exif(form: str, block: bytes, picture: Image.Image | None = None) -> bytes:
    """A file of that format with this block."""
    file = saved(picture or scene(), form, **({"lossless": True} if form == "WEBP" else {}))
    if form == "PNG":
        return file[:33] + chunk(b"eXIf", block) + file[33:]
    if form == "JPEG":
        return file[:2] + segment(0xE1, b"Exif\0\0" + block) + file[2:]
    width, height = (picture or scene()).size
    return riff(extended(width, height, 8), (file[12:16], file[20:]), (b"EXIF", block))
