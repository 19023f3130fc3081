"""A picture blurred until nothing can be made out, for those who need not see it."""

from __future__ import annotations

import asyncio
import io

from PIL import Image, ImageFilter

SIDE = 32  # pixels, the longer one
RADIUS = 3  # pixels of it: about ten spots of colour are left along a side


async def veiled(file: bytes) -> bytes:
    """A small WebP file of a picture of ours."""
    return await asyncio.to_thread(_veiled, file)


def _veiled(file: bytes) -> bytes:
    with Image.open(io.BytesIO(file)) as picture:
        small = picture.convert("RGB")
    small.thumbnail((SIDE, SIDE))
    veil = io.BytesIO()
    small.filter(ImageFilter.GaussianBlur(RADIUS)).save(veil, "WEBP", quality=50)
    return veil.getvalue()
