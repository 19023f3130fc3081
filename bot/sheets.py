"""Contact sheets: small pictures side by side in one photo, with numbers or names."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from io import BytesIO
from pathlib import Path

from PIL import Image, ImageDraw, ImageFont, ImageOps

FONT = Path(__file__).parent / "fonts" / "DejaVuSans.ttf"  # its Latin and Russian letters
GAP = 8  # pixels between pictures
PAPER, EMPTY, INK = "#ffffff", "#e8e8ec", "#1c1c22"
NAME_SIZE = 15  # pixels, of letters
NUMBER_SIZE = 26

Box = tuple[int, int, int, int]


@dataclass(frozen=True, slots=True)
class Tile:
    """A picture's file, None for one that is lost, and what is written about it."""

    picture: bytes | None
    label: str


def numbered(pictures: Sequence[bytes | None], columns: int = 3, side: int = 256) -> bytes:
    """A JPEG of them with their numbers, from 1, in their corners."""
    tiles = [Tile(picture, str(n)) for n, picture in enumerate(pictures, 1)]
    sheet, places = _grid(tiles, columns, side, 0)
    draw = ImageDraw.Draw(sheet)
    for tile, (x, y) in zip(tiles, places, strict=True):
        corner = (x + 6, y + 6, x + 46, y + 46)
        draw.ellipse(corner, fill=INK, outline=PAPER, width=2)
        draw.text((x + 26, y + 26), tile.label, PAPER, _font(NUMBER_SIZE), anchor="mm")
    return _encoded(sheet)


def named(tiles: Sequence[Tile], columns: int = 4, side: int = 160) -> bytes:
    """A JPEG of them with their names below."""
    sheet, places = _grid(tiles, columns, side, NAME_SIZE + GAP)
    draw = ImageDraw.Draw(sheet)
    for tile, (x, y) in zip(tiles, places, strict=True):
        middle = (x + side // 2, y + side + GAP // 2)
        draw.text(middle, tile.label, INK, _fitting(tile.label, side), anchor="ma")
    return _encoded(sheet)


def _grid(
    tiles: Sequence[Tile], columns: int, side: int, below: int
) -> tuple[Image.Image, list[tuple[int, int]]]:
    """The sheet, and the left upper corner of each tile; `below` is room under each."""
    columns = min(columns, len(tiles))
    lines = -(-len(tiles) // columns)
    wide, high = side + GAP, side + GAP + below
    sheet = Image.new("RGB", (columns * wide + GAP, lines * high + GAP), PAPER)
    places = [(GAP + n % columns * wide, GAP + n // columns * high) for n in range(len(tiles))]
    for tile, (x, y) in zip(tiles, places, strict=True):
        sheet.paste(_square(tile.picture, side), (x, y))
    return sheet, places


def _square(picture: bytes | None, side: int) -> Image.Image:
    """All of the picture, in the middle of a square."""
    square = Image.new("RGB", (side, side), EMPTY)
    if picture is not None:
        with Image.open(BytesIO(picture), formats=["WEBP", "PNG"]) as image:
            shown = ImageOps.contain(image.convert("RGB"), (side, side))
        square.paste(shown, ((side - shown.width) // 2, (side - shown.height) // 2))
    return square


def _fitting(label: str, side: int) -> ImageFont.FreeTypeFont:
    """The letters, smaller where the name would be wider than the picture."""
    size = NAME_SIZE
    while size > 8 and _font(size).getlength(label) > side:
        size -= 1
    return _font(size)


@cache
def _font(size: int) -> ImageFont.FreeTypeFont:
    return ImageFont.truetype(FONT, size)


def _encoded(sheet: Image.Image) -> bytes:
    file = BytesIO()
    sheet.save(file, "JPEG", quality=90)
    return file.getvalue()
