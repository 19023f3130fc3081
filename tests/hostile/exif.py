"""Pictures that are turned, and EXIF that is broken, endless or made to multiply."""

from __future__ import annotations

import zlib
from collections.abc import Iterator
from functools import partial
from random import Random
from struct import pack

from tests.hostile.files import (
    CLEAN,
    EITHER,
    Hostile,
    Make,
    chunk,
    jpeg_with,
    png_with,
    saved,
    scene,
    segment,
    tiff,
    turned,
    with_exif,
)

BLOCKS = {
    "nothing": b"",
    "noise": Random(0).randbytes(999),
    "its mark alone": b"MM\0*",
    "a place past its end": b"MM\0*\xff\xff\xff\xff",
    "a loop": tiff((0x112, 3, 1, b"\0\6\0\0"), after=8),
    "itself": tiff((0x8769, 4, 1, pack(">L", 8)), (0x8825, 4, 1, pack(">L", 8))),
    "a far value": tiff((0x10E, 2, 2**32 - 1, b"\xff" * 4)),
    "65,535 values, most missing": b"MM\0*\0\0\0\x08\xff\xff" + bytes(5000),
    "values of no length": tiff(*[(0x112, 3, 0, bytes(4))] * 99),
    "unknown types": tiff(*[(0x112, kind, 9, bytes(4)) for kind in range(20)]),
    "a turn in words": tiff((0x112, 2, 4, b"up\0\0")),
    "a turn divided by 0": tiff((0x112, 5, 1, pack(">L", 26)), tail=bytes(8)),
    "400 turns": tiff((0x112, 3, 400, pack(">L", 26)), tail=b"\0\6" * 400),
    "a big TIFF": b"MM\0+\0\x08\0\0" + pack(">QQ", 16, 2**63),
    "broken notes": tiff((0x8769, 4, 1, pack(">L", 9999)), (0x927C, 7, 9, b"\0\0\xff\xff")),
}


def pictures() -> Iterator[Hostile]:
    for form in ("PNG", "JPEG", "WEBP"):
        for orientation in (*range(10), 65_535):
            block = turned(orientation, "<" if orientation % 2 else ">")
            yield Hostile(f"{form} turned {orientation}", partial(with_exif, form, block), CLEAN)
        for name, block in BLOCKS.items():
            yield Hostile(f"{form}, EXIF of {name}", partial(with_exif, form, block), EITHER)
    for name, make in OTHERS.items():
        yield Hostile(name, make, CLEAN)


def _as_text(name: str, block: bytes) -> bytes:
    text = f"\nexif\n{len(block)}\n{block.hex()}".encode()
    return png_with(chunk(b"zTXt", name.encode() + b"\0\0" + zlib.compress(text)))


def _in_parts() -> bytes:
    return jpeg_with(segment(0xE1, b"Exif\0\0" + turned(6).ljust(60_000, b"\0")) * 300)


def _more_pictures() -> bytes:
    """As cameras write a second view or a preview after the picture."""
    return saved(scene(), "MPO", save_all=True, append_images=[scene(seed=1)])


def _more_pictures_broken() -> bytes:
    return jpeg_with(segment(0xE2, b"MPF\0MM\0*\0\0\0\x08\xff\xff" + bytes(99)))


OTHERS: dict[str, Make] = {
    "PNG, EXIF as text": lambda: _as_text("Raw profile type exif", b"Exif\0\0" + turned(6)),
    "PNG, EXIF as broken text": lambda: _as_text("exif", b"\xff"),
    "PNG, EXIF twice": lambda: png_with(chunk(b"eXIf", turned(6)) * 2),
    "JPEG, EXIF in 300 parts": _in_parts,
    "JPEG of two pictures": _more_pictures,
    "JPEG of two pictures, broken": _more_pictures_broken,
}
