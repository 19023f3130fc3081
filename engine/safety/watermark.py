"""An invisible mark in the pixels, which survives what a manifest does not: a screenshot, or a
messenger's recompression (dwtDctSvd of the package invisible-watermark, which is optional).

It is a hint, not a proof: anybody can write it or wash it off. It survives JPEG of quality 75 and
more, and is not found in a picture that was cropped, or resized and not brought back to its size.
Importing the package imports torch.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from PIL import Image

METHOD = "dwtDctSvd"
SCALES = (
    0,
    52,
    0,
)  # of its strength; the package's own 36 is lost in JPEG 75 of each second picture
LEAST = 256 * 256  # pixels, below which the package marks nothing
LENGTH = 4  # bytes of a text

Pixels = NDArray[np.uint8]


def embed(image: Image.Image, text: str) -> Image.Image:
    """The picture with four ASCII letters in it; as it is, if it has fewer than 65,536 pixels.

    Raises ValueError for another text, and ImportError without the package.
    """
    from imwatermark import WatermarkEncoder

    content = text.encode("ascii")
    if len(content) != LENGTH:
        raise ValueError(f"{text!r} is not {LENGTH} letters long")
    if image.width * image.height < LEAST:
        return image
    encoder = WatermarkEncoder()
    encoder.set_watermark("bytes", content)
    return Image.fromarray(
        _turned(encoder.encode(_turned(image.convert("RGB")), METHOD, scales=SCALES))
    )


def read(image: Image.Image) -> str:
    """The four letters that were embedded; "" if there are none. Raises ImportError."""
    from imwatermark import WatermarkDecoder

    if image.width * image.height < LEAST:
        return ""
    decoder = WatermarkDecoder("bytes", 8 * LENGTH)
    found = bytes(decoder.decode(_turned(image.convert("RGB")), METHOD, scales=SCALES))
    return found.decode("ascii") if found.isascii() and found.isalnum() else ""


def _turned(picture: Image.Image | Pixels) -> Pixels:
    """RGB from BGR, or the other way round: OpenCV's order."""
    return np.ascontiguousarray(np.asarray(picture)[..., ::-1])
