"""Windows: rectangles on a picture or partly or wholly off it, and pictures seen through them."""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import Enum

import numpy as np
from PIL import Image, ImageFilter, ImageOps

from engine.canvas.arrays import REPAINT, Mask, Pixels, mask_of, rgb

ROUND = 64  # the models work at multiples of this many pixels a side
GREY = 128
_BLUR = 12  # pixels


class Fill(Enum):
    """What the part of a window that lies off the picture shows until it is painted."""

    EDGE = "edge"  # the picture's border pixels drawn out: no false edge for an encoder to see
    BLUR = "blur"  # the same, blurred: no streaks, for models that start from what they see
    GREY = "grey"  # nothing


@dataclass(frozen=True, slots=True)
class Window:
    """A rectangle in pixels; (0, 0) is the top left of the picture. Sides are at least 1."""

    left: int
    top: int
    width: int
    height: int

    def __post_init__(self) -> None:
        if self.width < 1 or self.height < 1:
            raise ValueError(f"a window is at least 1 x 1 pixels, not {self.width} x {self.height}")

    @property
    def right(self) -> int:
        return self.left + self.width

    @property
    def bottom(self) -> int:
        return self.top + self.height

    @property
    def size(self) -> tuple[int, int]:
        """(width, height), as Pillow has it."""
        return self.width, self.height

    @property
    def box(self) -> tuple[int, int, int, int]:
        """(left, top, right, bottom), as Pillow has it."""
        return self.left, self.top, self.right, self.bottom

    @property
    def slices(self) -> tuple[slice, slice]:
        """Rows and columns of an array. Raises ValueError for a window that starts before it."""
        if self.left < 0 or self.top < 0:
            raise ValueError(f"{self} starts off the picture")
        return slice(self.top, self.bottom), slice(self.left, self.right)

    def grown(self, pixels: int) -> Window:
        """With a margin on each side."""
        return extend(self.size, pixels, pixels, pixels, pixels).moved(self.left, self.top)

    def moved(self, right: int, down: int) -> Window:
        return replace(self, left=self.left + right, top=self.top + down)

    def overlap(self, width: int, height: int) -> Window | None:
        """The part of it on a picture of width x height; None where it is wholly off."""
        left, top = max(self.left, 0), max(self.top, 0)
        right, bottom = min(self.right, width), min(self.bottom, height)
        if left >= right or top >= bottom:
            return None
        return Window(left, top, right - left, bottom - top)

    def clipped(self, width: int, height: int) -> Window:
        """The overlap. Raises ValueError where there is none."""
        found = self.overlap(width, height)
        if found is None:
            raise ValueError(f"{self} is off a picture of {width} x {height}")
        return found


def extend(
    size: tuple[int, int], left: int = 0, top: int = 0, right: int = 0, bottom: int = 0
) -> Window:
    """The window with these margins around a picture of `size`; a negative margin cuts."""
    width, height = size
    return Window(-left, -top, left + width + right, top + height + bottom)


def to_aspect(
    size: tuple[int, int], wide: int, high: int, anchor: tuple[float, float] = (0.5, 0.5)
) -> Window:
    """The smallest window of aspect wide:high around a picture of `size`, up to a pixel.

    `anchor` (0..1 each) is the share of what is added that goes to the left and to the top.
    """
    if wide < 1 or high < 1 or not all(0 <= share <= 1 for share in anchor):
        raise ValueError(f"no window of aspect {wide}:{high} with anchor {anchor}")
    width = max(size[0], -(-size[1] * wide // high))
    height = max(size[1], -(-size[0] * high // wide))
    left, top = round((width - size[0]) * anchor[0]), round((height - size[1]) * anchor[1])
    return Window(-left, -top, width, height)


def place(picture: Image.Image, window: Window, fill: Fill = Fill.EDGE) -> tuple[Image.Image, Mask]:
    """The picture (RGB) seen through the window, and the mask of what has to be painted, 255 where
    the picture does not reach. Both have the window's size."""
    mask = np.full((window.height, window.width), REPAINT, np.uint8)
    canvas = Image.new("RGB", window.size, (GREY, GREY, GREY))
    if fill is not Fill.GREY:
        canvas = Image.fromarray(_drawn_out(rgb(picture), window))
    if fill is Fill.BLUR:
        canvas = canvas.filter(ImageFilter.GaussianBlur(_BLUR))
    shown = window.overlap(*picture.size)
    if shown:
        there = shown.moved(-window.left, -window.top)
        canvas.paste(cut(picture, shown), there.box)
        mask[there.slices] = 0
    return canvas, mask


def cut(picture: Image.Image, window: Window) -> Image.Image:
    """What the window shows. Raises ValueError unless it lies on the picture."""
    if window.overlap(*picture.size) != window:
        raise ValueError(f"{window} is not wholly on a picture of {picture.size}")
    return picture.crop(window.box)


def fit(picture: Image.Image, width: int, height: int) -> Image.Image:
    """The middle of a picture (RGB), as much as has that aspect, at width x height. Resized as
    diffusers does where the aspects agree; unchanged where the sizes do."""
    rgb(picture)
    return ImageOps.fit(picture, (width, height), Image.Resampling.BICUBIC)


def rounded(side: int) -> int:
    """The next multiple of 64 pixels."""
    if side < 1:
        raise ValueError(f"a side is at least 1 pixel, not {side}")
    return -(-side // ROUND) * ROUND


def working_window(width: int, height: int) -> Window:
    """Where the model works for a picture of that size: rounded sides, the picture amid them."""
    wide, high = rounded(width), rounded(height)
    return Window(-((wide - width) // 2), -((high - height) // 2), wide, high)


def pad(picture: Image.Image) -> Image.Image:
    """The picture (RGB) at its working size, its border drawn out to all sides.

    Not resized: that would squash it by up to 2:1, resample it twice, and take its mask off the
    grid; and this is the place that text to image cuts its pictures from.
    """
    return Image.fromarray(_drawn_out(rgb(picture), working_window(*picture.size)))


def pad_mask(mask: Mask | Image.Image) -> Mask:
    """The mask of a picture at the working size, drawn out likewise: a hole at the border stays
    open, so that the model does not continue what only fills up."""
    mask = mask_of(mask)
    return _drawn_out(mask, working_window(mask.shape[1], mask.shape[0]))


def unpad(picture: Image.Image, width: int, height: int) -> Image.Image:
    """The width x height pixels that `pad` brought to the working size. Raises ValueError for a
    picture of another size than that."""
    window = working_window(width, height)
    if picture.size != window.size:
        raise ValueError(f"{width} x {height} is worked on at {window.size}, not {picture.size}")
    return cut(picture, Window(-window.left, -window.top, width, height))


def _drawn_out(array: Pixels, window: Window) -> Pixels:
    """Through the window, (H, W) or (H, W, 3), each pixel off the array as the nearest on it."""
    rows = np.clip(np.arange(window.top, window.bottom), 0, array.shape[0] - 1)
    columns = np.clip(np.arange(window.left, window.right), 0, array.shape[1] - 1)
    drawn_out: Pixels = array[rows][:, columns]
    return drawn_out
