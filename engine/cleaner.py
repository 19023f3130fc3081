"""Opens strangers' pictures and makes clean PNG files of them, in a process that can little else.

engine/intake.py starts it as a script and speaks to it through pipes, one picture at a time. It
imports Pillow and nothing of the studio, so that it starts fast and holds no secrets.

A conversation: READY, then an ORDER and the file, then an ANSWER and what was wanted, then READY.
"""

from __future__ import annotations

import json
import resource
import signal
import sys
import warnings
import zlib
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from enum import IntEnum
from io import BytesIO
from struct import Struct
from typing import Any

from PIL import (
    ExifTags,
    Image,
    ImageCms,
    ImagePalette,  # noqa: F401 - Pillow would import it when it is too late: see _confine
    TiffImagePlugin,  # noqa: F401 - likewise
)
from PIL.ImageFile import ImageFile
from PIL.JpegImagePlugin import JpegImageFile
from PIL.PngImagePlugin import PngImageFile
from PIL.WebPImagePlugin import WebPImageFile

READY = b"\n"
ORDER = Struct(">BI")  # a Wanted, the file's length in bytes
ANSWER = Struct(">BI")  # an Outcome, the length in bytes of what follows

PIXEL_LIMIT = 4096 * 4096
SIDE_LIMIT = 65_535  # the longest of JPEG; a line of millions of pixels is slow to write
PARAMETERS, KANDINSKY = "parameters", "kandinsky"  # the texts of Automatic1111, and ours
TEXT_LIMIT = 100_000  # characters of a text; the longest request has about 25,000
PROFILE_LIMIT = 4 * 2**20  # bytes of an ICC profile
OPENING = 1.9  # seconds of processor time; what writing takes depends on the number of pixels alone
MEMORY = 512 * 2**20  # bytes of address space
LIMITS = {
    resource.RLIMIT_FSIZE: 0,
    resource.RLIMIT_NOFILE: 3,  # the three pipes that are open already
    resource.RLIMIT_NPROC: 0,
    resource.RLIMIT_CORE: 0,
}
if sys.platform != "darwin":  # which has no such limit
    LIMITS[resource.RLIMIT_AS] = MEMORY

TURNS = {  # of EXIF's orientations, all but the upright one
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
SPACES = {"L": "GRAY", "RGB": "RGB ", "CMYK": "CMYK"}  # what an ICC profile calls a mode
SRGB = ImageCms.createProfile("sRGB")


class Wanted(IntEnum):
    """What is to be made of a file."""

    PICTURE = 0  # a clean PNG file
    MASK = 1  # likewise
    TEXTS = 2  # what it says in words: a JSON object


class Outcome(IntEnum):
    """What became of a picture; only CLEAN comes with a file."""

    CLEAN = 0
    TOO_LARGE = 1
    MOVING = 2
    BROKEN = 3


class Refused(Exception):
    """A picture that is sound, but not wanted."""

    def __init__(self, outcome: Outcome) -> None:
        self.outcome = outcome
        super().__init__(outcome.name)


def kind_of(file: bytes) -> type[ImageFile] | None:
    """What reads the file, by its first bytes; None for what is no PNG, JPEG or WebP file."""
    if file.startswith(b"\x89PNG\r\n\x1a\n"):
        return PngImageFile
    if file.startswith(b"\xff\xd8\xff"):
        return JpegImageFile
    if file.startswith(b"RIFF") and file[8:12] == b"WEBP":
        return WebPImageFile
    return None


def carried(file: bytes) -> dict[str, str]:
    """What a file says of how it was made: PARAMETERS, where EXIF's comment serves too, KANDINSKY.

    Raises Refused, and nearly anything for a file that is broken.
    """
    with _opened(file) as picture:
        found = {
            name: text
            for name, text in picture.info.items()
            if name in (PARAMETERS, KANDINSKY) and isinstance(text, str) and len(text) <= TEXT_LIMIT
        }
        comment = "" if PARAMETERS in found else _comment(picture)
    if 0 < len(comment) <= TEXT_LIMIT:
        found[PARAMETERS] = comment
    return found


def _comment(picture: ImageFile) -> str:
    """EXIF's UserComment, where Automatic1111 writes its text in JPEG and WebP files."""
    exif = Image.Exif()
    exif.load(picture.info.get("exif", b""))
    comment = exif.get_ifd(ExifTags.IFD.Exif).get(ExifTags.Base.UserComment, b"")
    if not isinstance(comment, bytes):
        return str(comment)
    code, text = comment[:8], comment[8:]
    if code == b"UNICODE\0":
        return _utf16(text)
    return (text if code == b"ASCII\0\0\0" else comment).decode(errors="replace")


def _utf16(text: bytes) -> str:
    """Its byte order is not said: some take the file's, Automatic1111 the larger end first."""
    big, little = text.decode("utf-16-be", "replace"), text.decode("utf-16-le", "replace")
    return little if "Steps:" in little else big


def clean(file: bytes, as_mask: bool) -> bytes:
    """The picture as a PNG file of RGB, or of RGBA if anything in it is see-through, or the mask
    that it stands for (L: 255 is repainted, 0 is kept).

    Raises Refused, and nearly anything for a file that is broken.
    """
    with _hurried(), _opened(file) as picture:
        picture.load()
        colours, alpha = _pixels(picture)
        turn = TURNS.get(_orientation(picture))
    made = _mask(colours, alpha) if as_mask else _merged(colours, alpha)
    return _png(made if turn is None else made.transpose(turn))


@contextmanager
def _hurried() -> Iterator[None]:
    """After OPENING the system ends this process, whatever it is at."""
    signal.setitimer(signal.ITIMER_PROF, OPENING)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)


def _opened(file: bytes) -> ImageFile:
    """Its header is read; its pixels are not decoded."""
    kind = kind_of(file)
    if kind is None:
        raise Refused(Outcome.BROKEN)
    if kind is WebPImageFile:  # to open one takes the memory for its pixels
        _check_size(*_size_of_webp(file))
    picture = kind(BytesIO(file))
    _check_size(*picture.size)
    if getattr(picture, "n_frames", 1) > 1:
        raise Refused(Outcome.MOVING)
    return picture


def _check_size(width: int, height: int) -> None:
    if width * height > PIXEL_LIMIT:
        raise Refused(Outcome.TOO_LARGE)
    if max(width, height) > SIDE_LIMIT:
        raise Refused(Outcome.BROKEN)


def _size_of_webp(file: bytes) -> tuple[int, int]:
    """(width, height) of the first chunk, of whichever kind it is (RFC 9649, 2.5 to 2.7)."""
    chunk = file[12:16]
    if chunk == b"VP8X":
        return _little(file[24:27]) + 1, _little(file[27:30]) + 1
    if chunk == b"VP8L":
        return (_little(file[21:25]) & 0x3FFF) + 1, (_little(file[21:25]) >> 14 & 0x3FFF) + 1
    return _little(file[26:28]) & 0x3FFF, _little(file[28:30]) & 0x3FFF


def _little(number: bytes) -> int:
    return int.from_bytes(number, "little")


def _pixels(picture: ImageFile) -> tuple[Image.Image, Image.Image | None]:
    """Its colours in sRGB (RGB), and how opaque it is (L), or None where it is so everywhere."""
    profile = picture.info.get("icc_profile")
    shown = _without_palette(picture)
    alpha = shown.getchannel("A") if shown.mode in ("LA", "RGBA") else None
    colours = shown.convert(shown.mode.removesuffix("A"))
    if alpha and alpha.getextrema() == (255, 255):
        alpha = None
    return _in_srgb(colours, profile), alpha


def _without_palette(picture: ImageFile) -> Image.Image:
    """As L, LA, RGB, RGBA or CMYK of 8 bits."""
    if picture.mode == "I;16":
        return _of_8_bits(picture)
    clear = picture.info.get("transparency")
    if isinstance(clear, tuple) and max(clear) > 255:  # of 16 bits, of which Pillow keeps the upper
        picture.info["transparency"] = tuple(level >> 8 for level in clear)
    if picture.mode == "P":
        return picture.convert("RGB" if clear is None else "RGBA")
    if clear is not None:
        return picture.convert("RGBA")
    return picture.convert("L") if picture.mode == "1" else picture


def _of_8_bits(picture: ImageFile) -> Image.Image:
    """Grey of 16 bits, which Pillow would cut off at 255. L or LA."""
    grey = picture.point(lambda level: level * (1 / 257) + 0.5).convert("L")
    clear = picture.info.get("transparency")
    if clear is None:
        return grey
    opaque = [255 * (level != clear) for level in range(2**16)]
    return Image.merge("LA", (grey, picture.convert("I").point(opaque, "L")))


def _in_srgb(colours: Image.Image, profile: bytes | None) -> Image.Image:
    """By the ICC profile if it is valid and of this kind of picture, else as if it had none."""
    if profile and len(profile) <= PROFILE_LIMIT:
        with suppress(ImageCms.PyCMSError, OSError):
            source = ImageCms.getOpenProfile(BytesIO(profile))
            if source.profile.xcolor_space == SPACES[colours.mode]:
                converted = ImageCms.profileToProfile(colours, source, SRGB, outputMode="RGB")
                return converted or colours
    return colours.convert("RGB")


def _orientation(picture: ImageFile) -> Any:
    """What EXIF says of it, if it can be read."""
    with suppress(Exception):
        return picture.getexif().get(ExifTags.Base.Orientation)


def _merged(colours: Image.Image, alpha: Image.Image | None) -> Image.Image:
    return Image.merge("RGBA", (*colours.split(), alpha)) if alpha else colours


def _mask(colours: Image.Image, alpha: Image.Image | None) -> Image.Image:
    """Marked is what is more see-through than not, as in the Images API of OpenAI, or without any
    of that, what is brighter than not."""
    if alpha:
        return alpha.point([255] * 128 + [0] * 128)
    return colours.convert("L").point([0] * 128 + [255] * 128)


def _png(picture: Image.Image) -> bytes:
    """The pixels alone. Of Pillow's ways to compress the fastest, which is hardly larger."""
    picture.info.clear()
    file = BytesIO()
    picture.save(file, "PNG", compress_type=zlib.Z_RLE)
    return file.getvalue()


def main() -> None:
    """Answers orders until there are no more: until the studio closes the pipe, or ends."""
    _confine()
    orders, answers = sys.stdin.buffer, sys.stdout.buffer
    while True:
        answers.write(READY)
        answers.flush()
        order = orders.read(ORDER.size)
        if len(order) < ORDER.size:
            return
        wanted, length = ORDER.unpack(order)
        outcome, made = _answer(orders.read(length), Wanted(wanted))
        answers.write(ANSWER.pack(outcome, len(made)))
        answers.write(made)


def _confine() -> None:
    """Takes from this process what opening pictures does not need. No module can be imported
    afterwards."""
    Image.preinit()
    warnings.simplefilter("error")
    warnings.filterwarnings("ignore", module=r"PIL\.TiffImagePlugin")  # flaws of EXIF alone
    for kind, limit in LIMITS.items():
        _, hard = resource.getrlimit(kind)
        most = limit if hard == resource.RLIM_INFINITY else min(limit, hard)
        resource.setrlimit(kind, (most, most))


def _answer(file: bytes, wanted: Wanted) -> tuple[Outcome, bytes]:
    try:
        if wanted is Wanted.TEXTS:
            with _hurried():
                return Outcome.CLEAN, json.dumps(carried(file)).encode()
        return Outcome.CLEAN, clean(file, wanted is Wanted.MASK)
    except Refused as refused:
        return refused.outcome, b""
    except Exception:  # of a broken or hostile file Pillow may raise nearly anything
        return Outcome.BROKEN, b""


if __name__ == "__main__":
    main()
