"""Files that carry more than a picture: other files, pages, programs, secrets."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

from PIL import ExifTags, Image
from PIL.PngImagePlugin import PngInfo

from tests.hostile.files import (
    CLEAN,
    MB,
    PNG,
    SOUND,
    Hostile,
    Make,
    blank,
    chunk,
    jpeg_with,
    png_with,
    saved,
    scene,
    segment,
    sound,
    webp_with,
)
from tests.hostile.profiles import srgb

SECRET = b"the-secret-that-no-clean-file-holds"
SCRIPT = b"<script>alert('" + SECRET + b"')</script>"
APPENDED = {
    "a zip": b"PK\3\4" + SECRET + b"PK\5\6" + bytes(18),
    "a page": b"<html>" + SCRIPT,
    "a picture": b"\xff\xd8\xff" + SECRET + PNG,
}


def pictures() -> Iterator[Hostile]:
    for name in SOUND:
        for other, content in APPENDED.items():
            yield Hostile(f"{name} and {other}", partial(_joined, name, content), CLEAN)
    for name, make in CARRIERS.items():
        yield Hostile(name, make, CLEAN)


def _joined(name: str, content: bytes) -> bytes:
    return sound(name) + content


def _secret_png() -> bytes:
    info = PngInfo()
    info.add_text("parameters", SECRET.decode())
    info.add_text("Raw profile type exif", SECRET.hex(), zip=True)
    info.add_itxt("XML:com.adobe.xmp", SECRET.decode(), zip=True)
    return saved(scene(), "PNG", pnginfo=info, exif=described(), icc_profile=srgb() + SECRET)


def _secret_jpeg() -> bytes:
    return jpeg_with(
        segment(0xE1, described()),
        segment(0xE1, b"http://ns.adobe.com/xap/1.0/\0<x:xmpmeta>" + SECRET),
        segment(0xE2, b"ICC_PROFILE\0\1\1" + srgb() + SECRET),
        segment(0xEB, b"JP\0\1\0\0\0\1jumb" + SECRET),
        segment(0xED, b"Photoshop 3.0\0" + SECRET),
        segment(0xFE, SECRET),
    )


def _secret_webp() -> bytes:
    rest = dict(exif=described(), xmp=SECRET, icc_profile=srgb() + SECRET)
    return saved(scene(), "WEBP", **rest)


def described() -> bytes:
    """EXIF with a description and a place."""
    tags = Image.Exif()
    tags[ExifTags.Base.ImageDescription] = SECRET.decode()
    tags.get_ifd(ExifTags.IFD.GPSInfo)[ExifTags.GPS.GPSLatitude] = (55.0, 45.0, 7.0)
    return tags.tobytes()


CARRIERS: dict[str, Make] = {
    "png with secrets everywhere": _secret_png,
    "jpeg with secrets everywhere": _secret_jpeg,
    "webp with secrets everywhere": _secret_webp,
    "png with a page in its text": lambda: png_with(chunk(b"tEXt", b"Comment\0" + SCRIPT)),
    "png with a program of its own": lambda: png_with(chunk(b"prVt", b"\x7fELF" + SECRET)),
    "png with late text": lambda: blank(99, 99, after=chunk(b"tEXt", b"Comment\0" + SECRET)),
    "jpeg with a page in its comment": lambda: jpeg_with(segment(0xFE, SCRIPT)),
    "jpeg with a zip in a segment": lambda: jpeg_with(segment(0xEF, b"PK\3\4" + SECRET)),
    "jpeg with Photoshop's": lambda: jpeg_with(segment(0xED, b"Photoshop 3.0\0" + b"8BIM" * 9)),
    "webp with a chunk of its own": lambda: webp_with(0, (b"prVt", SECRET)),
    "webp with XMP of 9 MB": lambda: webp_with(4, (b"XMP ", b"<x>" * 3 * MB)),
}
