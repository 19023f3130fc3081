"""Small pictures for the tests of the store."""

from __future__ import annotations

from hashlib import sha256
from io import BytesIO
from random import Random

from PIL import Image


def png(side: int = 8, colour: str = "red") -> bytes:
    """A square in one colour."""
    return _file(Image.new("RGB", (side, side), colour))


def noise(side: int) -> bytes:
    """A square that does not compress: about three bytes a pixel."""
    return _file(Image.frombytes("RGB", (side, side), Random(side).randbytes(3 * side * side)))


def name(file: bytes) -> str:
    return sha256(file).hexdigest()


def _file(image: Image.Image) -> bytes:
    file = BytesIO()
    image.save(file, "PNG")
    return file.getvalue()


FOX, CAT, OWL = png(colour="orange"), png(colour="black"), png(colour="brown")
