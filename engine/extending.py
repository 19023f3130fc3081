"""Frames in which a picture is continued: a step to one side, on all sides, or up to a shape."""

from __future__ import annotations

from typing import Any, Literal

from engine import canvas
from engine.canvas import Window
from engine.errors import NoRoomToExtend, ShapeAlready
from engine.preferences import Aspect
from engine.requests import SIZE_LIMIT, Outpaint
from engine.sources import Source

Side = Literal["left", "right", "up", "down", "around"]

SHARE = 0.5  # of the picture's side that one step adds
GRAIN = 8  # pixels: what is added is a multiple of that
SAME = 0.01  # of the picture's area: to add less than that is not worth a request

_SHARES: dict[Side, tuple[float, float, float, float]] = {  # to the left, top, right and bottom
    "left": (SHARE, 0, 0, 0),
    "right": (0, 0, SHARE, 0),
    "up": (0, SHARE, 0, 0),
    "down": (0, 0, 0, SHARE),
    "around": (SHARE / 2,) * 4,
}


def beside(size: tuple[int, int], side: Side) -> Window:
    """The frame that adds half of the picture's side there, or a quarter on each side around; less
    where the longest side allows no more. Raises NoRoomToExtend where it allows nothing."""
    width, height = size
    left, top, right, bottom = _SHARES[side]
    margins = (
        _added(width, left, left + right),
        _added(height, top, top + bottom),
        _added(width, right, left + right),
        _added(height, bottom, top + bottom),
    )
    if not any(margins):
        raise NoRoomToExtend(limit=SIZE_LIMIT[1])
    return canvas.extend(size, *margins)


def to_aspect(size: tuple[int, int], aspect: Aspect) -> Window:
    """The smallest frame of that shape around the picture, with the picture in its middle.

    Raises ShapeAlready where it would add next to nothing, and NoRoomToExtend where it would be
    too large.
    """
    wide, high = aspect.split(":")
    window = canvas.to_aspect(size, int(wide), int(high))
    if max(window.size) > SIZE_LIMIT[1]:
        raise NoRoomToExtend(limit=SIZE_LIMIT[1])
    if window.width * window.height < size[0] * size[1] * (1 + SAME):
        raise ShapeAlready(aspect=aspect)
    return window


def outpaint(picture: Source, window: Window, **fields: Any) -> Outpaint:
    """The request that fills the frame, with its other fields."""
    left, top, width, height = window.left, window.top, window.width, window.height
    return Outpaint(picture=picture, left=left, top=top, width=width, height=height, **fields)


def _added(length: int, share: float, shares: float) -> int:
    """Pixels on one end of a side, of which both ends together get `shares`."""
    if not share:
        return 0
    room = (SIZE_LIMIT[1] - length) * share / shares
    wished = max(GRAIN, round(length * share / GRAIN) * GRAIN)
    return max(0, min(wished, int(room) // GRAIN * GRAIN))
