"""Which part of a picture the model sees, and how large, so that it handles any picture."""

from __future__ import annotations

from dataclasses import dataclass

from PIL import Image

from engine.canvas.arrays import Mask, mask_for, mask_of
from engine.canvas.blending import FEATHER, match_colour, paste
from engine.canvas.masks import bounds, reduced
from engine.canvas.windows import ROUND, Window, cut

CONTEXT = 64  # pixels


@dataclass(frozen=True, slots=True)
class Focus:
    """A window on the picture, and the size that the model sees it at: never enlarged, and at most
    the model's limit even when padded to a working size."""

    window: Window
    width: int
    height: int

    def cut(self, picture: Image.Image) -> Image.Image:
        """What the model sees of the picture: width x height."""
        seen = cut(picture, self.window)
        return seen.resize((self.width, self.height), Image.Resampling.LANCZOS)

    def cut_mask(self, mask: Mask | Image.Image) -> Mask:
        """The mask of it, (height, width): a pixel is repainted where any that it stands for is."""
        return reduced(mask_of(mask)[self.window.slices], self.height, self.width)

    def put(
        self,
        original: Image.Image,
        painted: Image.Image,
        mask: Mask | Image.Image,
        feather: int = FEATHER,
    ) -> Image.Image:
        """The original with what was painted (width x height) in its place, enlarged if need be,
        matched in colour, its seam blended. Kept pixels are the original's, bit for bit."""
        mask = mask_for(mask, original)[self.window.slices]
        if painted.size != (self.width, self.height):
            raise ValueError(f"{painted.size} was painted for {self.width} x {self.height}")
        before = cut(original, self.window)
        after = painted.resize(before.size, Image.Resampling.BICUBIC)
        after = paste(before, match_colour(before, after, mask), mask, feather)
        whole = original.copy()
        whole.paste(after, self.window.box)
        return whole


def focus(mask: Mask | Image.Image, limit: int, context: int = CONTEXT) -> Focus:
    """What a model that paints at most `limit` pixels a side should see of a picture to repaint
    its mask: as much as it can hold, at the picture's own resolution.

    A mask that with `context` pixels around it (where the picture has them) is over the limit is
    seen reduced, since a model that sees nothing around a hole cannot fill it. Raises ValueError
    for an empty mask and a limit under 64.
    """
    mask = mask_of(mask)
    hole = bounds(mask)
    limit = limit // ROUND * ROUND
    if hole is None or limit < ROUND or context < 0:
        raise ValueError(f"no focus on {hole} with limit {limit} and context {context}")
    high, wide = mask.shape
    needed = hole.grown(context).clipped(wide, high)
    scale = min(1.0, limit / max(needed.size))
    left, width = _span(needed.left, needed.width, wide, limit / scale)
    top, height = _span(needed.top, needed.height, high, limit / scale)
    return Focus(
        Window(left, top, width, height),
        max(1, min(limit, round(width * scale))),
        max(1, min(limit, round(height * scale))),
    )


def _span(start: int, length: int, side: int, room: float) -> tuple[int, int]:
    """Start and length in 0..side of a span of `room` pixels with the given one in its middle."""
    longer = max(length, min(side, int(room)))
    return min(max(0, start - (longer - length) // 2), side - longer), longer
