"""Made-up photographs, strokes over them, and what a messenger makes of both."""

from __future__ import annotations

from io import BytesIO

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFilter

from engine.canvas.regions import Region

Points = list[tuple[float, float]]
Size = tuple[int, int]
Colour = tuple[int, int, int]

COLOURS: dict[str, Colour] = {
    "red": (255, 30, 30),
    "green": (0, 220, 60),
    "blue": (20, 80, 255),
    "yellow": (255, 230, 0),
    "magenta": (255, 0, 200),
    "cyan": (0, 220, 255),
    "white": (255, 255, 255),
    "black": (0, 0, 0),
}


def clouds(size: Size, seed: int, rough: float = 0.5) -> Image.Image:
    """Noise of all scales in muted colours, as grass, skin and stone have."""
    rng = np.random.default_rng(seed)
    total = np.full((size[1], size[0], 3), 120.0)
    for octave in range(1, 9):
        cells = rng.normal(0, 90 * rough**octave, (2**octave, 2**octave, 3)).astype(np.float32)
        cells = 0.7 * cells.mean(axis=2, keepdims=True) + 0.3 * cells
        layers = [Image.fromarray(cells[..., one]).resize(size, 3) for one in range(3)]
        total += np.stack([np.asarray(layer) for layer in layers], axis=2)
    return Image.fromarray(total.clip(0, 255).astype(np.uint8))


def shapes(size: Size, seed: int) -> Image.Image:
    """Flat shapes with hard edges, as the mini model paints."""
    rng = np.random.default_rng(seed)
    picture = Image.new("RGB", size, _colour(rng))
    draw = ImageDraw.Draw(picture)
    for _ in range(6):
        left, top = int(rng.integers(0, size[0])), int(rng.integers(0, size[1]))
        side = int(rng.integers(min(size) // 10, min(size) // 3))
        draw.ellipse((left, top, left + side, top + side), _colour(rng))
        draw.rectangle((top, left, top + side // 2, left + side), _colour(rng))
    return picture


def grain(size: Size, seed: int) -> Image.Image:
    """A dark to light slope with the noise of a sensor."""
    rng = np.random.default_rng(seed)
    slope = (
        np.linspace(40, 180, size[0])[None, :, None] + np.linspace(0, 30, size[1])[:, None, None]
    )
    noise = rng.normal(0, 12, (size[1], size[0], 3))
    return Image.fromarray((slope + noise).clip(0, 255).astype(np.uint8))


def bricks(size: Size, seed: int) -> Image.Image:
    """Fine detail, everywhere."""
    rows, columns = np.indices((size[1], size[0])) + seed
    joint = (rows % 9 == 0) | ((columns + rows // 9 * 8) % 16 == 0)
    wall = np.where(joint[..., None], (170, 165, 150), (120, 70, 60))
    return Image.fromarray(wall.astype(np.uint8))


PHOTOS = {"clouds": clouds, "shapes": shapes, "grain": grain, "bricks": bricks}


def line(size: Size, seed: int) -> Points:
    """A bent stroke from left to right, which does not meet itself."""
    rng = np.random.default_rng(seed)
    share = np.linspace(0.1, 0.9, 60)
    middle, swing, phase = rng.uniform(0.35, 0.65), rng.uniform(0.05, 0.2), rng.uniform(0, 6)
    bent = middle + swing * np.sin(5 * share + phase)
    return list(zip(share * size[0], bent * size[1], strict=True))


def ring(size: Size, seed: int, turn: float = 1.02) -> Points:
    """A wobbly circle, closed by a whole turn or more."""
    rng = np.random.default_rng(seed)
    angle = np.linspace(0, 2 * np.pi * turn, 100)
    radius = rng.uniform(0.15, 0.3) * min(size) * (1 + 0.08 * np.sin(3 * angle))
    across, down = size[0] / 2 + radius * np.cos(angle), size[1] / 2 + radius * np.sin(angle)
    return list(zip(across, down, strict=True))


def brushed(
    photo: Image.Image, points: Points, width: float, colour: Colour, neon: bool = False
) -> tuple[Image.Image, Region]:
    """The photo with a stroke along the points, and where that is. Neon has a white core and a
    glow."""
    size = photo.width * 2, photo.height * 2  # for smooth edges
    stroke = Image.new("L", size)
    draw = ImageDraw.Draw(stroke)
    along = [(2 * across, 2 * down) for across, down in points]
    draw.line(along, 255, round(2 * width), joint="curve")
    for across, down in along:
        draw.ellipse((across - width, down - width, across + width, down + width), 255)
    stroke = stroke.resize(photo.size, Image.Resampling.BOX)
    marked = photo.copy()
    if neon:
        glow = stroke.filter(ImageFilter.GaussianBlur(width / 3))
        marked.paste(colour, mask=glow)
        marked.paste((255, 255, 255), mask=stroke.filter(ImageFilter.MinFilter(5)))
    else:
        marked.paste(colour, mask=stroke)
    return marked, np.asarray(stroke) > 127


def sent(
    picture: Image.Image, quality: int, longest: int = 4096, light: float = 0, gain: float = 1
) -> Image.Image:
    """The picture as it comes back: coded, made smaller, perhaps toned, and coded again."""
    picture = coded(picture, 87)
    scale = min(1.0, longest / max(picture.size))
    size = round(picture.width * scale), round(picture.height * scale)
    toned = levels(picture.resize(size, Image.Resampling.BILINEAR)) * gain + light
    return coded(Image.fromarray(toned.clip(0, 255).astype(np.uint8)), quality)


def coded(picture: Image.Image, quality: int) -> Image.Image:
    file = BytesIO()
    picture.save(file, "JPEG", quality=quality)
    with Image.open(file) as opened:
        return opened.convert("RGB")


def levels(picture: Image.Image) -> NDArray[np.float64]:
    return np.asarray(picture).astype(np.float64)


def _colour(rng: np.random.Generator) -> Colour:
    red, green, blue = (int(level) for level in rng.integers(30, 200, 3))
    return red, green, blue
