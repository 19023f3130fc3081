"""What a mask and a picture are to the canvas, and the checks that they are so."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from PIL import Image

Mask = NDArray[np.uint8]  # (H, W): 255 is repainted, 0 is kept, nothing between
Pixels = NDArray[np.uint8]  # (H, W, 3): RGB

REPAINT = 255


def mask_of(mask: Mask | Image.Image) -> Mask:
    """The mask as an array (H, W). Raises ValueError for what is not one."""
    if isinstance(mask, Image.Image):
        if mask.mode != "L":
            raise ValueError(f"a mask picture has mode L, not {mask.mode}: see from_luminance")
        mask = np.asarray(mask)
    if mask.ndim != 2 or mask.dtype != np.uint8 or mask.size == 0:
        raise ValueError(f"a mask is uint8 (H, W), not {mask.dtype} {mask.shape}")
    if not ((mask == 0) | (mask == REPAINT)).all():
        raise ValueError("a mask holds 0 and 255 only: see from_luminance and from_alpha")
    return mask


def mask_for(mask: Mask | Image.Image, *pictures: Image.Image) -> Mask:
    """The mask as an array. Raises ValueError unless it is as large as each RGB picture."""
    mask = mask_of(mask)
    for picture in pictures:
        rgb(picture)
        if picture.size != mask.shape[::-1]:
            raise ValueError(f"a mask of {mask.shape[::-1]} for a picture of {picture.size}")
    return mask


def rgb(picture: Image.Image) -> Pixels:
    """The picture's pixels (H, W, 3), read-only. Raises ValueError unless it is RGB."""
    if picture.mode != "RGB" or 0 in picture.size:
        raise ValueError(f"a picture is RGB and not empty, not {picture.mode} {picture.size}")
    return np.asarray(picture)
