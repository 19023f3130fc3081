"""Pictures that are rare but right, and must be taken."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

from PIL import Image

from tests.hostile.files import (
    CLEAN,
    SOUND,
    Hostile,
    Make,
    blank,
    chunk,
    header,
    png,
    replaced,
    saved,
    scene,
    sound,
)


def pictures() -> Iterator[Hostile]:
    for name in SOUND:
        yield Hostile(f"sound {name}", partial(sound, name), CLEAN)
    for name, make in ODD.items():
        yield Hostile(name, make, CLEAN)


def _adobe(transform: int) -> bytes:
    """A JPEG file of four layers, which Adobe's mark says are CMYK (0) or YCCK (2)."""
    file = sound("jpeg cmyk")
    return replaced(file, file.index(b"Adobe") + 11, bytes([transform]))


def _in_parts(length: int) -> bytes:
    """A PNG file whose pixels come in chunks of so many bytes."""
    file = saved(Image.new("RGB", (80, 80), "teal"), "PNG")
    start = file.index(b"IDAT") + 4
    pixels = file[start : start + int.from_bytes(file[start - 8 : start - 4], "big")]
    parts = [pixels[place : place + length] for place in range(0, len(pixels), length)]
    return png(header(80, 80), *(chunk(b"IDAT", part) for part in parts))


def _opaque() -> Image.Image:
    return Image.new("RGBA", (99, 99), "red")


ODD: dict[str, Make] = {
    "jpeg of grey": lambda: saved(scene("L"), "JPEG"),
    "jpeg of YCCK": lambda: _adobe(2),
    "jpeg of CMYK": lambda: _adobe(0),
    "jpeg of RGB": lambda: saved(scene(), "JPEG", keep_rgb=True),
    "jpeg with restarts": lambda: saved(scene(), "JPEG", restart_marker_blocks=1),
    "webp of opaque alpha": lambda: saved(_opaque(), "WEBP", exact=True),
    "png of opaque alpha": lambda: saved(_opaque(), "PNG"),
    "png of clear grey": lambda: blank(9, 9, 8, 0, chunk(b"tRNS", b"\0\0")),
    "png of clear deep grey": lambda: blank(9, 9, 16, 0, chunk(b"tRNS", b"\0\0")),
    "png of clear colour": lambda: blank(9, 9, 8, 2, chunk(b"tRNS", bytes(6))),
    "png of clear deep colour": lambda: blank(9, 9, 16, 2, chunk(b"tRNS", bytes(6))),
    "png of clear bits": lambda: blank(9, 9, 1, 0, chunk(b"tRNS", b"\0\0")),
    "png in parts": lambda: _in_parts(99),
    "png in parts of a byte": lambda: _in_parts(1),
}
