"""Small WebP files for galleries. They carry no parameters and no provenance of the picture."""

from __future__ import annotations

from io import BytesIO

from PIL import Image

SIDE = 256  # pixels of the longest side, at most
QUALITY = 80  # of 100


def make_thumbnail(picture: bytes) -> bytes:
    """A WebP file of a PNG file. Raises ValueError if that is none, or is cut short."""
    file = BytesIO()
    try:
        with Image.open(BytesIO(picture), formats=["PNG"]) as image:
            image.thumbnail((SIDE, SIDE))
            image.save(file, "WEBP", quality=QUALITY)
    except (OSError, SyntaxError, ValueError) as error:
        raise ValueError("No thumbnail can be made of the file") from error
    return file.getvalue()
