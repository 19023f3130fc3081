"""What Telegram makes of a photo: JPEG, at most 1280 pixels, no metadata, in several sizes."""

from __future__ import annotations

from dataclasses import dataclass, field
from io import BytesIO

from PIL import Image, ImageOps

from tests.telegram.refusals import bad

FORMATS = ("JPEG", "PNG", "WEBP", "GIF", "BMP")
PHOTO_LIMIT = 10 * 1024 * 1024  # bytes
SIDES_LIMIT = 10_000  # pixels, width and height together
RATIO_LIMIT = 20
SIZES = (90, 320, 800, 1280)  # pixels of the longest side
QUALITY = 87
UNREADABLE = (
    OSError,
    ValueError,
    SyntaxError,
    Image.DecompressionBombError,
    Image.DecompressionBombWarning,
)


@dataclass(frozen=True, slots=True)
class Size:
    """One of the sizes of a photo; without bytes if nobody will look."""

    width: int
    height: int
    jpeg: bytes = field(repr=False)


def recompressed(content: bytes) -> list[Size]:
    """The sizes, the smallest first. Raises Refused; blocks."""
    image = _opened(content)
    try:
        upright = ImageOps.exif_transpose(image)
        flat = _without_transparency(upright)
    except UNREADABLE:
        raise bad("IMAGE_PROCESS_FAILED") from None
    return [_encoded(flat, size) for size in _sizes(flat.size)]


def measured(content: bytes) -> list[Size]:
    """The sizes alone, which is quick. Raises Refused for what the head of the file tells."""
    return [Size(*size, b"") for size in _sizes(_opened(content).size)]


def _opened(content: bytes) -> Image.Image:
    if len(content) > PHOTO_LIMIT:
        raise bad(
            f"file of size {len(content)} bytes is too big for a photo; "
            f"the maximum size is {PHOTO_LIMIT} bytes"
        )
    try:
        image = Image.open(BytesIO(content), formats=FORMATS)
    except UNREADABLE:
        raise bad("IMAGE_PROCESS_FAILED") from None
    short, long = sorted(image.size)
    if short + long > SIDES_LIMIT or long > RATIO_LIMIT * short:
        raise bad("PHOTO_INVALID_DIMENSIONS")
    return image


def _sizes(original: tuple[int, int]) -> list[tuple[int, int]]:
    longest = max(original)
    sides = [side for side in SIZES if side < longest]
    sides.append(min(longest, SIZES[-1]))
    return [_scaled(original, side / longest) for side in sorted(set(sides))]


def _scaled(size: tuple[int, int], factor: float) -> tuple[int, int]:
    return max(round(size[0] * factor), 1), max(round(size[1] * factor), 1)


def _without_transparency(image: Image.Image) -> Image.Image:
    if not image.has_transparency_data:
        return image.convert("RGB")
    ground = Image.new("RGBA", image.size, "white")
    ground.alpha_composite(image.convert("RGBA"))
    return ground.convert("RGB")


def _encoded(image: Image.Image, size: tuple[int, int]) -> Size:
    scaled = image if size == image.size else image.resize(size, Image.Resampling.LANCZOS)
    file = BytesIO()
    Image.frombytes("RGB", size, scaled.tobytes()).save(file, "JPEG", quality=QUALITY)
    return Size(*size, file.getvalue())
