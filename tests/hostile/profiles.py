"""Pictures with ICC profiles: right ones, others' ones, broken ones and bombs."""

from __future__ import annotations

import zlib
from collections.abc import Iterator
from functools import cache, partial
from random import Random
from struct import pack

from PIL import ImageCms

from tests.hostile.files import (
    BROKEN,
    CLEAN,
    EITHER,
    MB,
    Ends,
    Hostile,
    Make,
    chunk,
    jpeg_with,
    png_with,
    replaced,
    saved,
    scene,
    segment,
)

WHITE = pack(">III", 0xF6D6, 0x10000, 0xD32D)  # D50, as every profile has it


def pictures() -> Iterator[Hostile]:
    for form, mode in FORMS:
        for name, content in PROFILES.items():
            yield Hostile(f"{form} of {mode}, {name}", partial(_with, form, mode, content), CLEAN)
    for form in ("PNG", "JPEG", "WEBP"):
        for seed in range(5):
            yield Hostile(f"{form}, flipped profile {seed}", partial(_flipped, form, seed), CLEAN)
    for name, (make, ends) in OTHERS.items():
        yield Hostile(name, make, ends)


@cache
def srgb() -> bytes:
    return ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()


def swapped() -> bytes:
    """sRGB, but that its red is blue and its blue is red."""
    aside = srgb().replace(b"rXYZ", b"----")
    return aside.replace(b"bXYZ", b"rXYZ").replace(b"----", b"bXYZ")


def linear_grey() -> bytes:
    """Grey whose values are proportional to light."""
    return _profile(b"mntr", b"GRAY", b"XYZ ", {b"kTRC": b"curv" + bytes(8)})


def red_inks() -> bytes:
    """Inks that are red (Lab of about 54, 81, 70) but for all and none of them."""
    same = bytes(range(256))
    colours = bytes([255, 128, 128]) + bytes([138, 209, 198]) * 14 + bytes([0, 128, 128])
    matrix = pack(">9i", *(0x10000, 0, 0, 0, 0x10000, 0, 0, 0, 0x10000))
    table = b"mft1" + bytes(4) + bytes([4, 3, 2, 0]) + matrix
    table += same * 4 + colours + same * 3
    return _profile(b"prtr", b"CMYK", b"Lab ", {b"A2B0": table})


def _profile(kind: bytes, space: bytes, meeting: bytes, tags: dict[bytes, bytes]) -> bytes:
    """Of version 2 (ICC.1:2001-04, 6.1)."""
    tags = {b"wtpt": b"XYZ " + bytes(4) + WHITE} | tags
    table, contents = pack(">I", len(tags)), b""
    for name, content in tags.items():
        place = 132 + 12 * len(tags) + len(contents)
        table += name + pack(">II", place, len(content))
        contents += content
    head = pack(">4xI4s4s4s12x4s28x12s48x", 2 << 24, kind, space, meeting, b"acsp", WHITE)
    return pack(">I", 4 + len(head + table + contents)) + head + table + contents


def _of(space: str) -> bytes:
    return ImageCms.ImageCmsProfile(ImageCms.createProfile(space)).tobytes()  # type: ignore[arg-type]


FORMS = [("PNG", "RGB"), ("PNG", "L"), ("PNG", "RGBA"), ("WEBP", "RGB"), ("JPEG", "RGB")]
FORMS += [("JPEG", "L"), ("JPEG", "CMYK")]
PROFILES: dict[str, Make] = {
    "sRGB": srgb,
    "swapped colours": swapped,
    "linear grey": linear_grey,
    "red inks": red_inks,
    "Lab": lambda: _of("LAB"),
    "XYZ": lambda: _of("XYZ"),
    "words for a profile": lambda: b"not a profile",
    "half a profile": lambda: srgb()[: len(srgb()) // 2],
    "profile of a billion tags": lambda: replaced(srgb(), 128, pack(">I", 10**9)),
    "profile that says it is larger": lambda: replaced(srgb(), 0, pack(">I", 2**31)),
    "profile without tags": lambda: _profile(b"mntr", b"RGB ", b"XYZ ", {}),
}


def _with(form: str, mode: str, content: Make) -> bytes:
    return saved(scene(mode), form, icc_profile=content())


def _flipped(form: str, seed: int) -> bytes:
    content, random = bytearray(srgb()), Random(seed)
    for _ in range(9):
        content[random.randrange(128, len(content))] ^= 1 << random.randrange(8)
    return _with(form, "RGB", lambda: bytes(content))


def _iccp(content: bytes) -> bytes:
    return png_with(chunk(b"iCCP", content))


def _swelling() -> bytes:
    return _iccp(b"a\0\0" + zlib.compress(srgb() + bytes(100 * MB), 1))


def _large() -> bytes:
    return saved(scene(), "JPEG", icc_profile=srgb() + Random(0).randbytes(16_000_000))


def _part(number: int, parts: int) -> bytes:
    return jpeg_with(segment(0xE2, b"ICC_PROFILE\0" + bytes([number, parts]) + srgb()))


OTHERS: dict[str, tuple[Make, Ends]] = {
    "PNG, profile that swells": (_swelling, BROKEN),
    "PNG, profile of no method": (lambda: _iccp(b"a\0\7abc"), BROKEN),
    "PNG, profile that is noise": (lambda: _iccp(b"a\0\0abcdef"), CLEAN),
    "PNG, profile of nothing": (lambda: _iccp(b""), BROKEN),
    "JPEG, profile of 16 MB": (_large, CLEAN),
    "JPEG, profile of which parts are missing": (lambda: _part(1, 9), CLEAN),
    "JPEG, profile of wrong numbers": (lambda: _part(9, 1), CLEAN),
    "JPEG, profile cut short": (lambda: jpeg_with(segment(0xE2, b"ICC_PROFILE\0")), EITHER),
}
