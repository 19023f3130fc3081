"""The choice of where a picture is continued: a side, all around, or up to a shape."""

from __future__ import annotations

from typing import get_args

from engine.errors import NotFound
from engine.extending import Side, beside, outpaint, to_aspect
from engine.preferences import ASPECTS
from engine.requests import Outpaint
from engine.sources import Source
from engine.texts import Texts

SIDES: tuple[Side, ...] = get_args(Side)
ARROWS: dict[Side, str] = {"left": "⬅️", "right": "➡️", "up": "⬆️", "down": "⬇️"}


def choices(texts: Texts) -> list[list[tuple[str, str]]]:
    """Rows of (label, value) for buttons; a value holds no colon."""
    around = [(texts.say("↔️ All around"), "around")]
    shapes = [(str(aspect), aspect.replace(":", "x")) for aspect in ASPECTS]
    return [[(arrow, side) for side, arrow in ARROWS.items()], around, shapes]


def framed(picture: Source, value: str, words: str) -> Outpaint:
    """The request for what was chosen. Raises NoRoomToExtend, ShapeAlready, and NotFound for a
    value that is no choice."""
    for side in SIDES:
        if side == value:
            return outpaint(picture, beside(picture.size, side), prompt=words)
    for aspect in ASPECTS:
        if aspect.replace(":", "x") == value:
            return outpaint(picture, to_aspect(picture.size, aspect), prompt=words)
    raise NotFound()
